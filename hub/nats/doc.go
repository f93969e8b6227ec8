// Package nats is an engine of package hub over NATS: what is published into a
// live channel goes over core NATS, and what is stored into JetStream, which
// orders it, replicates it, and passes it on to every node.
//
//	engine, err := nats.New(nats.Options{Servers: []string{"nats://a:4222", "nats://b:4222"}, Replicas: 3})
//	h, err := hub.New(hub.Options{Engine: engine, …})
//
// docs/nats.md says how it works, what it costs and what to do when something
// fails. Package embedded runs a server in this process.
package nats

// Package embedded runs a NATS server with JetStream in this process, alone or as
// one of a small cluster. It is a package of its own so that only who imports it
// links the server.
//
//	server, err := embedded.Start(ctx, embedded.Options{Dir: "/var/lib/wye"})
//	engine, err := nats.New(server.Options())
package embedded

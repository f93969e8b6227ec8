// Package natstest runs NATS servers for tests.
package natstest

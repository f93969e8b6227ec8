package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
)

// Options are a server's.
type Options struct {
	// Dir is where JetStream keeps what is stored; it is made if need be. Two
	// servers must not share one.
	Dir string

	// Name is the server's, one of its own in the cluster. "": the host's.
	Name string

	// MaxStore and MaxMemory bound what JetStream takes on the disk and in
	// memory, in bytes. 0: as nats-server chooses, three quarters of what
	// there is.
	MaxStore, MaxMemory int64

	// SyncAlways has each message on the disk before it is acknowledged, and
	// not only with the system. It is for a server that is alone: of three,
	// the others have a message when one loses power.
	SyncAlways bool

	// Cluster makes it one of several. nil: it is alone, and listens nowhere.
	Cluster *Cluster

	// Logger gets what the server logs. nil: [slog.Default].
	Logger *slog.Logger
}

// Cluster says how the server meets the others.
type Cluster struct {
	// Listen is the address for other servers, such as 10.0.0.1:6222.
	Listen string

	// Routes are addresses of other servers, of which some have to be
	// reachable; the rest they tell each other. How many there are, with this
	// one, is taken for the size of the cluster when it begins: give each
	// server all of them.
	Routes []string

	// Secret is what all servers know, of [SecretLeast] bytes or more. From
	// it certificates are made, and servers talk to each other over TLS with
	// both sides' certificates. Without a secret Listen and Routes have to be
	// on the loopback interface, and there is no TLS.
	Secret []byte
}

// SecretLeast is how many bytes a secret has at least: it has to withstand guessing
// by whoever sees a connection. 32 random bytes are right.
const SecretLeast = 32

func (o *Options) fill() error {
	if o.Dir == "" {
		return errors.New("embedded: no Dir: say where to keep what is stored")
	}
	if o.MaxStore < 0 || o.MaxMemory < 0 {
		return errors.New("embedded: a negative bound")
	}
	if o.Name == "" {
		name, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("embedded: no Name, and the host has none: %w", err)
		}
		o.Name = name
	}
	if strings.ContainsAny(o.Name, " \t\r\n") {
		return fmt.Errorf("embedded: the name %q has spaces", o.Name)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Cluster == nil {
		return nil
	}
	return o.Cluster.check()
}

func (c *Cluster) check() error {
	if n := len(c.Secret); n > 0 && n < SecretLeast {
		return fmt.Errorf("embedded: the cluster's secret has %d bytes, want %d at least: head -c 32 /dev/urandom | base64 makes one", n, SecretLeast)
	}
	if len(c.Routes) == 0 {
		return errors.New("embedded: a cluster needs Routes: the addresses of its servers")
	}
	for i, address := range append([]string{c.Listen}, c.Routes...) {
		what := "route"
		if i == 0 {
			what = "Listen"
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil || port == "" || host == "" && i > 0 {
			return fmt.Errorf("embedded: %s %q: want HOST:PORT", what, address)
		}
		if len(c.Secret) == 0 && !loopback(host) {
			return fmt.Errorf("embedded: %s %q is not on the loopback interface: the cluster needs a secret", what, address)
		}
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// routes are the URLs of the other servers.
func (c *Cluster) routes() []*url.URL {
	urls := make([]*url.URL, len(c.Routes))
	for i, r := range c.Routes {
		urls[i] = &url.URL{Scheme: "nats", Host: r}
	}
	return urls
}

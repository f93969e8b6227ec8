package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/wye-org/wye/hub/nats"
)

// Server is a NATS server in this process.
type Server struct {
	server    *server.Server
	log       *logger
	clustered bool
}

// Start starts a server and waits until it takes connections and, in a cluster,
// until enough servers are there that it has a leader, or until ctx ends. The
// caller ends it with Shutdown.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if err := opts.fill(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	s := &Server{log: &logger{to: opts.Logger}, clustered: opts.Cluster != nil}
	o, err := s.options(&opts)
	if err != nil {
		return nil, err
	}
	if s.server, err = server.NewServer(o); err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	s.server.SetLoggerV2(s.log, false, false, false)
	s.server.Start()
	if err := s.ready(ctx); err != nil {
		s.server.Shutdown()
		s.server.WaitForShutdown()
		return nil, err
	}
	return s, nil
}

// payloadMost is the longest message: one of a hub's, with what goes around it.
const payloadMost = 1<<20 + 64<<10

// How long a server that ends gives away what it leads, and waits for connections
// to find another.
const (
	goodbye      = 2 * time.Second
	goodbyeGrace = 250 * time.Millisecond
)

func (s *Server) options(opts *Options) (*server.Options, error) {
	o := &server.Options{
		ServerName:          opts.Name,
		DontListen:          true,
		NoSigs:              true,
		MaxPayload:          payloadMost,
		JetStream:           true,
		StoreDir:            opts.Dir,
		JetStreamMaxStore:   opts.MaxStore,
		JetStreamMaxMemory:  opts.MaxMemory,
		SyncAlways:          opts.SyncAlways,
		LameDuckDuration:    goodbye,
		LameDuckGracePeriod: goodbyeGrace,
	}
	c := opts.Cluster
	if c == nil {
		return o, nil
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("embedded: the port of %q is no number", c.Listen)
	}
	if number == 0 {
		number = server.RANDOM_PORT
	}
	// Routes are opened only after the port for clients is. So there is one,
	// on this machine, and whoever comes that way is refused.
	o.DontListen, o.Host, o.Port = false, "127.0.0.1", server.RANDOM_PORT
	o.CustomClientAuthentication = insiders{}
	o.Cluster = server.ClusterOpts{Name: "wye", Host: host, Port: number, NoAdvertise: true}
	o.Routes = c.routes()
	if len(c.Secret) > 0 {
		if o.Cluster.TLSConfig, err = transport(c.Secret); err != nil {
			return nil, err
		}
		o.Cluster.TLSTimeout = 5
	}
	return o, nil
}

// insiders lets in who comes from this process.
type insiders struct{}

// Check implements [server.Authentication].
func (insiders) Check(c server.ClientAuthentication) bool {
	a := c.RemoteAddress()
	return a != nil && a.Network() == "pipe"
}

// ready waits until the server is.
func (s *Server) ready(ctx context.Context) error {
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for {
		if why := s.log.fatal(); why != "" {
			return fmt.Errorf("embedded: the server does not start: %s", why)
		}
		// The argument is how long it may look, not how long it does.
		if s.server.ReadyForConnections(20*time.Millisecond) && (!s.clustered || s.server.JetStreamIsCurrent()) {
			return nil
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			if s.clustered && s.server.ReadyForConnections(time.Millisecond) {
				return errors.New("embedded: too few servers of the cluster are there: more than half have to be")
			}
			return fmt.Errorf("embedded: the server is not ready: %w", ctx.Err())
		}
	}
}

// InProcessConn is a connection to the server, as [nats.Options] wants it.
func (s *Server) InProcessConn() (net.Conn, error) { return s.server.InProcessConn() }

// Options are those of an engine that uses this server: what it needs to connect.
func (s *Server) Options() nats.Options {
	return nats.Options{InProcess: s}
}

// ClusterAddr is where the server listens for others, nil if it is alone.
func (s *Server) ClusterAddr() net.Addr {
	if a := s.server.ClusterAddr(); a != nil {
		return a
	}
	return nil
}

// Shutdown ends the server: it gives away what it leads, and waits until what is
// stored is on the disk. When ctx ends it does so without waiting for the others.
func (s *Server) Shutdown(ctx context.Context) error {
	done := make(chan struct{})
	go func() { // ends with the server; waited for below
		defer close(done)
		if s.clustered {
			s.server.LameDuckShutdown()
		}
		s.server.Shutdown()
		s.server.WaitForShutdown()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.server.Shutdown()
		<-done
		return ctx.Err()
	}
}

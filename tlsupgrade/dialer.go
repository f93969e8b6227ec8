package tlsupgrade

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/internal/exchange"
)

// ErrDeclined is wrapped by what a [Dialer] returns when the server does not go
// over to TLS. Nothing but an "OPTIONS *" was sent.
var ErrDeclined = errors.New("the server does not upgrade to TLS")

// A Dialer opens connections that go over to TLS before anything is asked for.
// The zero Dialer is ready. Its DialContext fits [http.Transport], for URLs that
// begin with http://, and [wye.DialOptions] and its like as NetDial. Its methods
// may be called concurrently; the fields are not changed by then.
type Dialer struct {
	// TLSConfig verifies the server. nil: the default. An empty ServerName is
	// the host dialled; ALPN offers http/1.1 alone, and TLS is 1.2 or later,
	// whatever it says.
	TLSConfig *tls.Config

	// NetDial opens the transport connection. nil: a [net.Dialer].
	NetDial func(ctx context.Context, network, address string) (net.Conn, error)

	// Timeout bounds each dial. 0: 10 seconds.
	Timeout time.Duration
}

// DialContext connects to address, which is host:port, and has the server go
// over to TLS: "If an unsecured response would be unacceptable, a client MUST
// send an OPTIONS request first to complete the switch to TLS (if possible)."
// RFC 2817 §3.2. The result is a [*tls.Conn] on which HTTP/1.1 goes on. A server
// that declines is an error, which wraps [ErrDeclined].
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("tlsupgrade: %w", err)
	}
	options := &http.Request{
		Method: http.MethodOptions,
		URL:    &url.URL{Scheme: "http", Host: hostField(address), Opaque: "*"},
		Header: make(http.Header),
	}
	secure, err := d.required(ctx, network, address, options)
	if err != nil {
		return nil, fmt.Errorf("tlsupgrade: dial %s: %w", address, err)
	}
	return secure, nil
}

func (d *Dialer) required(ctx context.Context, network, address string, options *http.Request) (*tls.Conn, error) {
	c, err := exchange.Dialer(d.NetDial).Dial(ctx, network, address, d.Timeout)
	if err != nil {
		return nil, err
	}
	answer, err := askFor(c, options)
	if err != nil {
		return nil, c.Fail(err)
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return nil, c.Fail(fmt.Errorf("%w: it answered %s", ErrDeclined, answer.Status))
	}
	secure, err := d.handshake(c, answer, address)
	if err == nil {
		err = answered(secure, options)
	}
	if err != nil {
		return nil, c.Fail(err)
	}
	if err := c.Arrived(); err != nil {
		return nil, err
	}
	return secure, nil
}

// hostField is address for the Host field: without the port that http: implies,
// and without an IPv6 zone.
func hostField(address string) string {
	host, port, _ := net.SplitHostPort(address) // it has been split before
	host, _, _ = strings.Cut(host, "%")
	if port != "80" {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// answered reads the answer to options, which comes over TLS, byte for byte: what
// follows is not for us.
func answered(secure *tls.Conn, options *http.Request) error {
	limited := &io.LimitedReader{R: secure, N: maxAnswer}
	br := bufio.NewReader(limited)
	resp, err := http.ReadResponse(br, options)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
	}
	switch {
	case limited.N <= 0:
		return fmt.Errorf("the answer to OPTIONS has over %d bytes", maxAnswer)
	case err != nil:
		return fmt.Errorf("reading the answer to OPTIONS: %w", err)
	case resp.Close:
		return errors.New("the server closes the connection after it has gone over to TLS")
	case br.Buffered() > 0:
		return errors.New("the server sent more than the answer to OPTIONS")
	}
	return nil
}

// maxAnswer bounds the answer to OPTIONS, in bytes.
const maxAnswer = 64 << 10

// askFor asks for TLS by r, to whose header it adds what that takes.
func askFor(c *exchange.Conn, r *http.Request) (*exchange.Answer, error) {
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", tls12.String())
	return c.Ask(r)
}

// handshake goes over to TLS behind answer, which is a 101.
func (d *Dialer) handshake(c *exchange.Conn, answer *exchange.Answer, address string) (*tls.Conn, error) {
	// cupsd names several tokens, and says Connection: Keep-Alive.
	if !isTLS(wye.Chosen(answer.Response)) {
		return nil, fmt.Errorf("the server switches to %q, want TLS", answer.Header["Upgrade"])
	}
	secure := tls.Client(answer.Rest(), d.config(address))
	if err := secure.HandshakeContext(c.Context); err != nil {
		return nil, fmt.Errorf("the TLS handshake: %w", err)
	}
	return secure, nil
}

func (d *Dialer) config(address string) *tls.Config {
	config := d.TLSConfig.Clone()
	if config == nil {
		config = new(tls.Config)
	}
	if config.ServerName == "" {
		host, _, _ := net.SplitHostPort(address)
		config.ServerName, _, _ = strings.Cut(host, "%") // without an IPv6 zone
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	config.NextProtos = []string{"http/1.1"}
	return config
}

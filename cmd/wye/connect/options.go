package connect

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/connect/target"
	"github.com/wye-org/wye/gate"
)

// Options say what to connect to and how to talk. Only URL is required.
type Options struct {
	URL string

	// Tokens are the upgrade tokens to ask for. None: a WebSocket. With any,
	// the connection is bytes both ways, and of the options below Text to
	// Reconnect do not count.
	Tokens []wye.Token

	Header       http.Header
	TLS          *tls.Config     // nil: the default
	Dial         target.DialFunc // opens transport connections
	Timeout      time.Duration   // of the handshake; 0: the library's
	MaxRedirects int

	// Proxy leads to the server: as in wye.DialOptions.
	Proxy func(*http.Request) (*url.URL, error)

	// Carriers are the versions of HTTP to try: as in wye.DialOptions. With any,
	// notes say which it was.
	Carriers []wye.Carrier

	Subprotocols []string
	Encoding     Encoding
	NUL          bool           // messages end with a NUL byte instead of a line end, both ways
	Count        int            // end after so many messages; 0: no matter how many
	Until        *regexp.Regexp // end after a message that it matches; nil: none
	Compress     bool           // offer permessage-deflate
	PingInterval time.Duration  // as in websocket.Options
	MaxMessage   int            // as in websocket.Options; a line of input is bounded by it too
	Reconnect    bool

	// Wait bounds, from the end of the input on, the wait for what the server
	// still has to say. Negative: it has no bound.
	Wait time.Duration

	JSON        bool // events instead of payloads on standard output
	Verbose     bool // the heads of the handshake, and notes, on standard error
	ShowSecrets bool // and the credentials in them
}

// Stdio is what a person or a pipe is on. In is read until it ends or fails; a
// read that is under way when the conversation ends is left to its end unless
// In has a SetReadDeadline that works.
type Stdio struct {
	In       io.Reader
	Out, Err io.Writer
}

// seeks reports whether the conversation has an aim beyond its end.
func (o *Options) seeks() bool { return o.Count > 0 || o.Until != nil }

// redacted is text of others without secrets, unless secrets may be shown.
func (o *Options) redacted(text string) string {
	if o.ShowSecrets {
		return text
	}
	return gate.RedactText(text)
}

package connect

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/connect/show"
	"github.com/wye-org/wye/cmd/wye/connect/target"
	"github.com/wye-org/wye/h2c"
)

// asksForH2C reports whether HTTP/2 is asked for, whose connection is nothing
// that a person could type into.
func (o *Options) asksForH2C() bool {
	return len(o.Tokens) == 1 && o.Tokens[0].Equal(wye.Token{Name: "h2c"})
}

// connectH2C makes a request that goes on in HTTP/2, and shows the response: the
// body on standard output, the head with the others'. Nothing is read from
// standard input.
func (s *session) connectH2C(ctx context.Context) ending {
	r, err := s.requestH2C(ctx)
	if err != nil {
		return ending{failure: fail(ExitUsage, err, "%v", err), done: true}
	}
	var rec show.Recorder
	dial := s.o.netDial()
	if s.o.Verbose {
		dial = rec.Dial(dial)
	}
	c, resp, err := h2c.Dial(r, &h2c.DialOptions{NetDial: dial, Timeout: s.o.Timeout})
	rec.Stop()
	s.display.heads(rec.Parts()) // none unless Verbose
	if err != nil {
		stage := wye.StageHandshake
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			stage = wye.StageConnect
		}
		return s.noConnection(&wye.DialError{Stage: stage, URL: wye.DisplayURL(s.o.URL), Err: err}, nil)
	}
	defer resp.Body.Close()
	if c == nil {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // the status has come
		return s.noConnection(&wye.RefusedError{Response: resp, Body: body}, resp)
	}
	defer c.Close()
	if c.Switched == nil {
		s.display.note("the server speaks HTTP/2 at once, without an upgrade")
	}
	if s.o.Verbose {
		s.display.heads(show.Exchange(resp)[1:])
	}
	return s.showBody(resp.Body)
}

func (s *session) requestH2C(ctx context.Context) (*http.Request, error) {
	u, err := url.Parse(s.o.URL)
	if err != nil {
		return nil, err // target.CheckURL has looked at it
	}
	if target.Secure(s.o.URL) {
		return nil, errors.New("h2c is for connections without TLS, where HTTP/2 needs no upgrade: want http:// instead of https://")
	}
	if s.o.Proxy != nil || len(s.o.Carriers) > 0 {
		return nil, errors.New("h2c is asked for over HTTP/1.1 and without a proxy: leave out --proxy and --carrier")
	}
	u.Scheme = "http"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if s.o.Header != nil {
		r.Header = s.o.Header.Clone()
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	if password, _ := u.User.Password(); u.User != nil && r.Header.Get("Authorization") == "" {
		r.SetBasicAuth(u.User.Username(), password)
	}
	return r, nil
}

func (s *session) showBody(body io.Reader) ending {
	b := make([]byte, 32<<10)
	for {
		n, err := body.Read(b)
		if n > 0 {
			if err := s.display.bytes(b[:n]); err != nil {
				return ending{failure: outputFailure(err), done: true}
			}
		}
		if err == io.EOF {
			return ending{done: true}
		}
		if err != nil {
			return ending{failure: fail(ExitAbnormal, err, "the response ended abnormally: %v", strings.TrimPrefix(err.Error(), "http2: ")), done: true}
		}
	}
}

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/connect"
	"github.com/wye-org/wye/cmd/wye/connect/show"
	"github.com/wye-org/wye/cmd/wye/connect/target"
	"github.com/wye-org/wye/cmd/wye/publish"
	"github.com/wye-org/wye/cmd/wye/stream"
	"github.com/wye-org/wye/gate"
)

// remoteOptions are the flags of commands that ask a server with a hub.
type remoteOptions struct {
	server    string
	tokenFile string
	tls       target.TLS
	timeout   time.Duration
}

func remoteFlags(cmd *cobra.Command, o *remoteOptions) {
	f := cmd.Flags()
	f.StringVar(&o.server, "server", "http://127.0.0.1:8080", "`URL` of the server")
	f.StringVar(&o.tokenFile, "token-file", "", "`file` with a token to send: a JSON Web Token, or a bearer token")
	f.StringVar(&o.tls.CAFile, "ca-file", "", "`file` of certificates to trust instead of the system's")
	f.BoolVar(&o.tls.Insecure, "insecure", false, "trust any certificate, or any that --pin-sha256 names")
	f.StringArrayVar(&o.tls.Pins, "pin-sha256", nil, "`SHA-256` of the server's certificate or its public key, which has to fit (repeatable)")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "bound of each answer, the connection's making included")
	completeFlags(cmd, map[string][]string{
		"server": {"http://", "https://"}, "timeout": {"1s", "10s", "1m"}, "pin-sha256": nil,
	})
}

// completeFlags says what the shell may offer as the flags' values.
func completeFlags(cmd *cobra.Command, values map[string][]string) {
	for name, v := range values {
		if err := cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(v, cobra.ShellCompDirectiveNoFileComp)); err != nil {
			panic(err) // there is no such flag; a test makes the command
		}
	}
}

// remote is a server to ask.
type remote struct {
	url       *url.URL
	tls       *tls.Config
	client    *http.Client
	transport *http.Transport
	token     string
}

func (o *remoteOptions) remote() (*remote, error) {
	u, err := url.Parse(o.server)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.User != nil, u.RawQuery != "", u.Fragment != "":
		return nil, errors.New("--server: want a URL such as http://127.0.0.1:8080, without user, query and fragment")
	case o.timeout <= 0:
		return nil, errors.New("--timeout needs a duration above zero, such as 10s")
	}
	r := &remote{url: u}
	if r.tls, err = o.tls.Config(); err != nil {
		return nil, err
	}
	if o.tokenFile != "" {
		if r.token, err = readToken(o.tokenFile); err != nil {
			return nil, fmt.Errorf("--token-file: %w", err)
		}
	}
	r.transport = &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSClientConfig:       r.tls.Clone(),
		TLSHandshakeTimeout:   o.timeout,
		ResponseHeaderTimeout: o.timeout,
		ForceAttemptHTTP2:     true,
	}
	r.client = &http.Client{
		Transport: r.transport,
		// A redirect would take credentials along to where they do not belong.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return r, nil
}

func (r *remote) close() { r.transport.CloseIdleConnections() }

// bearer is the header of requests with the token.
func (r *remote) bearer() http.Header {
	h := http.Header{}
	if r.token != "" {
		h.Set("Authorization", "Bearer "+r.token)
	}
	return h
}

// isJWT reports whether a token is written as a JSON Web Token. RFC 7519 §3
func isJWT(token string) bool {
	return strings.Count(token, ".") == 2 && strings.HasPrefix(token, "ey")
}

// remoteFailure is the exit code and the words for an end that is not clean. The codes
// are those of wye connect.
func remoteFailure(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	code := connect.ExitAbnormal
	var interrupted *connect.Interrupted
	var refused *publish.Refused
	var ended *stream.Refused
	var unverified *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var unknown x509.UnknownAuthorityError
	var network *net.OpError
	var dial *wye.DialError
	switch {
	case errors.As(context.Cause(ctx), &interrupted):
		return &exitError{interrupted.Code, errors.New("interrupted")}
	case errors.As(err, &ended) && ended.Status == 0:
		code = connect.ExitErrorCode
	case errors.As(err, &refused), errors.As(err, &ended), errors.As(err, new(*wye.RefusedError)):
		code = connect.ExitRefused
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		code, err = connect.ExitTimeOut, fmt.Errorf("time-out: %w (--timeout sets the bound)", err)
	case errors.As(err, &unverified), errors.As(err, &record), errors.As(err, &unknown):
		code = connect.ExitTLS
	case errors.As(err, &dial) && dial.Stage == wye.StageTLS:
		code = connect.ExitTLS
	case errors.As(err, &network) && network.Op == "dial":
		code = connect.ExitConnect
	}
	text := strings.TrimPrefix(err.Error(), "wye: ") // of the library's; the command says it for all
	return &exitError{code, errors.New(show.Text(gate.RedactText(text)))}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

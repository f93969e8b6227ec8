package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/connect"
	"github.com/wye-org/wye/cmd/wye/connect/target"
)

// connectOptions are the flags of wye connect.
type connectOptions struct {
	headers               []string
	headerFile, tokenFile string
	origin                string
	subprotocols          []string
	tokens                []string

	text, binary, hex, base64 bool
	null                      bool

	count        int
	until        string
	wait         time.Duration
	waitGiven    bool
	pingInterval time.Duration
	maxMessage   int
	reconnect    bool
	compress     bool

	tls          target.TLS
	resolve      []string
	unix         string
	proxy        string
	carrier      string
	end          func() // of the carriers
	only4, only6 bool
	timeout      time.Duration
	maxRedirects int

	json, verbose, showSecrets bool
}

func newConnect(std stdio) *cobra.Command {
	var o connectOptions
	cmd := &cobra.Command{
		Use:   "connect URL",
		Short: "Talk to a WebSocket server, or over any upgraded connection",
		Long: `Talk to a WebSocket server, or with --token over any upgraded connection. URL begins
with ws://, wss://, http:// or https://.

A line of standard input is a message, and a message that comes is a line of standard
output, which has nothing else. It ends when the server closes; or --wait after the
end of the input, with a closing handshake. On a terminal lines can be edited, and
/help lists commands.

Exit codes: 0 closed cleanly; 1 standard input or output failed; 2 usage; 3 DNS or
TCP; 4 TLS; 5 refused by the server; 6 closed with a code that is an error; 7 ended
abnormally; 8 time-out; 130 interrupted.`,
		Example: connectExamples,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("want one URL, such as ws://127.0.0.1:8080/echo, got %d", len(args))
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"ws://", "wss://", "http://", "https://"}, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.waitGiven = cmd.Flags().Changed("wait")
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return connectTo(ctx, args[0], o, std)
		},
	}
	connectFlags(cmd, &o)
	return cmd
}

// connectExamples are run by a test, against servers at these addresses.
const connectExamples = `  echo hello | wye connect ws://127.0.0.1:8080/echo
  wye connect -n 1 -v ws://127.0.0.1:8080/echo < message.txt
  echo 00ff | wye connect --hex -n 1 ws://127.0.0.1:8080/echo
  echo hello | wye connect --json --subprotocol chat ws://127.0.0.1:8080/echo
  echo hello | wye connect --token example/1 http://127.0.0.1:8080/`

func connectFlags(cmd *cobra.Command, o *connectOptions) {
	f := cmd.Flags()
	f.StringArrayVarP(&o.headers, "header", "H", nil, "`\"Name: value\"` to send with the request (repeatable)")
	f.StringVar(&o.headerFile, "header-file", "", "`file` of such fields, one a line; the place for secrets")
	f.StringVar(&o.tokenFile, "token-file", "", "`file` with a bearer token to send")
	f.StringVar(&o.origin, "origin", "", "Origin to send, such as https://example.com")
	f.StringArrayVar(&o.subprotocols, "subprotocol", nil, "subprotocol to offer, the preferred `name` first (repeatable)")
	f.StringArrayVar(&o.tokens, "token", nil, "upgrade `token` to ask for, such as example/1: bytes both ways instead of messages (repeatable)")

	f.BoolVar(&o.text, "text", false, "lines are text messages (the default)")
	f.BoolVar(&o.binary, "binary", false, "lines are binary messages")
	f.BoolVar(&o.hex, "hex", false, "lines are binary messages in hexadecimal digits")
	f.BoolVar(&o.base64, "base64", false, "lines are binary messages in base64")
	f.BoolVarP(&o.null, "null", "0", false, "messages end with a NUL byte instead of a line end, both ways")
	cmd.MarkFlagsMutuallyExclusive("text", "binary", "hex", "base64")

	f.IntVarP(&o.count, "count", "n", 0, "end after this `number` of messages")
	f.StringVar(&o.until, "until", "", "end after a message that matches this regular `expression`")
	f.DurationVar(&o.wait, "wait", time.Second, "how long to wait for answers after the end of the input; negative, or with -n, --until or --token unless given: until the server closes")
	f.DurationVar(&o.pingInterval, "ping-interval", 20*time.Second, "silence after which the server is pinged; negative is never")
	f.IntVar(&o.maxMessage, "max-message", 32<<20, "largest message either way, in `bytes`")
	f.BoolVar(&o.compress, "compress", false, "offer to compress messages (permessage-deflate)")
	f.BoolVar(&o.reconnect, "reconnect", false, "connect again when the connection fails; nothing is sent again")

	f.StringVar(&o.tls.CAFile, "ca-file", "", "`file` of certificates to trust instead of the system's")
	f.BoolVar(&o.tls.Insecure, "insecure", false, "trust any certificate, or any that --pin-sha256 names")
	f.StringArrayVar(&o.tls.Pins, "pin-sha256", nil, "`SHA-256` of the server's certificate or its public key, which has to fit (repeatable)")
	f.StringVar(&o.tls.Cert, "cert", "", "`file` of our certificate")
	f.StringVar(&o.tls.Key, "key", "", "`file` of its key, where that is another")
	f.StringVar(&o.tls.ServerName, "server-name", "", "`name` to ask for and verify instead of the URL's host")
	f.StringArrayVar(&o.resolve, "resolve", nil, "`HOST:PORT:ADDR`: where a host is, instead of DNS (repeatable)")
	f.StringVar(&o.unix, "unix", "", "`path` of a socket to connect to instead of the URL's host")
	f.StringVar(&o.proxy, "proxy", "", "`URL` of a proxy on the way, http://, https:// or socks5://, or \"env\" for what HTTP_PROXY and its like say; its credentials may stand in a Proxy-Authorization of --header-file")
	f.StringVar(&o.carrier, "carrier", "", "version of HTTP to ask over: h1, h2, h3, or `auto`, which tries h3, h2 and h1 where the URL has TLS; h1 unless given")
	f.BoolVarP(&o.only4, "ipv4", "4", false, "IPv4 only")
	f.BoolVarP(&o.only6, "ipv6", "6", false, "IPv6 only")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "bound of DNS, TCP, TLS and handshake together")
	f.IntVar(&o.maxRedirects, "max-redirects", 0, "redirects to follow, at most this `number`; credentials stay with their origin")
	cmd.MarkFlagsMutuallyExclusive("ipv4", "ipv6")
	cmd.MarkFlagsMutuallyExclusive("unix", "resolve")

	f.BoolVar(&o.json, "json", false, "print events as lines of JSON")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show the handshake, without credentials, on standard error")
	f.BoolVar(&o.showSecrets, "show-secrets", false, "show credentials too")

	completeConnect(cmd)
}

// completeConnect says what the shell may offer as the flags' values. Flags that
// take a file have the shell's own completion.
func completeConnect(cmd *cobra.Command) {
	completeFlags(cmd, map[string][]string{
		"header":        {"Authorization:", "Cookie:", "Host:", "Origin:", "User-Agent:"},
		"token":         {"websocket", "example/1", "foo/2"},
		"subprotocol":   {"chat", "chat-protocol-v1", "superchat"},
		"origin":        {"http://", "https://"},
		"wait":          {"1s", "10s", "1m", "-1s"},
		"ping-interval": {"5s", "20s", "1m", "-1s"},
		"timeout":       {"1s", "10s", "1m"},
		"count":         {"1", "10"},
		"proxy":         {"env", "http://", "https://", "socks5://"},
		"carrier":       {"h1", "h2", "h3", "auto"},
		"until":         nil, "max-message": nil, "max-redirects": {"1", "5"},
		"pin-sha256": nil, "server-name": nil, "resolve": nil,
	})
}

// interruptible returns a context that the first SIGINT or SIGTERM ends, with the
// exit code as its cause. A second one ends the process as if nobody listened.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() { // ends with ctx
		defer close(done)
		select {
		case s := <-signals:
			signal.Stop(signals)
			code := connect.ExitInterrupt
			if s == syscall.SIGTERM {
				code = 128 + int(syscall.SIGTERM)
			}
			cancel(&connect.Interrupted{Code: code})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
		<-done
	}
}

// connectTo runs the conversation.
func connectTo(ctx context.Context, rawURL string, o connectOptions, std stdio) error {
	opts, err := o.conversation(rawURL)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	defer o.end()
	err = connect.Run(ctx, opts, connect.Stdio{In: std.in, Out: std.out, Err: std.err})
	var failure *connect.Failure
	if errors.As(err, &failure) {
		return &exitError{failure.Code, failure}
	}
	return err
}

// conversation makes the options of a conversation of the flags.
func (o *connectOptions) conversation(rawURL string) (opts connect.Options, err error) {
	if err := target.CheckURL(rawURL); err != nil {
		return opts, err
	}
	opts = connect.Options{
		URL: rawURL, Timeout: o.timeout, MaxRedirects: o.maxRedirects,
		Subprotocols: o.subprotocols, Encoding: o.encoding(), NUL: o.null,
		Count: o.count, PingInterval: o.pingInterval, MaxMessage: o.maxMessage, Reconnect: o.reconnect, Wait: o.wait,
		Compress: o.compress,
		JSON:     o.json, Verbose: o.verbose, ShowSecrets: o.showSecrets,
	}
	switch {
	case o.count < 0 || o.maxRedirects < 0:
		return opts, errors.New("-n and --max-redirects need a number that is not negative")
	case o.maxMessage < 125 || o.maxMessage > math.MaxInt32:
		return opts, errors.New("--max-message needs a number from 125 to 2147483647")
	case o.timeout <= 0:
		return opts, errors.New("--timeout needs a duration above zero, such as 10s")
	}
	if o.until != "" {
		if opts.Until, err = regexp.Compile(o.until); err != nil {
			return opts, fmt.Errorf("--until: %w", err)
		}
	}
	if opts.Tokens, err = o.upgradeTokens(); err != nil {
		return opts, err
	}
	if !o.waitGiven && (o.count > 0 || o.until != "" || len(opts.Tokens) > 0) {
		opts.Wait = -1
	}
	if opts.Header, err = o.header(len(opts.Tokens) == 0); err != nil {
		return opts, err
	}
	if opts.TLS, err = o.tls.Config(); err != nil {
		return opts, err
	}
	if opts.Proxy, err = proxyOf(o.proxy); err != nil {
		return opts, err
	}
	network, err := o.network()
	if err != nil {
		return opts, err
	}
	opts.Dial = network.Dial
	opts.Carriers, o.end, err = carriersOf(o.carrier, rawURL, network)
	return opts, err
}

// proxyOf reads the flag; the URL itself is not repeated in errors, for it may
// have a password.
func proxyOf(s string) (func(*http.Request) (*url.URL, error), error) {
	switch s {
	case "":
		return nil, nil
	case "env":
		return http.ProxyFromEnvironment, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return nil, errors.New("--proxy is no URL: want one such as http://127.0.0.1:3128, or env")
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return http.ProxyURL(u), nil
	}
	return nil, fmt.Errorf("--proxy has the scheme %q: want http, https, socks5 or socks5h", u.Scheme)
}

func (o *connectOptions) encoding() connect.Encoding {
	switch {
	case o.binary:
		return connect.Binary
	case o.hex:
		return connect.Hex
	case o.base64:
		return connect.Base64
	}
	return connect.Text
}

// upgradeTokens returns the tokens to ask for; none: websocket, with messages.
func (o *connectOptions) upgradeTokens() ([]wye.Token, error) {
	var tokens []wye.Token
	for _, s := range o.tokens {
		t, err := wye.ParseToken(s)
		if err != nil {
			return nil, fmt.Errorf("--token: %w", err)
		}
		if strings.EqualFold(t.String(), "websocket") {
			if len(o.tokens) > 1 {
				return nil, errors.New("--token websocket is messages, other tokens are bytes: it has to be the only one")
			}
			return nil, nil
		}
		tokens = append(tokens, t)
	}
	if len(tokens) == 0 {
		return nil, nil
	}
	for name, given := range map[string]bool{
		"--subprotocol": len(o.subprotocols) > 0, "--text": o.text, "--binary": o.binary, "--hex": o.hex, "--base64": o.base64,
		"--null": o.null, "-n": o.count > 0, "--until": o.until != "", "--reconnect": o.reconnect, "--json": o.json,
		"--compress": o.compress,
	} {
		if given {
			return nil, fmt.Errorf("%s is for WebSockets, and --token %s asks for bytes: leave one of them out", name, tokens[0])
		}
	}
	return tokens, nil
}

// header gathers the fields from where they may stand.
func (o *connectOptions) header(websocket bool) (http.Header, error) {
	var fields []target.Field
	if o.headerFile != "" {
		f, err := os.Open(o.headerFile)
		if err != nil {
			return nil, fmt.Errorf("--header-file: %w", err)
		}
		defer f.Close()
		if fields, err = target.ParseFields(f); err != nil {
			return nil, fmt.Errorf("--header-file %s: %w", o.headerFile, err)
		}
	}
	for _, line := range o.headers {
		f, err := target.ParseField(line)
		if err != nil {
			return nil, fmt.Errorf("--header: %w", err)
		}
		fields = append(fields, f)
	}
	header, err := target.Header(fields, websocket)
	if err != nil {
		return nil, err
	}
	if o.origin != "" {
		if header["Origin"] != nil {
			return nil, errors.New("--origin and a field Origin: leave one of them out")
		}
		header.Set("Origin", o.origin)
	}
	if o.tokenFile == "" {
		return header, nil
	}
	if header["Authorization"] != nil {
		return nil, errors.New("--token-file and a field Authorization: leave one of them out")
	}
	token, err := readToken(o.tokenFile)
	if err != nil {
		return nil, fmt.Errorf("--token-file: %w", err)
	}
	header.Set("Authorization", "Bearer "+token)
	return header, nil
}

// readToken reads no more of a file than a head may have.
func readToken(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxHead))
	if err != nil {
		return "", err
	}
	token, err := target.BearerToken(string(text))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return token, nil
}

func (o *connectOptions) network() (*target.Network, error) {
	n := &target.Network{Unix: o.unix}
	switch {
	case o.only4:
		n.Only = 4
	case o.only6:
		n.Only = 6
	}
	for _, s := range o.resolve {
		a, err := target.ParseAddress(s)
		if err != nil {
			return n, fmt.Errorf("--resolve: %w", err)
		}
		n.Addresses = append(n.Addresses, a)
	}
	return n, nil
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wye-org/wye/cmd/wye/publish"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// publishOptions are the flags of wye publish.
type publishOptions struct {
	remoteOptions
	apiKeyFile     string
	idempotencyKey string
	json           bool
}

func newPublish(std stdio) *cobra.Command {
	var o publishOptions
	cmd := &cobra.Command{
		Use:   "publish CHANNEL [DATA]",
		Short: "Publish into a channel of a server's hub",
		Long: `Publish into a channel of a server's hub: DATA, or each line of standard input.

With a key, of --api-key-file or the variable ` + apiKeyVar + `, it is the server's HTTP
API that publishes, which may do so anywhere. It returns when the message is stored,
if the channel has a history. With --idempotency-key what is temporary is tried
again until --timeout, and no message is stored twice; the lines of standard input
have the key with their number after it.

Without a key it is done as a client of the hub, into channels that let clients
publish, such as demo:lobby. What clients publish is JSON: a text that is none becomes
a string.

Exit codes: 0 all published; 1 standard input failed; 2 usage; 3 DNS or TCP; 4 TLS; 5
refused by the server; 7 ended abnormally; 8 time-out; 130 interrupted.`,
		Example: publishExamples,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return fmt.Errorf("want a channel, such as demo:lobby, and what to publish, unless that is on standard input; got %d arguments", len(args))
			}
			return nil
		},
		ValidArgsFunction: completeChannel,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return publishTo(ctx, args, o, std)
		},
	}
	remoteFlags(cmd, &o.remoteOptions)
	f := cmd.Flags()
	f.StringVar(&o.apiKeyFile, "api-key-file", "", "`file` with a key of the server's HTTP API; or the variable "+apiKeyVar)
	f.StringVar(&o.idempotencyKey, "idempotency-key", "", "`key` under which the message is stored once within two minutes")
	f.BoolVar(&o.json, "json", false, "print where each message was stored as a line of JSON")
	completeFlags(cmd, map[string][]string{"idempotency-key": nil})
	return cmd
}

// publishExamples are run by a test.
const publishExamples = `  wye publish demo:lobby hello
  date | wye publish demo:lobby
  wye publish --server http://127.0.0.1:9090 --api-key-file key --idempotency-key 7f3 orders:eu '{"id":7}'`

// completeChannel offers what there is on any server.
func completeChannel(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []string{"demo:lobby"}, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}

// A publisher publishes one message.
type publisher func(ctx context.Context, m publish.Message) (publish.Receipt, error)

func publishTo(ctx context.Context, args []string, o publishOptions, std stdio) error {
	r, err := o.remote()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	defer r.close()
	send, done, err := o.publisher(r)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	defer done()
	each := func(text, suffix string) error {
		m := publish.Message{Channel: args[0], Text: text}
		if o.idempotencyKey != "" {
			m.IdempotencyKey = o.idempotencyKey + suffix
		}
		one, cancel := context.WithTimeout(ctx, o.timeout)
		defer cancel()
		receipt, err := send(one, m)
		if err != nil {
			return remoteFailure(ctx, err)
		}
		if o.json {
			return printReceipt(std.out, args[0], receipt)
		}
		return nil
	}
	if len(args) == 2 {
		return each(args[1], "")
	}
	return eachLine(ctx, std.in, each)
}

// publisher says how to publish. done has to be called at the end.
func (o *publishOptions) publisher(r *remote) (send publisher, done func(), err error) {
	key, err := o.apiKey()
	if err != nil {
		return nil, nil, err
	}
	if key != "" {
		if o.tokenFile != "" {
			return nil, nil, errors.New("--token-file is for clients, and there is a key of the API: leave one of them out")
		}
		api := &publish.API{Client: r.client, Server: r.url, Key: key}
		return api.Publish, func() {}, nil
	}
	if o.idempotencyKey != "" {
		return nil, nil, fmt.Errorf("--idempotency-key is for the HTTP API: add --api-key-file, or set %s", apiKeyVar)
	}
	opts := &websocket.DialOptions{TLSConfig: r.tls, HandshakeTimeout: o.timeout}
	token := ""
	if isJWT(r.token) {
		token = r.token
	} else {
		opts.Header = r.bearer()
	}
	c := publish.NewClient(r.url, token, opts)
	return c.Publish, func() { c.Close(context.Background()) }, nil // bounded by the close timeout
}

// apiKey is the first of the file's; "": there is none.
func (o *publishOptions) apiKey() (string, error) {
	if o.apiKeyFile == "" {
		return strings.TrimSpace(os.Getenv(apiKeyVar)), nil
	}
	text, err := os.ReadFile(o.apiKeyFile)
	if err != nil {
		return "", fmt.Errorf("--api-key-file: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return line, nil
		}
	}
	return "", fmt.Errorf("--api-key-file %s: it has no key", o.apiKeyFile)
}

// eachLine calls f with each line of in, and its number with a dash before it.
func eachLine(ctx context.Context, in io.Reader, f func(text, suffix string) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if ctx.Err() != nil {
			return remoteFailure(ctx, context.Cause(ctx))
		}
		if err := f(lines.Text(), fmt.Sprint("-", n)); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return &exitError{exitFail, fmt.Errorf("standard input: %w", err)}
	}
	return nil
}

// maxLine bounds a line of standard input: a server takes no longer message.
const maxLine = 1 << 20

// printReceipt prints where a message was stored.
func printReceipt(out io.Writer, channel string, r publish.Receipt) error {
	line := struct {
		Channel   string `json:"channel"`
		ID        string `json:"id,omitempty"` // EPOCH:OFFSET, for --since
		Duplicate bool   `json:"duplicate,omitempty"`
	}{Channel: channel, Duplicate: r.Duplicate}
	if r.Offset != 0 {
		line.ID = eventID(hub.Position{Epoch: r.Epoch, Offset: r.Offset})
	}
	p, err := json.Marshal(line)
	if err == nil {
		_, err = out.Write(append(p, '\n'))
	}
	if err != nil {
		return &exitError{exitFail, fmt.Errorf("standard output: %w", err)}
	}
	return nil
}

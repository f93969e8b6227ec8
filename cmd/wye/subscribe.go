package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/wye-org/wye/cmd/wye/connect/show"
	"github.com/wye-org/wye/cmd/wye/stream"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/hub"
)

// subscribeOptions are the flags of wye subscribe.
type subscribeOptions struct {
	remoteOptions
	since string
	last  int
	count int
	json  bool
}

func newSubscribe(std stdio) *cobra.Command {
	var o subscribeOptions
	cmd := &cobra.Command{
		Use:   "subscribe CHANNEL",
		Short: "Print what is published into a channel of a server's hub",
		Long: `Print what is published into a channel of a server's hub. A message is a line of
standard output, which has nothing else.

When the connection fails it is made again, and the messages that were missed come
first, if the channel has a history that reaches back so far. If not, standard error
says so.

Exit codes: 0 after -n messages; 1 standard output failed; 2 usage; 3 DNS or TCP; 4
TLS; 5 refused by the server; 6 ended by the server, which does not want to be asked
again; 7 ended abnormally; 8 time-out; 130 interrupted.`,
		Example: subscribeExamples,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("want one channel, such as demo:lobby, got %d", len(args))
			}
			return nil
		},
		ValidArgsFunction: completeChannel,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return subscribeTo(ctx, args[0], o, std)
		},
	}
	remoteFlags(cmd, &o.remoteOptions)
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "", "`EPOCH:OFFSET` of the last message that is known: those after it come first")
	f.IntVar(&o.last, "last", 0, "how many of the last messages come first; not with --since")
	f.IntVarP(&o.count, "count", "n", 0, "end after this `number` of messages")
	f.BoolVar(&o.json, "json", false, "print messages as lines of JSON, with the id for --since")
	cmd.MarkFlagsMutuallyExclusive("since", "last")
	completeFlags(cmd, map[string][]string{"since": nil, "last": {"1", "10"}, "count": {"1", "10"}})
	return cmd
}

// subscribeExamples have flags that there are, a test says; one of them it runs.
const subscribeExamples = `  wye subscribe demo:lobby
  wye subscribe --last 10 -n 10 demo:lobby
  wye subscribe --json --server https://example.com --token-file token orders:eu`

func subscribeTo(ctx context.Context, channel string, o subscribeOptions, std stdio) error {
	r, err := o.remote()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	defer r.close()
	switch {
	case o.since != "" && !isEventID(o.since):
		return &exitError{exitUsage, errors.New("--since: want EPOCH:OFFSET, as the id of --json says")}
	case o.last < 0 || o.count < 0:
		return &exitError{exitUsage, errors.New("--last and -n need a number that is not negative")}
	}
	w := &printer{channel: channel, out: std.out, err: std.err, json: o.json, left: o.count, stored: o.since != ""}
	err = stream.Follow(ctx, stream.Options{
		Client:     r.client,
		Server:     r.url,
		Channel:    channel,
		Header:     r.bearer(),
		Since:      o.since,
		Last:       o.last,
		HeadWithin: o.timeout,
	}, w)
	var failed *exitError
	switch {
	case errors.Is(err, errEnough):
		return nil
	case errors.As(err, &failed):
		return err
	}
	return remoteFailure(ctx, err)
}

// errEnough ends it after -n messages.
var errEnough = errors.New("enough messages")

// printer prints what comes. It is a [stream.Watcher].
type printer struct {
	channel  string
	out, err io.Writer
	json     bool
	left     int  // messages until the end; 0: there is none
	stored   bool // messages have a position
}

// Message implements [stream.Watcher].
func (p *printer) Message(m stream.Message) error {
	p.stored = p.stored || m.ID != ""
	line := m.Data
	if p.json {
		var err error
		if line, err = json.Marshal(p.record(m)); err != nil {
			return err
		}
	}
	if _, err := p.out.Write(append(line, '\n')); err != nil {
		return &exitError{exitFail, fmt.Errorf("standard output: %w", err)}
	}
	if p.left--; p.left == 0 {
		return errEnough
	}
	return nil
}

// record is a message as --json prints it.
type record struct {
	Channel string          `json:"channel"`
	ID      string          `json:"id,omitempty"` // EPOCH:OFFSET, for --since
	Data    json.RawMessage `json:"data,omitempty"`
	Text    *string         `json:"text,omitempty"`
	Base64  []byte          `json:"b64data,omitempty"`
}

func (p *printer) record(m stream.Message) record {
	r := record{Channel: p.channel, ID: m.ID}
	switch text := string(m.Data); {
	case m.Binary || !utf8.Valid(m.Data):
		r.Base64 = m.Data
	case json.Valid(m.Data):
		r.Data = m.Data
	default:
		r.Text = &text
	}
	return r
}

// Joined implements [stream.Watcher].
func (p *printer) Joined(again, recovered bool) {
	switch {
	case !again || recovered:
	case p.stored:
		p.say("what was published before cannot be had any more: messages may be missing")
	default:
		p.say("the connection is there again; messages may be missing")
	}
}

// Lost implements [stream.Watcher].
func (p *printer) Lost(why error, retry time.Duration) {
	p.say("the connection is lost: %v; the next attempt is in %v", why, retry.Round(100*time.Millisecond))
}

func (p *printer) say(format string, args ...any) {
	fmt.Fprintln(p.err, "wye:", show.Text(gate.RedactText(fmt.Sprintf(format, args...))))
}

// eventID is a position as the streams of events have it.
func eventID(p hub.Position) string {
	return url.QueryEscape(p.Epoch) + ":" + strconv.FormatUint(p.Offset, 10)
}

func isEventID(s string) bool {
	epoch, offset, found := strings.Cut(s, ":")
	_, err := url.QueryUnescape(epoch)
	_, bad := strconv.ParseUint(offset, 10, 64)
	return found && err == nil && bad == nil
}

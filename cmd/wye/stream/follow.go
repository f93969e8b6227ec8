package stream

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wye-org/wye/cmd/wye/pace"
)

// Options say what to follow.
type Options struct {
	Client  *http.Client // has no Timeout
	Server  *url.URL     // the streams are at its path and /sse/
	Channel string
	Header  http.Header // sent with each request

	Since string // EPOCH:OFFSET of the last message that is known; "": none
	Last  int    // so many of the last messages, if there is no such one

	// HeadWithin bounds the time until an answer begins.
	HeadWithin time.Duration
}

// A Message is what was published.
type Message struct {
	ID     string // EPOCH:OFFSET; "": the channel keeps no history
	Data   []byte
	Binary bool
}

// A Watcher is told what happens.
type Watcher interface {
	Message(m Message) error // an error ends the following

	// Joined: from now on messages come. Of one that came back, recovered says
	// whether all that was missed follows.
	Joined(again, recovered bool)

	// Lost: the connection ended, and is opened again after that time.
	Lost(why error, retry time.Duration)
}

// Refused says that the server does not want to be asked again.
type Refused struct {
	Status int    // of HTTP; 0: it ended a stream
	Code   int    // of the end of a stream
	Reason string // not escaped
}

func (e *Refused) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("the server ended the stream with %d: %s", e.Code, e.Reason)
	}
	return fmt.Sprintf("refused: %d %s: %s", e.Status, http.StatusText(e.Status), e.Reason)
}

// errEnded is why a stream ended that just ended.
var errEnded = errors.New("the stream has ended")

// retryMost bounds the waits between attempts.
const retryMost = 30 * time.Second

// Follow follows a channel until ctx ends, the Watcher fails, or the server refuses.
// If the first attempt fails so does it; afterwards it comes back.
func Follow(ctx context.Context, o Options, w Watcher) error {
	f := &follower{opt: o, w: w, last: o.Since}
	for attempt := 0; ; {
		joined, err := f.once(ctx)
		var refused *Refused
		var failed *watcherError
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &failed):
			return failed.err
		case errors.As(err, &refused) && refused.final(), !f.joined:
			return err
		case joined:
			attempt = 0
		}
		wait := f.wait(attempt)
		attempt++
		w.Lost(err, wait)
		if err := pace.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// final reports whether asking again would not change it.
func (e *Refused) final() bool {
	switch e.Status {
	case 0:
		// "The SDKs come back" from 3000 to 3499.
		return e.Code < 3000 || e.Code >= 3500
	case http.StatusTooManyRequests, http.StatusRequestTimeout:
		return false
	}
	return e.Status < 500
}

type watcherError struct{ err error }

func (e *watcherError) Error() string { return e.err.Error() }

// follower is what lasts from one stream to the next.
type follower struct {
	opt    Options
	w      Watcher
	last   string        // the ID of the last message
	joined bool          // ever
	retry  time.Duration // that the server wants
}

// wait is full jitter around what the server wants, which grows with each attempt that
// fails.
func (f *follower) wait(attempt int) time.Duration {
	base := f.retry
	if base <= 0 {
		base = time.Second
	}
	most := min(base<<min(attempt, 10), retryMost)
	return time.Duration(rand.Int64N(int64(most)) + 1)
}

// once opens one stream and reads it to its end.
func (f *follower) once(ctx context.Context) (joined bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(f.opt.HeadWithin, func() { cancel(context.DeadlineExceeded) }) // stopped below
	defer late.Stop()
	resp, err := f.ask(ctx)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return false, err
	}
	defer resp.Body.Close()
	if !late.Stop() {
		return false, context.DeadlineExceeded
	}
	return f.read(resp.Body)
}

func (f *follower) ask(ctx context.Context) (*http.Response, error) {
	u := f.opt.Server.JoinPath("sse", url.PathEscape(f.opt.Channel))
	query := url.Values{}
	if f.opt.Last > 0 && f.last == "" {
		query.Set("last", strconv.Itoa(f.opt.Last))
	}
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	for name, values := range f.opt.Header {
		r.Header[name] = values
	}
	r.Header.Set("Accept", "text/event-stream")
	if f.last != "" {
		r.Header.Set("Last-Event-ID", f.last)
	}
	resp, err := f.opt.Client.Do(r)
	if err != nil {
		return nil, err
	}
	if typ := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || !strings.HasPrefix(typ, "text/event-stream") {
		defer resp.Body.Close()
		line, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		reason, _, _ := strings.Cut(strings.TrimSpace(string(line)), "\n")
		if resp.StatusCode == http.StatusOK {
			reason = "the answer is no stream of events; is --server right?"
		}
		return nil, &Refused{Status: resp.StatusCode, Reason: reason}
	}
	return resp, nil
}

func (f *follower) read(body io.Reader) (joined bool, err error) {
	var p Parser
	buf := make([]byte, 32<<10)
	for {
		n, err := body.Read(buf)
		var stop error
		tooLong := p.Parse(buf[:n], func(e Event) {
			if stop == nil {
				var told bool
				told, stop = f.take(e)
				joined = joined || told
			}
		})
		if p.Retry > 0 {
			f.retry = p.Retry
		}
		switch {
		case stop != nil:
			return joined, stop
		case tooLong:
			return joined, fmt.Errorf("a message is longer than %d bytes", maxEvent)
		case err == io.EOF:
			return joined, errEnded
		case err != nil:
			return joined, err
		}
	}
}

// take takes in one event. An error ends the stream.
func (f *follower) take(e Event) (joined bool, err error) {
	switch e.Name {
	case "", "message", "binary":
		m := Message{ID: e.ID, Data: []byte(e.Data), Binary: e.Name == "binary"}
		if m.Binary {
			if m.Data, err = base64.StdEncoding.DecodeString(e.Data); err != nil {
				return false, fmt.Errorf("a binary message is no base64: %w", err)
			}
		}
		if err := f.w.Message(m); err != nil {
			return false, &watcherError{err}
		}
	case "subscribed":
		var told struct {
			Recovered *bool `json:"recovered"`
		}
		if err := json.Unmarshal([]byte(e.Data), &told); err != nil {
			return false, fmt.Errorf("the stream begins with what is not understood: %w", err)
		}
		f.w.Joined(f.joined || f.last != "", told.Recovered != nil && *told.Recovered)
		f.joined, joined = true, true
	case "disconnected", "unsubscribed":
		var by struct {
			Code   int    `json:"code"`
			Reason string `json:"reason"`
		}
		json.Unmarshal([]byte(e.Data), &by) // without a code it is final
		return false, &Refused{Code: by.Code, Reason: by.Reason}
	}
	if e.ID != "" {
		f.last = e.ID
	}
	return joined, nil
}

package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// scripted is a server that answers each request with the next of some answers. It
// writes down what it was asked.
type scripted struct {
	answers []func(r *http.Request) (*http.Response, error)
	asked   []string
}

// RoundTrip implements [http.RoundTripper].
func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, r.URL.RequestURI()+" "+r.Header.Get("Last-Event-ID"))
	if len(s.answers) == 0 {
		return nil, errors.New("no more answers")
	}
	f := s.answers[0]
	s.answers = s.answers[1:]
	return f(r)
}

type answer = func(r *http.Request) (*http.Response, error)

func respond(status int, typ, body string) answer {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {typ}}, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func events(body string) answer { return respond(200, "text/event-stream", body) }

func fails(err error) answer {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// forever is a stream that begins so and then stays open.
func forever(body string) answer {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}}, Body: &open{strings.NewReader(body), r.Context()}}, nil
	}
}

type open struct {
	*strings.Reader
	ctx context.Context
}

func (o *open) Read(p []byte) (int, error) {
	if o.Len() > 0 {
		return o.Reader.Read(p)
	}
	<-o.ctx.Done()
	return 0, o.ctx.Err()
}

func (*open) Close() error { return nil }

// story is a Watcher that writes it down.
type story struct {
	told  []string
	waits []time.Duration
	stop  func(m Message) error
}

func (s *story) Message(m Message) error {
	s.told = append(s.told, fmt.Sprintf("%s=%s,%v", m.ID, m.Data, m.Binary))
	if s.stop != nil {
		return s.stop(m)
	}
	return nil
}

func (s *story) Joined(again, recovered bool) {
	s.told = append(s.told, fmt.Sprintf("joined(%v,%v)", again, recovered))
}

func (s *story) Lost(why error, retry time.Duration) {
	s.told = append(s.told, "lost("+why.Error()+")")
	s.waits = append(s.waits, retry)
}

// follows runs one story.
func follows(t *testing.T, o Options, s *story, answers ...answer) (asked []string, err error) {
	t.Helper()
	script := &scripted{answers: answers}
	o.Client = &http.Client{Transport: script}
	o.Server, _ = url.Parse("http://example.com/base/")
	if o.Channel == "" {
		o.Channel = "demo:a/b c"
	}
	o.HeadWithin = 10 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	err = Follow(ctx, o, s)
	return script.asked, err
}

func (s *story) is(t *testing.T, want ...string) {
	t.Helper()
	if got := strings.Join(s.told, " "); got != strings.Join(want, " ") {
		t.Errorf("the story is\n%s\nwant\n%s", got, strings.Join(want, " "))
	}
}

const hello = "retry: 2000\nevent: subscribed\nid: e:4\ndata: {\"channel\":\"x\",\"epoch\":\"e\",\"offset\":4}\n\n"
const again = "event: subscribed\ndata: {\"recovered\":true}\n\n"
const gap = "event: subscribed\ndata: {\"recovered\":false}\n\n"

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(story)
		asked, err := follows(t, Options{Last: 3}, s,
			events(hello+"id: e:5\ndata: one\n\nid: e:6\nevent: binary\ndata: AP8=\n\n"),
			fails(errors.New("down")),
			respond(503, "text/plain", "Try again later\n"),
			respond(429, "text/plain", ""),
			events(again+":\n\nid: e:7\ndata: two\n\n"),
			events(gap+"id: f:1\ndata: three\n\n"),
			events("event: disconnected\ndata: {\"code\":3001,\"reason\":\"shutdown\"}\n\n"),
			events("event: disconnected\ndata: {\"code\":3503,\"reason\":\"enough\"}\n\n"),
		)
		s.is(t, "joined(false,false)", "e:5=one,false", "e:6=\x00\xff,true",
			"lost(the stream has ended)", `lost(Get "http://example.com/base/sse/demo:a%2Fb%20c": down)`,
			"lost(refused: 503 Service Unavailable: Try again later)", "lost(refused: 429 Too Many Requests: )",
			"joined(true,true)", "e:7=two,false", "lost(the stream has ended)",
			"joined(true,false)", "f:1=three,false", "lost(the stream has ended)",
			"lost(the server ended the stream with 3001: shutdown)")
		var refused *Refused
		if !errors.As(err, &refused) || refused.Code != 3503 || refused.Reason != "enough" {
			t.Errorf("it ended with %v", err)
		}
		const path = "/base/sse/demo:a%2Fb%20c"
		want := []string{path + "?last=3 ", path + " e:6", path + " e:6", path + " e:6", path + " e:6", path + " e:7", path + " f:1", path + " f:1"}
		if strings.Join(asked, "\n") != strings.Join(want, "\n") {
			t.Errorf("asked were\n%s", strings.Join(asked, "\n"))
		}
		for i, wait := range s.waits {
			if wait <= 0 || wait > 30*time.Second {
				t.Errorf("wait %d is %v", i, wait)
			}
		}
	})
}

// Waits grow with failures, around what the server wants, and not beyond a bound.
func TestWaits(t *testing.T) {
	f := &follower{}
	for attempt, most := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, retryMost, retryMost} {
		longest := time.Duration(0)
		for range 2000 {
			wait := f.wait(attempt)
			if wait < 1 || wait > most {
				t.Fatalf("attempt %d waits %v", attempt, wait)
			}
			longest = max(longest, wait)
		}
		if longest < most*9/10 {
			t.Errorf("attempt %d waits no longer than %v of %v", attempt, longest, most)
		}
	}
	f.retry = 7 * time.Second
	for range 2000 {
		if wait := f.wait(0); wait > 7*time.Second {
			t.Fatalf("it waits %v", wait)
		}
		if wait := f.wait(1000); wait > retryMost {
			t.Fatalf("it waits %v", wait)
		}
	}
}

func TestWhereItBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(story)
		asked, err := follows(t, Options{Since: "e:4", Last: 3}, s, events(again+"event: unsubscribed\ndata: {\"code\":2000,\"reason\":\"x\"}\n\n"))
		s.is(t, "joined(true,true)")
		if len(asked) != 1 || asked[0] != "/base/sse/demo:a%2Fb%20c e:4" || err == nil {
			t.Errorf("asked was %q, %v", asked, err)
		}
	})
}

func TestEndsThatAreFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("down")
		for _, tt := range []struct {
			why     string
			answers []answer
			want    string
		}{
			{"the first attempt", []answer{fails(down)}, "down"},
			{"the first attempt, by an answer", []answer{respond(503, "text/plain", "later")}, "503"},
			{"no stream", []answer{respond(200, "text/html", "<p>")}, "no stream"},
			{"refused later", []answer{events(hello), respond(401, "text/plain", "A token is needed\nmore")}, "refused: 401 Unauthorized: A token is needed"},
			{"a redirect", []answer{events(hello), respond(302, "text/html", "")}, "302"},
			{"an end without a code", []answer{events(hello + "event: disconnected\ndata: x\n\n")}, "ended the stream with 0"},
		} {
			s := new(story)
			_, err := follows(t, Options{}, s, tt.answers...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v", tt.why, err)
			}
		}
		// What is not understood is as if the connection had ended.
		s := new(story)
		_, err := follows(t, Options{}, s, events(hello+"event: binary\ndata: %\n\n"), events("event: subscribed\ndata: x\n\n"), respond(404, "text/plain", ""))
		if err == nil || len(s.told) != 3 || !strings.Contains(s.told[1], "base64") || !strings.Contains(s.told[2], "not understood") {
			t.Errorf("%q, %v", s.told, err)
		}
	})
}

func TestWhoStopsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("full")
		s := &story{stop: func(Message) error { return full }}
		if _, err := follows(t, Options{}, s, forever(hello+"data: 1\n\ndata: 2\n\n")); err != full || len(s.told) != 2 {
			t.Errorf("%v after %q", err, s.told)
		}
		began := time.Now()
		if _, err := follows(t, Options{}, new(story), forever(hello)); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Hour {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		began = time.Now()
		_, err := follows(t, Options{}, new(story), func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 10*time.Second {
			t.Errorf("an answer that never begins: %v after %v", err, time.Since(began))
		}
		// While it waits, too.
		began = time.Now()
		s = new(story)
		if _, err := follows(t, Options{}, s, events(hello)); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Hour || len(s.waits) < 100 {
			t.Errorf("a server that is away: %v after %v and %d attempts", err, time.Since(began), len(s.waits))
		}
	})
}

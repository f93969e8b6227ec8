package websocket_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket"
)

type dialFunc = func(context.Context, string, *websocket.DialOptions) (*websocket.Conn, *http.Response, error)

// serving is a Dial to a server in memory: each connection gets the next of
// the scripts, and when there are no more the last one again. A nil script
// refuses to connect.
func serving(t testing.TB, scripts ...func(s *websocket.Conn)) dialFunc {
	return func(ctx context.Context, _ string, opts *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
		script := scripts[0]
		if len(scripts) > 1 {
			scripts = scripts[1:]
		}
		if script == nil {
			return nil, nil, errNobody
		}
		c, s := websocket.Pipe(&opts.Options, nil)
		go func() { // ends with the script, which the bubble waits for
			script(s)
			s.CloseNow()
		}()
		return c, nil, nil
	}
}

var errNobody = errors.New("nobody listens")

// closing is a script: the server closes with code after a while.
func closing(after time.Duration, code websocket.StatusCode) func(*websocket.Conn) {
	return func(s *websocket.Conn) {
		time.Sleep(after)
		s.Close(context.Background(), code, "")
	}
}

// listen is a handler that reads until the connection ends.
func listen(ctx context.Context, c *websocket.Conn) error {
	for {
		if _, _, err := c.Read(ctx); err != nil {
			return err
		}
	}
}

// waits notes what OnWait is told.
type waits struct {
	delays []time.Duration
	errs   []error
}

func (w *waits) note(err error, delay time.Duration) {
	w.errs, w.delays = append(w.errs, err), append(w.delays, delay)
}

// wantSpread asserts that delays look as if they were chosen at random, and
// evenly, from least to least+most.
func wantSpread(t *testing.T, what string, delays []time.Duration, least, most time.Duration) {
	t.Helper()
	var sum time.Duration
	for _, d := range delays {
		if d < least || d > least+most {
			t.Fatalf("%s: a wait of %v, want %v to %v", what, d, least, least+most)
		}
		sum += d - least
	}
	mean := sum / time.Duration(len(delays))
	if low, high := slices.Min(delays)-least, slices.Max(delays)-least; low > most/10 || high < most-most/10 || mean < 4*most/10 || mean > 6*most/10 {
		t.Errorf("%s: %d waits from %v to %v, of %v in the mean; want them to fill 0 to %v beyond %v", what, len(delays), low, high, mean, most, least)
	}
}

// collect runs Reconnect so often that a distribution can be seen, and returns
// the nth waits of all runs together.
func collect(t *testing.T, opts websocket.ReconnectOptions, scripts ...func(*websocket.Conn)) [][]time.Duration {
	t.Helper()
	var all [][]time.Duration
	for range 400 {
		synctest.Test(t, func(t *testing.T) {
			var w waits
			opts := opts
			if opts.Dial == nil {
				opts.Dial = serving(t, scripts...)
			}
			opts.OnWait = w.note
			if err := websocket.Reconnect(t.Context(), "ws://server.example", listen, &opts); err == nil {
				t.Error("it ended without an error")
			}
			for i, d := range w.delays {
				if i == len(all) {
					all = append(all, nil)
				}
				all[i] = append(all[i], d)
			}
		})
	}
	return all
}

// Full jitter: from 0 to an upper end that doubles. RFC 6455 §7.2.3.
func TestReconnectBacksOff(t *testing.T) {
	for _, x := range []struct {
		base, max time.Duration
		want      []time.Duration
	}{
		{0, 0, []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute}},
		{time.Second, 3 * time.Second, []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second, 3 * time.Second, 3 * time.Second}},
		{time.Hour, time.Minute, []time.Duration{time.Minute, time.Minute, time.Minute, time.Minute, time.Minute, time.Minute}},
	} {
		opts := websocket.ReconnectOptions{BackoffBase: x.base, BackoffMax: x.max, MaxAttempts: len(x.want) + 1}
		for i, delays := range collect(t, opts, nil) {
			wantSpread(t, fmt.Sprintf("wait %d", i), delays, 0, x.want[i])
		}
	}
}

// Bounds that nobody lives to see are bounds, too.
func TestReconnectOptionsAtTheirLimits(t *testing.T) {
	const most = 1<<63 - 1
	next := websocket.Backoff(&websocket.ReconnectOptions{BackoffBase: 1 << 60, BackoffMax: most, OverloadDelay: most})
	for range 100 {
		if d, _ := next(0, errNobody); d < 0 {
			t.Fatalf("a wait of %v", d)
		}
		if d, _ := next(0, &websocket.CloseError{Code: websocket.StatusTryAgainLater, Remote: true}); d != most {
			t.Fatalf("a wait of %v", d)
		}
	}
}

// The waits are waited, and MaxAttempts counts attempts.
func TestReconnectGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w waits
		var at []time.Time
		began := time.Now()
		err := websocket.Reconnect(t.Context(), "ws://user:canary@server.example/?canary", listen, &websocket.ReconnectOptions{
			MaxAttempts: 4,
			OnWait:      w.note,
			Dial: func(context.Context, string, *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
				at = append(at, time.Now())
				return nil, nil, errNobody
			},
		})
		var failed *wye.DialError
		if !errors.Is(err, errNobody) || !errors.As(err, &failed) || failed.Stage != wye.StageConnect || !strings.Contains(err.Error(), "gave up at attempt 4:") {
			t.Error(err)
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("the URL's secrets are in %q", err)
		}
		if len(at) != 4 || len(w.delays) != 3 || !at[0].Equal(began) {
			t.Fatalf("attempts at %v, waits of %v", at, w.delays)
		}
		for i, d := range w.delays {
			if got := at[i+1].Sub(at[i]); got != d {
				t.Errorf("waited %v, announced %v", got, d)
			}
		}
	})
}

// Only a connection that lived for a while makes the back-off begin anew.
func TestReconnectAfterAStableConnection(t *testing.T) {
	short, long := closing(29*time.Second, 1011), closing(30*time.Second, 1011)
	opts := websocket.ReconnectOptions{MaxAttempts: 4}
	waits := collect(t, opts, nil, short, nil, long, nil)
	want := []time.Duration{5, 10, 20, 5, 10, 20, 40} // s
	if len(waits) != len(want) {
		t.Fatalf("%d waits", len(waits))
	}
	for i, delays := range waits {
		wantSpread(t, fmt.Sprintf("wait %d", i), delays, 0, want[i]*time.Second)
	}
}

// The time that closing takes is no part of a connection's life.
func TestReconnectCountsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := websocket.Reconnect(t.Context(), "ws://server.example", func(context.Context, *websocket.Conn) error {
			time.Sleep(28 * time.Second)
			return errNobody
		}, &websocket.ReconnectOptions{
			DialOptions: websocket.DialOptions{NetDial: neverAnswersClose, Options: websocket.Options{PingInterval: -1}},
			Retry:       func(error) bool { return true },
			MaxAttempts: 1,
		})
		if !errors.Is(err, errNobody) || !strings.Contains(err.Error(), "gave up at attempt 1:") {
			t.Error(err)
		}
	})
}

// What the peer says of when to come back is honoured, and the crowd is spread.
func TestReconnectHonoursCloseCodes(t *testing.T) {
	for _, x := range []struct {
		code        websocket.StatusCode
		opts        websocket.ReconnectOptions
		least, most time.Duration
	}{
		{websocket.StatusGoingAway, websocket.ReconnectOptions{}, 0, 5 * time.Second},
		{websocket.StatusServiceRestart, websocket.ReconnectOptions{}, 0, 10 * time.Second},
		{websocket.StatusServiceRestart, websocket.ReconnectOptions{RestartSpread: time.Minute, BackoffBase: time.Millisecond}, 0, time.Minute},
		{websocket.StatusServiceRestart, websocket.ReconnectOptions{RestartSpread: time.Second}, 0, 5 * time.Second},
		{websocket.StatusTryAgainLater, websocket.ReconnectOptions{}, 30 * time.Second, 5 * time.Second},
		{websocket.StatusTryAgainLater, websocket.ReconnectOptions{OverloadDelay: time.Hour, BackoffBase: time.Second}, time.Hour, time.Second},
	} {
		t.Run(fmt.Sprint(uint16(x.code)), func(t *testing.T) {
			x.opts.MaxAttempts = 1 // after the one that was stable
			waits := collect(t, x.opts, closing(time.Minute, x.code), nil)
			if len(waits) != 1 {
				t.Fatalf("%d waits", len(waits))
			}
			wantSpread(t, "the wait", waits[0], x.least, x.most)
		})
	}
}

// The code of our own Close frame is no word of the peer's.
func TestReconnectAfterOwnClose(t *testing.T) {
	for range 50 {
		next := websocket.Backoff(new(websocket.ReconnectOptions))
		if d, _ := next(time.Hour, &websocket.CloseError{Code: websocket.StatusTryAgainLater}); d > 5*time.Second {
			t.Errorf("a wait of %v", d)
		}
	}
}

// refusing is a Dial that fails with a response.
func refusing(status int, header http.Header) dialFunc {
	return func(context.Context, string, *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
		resp := &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: header}
		return nil, resp, &wye.RefusedError{Response: resp}
	}
}

// RFC 9110 §10.2.3.
func TestReconnectHonoursRetryAfter(t *testing.T) {
	for _, x := range []struct {
		status      int
		value, date string
		limit, want time.Duration
	}{
		{503, "120", "", 0, 2 * time.Minute},
		{429, "7", "", 0, 7 * time.Second},
		{503, "0", "", 0, 0},
		{503, "", "", 0, 0},
		{503, "86400", "", 0, 15 * time.Minute},
		{503, "86400", "", 48 * time.Hour, 24 * time.Hour},
		{503, "99999999999999999999999", "", 0, 15 * time.Minute},
		{503, "-5", "", 0, 0},
		{503, "soon", "", 0, 0},
		{503, "1.5", "", 0, 0},
		{500, "120", "", 0, 0},
		{408, "120", "", 0, 0},
		// The bubble's clock begins at 2000-01-01 00:00:00.
		{503, "Sat, 01 Jan 2000 00:01:00 GMT", "", 0, time.Minute},
		{503, "Sat, 01 Jan 2028 00:01:00 GMT", "", 0, 15 * time.Minute},
		{503, "Fri, 31 Dec 1999 00:01:00 GMT", "", 0, 0},
		{503, "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:30 GMT", 0, 7 * time.Second},
		{503, "Sat, 01 Jan 2000 00:01:00 GMT", "yesterday", 0, time.Minute},
	} {
		header := http.Header{"Retry-After": {x.value}, "Date": {x.date}}
		opts := websocket.ReconnectOptions{Dial: refusing(x.status, header), MaxRetryAfter: x.limit, MaxAttempts: 2}
		waits := collect(t, opts)
		wantSpread(t, fmt.Sprintf("%d %s", x.status, x.value), waits[0], x.want, 5*time.Second)
	}

	// A proxy's is no other.
	next := websocket.Backoff(new(websocket.ReconnectOptions))
	resp := &http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {"60"}}}
	if d, _ := next(0, &wye.DialError{Err: &wye.ProxyError{Response: resp}}); d < time.Minute {
		t.Errorf("a wait of %v", d)
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120", "", int64(time.Minute))
	f.Add("99999999999999999999", "x", int64(1))
	f.Add("Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", int64(1<<62))
	f.Fuzz(func(t *testing.T, value, date string, limit int64) {
		resp := &http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {value}, "Date": {date}}}
		limit = max(limit, 1)
		if d := websocket.RetryAfter(resp, time.Duration(limit)); d < 0 || int64(d) > limit {
			t.Errorf("%v, of %v at the most", d, time.Duration(limit))
		}
	})
}

func TestShouldReconnect(t *testing.T) {
	refused := func(status int) error { return &wye.RefusedError{Response: &http.Response{StatusCode: status}} }
	byProxy := func(status int) error {
		return &wye.DialError{Stage: wye.StageConnect, Err: &wye.ProxyError{Response: &http.Response{StatusCode: status}}}
	}
	at := func(s wye.Stage) error { return &wye.DialError{Stage: s, Err: errNobody} }
	closed := func(code websocket.StatusCode) error {
		return fmt.Errorf("reading: %w", &websocket.CloseError{Code: code, Remote: true})
	}
	for _, x := range []struct {
		err  error
		want bool
	}{
		{nil, false}, {errNobody, false}, {context.DeadlineExceeded, false},

		{refused(200), true}, {refused(302), true}, {refused(500), true}, {refused(502), true}, {refused(503), true}, {refused(599), true},
		{refused(408), true}, {refused(425), true}, {refused(429), true},
		{refused(400), false}, {refused(401), false}, {refused(403), false}, {refused(404), false}, {refused(426), false}, {refused(499), false},
		{byProxy(407), false}, {byProxy(403), false}, {byProxy(502), true}, {byProxy(429), true},
		{&wye.DialError{Stage: wye.StageConnect, Err: &wye.ProxyError{Err: errNobody}}, true},

		{at(wye.StageRequest), false}, {at(wye.StageConnect), true}, {at(wye.StageTLS), true}, {at(wye.StageHandshake), true},

		{closed(1000), false}, {closed(1001), true}, {closed(1002), false}, {closed(1003), false}, {closed(1005), true}, {closed(1006), true},
		{closed(1007), false}, {closed(1008), false}, {closed(1009), false}, {closed(1010), false}, {closed(1011), true},
		{closed(1012), true}, {closed(1013), true}, {closed(1014), true},
		{closed(3000), false}, {closed(3001), true}, {closed(3003), false}, {closed(3500), true}, {closed(4000), true}, {closed(4999), true},

		// What this end says is no verdict on it.
		{&websocket.CloseError{Code: 1000}, true}, {&websocket.CloseError{Code: 1002, Err: errNobody}, true},
		{&websocket.CloseError{Code: 1006, Err: websocket.ErrPongTimeout}, true}, {&websocket.CloseError{Code: 1006, Err: websocket.ErrClosedNow}, true},
	} {
		if got := websocket.ShouldReconnect(x.err); got != x.want {
			t.Errorf("%v: %v", x.err, got)
		}
	}
}

// A terminal error is returned as it came, at once.
func TestReconnectStops(t *testing.T) {
	for name, dial := range map[string]func(testing.TB) dialFunc{
		"refused": func(testing.TB) dialFunc { return refusing(401, nil) },
		"closed":  func(t testing.TB) dialFunc { return serving(t, closing(0, websocket.StatusPolicyViolation)) },
		"closed by a Dial that says hello": func(testing.TB) dialFunc {
			return func(context.Context, string, *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
				return nil, nil, &websocket.CloseError{Code: 1008, Remote: true}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w waits
				err := websocket.Reconnect(t.Context(), "ws://server.example", listen, &websocket.ReconnectOptions{Dial: dial(t), OnWait: w.note})
				if !errors.As(err, new(*wye.RefusedError)) && websocket.CloseStatus(err) != 1008 || len(w.errs) > 0 {
					t.Errorf("%v, after %v", err, w.errs)
				}
			})
		})
	}

	// The options' own fault needs no Dial to be found.
	err := websocket.Reconnect(t.Context(), "ftp://server.example", listen, nil)
	var failed *wye.DialError
	if !errors.As(err, &failed) || failed.Stage != wye.StageRequest {
		t.Error(err)
	}
	if err := websocket.Reconnect(t.Context(), "ws://server.example", nil, nil); err == nil || !strings.Contains(err.Error(), "without a function") {
		t.Error(err)
	}
}

// A hook decides otherwise, both ways.
func TestReconnectAsksRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []websocket.StatusCode
		err := websocket.Reconnect(t.Context(), "ws://server.example", listen, &websocket.ReconnectOptions{
			Dial: serving(t, closing(0, 1008), closing(0, 1000), closing(0, 1001)),
			Retry: func(err error) bool {
				asked = append(asked, websocket.CloseStatus(err))
				return websocket.CloseStatus(err) != websocket.StatusGoingAway
			},
		})
		if websocket.CloseStatus(err) != 1001 || !slices.Equal(asked, []websocket.StatusCode{1008, 1000, 1001}) {
			t.Errorf("%v; asked of %v", err, asked)
		}
	})
}

// The handler's word ends it, and the peer is told in a Close frame.
func TestReconnectHandlerStops(t *testing.T) {
	own := errors.New("cannot decode")
	for _, x := range []struct {
		name   string
		result error
		code   websocket.StatusCode
	}{{"content", nil, 1000}, {"failed", own, 1011}} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := make(chan error, 1)
				disconnected := 0
				err := websocket.Reconnect(t.Context(), "ws://server.example", func(ctx context.Context, c *websocket.Conn) error {
					return x.result
				}, &websocket.ReconnectOptions{
					Dial: serving(t, func(s *websocket.Conn) {
						_, _, err := s.Read(context.Background())
						seen <- err
					}),
					OnDisconnect: func(err error) {
						disconnected++
						if err != x.result {
							t.Errorf("disconnected by %v", err)
						}
					},
				})
				if err != x.result || disconnected != 1 {
					t.Errorf("%v, %d times disconnected", err, disconnected)
				}
				if closed := closeError(t, <-seen); closed.Code != x.code || !closed.Remote {
					t.Error(closed)
				}
			})
		})
	}
}

// The hooks are called in the order of what happens, with why.
func TestReconnectHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []string
		say := func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }
		connects, handled := 0, 0
		err := websocket.Reconnect(t.Context(), "ws://server.example", func(ctx context.Context, c *websocket.Conn) error {
			say("handle")
			_, p, err := c.Read(ctx)
			if err == nil {
				say("heard %s", p)
			}
			if handled++; handled == 2 {
				return nil
			}
			return listen(ctx, c)
		}, &websocket.ReconnectOptions{
			Dial: serving(t, nil, func(s *websocket.Conn) {
				_, p, _ := s.Read(context.Background())
				s.Write(context.Background(), websocket.MessageText, p)
				s.Close(context.Background(), 1001, "")
			}, closing(0, 1012), func(s *websocket.Conn) { echo(context.Background(), s) }),
			OnConnect: func(ctx context.Context, c *websocket.Conn) error {
				say("connect")
				if connects++; connects == 2 { // which the server closes at once
					<-ctx.Done()
					return context.Cause(ctx)
				}
				return c.Write(ctx, websocket.MessageText, []byte("subscribe"))
			},
			OnDisconnect: func(err error) {
				if code := websocket.CloseStatus(err); err != nil {
					say("disconnect %d", code)
				} else {
					say("disconnect")
				}
			},
			OnWait: func(err error, delay time.Duration) { say("wait") },
		})
		want := "wait connect handle heard subscribe disconnect 1001 wait connect disconnect 1012 wait connect handle heard subscribe disconnect"
		if got := strings.Join(log, " "); got != want || err != nil {
			t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
		}
	})
}

// When ctx ends so does Reconnect, wherever it is.
func TestReconnectIsCancelled(t *testing.T) {
	blocked := func(ctx context.Context, _ *websocket.Conn) error {
		<-ctx.Done()
		return fmt.Errorf("because of %w", context.Cause(ctx))
	}
	mute := func(s *websocket.Conn) { <-s.Done() }
	for _, x := range []struct {
		name   string
		opts   websocket.ReconnectOptions
		handle func(context.Context, *websocket.Conn) error
		script func(*websocket.Conn)
		want   time.Duration
	}{
		{name: "dialling", opts: websocket.ReconnectOptions{
			Dial: func(ctx context.Context, _ string, _ *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
				<-ctx.Done()
				return nil, nil, ctx.Err()
			},
		}},
		{name: "in OnConnect", script: mute, opts: websocket.ReconnectOptions{OnConnect: blocked}},
		{name: "reading", script: mute, handle: listen},
		{name: "blocked", script: mute, handle: blocked},
		{name: "closing", handle: func(context.Context, *websocket.Conn) error { return errNobody }, want: 4 * time.Second, opts: websocket.ReconnectOptions{
			Dial: websocket.Dial, DialOptions: websocket.DialOptions{NetDial: neverAnswersClose}, Retry: func(error) bool { return true },
		}},
		{name: "waiting", opts: websocket.ReconnectOptions{BackoffBase: 1000 * time.Hour, BackoffMax: 1000 * time.Hour}},
		{name: "in OnWait", opts: websocket.ReconnectOptions{OnWait: func(error, time.Duration) { time.Sleep(time.Second) }}},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				began := time.Now()
				if x.opts.Dial == nil {
					x.opts.Dial = serving(t, x.script)
				}
				if x.handle == nil {
					x.handle = listen
				}
				if err := websocket.Reconnect(ctx, "ws://server.example", x.handle, &x.opts); err != context.Canceled {
					t.Errorf("got %v", err)
				}
				if d := time.Since(began) - time.Second; d != x.want {
					t.Errorf("it took %v, want %v", d, x.want)
				}
			})
		})
	}

	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		opts := &websocket.ReconnectOptions{Dial: func(context.Context, string, *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
			t.Error("it dials under a context that has ended")
			return nil, nil, errNobody
		}}
		if err := websocket.Reconnect(ctx, "ws://server.example", listen, opts); err != context.Canceled {
			t.Error(err)
		}
	})
}

// neverAnswersClose is a NetDial to a server that switches, and then only reads.
func neverAnswersClose(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() { // ends with the connection
		defer server.Close()
		in := bufio.NewReader(server)
		if r, err := http.ReadRequest(in); err == nil {
			io.WriteString(server, serverHead+"Sec-WebSocket-Accept: "+acceptOf(r.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
			io.Copy(io.Discard, in)
		}
	}()
	return client, nil
}

// A peer is told that we go away.
func TestReconnectGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		seen := make(chan error, 1)
		err := websocket.Reconnect(ctx, "ws://server.example", listen, &websocket.ReconnectOptions{Dial: serving(t, func(s *websocket.Conn) {
			_, _, err := s.Read(context.Background())
			seen <- err
		})})
		if err != context.DeadlineExceeded || websocket.CloseStatus(<-seen) != websocket.StatusGoingAway {
			t.Error(err)
		}
	})
}

// A handler that does not read learns of the end by its context.
func TestReconnectHandlerContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept context.Context
		err := websocket.Reconnect(t.Context(), "ws://server.example", func(ctx context.Context, c *websocket.Conn) error {
			kept = ctx
			<-ctx.Done()
			if websocket.CloseStatus(context.Cause(ctx)) != 4001 {
				t.Errorf("the cause is %v", context.Cause(ctx))
			}
			return ctx.Err()
		}, &websocket.ReconnectOptions{Dial: serving(t, closing(time.Minute, 4001)), Retry: func(err error) bool {
			if closeError(t, err).Code != 4001 {
				t.Error(err)
			}
			return false
		}})
		if websocket.CloseStatus(err) != 4001 || errors.Is(err, context.Canceled) || kept.Err() == nil {
			t.Error(err)
		}
	})
}

// An error of the handler's on a connection that has ended stands for the end,
// and is not forgotten.
func TestReconnectHandlerFailsAfterTheEnd(t *testing.T) {
	own := errors.New("half a record")
	synctest.Test(t, func(t *testing.T) {
		err := websocket.Reconnect(t.Context(), "ws://server.example", func(ctx context.Context, c *websocket.Conn) error {
			<-ctx.Done()
			return own
		}, &websocket.ReconnectOptions{Dial: serving(t, closing(0, 1001), closing(0, 1008))})
		if websocket.CloseStatus(err) != 1008 || !errors.Is(err, own) {
			t.Error(err)
		}
	})
}

// A write that fails does not hide what the peer said last.
func TestReconnectHearsTheLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := websocket.Reconnect(t.Context(), "ws://server.example", func(ctx context.Context, c *websocket.Conn) error {
			for {
				if err := c.Write(ctx, websocket.MessageText, []byte("anybody there?")); err != nil {
					if closed := closeError(t, err); closed.Code != websocket.StatusAbnormalClosure || c.Err() != nil {
						t.Errorf("writing fails with %v", closed)
					}
					return err
				}
				synctest.Wait()
			}
		}, &websocket.ReconnectOptions{Dial: func(context.Context, string, *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
			c, s := websocket.Pipe(nil, nil)
			s.Write(context.Background(), websocket.MessageText, []byte("first"))
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(time.Millisecond, cancel)
			s.Close(ctx, websocket.StatusPolicyViolation, "too many") // and is gone
			return c, nil, nil
		}})
		if closed := closeError(t, err); closed.Code != 1008 || closed.Reason != "too many" || !closed.Remote {
			t.Error(err)
		}
	})
}

// A panic goes on, and leaves nothing behind.
func TestReconnectPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		defer func() {
			if p := recover(); p != "boo" {
				t.Errorf("recovered %v", p)
			}
			<-ended
		}()
		websocket.Reconnect(t.Context(), "ws://server.example", func(context.Context, *websocket.Conn) error { panic("boo") },
			&websocket.ReconnectOptions{Dial: serving(t, func(s *websocket.Conn) { <-s.Done(); close(ended) })})
	})
}

// Dial gets options of its own, each time the same.
func TestReconnectDialOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		opts := &websocket.ReconnectOptions{
			MaxAttempts: 3,
			DialOptions: websocket.DialOptions{Subprotocols: []string{"chat"}, Header: http.Header{"Origin": {"here"}}},
			Dial: func(_ context.Context, url string, o *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
				if dials++; url != "ws://server.example" || len(o.Subprotocols) != 1 || len(o.Header) != 1 || o.MaxRedirects != 0 {
					t.Errorf("dial %d of %s with %+v", dials, url, o)
				}
				o.Header.Set("Authorization", "once")
				o.MaxRedirects = 9
				return nil, nil, nil // which is a mistake
			},
		}
		err := websocket.Reconnect(t.Context(), "ws://server.example", listen, opts)
		if dials != 3 || len(opts.Header) != 1 || !strings.Contains(err.Error(), "returned no connection") {
			t.Errorf("%d dials: %v", dials, err)
		}
	})
}

// Over a network, with a server that restarts.
func TestReconnectOverTCP(t *testing.T) {
	visits := 0
	url := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if visits++; visits == 2 {
			w.Header().Set("Retry-After", "0")
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		if visits == 1 {
			c.Close(r.Context(), websocket.StatusServiceRestart, "")
			return
		}
		echo(r.Context(), c)
	}))
	var w waits
	err := websocket.Reconnect(t.Context(), url, func(ctx context.Context, c *websocket.Conn) error {
		if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
			return err
		}
		_, _, err := c.Read(ctx)
		return err
	}, &websocket.ReconnectOptions{BackoffBase: time.Millisecond, RestartSpread: time.Millisecond, OnWait: w.note})
	if err != nil || visits != 3 || len(w.errs) != 2 || websocket.CloseStatus(w.errs[0]) != 1012 || !errors.As(w.errs[1], new(*wye.RefusedError)) {
		t.Errorf("%v after %d visits, %v", err, visits, w.errs)
	}
}

package wye

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// headStart is how long a carrier is waited for before the next one begins to
// connect too. "The recommended value … is 250 milliseconds." RFC 8305 §8, of
// the delay between attempts at connections.
const headStart = 250 * time.Millisecond

var (
	errOutrun = errors.New("another carrier was faster")
	errSilent = errors.New("no answer came while there was time for the other carriers")
)

// open asks for the hop over the carriers, and returns the first final answer.
func (h *hop) open(ctx context.Context) (Conn, *http.Response, error) {
	carriers := h.Carriers
	if len(carriers) == 0 {
		carriers = []Carrier{HTTP1{}}
	}
	attempts, err := h.attempts(ctx, carriers)
	if err != nil {
		return nil, nil, err
	}
	r := race{hop: h, ctx: ctx, attempts: attempts, carriers: carriers, turn: make(chan struct{}, 1), left: len(carriers)}
	if len(carriers) == 1 {
		o := r.run(ctx, 0)
		return o.c, o.resp, h.failure(o.err)
	}
	return r.race()
}

// race is several carriers on the way to one server. All connect, one after the
// other, but only who has the turn asks: what a request says once, such as a
// ticket, is not said twice at the same time.
type race struct {
	*hop
	ctx      context.Context // of the dial
	carriers []Carrier
	attempts []*Attempt
	turn     chan struct{} // taken by who asks

	mu   sync.Mutex // guards left
	left int        // carriers that have not failed
}

// outcome is how one attempt ended.
type outcome struct {
	i    int
	c    Conn
	resp *http.Response
	err  error
}

// final reports whether the server has spoken, so that no other carrier is
// asked.
func (o *outcome) final() bool {
	return o.err == nil || errors.As(o.err, new(*RefusedError)) || errors.As(o.err, new(*HandshakeError))
}

// race returns when no carrier runs any more.
func (r *race) race() (Conn, *http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.ctx)
	var running sync.WaitGroup
	outcomes := make(chan outcome, len(r.carriers))
	end := func() { // nobody runs any more, and no connection is left over
		cancel(errOutrun)
		running.Wait()
		close(outcomes)
		for o := range outcomes {
			if o.c != nil {
				Abort(o.c, errOutrun)
			}
		}
	}
	defer end()

	failed, stage := &carriersError{errs: make([]error, len(r.carriers))}, StageRequest
	timer := time.NewTimer(0)
	defer timer.Stop()
	started, ended := 0, 0
	for ended < len(r.carriers) && (started == 0 || ended < started || ctx.Err() == nil) {
		select {
		case <-timer.C:
			i, asking := started, len(r.turn) > 0
			if i == 0 || i < len(r.carriers) && ctx.Err() == nil && !asking {
				started++
				running.Go(func() { outcomes <- r.run(ctx, i) }) // ends soon after ctx
			}
			timer.Reset(headStart)
		case o := <-outcomes:
			if o.final() {
				return o.c, o.resp, r.failure(o.err)
			}
			failed.errs[o.i] = fmt.Errorf("%s: %w", r.carriers[o.i].Name(), unwrapDial(o.err))
			stage = max(stage, stageOf(o.err))
			ended++
			timer.Reset(0) // nobody waits for what has failed
		}
	}
	return nil, nil, &DialError{stage, displayURL(r.request.URL), failed}
}

// run makes one attempt.
func (r *race) run(ctx context.Context, i int) outcome {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a := r.attempts[i]
	t := turn{race: r, ctx: ctx, silence: func() { cancel(errSilent) }}
	a.begin = t.begin
	c, resp, err := r.carriers[i].Open(ctx, a)
	if err == nil && (c == nil || resp == nil) {
		err = errors.New("the carrier returned no error, and no connection with its response either")
	}
	if err != nil && c != nil {
		Abort(c, err)
		c = nil
	}
	o := outcome{i, c, resp, err}
	if !o.final() && errors.Is(context.Cause(ctx), errSilent) {
		o.err = fmt.Errorf("%w (%w)", errSilent, unwrapDial(err))
	}
	if resp != nil && resp.ProtoMajor > 1 {
		resp.Request = extendedConnect(a, resp)
		a.tellExchange(resp)
	}
	t.end(o.final())
	return o
}

// extendedConnect is the request that resp answers.
func extendedConnect(a *Attempt, resp *http.Response) *http.Request {
	r := *a.Request
	r.Method, r.Proto, r.ProtoMajor, r.ProtoMinor = http.MethodConnect, resp.Proto, resp.ProtoMajor, resp.ProtoMinor
	r.Header = r.Header.Clone()
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	r.Header[":protocol"] = []string{a.Tokens[0].String()}
	return &r
}

// turn is an attempt's turn to ask.
type turn struct {
	race    *race
	ctx     context.Context // of the attempt
	silence func()          // ends the attempt because no answer came

	taken bool
	timer *time.Timer // calls silence; nil: there is no other carrier
}

// begin is [Attempt.Begin].
func (t *turn) begin(ctx context.Context) error {
	if t.taken {
		return ctx.Err()
	}
	select {
	case t.race.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.ctx.Done():
		return context.Cause(t.ctx)
	}
	t.taken = true
	if t.ctx.Err() != nil {
		return context.Cause(t.ctx) // in the same moment
	}
	if deadline, ok := t.ctx.Deadline(); ok && t.race.others() {
		t.timer = time.AfterFunc(time.Until(deadline)/2, func() {
			if t.race.others() {
				t.silence()
			}
		})
	}
	return nil
}

// end passes the turn on, unless the answer was final.
func (t *turn) end(final bool) {
	if t.timer != nil {
		t.timer.Stop()
	}
	if final {
		return
	}
	t.race.mu.Lock()
	t.race.left--
	t.race.mu.Unlock()
	if t.taken {
		<-t.race.turn
	}
}

// others reports whether there is another carrier that has not failed.
func (r *race) others() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left > 1
}

// carriersError is what each carrier said.
type carriersError struct{ errs []error } // nil: it was not tried

func (e *carriersError) Error() string {
	var said []string
	for _, err := range e.Unwrap() {
		said = append(said, err.Error())
	}
	return strings.Join(said, "; ")
}

func (e *carriersError) Unwrap() []error {
	return slices.DeleteFunc(slices.Clone(e.errs), func(err error) bool { return err == nil })
}

// failure is err as Dial returns it.
func (h *hop) failure(err error) error {
	if err == nil || errors.As(err, new(*RefusedError)) || errors.As(err, new(*DialError)) {
		return err
	}
	return &DialError{StageHandshake, displayURL(h.request.URL), err}
}

// unwrapDial is err without the URL, which all carriers share.
func unwrapDial(err error) error {
	var failed *DialError
	if errors.As(err, &failed) {
		return fmt.Errorf("%s: %w", failed.Stage, failed.Err)
	}
	return err
}

// stageOf is how far the carrier came that err is of.
func stageOf(err error) Stage {
	var failed *DialError
	if errors.As(err, &failed) {
		return failed.Stage
	}
	return StageConnect
}

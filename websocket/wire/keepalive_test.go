package wire

import (
	"testing"
)

// A span so short that its tenth, which is random, is less than one.
var timers = &Options{PingAfter: 9, PongWait: 10, CloseWait: 5}

func wantTick(t *testing.T, s *Sender, now, heard Instant, act Act, next Instant) {
	t.Helper()
	if a, n := s.Tick(now, heard); a != act || n != next {
		t.Errorf("Tick(%d, %d) = %v, %d; want %v, %d", now, heard, a, n, act, next)
	}
}

func TestKeepalive(t *testing.T) {
	s := NewSender(timers)
	wantTick(t, &s, 100, 100, Wait, 109)
	wantTick(t, &s, 108, 105, Wait, 114)
	wantTick(t, &s, 114, 105, Reply, 123)
	wantBytes(t, s.AppendReplies(nil, 114), "\x89\x08\x00\x00\x00\x00\x00\x00\x00\x01")
	wantTick(t, &s, 114, 105, Wait, 123)
	wantTick(t, &s, 123, 105, Wait, 124)
	wantTick(t, &s, 123, 120, Wait, 129) // any byte proves life
	wantTick(t, &s, 129, 120, Reply, 138)
	wantBytes(t, s.AppendReplies(nil, 129), "\x89\x08\x00\x00\x00\x00\x00\x00\x00\x02")
	wantTick(t, &s, 139, 120, Abort, 0)
	wantTick(t, &s, 140, 120, Abort, 0)
}

// A ping that waits behind data is no false alarm: the wait for its answer
// begins when it is appended.
func TestPingBehindData(t *testing.T) {
	s := NewSender(timers)
	wantTick(t, &s, 9, 0, Reply, 18)
	wantTick(t, &s, 19, 0, Reply, 28) // still owed
	wantTick(t, &s, 500, 0, Reply, 509)
	if b := s.AppendReplies(nil, 500); len(b) != 10 { // one ping, though it was due so often
		t.Errorf("%q", b)
	}
	wantTick(t, &s, 501, 0, Wait, 509)
	wantTick(t, &s, 510, 0, Abort, 0)
}

// Pings are PingAfter apart though their answers may take longer than that.
func TestPingsBeforePongWait(t *testing.T) {
	s := NewSender(&Options{PingAfter: 10, PongWait: 200, CloseWait: 5})
	var heard, now Instant
	pings := 0
	for now < 1000 {
		act, next := s.Tick(now, heard)
		switch {
		case act == Reply:
			s.AppendReplies(nil, now)
			pings++
			heard = now + 1 // the pong
		case act == Abort:
			t.Fatalf("lost at %d", now)
		}
		if next <= now {
			t.Fatalf("Tick(%d) asks for %d", now, next)
		}
		now = next
	}
	if pings < 1000/11-1 || pings > 1000/9 {
		t.Errorf("%d pings in 1000, one is due 10 after the last byte", pings)
	}
}

// A front that only obeys the returned moments loses no time-out.
func TestTickAlone(t *testing.T) {
	s := NewSender(timers)
	now, ended := Instant(0), false
	for range 10 {
		act, next := s.Tick(now, 0)
		if act == Abort {
			ended = true
			break
		}
		if act == Reply {
			s.AppendReplies(nil, now+3) // a little later
		}
		if next <= now {
			t.Fatalf("Tick(%d) asks for %d", now, next)
		}
		now = next
	}
	if !ended || now != 9+3+10 {
		t.Errorf("ended %v at %d", ended, now)
	}
}

func TestRTT(t *testing.T) {
	s := NewSender(timers)
	pong := func(payload string, now Instant) { s.Apply(Event{Kind: Pong, Data: []byte(payload)}, now) }
	one, two := "\x00\x00\x00\x00\x00\x00\x00\x01", "\x00\x00\x00\x00\x00\x00\x00\x02"
	pong(one, 5) // unsolicited
	s.Tick(9, 0)
	s.AppendReplies(nil, 12)
	pong("other", 13)
	pong(two, 13)
	if got := s.RTT(); got != 0 {
		t.Errorf("%d before any answer", got)
	}
	pong(one, 16)
	if got := s.RTT(); got != 4 {
		t.Errorf("%d, want 4", got)
	}
	pong(one, 20) // again: not an answer
	if got := s.RTT(); got != 4 {
		t.Errorf("%d, want 4", got)
	}
	s.Tick(30, 20)
	s.AppendReplies(nil, 30)
	pong(one, 31) // late
	pong(two, 30) // at once: not zero, which would mean unknown
	if got := s.RTT(); got != 1 {
		t.Errorf("%d, want 1", got)
	}
	// The application's own ping is not ours.
	s.Ping([]byte(two))
	s.AppendReplies(nil, 40)
	pong(two, 50)
	if got := s.RTT(); got != 1 {
		t.Errorf("%d, want 1", got)
	}
	if got := s.Answers(); got != 2 {
		t.Errorf("%d answers, want 2", got)
	}
}

// The moments are random within a tenth, the same for the same Seed, and stay
// put while they are waited for.
func TestJitter(t *testing.T) {
	const after = 20_000_000_000
	opt := &Options{PingAfter: after, MaskKey: func() uint32 { return 7 }}
	moments := func(seed uint64) (all [200]Instant) {
		s := NewSender(opt)
		s.Seed = seed
		for i := range all {
			_, due := s.Tick(0, 0)
			if _, again := s.Tick(due-1, 0); again != due {
				t.Fatalf("due at %d, then at %d", due, again)
			}
			if act, _ := s.Tick(due, 0); act != Reply {
				t.Fatalf("%v when due", act)
			}
			s.AppendReplies(nil, 0)
			all[i] = due
		}
		return all
	}
	one := moments(1)
	var early, late int
	for i, due := range one {
		if due < after-after/10 || due > after {
			t.Errorf("due after %d", due)
		}
		if i > 0 && due == one[i-1] {
			t.Error("twice the same moment")
		}
		if due < after-after/20 {
			early++
		} else {
			late++
		}
	}
	if early < 50 || late < 50 {
		t.Errorf("%d early, %d late", early, late)
	}
	if moments(1) != one {
		t.Error("not the same for the same Seed")
	}
	if moments(2) == one {
		t.Error("the same for another Seed")
	}
	if a, b := moments(0), moments(0); a != b {
		t.Error("not the same for the same MaskKey")
	}
	opt.MaskKey = nil
	if a, b := moments(0), moments(0); a == b {
		t.Error("two connections ping at the same moments")
	}
}

// Without PongWait pings go on, and nobody is lost.
func TestNoPongWait(t *testing.T) {
	s := NewSender(&Options{PingAfter: 9})
	for now := Instant(9); now < 100; now += 9 {
		wantTick(t, &s, now, 0, Reply, now+9)
		s.AppendReplies(nil, now)
		wantTick(t, &s, now, 0, Wait, now+9)
	}
}

// From Close on, one bound holds, whatever is still heard.
func TestCloseWait(t *testing.T) {
	for name, close := range map[string]func(s *Sender){
		"ours":    func(s *Sender) { s.Close(StatusNormalClosure, "", 60) },
		"peer's":  func(s *Sender) { s.Apply(Event{Kind: Close, Code: 1000}, 60) },
		"failure": func(s *Sender) { s.Apply(Event{Kind: Failed, Code: 1002}, 60) },
		"answered": func(s *Sender) {
			s.Close(StatusNormalClosure, "", 60)
			s.AppendReplies(nil, 61)
			s.Apply(Event{Kind: Close, Code: 1000}, 62)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSender(timers)
			s.Tick(59, 50)
			close(&s)
			wantTick(t, &s, 61, 61, Wait, 65)
			s.AppendReplies(nil, 62)
			wantTick(t, &s, 64, 64, Wait, 65)
			wantTick(t, &s, 65, 65, Abort, 0)
			wantTick(t, &s, 66, 66, Abort, 0)
		})
	}
	s := NewSender(nil)
	s.Close(StatusNormalClosure, "", 0)
	wantTick(t, &s, 1<<60, 0, Wait, 0) // without CloseWait there is no bound
}

// A Close drops the ping that was owed, and its timer.
func TestCloseDropsPing(t *testing.T) {
	s := NewSender(timers)
	wantTick(t, &s, 9, 0, Reply, 18)
	s.Close(StatusNormalClosure, "", 9)
	wantBytes(t, s.AppendReplies(nil, 9), "\x88\x02\x03\xe8")
	wantTick(t, &s, 10, 0, Wait, 14)
}

// Spans that reach past the end of time do not come around.
func TestFarFuture(t *testing.T) {
	s := NewSender(&Options{PingAfter: maxInstant, PongWait: maxInstant, CloseWait: maxInstant})
	if act, next := s.Tick(1000, 1000); act != Wait || next < maxInstant-maxInstant/10 {
		t.Error(act, next)
	}
	s.Close(StatusNormalClosure, "", 1000)
	wantTick(t, &s, 2000, 1000, Wait, maxInstant)
}

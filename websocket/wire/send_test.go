package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// wantBytes checks what was appended.
func wantBytes(t *testing.T, got []byte, want string) {
	t.Helper()
	if string(got) != want {
		t.Errorf("appended %q, want %q", got, want)
	}
}

// aClient masks with the key of RFC 6455 §5.7.
func aClient() *Options {
	return &Options{Client: true, MaskKey: func() uint32 { return 0x3d21fa37 }}
}

func TestAppendMessage(t *testing.T) {
	for _, c := range []struct {
		name    string
		opt     *Options
		op      Opcode
		payload string
		want    string
	}{
		{"5.1 a server does not mask", nil, OpText, "Hello", "\x81\x05Hello"},
		{"5.1 a client masks", aClient(), OpText, "Hello", "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"},
		{"5.1 a client masks nothing too", aClient(), OpBinary, "", "\x82\x80\x37\xfa\x21\x3d"},
		{"5.2 shortest form of 125", nil, OpBinary, strings.Repeat("x", 125), "\x82\x7d" + strings.Repeat("x", 125)},
		{"5.2 shortest form of 126", nil, OpBinary, strings.Repeat("x", 126), "\x82\x7e\x00\x7e" + strings.Repeat("x", 126)},
		{"5.2 shortest form of 65536", nil, OpBinary, strings.Repeat("x", 65536), "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + strings.Repeat("x", 65536)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewSender(c.opt)
			p := []byte(c.payload)
			b, err := s.AppendMessage([]byte("before "), c.op, p)
			if err != nil {
				t.Fatal(err)
			}
			wantBytes(t, b, "before "+c.want)
			if string(p) != c.payload {
				t.Error("the caller's payload was masked")
			}
			b, err = s.AppendPrepared(nil, Prepare(c.op, p))
			if err != nil {
				t.Fatal(err)
			}
			wantBytes(t, b, c.want)
		})
	}
}

// "…the client MUST pick a fresh masking key". RFC 6455 §5.3.
func TestEveryFrameHasItsOwnKey(t *testing.T) {
	key := uint32(0)
	s := NewSender(&Options{Client: true, MaskKey: func() uint32 { key++; return key }})
	b, _ := s.AppendMessage(nil, OpText, []byte("a"))
	b, _ = s.AppendFragment(b, OpText, []byte("b"), false)
	b, _ = s.AppendFragment(b, OpText, []byte("c"), true)
	b, _ = s.AppendPrepared(b, Prepare(OpText, []byte("d")))
	s.Ping([]byte("e"))
	b = s.AppendReplies(b, 0)
	wantBytes(t, b, "\x81\x81\x01\x00\x00\x00`\x01\x81\x02\x00\x00\x00`\x80\x81\x03\x00\x00\x00`\x81\x81\x04\x00\x00\x00`\x89\x81\x05\x00\x00\x00`")
}

func TestAppendHeaderAlone(t *testing.T) {
	s := NewSender(nil)
	b, err := s.AppendHeader(nil, OpBinary, 70_000)
	wantBytes(t, b, "\x82\x7f\x00\x00\x00\x00\x00\x01\x11\x70")
	if err != nil {
		t.Error(err)
	}
	if b, err = s.AppendHeader(nil, OpBinary, -1); err != ErrLength || b != nil {
		t.Errorf("%q, %v", b, err)
	}
	c := NewSender(aClient())
	if b, err = c.AppendHeader(nil, OpBinary, 1); err != ErrMustMask || b != nil {
		t.Errorf("%q, %v", b, err)
	}
}

func TestAppendFragment(t *testing.T) {
	s := NewSender(nil)
	b, _ := s.AppendFragment(nil, OpText, []byte("Hel"), false)
	s.Apply(Event{Kind: Ping, Data: []byte("p")}, 0)
	b = s.AppendReplies(b, 0) // §5.4: control frames may be injected
	b, _ = s.AppendFragment(b, OpBinary, nil, false)
	b, _ = s.AppendFragment(b, OpContinuation, []byte("lo"), true)
	b, _ = s.AppendFragment(b, OpBinary, []byte("whole"), true)
	wantBytes(t, b, "\x01\x03Hel"+"\x8a\x01p"+"\x00\x00"+"\x80\x02lo"+"\x82\x05whole")
}

// What may not be sent is an error, and appends nothing.
func TestRefusals(t *testing.T) {
	p := Prepare(OpText, []byte("x"))
	fragmenting := func(s *Sender) { s.AppendFragment(nil, OpText, nil, false) }
	closing := func(s *Sender) { s.Close(StatusNormalClosure, "", 0) }
	nothing := func(*Sender) {}
	message := func(op Opcode) func(*Sender, []byte) ([]byte, error) {
		return func(s *Sender, b []byte) ([]byte, error) { return s.AppendMessage(b, op, []byte("x")) }
	}
	for _, c := range []struct {
		name   string
		before func(*Sender)
		do     func(*Sender, []byte) ([]byte, error)
		want   error
	}{
		{"5.4 message between fragments", fragmenting, message(OpText), ErrFragmenting},
		{"5.4 header between fragments", fragmenting, func(s *Sender, b []byte) ([]byte, error) { return s.AppendHeader(b, OpText, 1) }, ErrFragmenting},
		{"5.4 prepared message between fragments", fragmenting, func(s *Sender, b []byte) ([]byte, error) { return s.AppendPrepared(b, p) }, ErrFragmenting},
		{"5.5.1 message after Close", closing, message(OpText), ErrClosed},
		{"5.5.1 header after Close", closing, func(s *Sender, b []byte) ([]byte, error) { return s.AppendHeader(b, OpText, 1) }, ErrClosed},
		{"5.5.1 prepared message after Close", closing, func(s *Sender, b []byte) ([]byte, error) { return s.AppendPrepared(b, p) }, ErrClosed},
		{"5.5.1 fragment after Close", func(s *Sender) { fragmenting(s); closing(s) }, func(s *Sender, b []byte) ([]byte, error) {
			return s.AppendFragment(b, OpText, nil, true)
		}, ErrClosed},
		{"5.6 continuation for a message", nothing, message(OpContinuation), ErrOpcode},
		{"5.6 Close for a message", nothing, message(OpClose), ErrOpcode},
		{"5.6 reserved opcode for a message", nothing, message(7), ErrOpcode},
		{"5.6 opcode of five bits", nothing, message(0x11), ErrOpcode},
		{"5.6 continuation of nothing", nothing, func(s *Sender, b []byte) ([]byte, error) {
			return s.AppendFragment(b, OpContinuation, nil, true)
		}, ErrOpcode},
		{"5.6 prepared ping", nothing, func(s *Sender, b []byte) ([]byte, error) { return s.AppendPrepared(b, Prepare(OpPing, nil)) }, ErrOpcode},
		{"5.6 nothing prepared", nothing, func(s *Sender, b []byte) ([]byte, error) { return s.AppendPrepared(b, nil) }, ErrOpcode},
		{"5.6 zero Prepared", nothing, func(s *Sender, b []byte) ([]byte, error) { return s.AppendPrepared(b, &Prepared{}) }, ErrOpcode},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewSender(nil)
			c.before(&s)
			b, err := c.do(&s, []byte("before"))
			if err != c.want {
				t.Errorf("error %v, want %v", err, c.want)
			}
			wantBytes(t, b, "before")
		})
	}
}

// A Prepared is a copy, shared by Senders that do not change it.
func TestPrepared(t *testing.T) {
	mine := []byte("κόσμε")
	p := Prepare(OpText, mine)
	overwrite(mine)
	for range 2 {
		c := NewSender(aClient())
		c.AppendPrepared(nil, p)
		s := NewSender(nil)
		b, err := s.AppendPrepared(nil, p)
		wantBytes(t, b, "\x81\x0aκόσμε")
		if err != nil {
			t.Error(err)
		}
		overwrite(b)
	}
	if string(p.Payload()) != "κόσμε" || p.Op() != OpText {
		t.Errorf("%v %q", p.Op(), p.Payload())
	}
	if cap(p.Payload()) != len(p.Payload()) {
		t.Error("the payload can be appended to in place")
	}
	if z := (&Prepared{}); len(z.Payload()) != 0 {
		t.Error("payload of nothing")
	}
}

// However many pings come, the newest is answered, and it was copied.
func TestNewestPongOnly(t *testing.T) {
	s := NewSender(nil)
	data := make([]byte, 0, 8)
	for i := range 1000 {
		data = fmt.Appendf(data[:0], "%d", i)
		s.Apply(Event{Kind: Ping, Data: data}, 0)
	}
	overwrite(data)
	if !s.Owes() {
		t.Error("owes nothing")
	}
	wantBytes(t, s.AppendReplies(nil, 0), "\x8a\x03999")
	if s.Owes() {
		t.Error("still owes")
	}
	wantBytes(t, s.AppendReplies(nil, 0), "")
}

// The application's ping: one at a time, copied, with no timer.
func TestPing(t *testing.T) {
	s := NewSender(nil)
	p := []byte("mine")
	if !s.Ping(p) || s.Ping([]byte("second")) {
		t.Error("one ping may be owed, and no second")
	}
	overwrite(p)
	wantBytes(t, s.AppendReplies(nil, 0), "\x89\x04mine")
	if act, next := s.Tick(1<<40, 0); act != Wait || next != 0 {
		t.Error(act, next)
	}
	if s.Ping(make([]byte, 126)) || s.Owes() {
		t.Error("a ping of 126 bytes")
	}
	if !s.Ping(make([]byte, 125)) {
		t.Error("no ping of 125 bytes")
	}
	s.Close(StatusNormalClosure, "", 0)
	if s.Ping(nil) {
		t.Error("a ping after Close")
	}
	wantBytes(t, s.AppendReplies(nil, 0), "\x88\x02\x03\xe8") // and what was owed is dropped
}

// TestStates drives a Sender from every state by everything that can move it,
// and looks at the state, and at what is sent.
func TestStates(t *testing.T) {
	do := map[string]func(*Sender){
		"Close":   func(s *Sender) { s.Close(StatusGoingAway, "bye", 1) },
		"Closed":  func(s *Sender) { s.Apply(Event{Kind: Close, Code: 4000, Data: []byte("bye")}, 1) },
		"empty":   func(s *Sender) { s.Apply(Event{Kind: Close, Code: StatusNoStatusRcvd}, 1) },
		"Failed":  func(s *Sender) { s.Apply(Event{Kind: Failed, Code: 1007, Why: errText}, 1) },
		"Ping":    func(s *Sender) { s.Apply(Event{Kind: Ping, Data: []byte("p")}, 1) },
		"Pong":    func(s *Sender) { s.Apply(Event{Kind: Pong, Data: []byte("p")}, 1) },
		"Message": func(s *Sender) { s.Apply(Event{Kind: Message, Op: OpText, Data: []byte("m")}, 1) },
		"replies": func(s *Sender) { s.AppendReplies(nil, 1) },
	}
	const (
		away   = "\x88\x05\x03\xe9bye"
		failed = "\x88\x13\x03\xeftext is not UTF-8"
		echo   = "\x88\x02\x0f\xa0"
	)
	for _, c := range []struct {
		name  string
		steps string
		state SendState
		sends string
	}{
		{"5.5.1 our Close", "Close", Closing, away},
		{"5.5.1 one Close only", "Close replies Close", Closing, ""},
		{"5.5.1 the peer's Close is answered with its code", "Closed", Closed, echo},
		{"5.5.1 a Close without code is answered without", "empty", Closed, "\x88\x00"},
		{"5.5.1 the answer to our Close is not answered", "Close replies Closed", Closed, ""},
		{"5.5.1 both at the same time: ours is sent, once", "Close Closed", Closed, away},
		{"5.5.1 no Close after the peer's", "Closed replies Close", Closed, ""},
		{"5.5.2 a ping is answered", "Ping", Open, "\x8a\x01p"},
		{"5.5.2 pong before Close", "Ping Close", Closing, "\x8a\x01p" + away},
		{"5.5.2 a ping after our Close is answered", "Close replies Ping", Closing, "\x8a\x01p"},
		{"5.5.2 a ping before the peer's Close is answered", "Ping Closed", Closed, "\x8a\x01p" + echo},
		{"5.5.2 a ping after the peer's Close is not", "Closed replies Ping", Closed, ""},
		{"5.5.3 a pong is not answered", "Pong", Open, ""},
		{"7.1.7 a failure sends a Close with its code", "Failed", Failing, failed},
		{"7.1.7 a failure after our Close sends none", "Close replies Failed", Failing, ""},
		{"7.1.7 a failure is never left", "Failed replies Closed Close Failed Ping", Failing, ""},
		{"7.1.4 closed is never left", "Closed replies Failed Closed Close Ping", Closed, ""},
		{"messages change nothing", "Message", Open, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewSender(nil)
			for _, step := range strings.Fields(c.steps) {
				do[step](&s)
			}
			if s.State() != c.state {
				t.Errorf("state %v, want %v", s.State(), c.state)
			}
			if s.Owes() != (c.sends != "") {
				t.Errorf("Owes is %v", s.Owes())
			}
			wantBytes(t, s.AppendReplies(nil, 1), c.sends)
		})
	}
}

// "The application MUST NOT send any more data frames after sending a Close
// frame": yet a Close may come inside a fragmented message.
func TestCloseInsideAMessage(t *testing.T) {
	s := NewSender(nil)
	b, _ := s.AppendFragment(nil, OpText, []byte("Hel"), false)
	if ok, err := s.Close(StatusInternalError, "", 0); !ok || err != nil {
		t.Error(ok, err)
	}
	wantBytes(t, s.AppendReplies(b, 0), "\x01\x03Hel\x88\x02\x03\xf3")
}

func TestCloseCodes(t *testing.T) {
	for _, code := range []StatusCode{999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535} {
		s := NewSender(nil)
		ok, err := s.Close(code, "", 0)
		var bad *CodeError
		if ok || !errors.As(err, &bad) || bad.Code != code || s.State() != Open || s.Owes() {
			t.Errorf("%d: %v, %v, state %v", uint16(code), ok, err, s.State())
		}
		if !strings.Contains(err.Error(), fmt.Sprint(uint16(code))) {
			t.Errorf("%q does not name the code", err)
		}
	}
	s := NewSender(nil)
	if ok, err := s.Close(0, "a reason has no place without a code", 0); !ok || err != nil {
		t.Error(ok, err)
	}
	wantBytes(t, s.AppendReplies(nil, 0), "\x88\x00")
	for _, code := range []StatusCode{1000, 1014, 3000, 4999} {
		s := NewSender(nil)
		s.Close(code, "", 0)
		wantBytes(t, s.AppendReplies(nil, 0), string([]byte{0x88, 2, byte(code >> 8), byte(code)}))
		if ok, err := s.Close(code, "", 0); ok || err != nil {
			t.Error("a second Close:", ok, err)
		}
	}
}

// A reason is cut between code points, and is UTF-8 whatever it was.
func TestReasons(t *testing.T) {
	for _, c := range []struct{ reason, want string }{
		{"bye", "bye"},
		{strings.Repeat("x", 123), strings.Repeat("x", 123)},
		{strings.Repeat("x", 124), strings.Repeat("x", 123)},
		{strings.Repeat("é", 100), strings.Repeat("é", 61)},
		{"x" + strings.Repeat("é", 100), "x" + strings.Repeat("é", 61)},
		{strings.Repeat("€", 41) + "€", strings.Repeat("€", 41)},
		{"x" + strings.Repeat("😀", 31), "x" + strings.Repeat("😀", 30)},
		{"not\xffUTF-8", "not?UTF-8"},
		{strings.Repeat("\x80", 200), ""},
		{strings.Repeat("\xff", 200), "?"},
	} {
		s := NewSender(nil)
		s.Close(StatusNormalClosure, c.reason, 0)
		b := s.AppendReplies(nil, 0)
		wantBytes(t, b, string([]byte{0x88, byte(2 + len(c.want))})+"\x03\xe8"+c.want)
		if !utf8.Valid(b[4:]) {
			t.Errorf("%q is not UTF-8", b[4:])
		}
	}
}

// An event that no Receiver makes breaks nothing.
func TestApplyAnything(t *testing.T) {
	for _, ev := range []Event{
		{Kind: Failed}, {Kind: Failed, Code: 1006}, {Kind: Close}, {Kind: Close, Code: 1015}, {Kind: 99},
		{Kind: Ping, Data: make([]byte, 126)}, {Kind: Pong, Data: make([]byte, 1000)},
	} {
		for _, opt := range []*Options{nil, aClient()} {
			s := NewSender(opt)
			s.Apply(ev, 0)
			peer := Options{Client: opt == nil}
			in := NewReceiver(&peer)
			feed(&in, make([]byte, 512), string(s.AppendReplies(nil, 0)))
			for e := in.Next(); e.Kind != None; e = in.Next() {
				if e.Kind == Failed {
					t.Errorf("%+v made us break a rule: %v", ev, e.Why)
				}
			}
		}
	}
}

// A failure without a code of its own is a protocol error.
func TestFailureWithoutCode(t *testing.T) {
	s := NewSender(nil)
	s.Apply(Event{Kind: Failed, Code: StatusAbnormalClosure}, 0)
	wantBytes(t, s.AppendReplies(nil, 0), "\x88\x02\x03\xea")
}

func TestZeroSender(t *testing.T) {
	var s Sender
	b, err := s.AppendMessage(nil, OpText, []byte("x"))
	wantBytes(t, b, "\x81\x01x")
	if act, next := s.Tick(1, 0); err != nil || act != Wait || next != 0 || s.State() != Open || s.RTT() != 0 {
		t.Error(err, act, next)
	}
}

// Every violation makes a Close frame that is one: a code that may be sent and
// a rule that is not cut.
func TestViolations(t *testing.T) {
	for _, v := range []*Violation{
		errUnmasked, errMasked, errReserved, errOpcode, errLongForm, errTopBit, errNoMessage, errInterleave,
		errCtlLong, errCtlFrag, errCloseShort, errCloseText, errCloseCode, errText, errTooBig, errTooMany,
	} {
		if !v.Code.Valid() || v.Section == "" || v.Rule == "" || cut(v.Rule) != v.Rule {
			t.Errorf("%+v", v)
		}
		var err error = v
		if want := "websocket: " + v.Rule + " (RFC 6455 §" + v.Section + ")"; err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}

// Names are for people: every constant has one, and nothing else panics.
func TestNames(t *testing.T) {
	for code := StatusNormalClosure; code <= StatusTLSHandshake; code++ {
		if named := !strings.HasPrefix(code.String(), "status "); named == (code == 1004) {
			t.Errorf("%d is called %q", uint16(code), code)
		}
	}
	got := fmt.Sprint(StatusGoingAway, ", ", StatusCode(4001), ", ", Failed, ", ", Kind(200), ", ", Failing, ", ", SendState(9), ", ", Abort, ", ", Act(9))
	if want := "going away, status 4001, failed, unknown kind, failing, unknown state, abort, unknown act"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

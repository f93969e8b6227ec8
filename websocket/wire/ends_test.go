package wire

import (
	"fmt"
	"strings"
	"testing"
)

// An end is a Receiver and a Sender, as a front has them.
type end struct {
	in      Receiver
	out     Sender
	scratch []byte
	sent    []byte // not yet delivered
	said    []string
}

func newEnd(opt *Options) *end {
	return &end{in: NewReceiver(opt), out: NewSender(opt), scratch: make([]byte, 512)}
}

// deliver hands what e sent to to, and lets that answer.
func (e *end) deliver(to *end, now Instant) {
	e.sent = e.out.AppendReplies(e.sent, now)
	for len(e.sent) > 0 {
		n := copy(to.in.Space(to.scratch), e.sent)
		e.sent = e.sent[n:]
		to.in.Received(n)
		for ev := to.in.Next(); ev.Kind != None; ev = to.in.Next() {
			to.out.Apply(ev, now)
			to.said = append(to.said, strings.TrimSpace(fmt.Sprintf("%v %s", ev.Kind, ev.Data)))
			overwrite(ev.Data)
		}
		overwrite(to.scratch)
	}
	to.sent = to.out.AppendReplies(to.sent, now)
}

func (e *end) wantSaid(t *testing.T, want ...string) {
	t.Helper()
	if fmt.Sprint(e.said) != fmt.Sprint(want) {
		t.Errorf("heard %q, want %q", e.said, want)
	}
	e.said = nil
}

func (e *end) wantState(t *testing.T, want SendState, done bool) {
	t.Helper()
	if e.out.State() != want || e.in.Done() != done {
		t.Errorf("state %v, done %v; want %v, %v", e.out.State(), e.in.Done(), want, done)
	}
}

// A client and a server, joined in memory: messages, pings, the closing
// handshake.
func TestBothEnds(t *testing.T) {
	client, server := newEnd(aClient()), newEnd(nil)
	client.sent, _ = client.out.AppendMessage(client.sent, OpText, []byte("hé"))
	client.sent, _ = client.out.AppendFragment(client.sent, OpBinary, []byte("frag"), false)
	client.out.Ping([]byte("there?"))
	client.deliver(server, 1)
	server.wantSaid(t, "message hé", "ping there?")
	client.sent, _ = client.out.AppendFragment(client.sent, OpBinary, []byte("ments"), true)
	client.deliver(server, 2)
	server.wantSaid(t, "message fragments")
	server.deliver(client, 3)
	client.wantSaid(t, "pong there?")

	client.out.Close(StatusGoingAway, "done", 4)
	client.wantState(t, Closing, false)
	server.sent, _ = server.out.AppendMessage(server.sent, OpText, []byte("last words"))
	client.deliver(server, 5)
	server.wantSaid(t, "close done")
	server.wantState(t, Closed, true)
	server.deliver(client, 6)
	client.wantSaid(t, "message last words", "close")
	client.wantState(t, Closed, true)
	if client.out.Owes() || server.out.Owes() || len(client.sent) > 0 {
		t.Error("something is left to say")
	}
}

// The server begins the closing handshake, while the client is inside a message
// and pings.
func TestServerCloses(t *testing.T) {
	client, server := newEnd(aClient()), newEnd(nil)
	client.sent, _ = client.out.AppendFragment(client.sent, OpText, []byte("un"), false)
	client.out.Ping([]byte("p"))
	server.out.Close(StatusServiceRestart, "back soon", 1)
	client.deliver(server, 2)
	server.wantSaid(t, "ping p")
	server.deliver(client, 3)
	client.wantSaid(t, "pong p", "close back soon")
	if _, err := client.out.AppendFragment(nil, OpText, []byte("finished"), true); err != ErrClosed {
		t.Error(err)
	}
	client.deliver(server, 4)
	server.wantSaid(t, "close")
	client.wantState(t, Closed, true)
	server.wantState(t, Closed, true)
}

// Both close at once: each sends one Close, and neither answers.
func TestBothClose(t *testing.T) {
	client, server := newEnd(aClient()), newEnd(nil)
	client.out.Close(4001, "client", 1)
	server.out.Close(4002, "server", 1)
	client.deliver(server, 2)
	server.deliver(client, 2)
	client.wantSaid(t, "close server")
	server.wantSaid(t, "close client")
	client.wantState(t, Closed, true)
	server.wantState(t, Closed, true)
}

// What breaks a rule is answered by a Close that says which; what follows is
// discarded.
func TestFailureIsAnswered(t *testing.T) {
	client, server := newEnd(aClient()), newEnd(nil)
	client.sent = []byte(byHand(txt, true, "bad \xff") + byHand(ping, true, "p"))
	client.deliver(server, 1)
	server.wantSaid(t, "failed")
	server.wantState(t, Failing, true)
	server.deliver(client, 2)
	client.wantSaid(t, "close text is not UTF-8")
	client.deliver(server, 3) // the answer that nobody reads
	server.wantSaid(t)
	server.wantState(t, Failing, true)
	client.wantState(t, Closed, true)
}

// Keepalive over both ends: the pong comes back and gives a round-trip time.
func TestKeepaliveOverBothEnds(t *testing.T) {
	client, server := newEnd(aClient()), newEnd(timers)
	if act, _ := server.out.Tick(9, 0); act != Reply {
		t.Fatal(act)
	}
	server.deliver(client, 10)
	client.deliver(server, 14)
	server.wantSaid(t, "pong \x00\x00\x00\x00\x00\x00\x00\x01")
	if got := server.out.RTT(); got != 4 {
		t.Errorf("RTT %d, want 4", got)
	}
	wantTick(t, &server.out, 14, 14, Wait, 23)
}

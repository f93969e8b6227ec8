package hub_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/wye-org/wye/hub"
)

// The answer to the request to join is sent before all of the channel, may take the
// first messages with it, and is sent also to one who has left by then.
func TestAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		answer := func(h *hub.Hub, take int) *hub.JoinOptions {
			return &hub.JoinOptions{Last: 3, Answer: func(w *hub.Welcome) *hub.Message {
				text := fmt.Sprint("answer with ", len(w.Messages))
				w.Messages = w.Messages[min(take, len(w.Messages)):]
				say(t, h, w.Channel, "meanwhile")
				return &hub.Message{Data: []byte(text)}
			}}
		}
		count(t, h, "log:a", 0, 5)
		g := connect(t, h, "g", nil)
		g.joins("log:a", answer(h, 2))
		g.hears("answer with 3 4 meanwhile")
		say(t, h, "log:a", "more")
		g.hears("more")

		live := connect(t, h, "live", nil)
		live.joins("live:a", answer(h, 0))
		live.hears("answer with 0 meanwhile")

		// What waits of a channel is forgotten with it, the answer is not.
		slow := connect(t, h, "slow", nil)
		slow.takes(0)
		slow.joins("log:a", answer(h, 0))
		if err := slow.Leave(t.Context(), "log:a"); err != nil {
			t.Fatal(err)
		}
		slow.Client.Send([]byte("after"), false)
		slow.takes(-1)
		slow.hears("answer with 3 after")
		slow.balanced()

		// Greet comes after it.
		both := answer(h, 1)
		both.Greet = func(w *hub.Welcome) []*hub.Message {
			return []*hub.Message{{Data: fmt.Appendf(nil, "greeting with %d", len(w.Messages))}}
		}
		g = connect(t, h, "both", nil)
		g.joins("log:b", both)
		g.hears("answer with 0 greeting with 0 meanwhile")

		none := connect(t, h, "none", nil)
		none.joins("log:b", &hub.JoinOptions{Last: 1, Answer: func(*hub.Welcome) *hub.Message { return nil }})
		none.hears("meanwhile")
	})
}

// Answers are bounded by who makes them, and not by the client's queue.
func TestAnswerOfASlowMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces(), QueueMessages: 2})
		g := connect(t, h, "g", nil)
		g.takes(0)
		for i := range 5 {
			g.joins(fmt.Sprint("oldest:", i), &hub.JoinOptions{Answer: func(w *hub.Welcome) *hub.Message {
				return &hub.Message{Data: []byte(w.Channel)}
			}})
		}
		count(t, h, "oldest:0", 0, 9)
		g.takes(-1)
		g.hears("oldest:0 oldest:1 oldest:2 oldest:3 oldest:4 7 8")
		g.balanced()
	})
}

func TestAdmitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: []hub.Namespace{{Name: "shut"}, {Name: "one", MaxMembers: 1}}})
		g := connect(t, h, "g", nil)
		var denied *hub.DeniedError
		if _, err := g.Join(t.Context(), "shut:a", &hub.JoinOptions{}); !errors.As(err, &denied) {
			t.Errorf("got %v", err)
		}
		g.joins("shut:a", &hub.JoinOptions{Admitted: true})
		g.joins("one:a", &hub.JoinOptions{Admitted: true})
		var full *hub.FullError
		if _, err := connect(t, h, "h", nil).Join(t.Context(), "one:a", &hub.JoinOptions{Admitted: true}); !errors.As(err, &full) {
			t.Errorf("the bounds hold for all: %v", err)
		}
	})
}

func TestNoMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		g := connect(t, h, "g", nil)
		if w := g.joins("who:a", &hub.JoinOptions{NoMembers: true}); w.Members != nil || w.You.Since.IsZero() {
			t.Errorf("got %+v", w)
		}
		if m, err := h.Members(t.Context(), "who:a"); len(m) != 1 || err != nil {
			t.Errorf("it is not there: %v, %v", m, err)
		}
	})
}

func TestChannel(t *testing.T) {
	h := open(t, hub.Options{Namespaces: spaces()})
	ch, err := h.Channel("log:a")
	if err != nil || ch.Name != "log:a" || ch.Namespace.Name != "log" || ch.Namespace.History.Size != 10 {
		t.Errorf("got %+v, %v", ch, err)
	}
	_, err = h.Channel("none:a")
	wantErr(t, "a namespace that there is not", err, hub.ErrNoNamespace)
}

package hub_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/wye-org/wye/hub"
)

// Each policy, in messages: the queue has room for four.
func TestSlowMembers(t *testing.T) {
	for _, x := range []struct {
		channel string
		keys    string // of the messages a b c …; a dot is none
		want    string // what comes of them when the member takes again
		dropped hub.ClientStats
		ends    bool
	}{
		{channel: "newest:x", keys: "......", want: "a b c d", dropped: hub.ClientStats{DroppedNewest: 2}},
		{channel: "oldest:x", keys: "......", want: "c d e f", dropped: hub.ClientStats{DroppedOldest: 2}},
		{channel: "live:x", keys: "......", ends: true, dropped: hub.ClientStats{DroppedNewest: 1, Abandoned: 4}},
		{channel: "log:x", keys: "......", ends: true, dropped: hub.ClientStats{DroppedNewest: 1, Abandoned: 4}},
		{channel: "price:x", keys: "1212", want: "c d", dropped: hub.ClientStats{Conflated: 2}},
		{channel: "price:x", keys: "123123456", want: "f g h i", dropped: hub.ClientStats{Conflated: 3, DroppedOldest: 2}},
		{channel: "price:x", keys: "1.1.", want: "c b d", dropped: hub.ClientStats{Conflated: 1}},
		{channel: "price:x", keys: "......", want: "c d e f", dropped: hub.ClientStats{DroppedOldest: 2}},
	} {
		t.Run(x.channel+" "+x.keys, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := open(t, hub.Options{Namespaces: spaces(), QueueMessages: 4})
				good, slow := connect(t, h, "good", nil), connect(t, h, "slow", nil)
				good.joins(x.channel, nil)
				slow.joins(x.channel, nil)
				slow.takes(0)
				var all []string
				for i, key := range x.keys {
					o := new(hub.PublishOptions)
					if key != '.' {
						o.Key = string(key)
					}
					text := string(rune('a' + i))
					all = append(all, text)
					if _, err := h.Publish(t.Context(), x.channel, []byte(text), o); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
				}
				good.hears(strings.Join(all, " "))
				s := slow.balanced()
				got := hub.ClientStats{DroppedNewest: s.DroppedNewest, DroppedOldest: s.DroppedOldest, Conflated: s.Conflated, Abandoned: s.Abandoned}
				if got != x.dropped {
					t.Errorf("lost %+v, want %+v", got, x.dropped)
				}
				slow.takes(-1)
				slow.hears(x.want)
				slow.balanced()
				total := h.Stats()
				if total.DroppedNewest != x.dropped.DroppedNewest || total.DroppedOldest != x.dropped.DroppedOldest ||
					total.Conflated != x.dropped.Conflated || total.Abandoned != x.dropped.Abandoned {
					t.Errorf("the hub counts %+v", total)
				}
				if x.ends {
					wantErr(t, "the end", slow.end(), hub.ErrSlow)
					wantErr(t, "Err", slow.Err(), hub.ErrSlow)
					if total.Disconnected != 1 || total.Members != 1 {
						t.Errorf("the hub counts %+v", total)
					}
				} else if slow.end() != nil {
					t.Errorf("ended with %v", slow.end())
				}
			})
		})
	}
}

// The other bound is bytes; one message that is longer than it fits an empty
// queue.
func TestQueueBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces(), QueueBytes: 10})
		slow := connect(t, h, "slow", nil)
		slow.joins("newest:x", nil)
		slow.takes(0)
		say(t, h, "newest:x", "12345678901")
		say(t, h, "newest:x", "x")
		slow.takes(-1)
		slow.hears("12345678901")
		slow.takes(0)
		say(t, h, "newest:x", "12345", "67890", "x")
		if s := slow.balanced(); s.QueuedBytes != 10 || s.DroppedNewest != 2 {
			t.Errorf("%+v", s)
		}
		slow.takes(-1)
		slow.hears("12345 67890")
		if s := slow.balanced(); s.QueuedBytes != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// The policies look at the channel's own messages: another's are not theirs to
// drop, nor those for the client alone.
func TestPoliciesKeepToTheirChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces(), QueueMessages: 4})
		slow := connect(t, h, "slow", nil)
		for _, channel := range []string{"oldest:x", "oldest:y", "price:x", "price:y"} {
			slow.joins(channel, nil)
		}
		slow.takes(0)
		slow.Client.Send([]byte("mine"), false)
		synctest.Wait()
		key := &hub.PublishOptions{Key: "k"}
		h.Publish(t.Context(), "price:x", []byte("px"), key)
		h.Publish(t.Context(), "price:y", []byte("py"), key)
		say(t, h, "oldest:x", "x1", "x2")
		say(t, h, "oldest:y", "y1")
		if s := slow.balanced(); s.DroppedOldest != 1 || s.DroppedNewest != 1 || s.Conflated != 0 {
			t.Errorf("%+v", s)
		}
		h.Publish(t.Context(), "price:x", []byte("px2"), key)
		slow.Leave(t.Context(), "price:y")
		slow.takes(-1)
		slow.hears("mine px2 x2")
		if s := slow.balanced(); s.Conflated != 1 || s.Abandoned != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// A plain outlet is no Readier: a batch waits in its Send.
type plain struct {
	gate chan struct{} // closed: it sends
	got  []*hub.Message
}

// TrySend implements [hub.Outlet].
func (p *plain) TrySend([]*hub.Message) (int, error) { return 0, nil }

// Send implements [hub.Outlet].
func (p *plain) Send(_ context.Context, batch []*hub.Message) (int, error) {
	<-p.gate
	p.got = append(p.got, batch...)
	return len(batch), nil
}

// Close implements [hub.Outlet].
func (p *plain) Close(error) {}

// What is on its way is beyond the policies, and counts all the same.
func TestWhatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for channel, want := range map[string]string{"price:x": "a x c d", "oldest:x": "a b c d", "newest:x": "a b c d"} {
			h := open(t, hub.Options{Namespaces: spaces(), QueueMessages: 4})
			p := &plain{gate: make(chan struct{})}
			c, err := h.Connect(p, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Join(t.Context(), channel, nil); err != nil {
				t.Fatal(err)
			}
			for i, key := range "1123" {
				h.Publish(t.Context(), channel, []byte{"abcd"[i]}, &hub.PublishOptions{Key: string(key)})
				synctest.Wait()
				if channel == "price:x" && i == 1 {
					h.Publish(t.Context(), channel, []byte("x"), &hub.PublishOptions{Key: "1"})
				}
			}
			if s := c.Stats(); s.Queued != 4 || s.QueuedBytes != 4 {
				t.Errorf("%s: before anything is sent: %+v", channel, s)
			}
			close(p.gate)
			synctest.Wait()
			got := texts(p.got)
			if s := c.Stats(); got != want || s.Delivered != uint64(len(p.got)) || s.Queued != 0 || s.QueuedBytes != 0 {
				t.Errorf("%s: sent %q, want %q; %+v", channel, got, want, s)
			}
			c.Close()
		}
	})
}

// A client that keeps up gets every price: conflation is for who is behind.
func TestNoConflationForTheFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		fast := connect(t, h, "fast", nil)
		fast.joins("price:x", nil)
		var want []string
		for i := range 100 {
			want = append(want, fmt.Sprint(i))
			h.Publish(t.Context(), "price:x", []byte(fmt.Sprint(i)), &hub.PublishOptions{Key: "k"})
		}
		fast.hears(strings.Join(want, " "))
	})
}

// What was queued leaves together, within the bounds of a batch.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		slow := connect(t, h, "slow", nil)
		slow.joins("live:x", nil)
		slow.takes(0)
		count(t, h, "live:x", 0, 200)
		synctest.Wait()
		slow.takes(-1)
		slow.hears(numbers(0, 200))
		if slow.calls > 5 {
			t.Errorf("200 messages came in %d batches, want 4 of 64, and one that waited", slow.calls)
		}
		slow.takes(0)
		big := strings.Repeat("x", 60<<10)
		say(t, h, "live:x", big, big, big)
		slow.calls = 0
		synctest.Wait()
		slow.takes(-1)
		if slow.said(); slow.calls != 3 {
			t.Errorf("three messages of 60 KiB came in %d batches of 64 KiB at the most", slow.calls)
		}
	})
}

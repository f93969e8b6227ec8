package nats

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/wye-org/wye/hub"
)

func FuzzToken(f *testing.F) {
	for _, s := range []string{"a", "a.b", "*", ">", " ", "=", "=2E", "é", strings.Repeat("x", 255), strings.Repeat("é", 127)} {
		f.Add(s)
	}
	fit := regexp.MustCompile(`^[A-Za-z0-9_=-]*$`)
	f.Fuzz(func(t *testing.T, name string) {
		tok := token(name)
		if !fit.MatchString(tok) || len(tok) > 3*len(name) {
			t.Errorf("%q becomes %q", name, tok)
		}
		var back []byte // no two names have one token
		for i := 0; i < len(tok); i++ {
			if tok[i] != '=' {
				back = append(back, tok[i])
				continue
			}
			n, err := strconv.ParseUint(tok[i+1:i+3], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			back = append(back, byte(n))
			i += 2
		}
		if string(back) != name {
			t.Errorf("%q becomes %q, which is %q", name, tok, back)
		}
	})
}

func TestNamesOfStreams(t *testing.T) {
	seen := map[string]string{}
	for _, prefix := range []string{"wye", "a"} {
		for _, ns := range []string{"", "n", "a", "a-1", "a_1", "-", "nodes", "1"} {
			for bucket := range 12 {
				s := (&Options{Prefix: prefix}).stream(&hub.Namespace{Name: ns, History: hub.History{TTL: time.Minute}}, bucket)
				what := fmt.Sprint(prefix, "/", ns, "/", bucket)
				for _, name := range []string{s.name, s.prefix, s.live, s.epochs, s.claims} {
					if seen[name] != "" {
						t.Errorf("%s and %s share %s", what, seen[name], name)
					}
					seen[name] = what
				}
				if s.name == prefix+"-nodes" {
					t.Errorf("%s is called as the stream of nodes", what)
				}
			}
		}
	}
	ids := map[string]bool{}
	for _, x := range [][3]string{{"a", "bc", ""}, {"ab", "c", ""}, {"a", "b", "c"}, {"", "abc", ""}, {"1:a", "b", ""}, {"a", "1:b", ""}} {
		ids[messageID(x[0], x[1], x[2])] = true
	}
	if len(ids) != 6 {
		t.Errorf("6 keys have %d IDs", len(ids))
	}
}

func FuzzMessage(f *testing.F) {
	for _, m := range []*hub.Message{
		{},
		{Data: []byte("x"), Binary: true, Others: true, Key: "k", Kind: hub.Left},
		{From: &hub.Member{ID: "i", Principal: "p", Info: []byte("info"), Since: time.Unix(1, 2)}, Data: make([]byte, 300)},
	} {
		f.Add(appendMessage(nil, m, time.Unix(3, 4)))
	}
	f.Add([]byte{1, 0, flagFrom, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, p []byte) {
		m, err := parseMessage(p, "ch")
		if err != nil {
			return
		}
		again := appendMessage(nil, m, m.Time)
		m2, err := parseMessage(again, "ch")
		if err != nil {
			t.Fatalf("%x is read, and written again %x is not: %v", p, again, err)
		}
		if !same(m, m2) {
			t.Errorf("%+v becomes %+v", m, m2)
		}
		for i := range 11 { // the head is no message
			if _, err := parseMessage(p[:i], "ch"); err == nil {
				t.Errorf("%x is read", p[:i])
			}
		}
	})
}

func same(a, b *hub.Message) bool {
	if (a.From == nil) != (b.From == nil) {
		return false
	}
	if f, g := a.From, b.From; f != nil && (f.ID != g.ID || f.Principal != g.Principal || !bytes.Equal(f.Info, g.Info) || !f.Since.Equal(g.Since)) {
		return false
	}
	return a.Kind == b.Kind && a.Binary == b.Binary && a.Others == b.Others && a.Key == b.Key && a.Time.Equal(b.Time) && bytes.Equal(a.Data, b.Data) && a.Channel == b.Channel
}

func TestMessagesOfOthers(t *testing.T) {
	good := appendMessage(nil, &hub.Message{Key: "key", Data: []byte("data")}, time.Unix(0, 0))
	if m, err := parseMessage(good, "ch"); err != nil || m.Key != "key" || string(m.Data) != "data" {
		t.Fatalf("%+v, %v", m, err)
	}
	for what, change := range map[string]func(p []byte){
		"another version":   func(p []byte) { p[0] = 2 },
		"another kind":      func(p []byte) { p[1] = byte(hub.Left) + 1 },
		"another flag":      func(p []byte) { p[2] |= 16 },
		"a key of no bytes": func(p []byte) { p[11] = 0 },
		"a key too long":    func(p []byte) { p[11] = 200 },
		"no member":         func(p []byte) { p[2] |= flagFrom },
	} {
		p := bytes.Clone(good)
		change(p)
		if m, err := parseMessage(p, "ch"); !errors.Is(err, errEnvelope) {
			t.Errorf("%s: %+v, %v", what, m, err)
		}
	}
}

func TestEpochs(t *testing.T) {
	for _, after := range []uint64{0, 1, 1<<rangeBits - 1, 1 << rangeBits, 77<<rangeBits + 5, 1 << 50} {
		seen := map[uint64]bool{}
		for range 50 {
			e, err := newEpoch(after, "was")
			if err != nil {
				t.Fatal(err)
			}
			if e.Base <= after || e.Base%(1<<rangeBits) != 0 || e.Base+1<<rangeBits-1 >= 1<<53 || e.Replaces != "was" || len(e.ID) != 12 {
				t.Errorf("after %d comes %+v", after, e)
			}
			seen[e.Base] = true
		}
		if len(seen) < 25 {
			t.Errorf("50 epochs after %d begin at %d places", after, len(seen))
		}
	}
	if e, err := newEpoch(1<<53-1, ""); err == nil {
		t.Errorf("after the last sequence comes %+v", e)
	}
	e := epoch{ID: "x", Base: 3 << rangeBits}
	for seq, want := range map[uint64]bool{0: false, 1: false, e.Base - 1: false, e.Base: true, e.Base + 1<<rangeBits - 1: true, e.Base + 1<<rangeBits: false} {
		if e.has(seq) != want {
			t.Errorf("%d is in it: %v", seq, !want)
		}
	}
	if (epoch{}).has(0) || (epoch{}).has(5) {
		t.Error("no epoch has a sequence")
	}
}

// A tail is compared with all that was ever published, for every question.
func TestTailAgainstAModel(t *testing.T) {
	e := epoch{ID: "e", Base: 1 << rangeBits}
	now := time.Unix(1000, 0)
	history := hub.History{Size: 5, TTL: 10 * time.Second}
	type entry struct {
		seq uint64
		at  time.Time
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		// What there has been, and from where on the tail knows all of it.
		var all []entry
		seq, at := e.Base, now.Add(-time.Duration(r.IntN(20))*time.Second)
		for range r.IntN(9) {
			seq += 1 + uint64(r.IntN(3))
			at = at.Add(time.Duration(r.IntN(4)) * time.Second)
			if at.After(now) {
				break
			}
			all = append(all, entry{seq, at})
		}
		known := r.IntN(len(all) + 1)
		tl := tail{epoch: e, floor: e.Base, top: e.Base, whole: known == 0}
		if known > 0 {
			tl.floor = all[known-1].seq + uint64(r.IntN(2))
			if known < len(all) {
				tl.floor = min(tl.floor, all[known].seq-1)
			}
			tl.top = tl.floor
		}
		for _, m := range all[known:] {
			tl.add(stored{&hub.Message{Position: hub.Position{Epoch: "e", Offset: m.seq}}, m.at})
		}
		tl.trim(now, history)
		if tl.size != int64(len(tl.msgs))*400 {
			t.Fatalf("%d messages are counted as %d", len(tl.msgs), tl.size)
		}
		// What may be given out, and the newest that may not.
		visible, hidden := all, e.Base
		for len(visible) > 0 && (len(visible) > history.Size || now.Sub(visible[0].at) >= history.TTL) {
			hidden, visible = visible[0].seq, visible[1:]
		}
		q := hub.Query{Limit: r.IntN(8) - 1, Reverse: r.IntN(2) == 0}
		if r.IntN(4) > 0 {
			q.Since = &hub.Position{Epoch: "e"}
			if n := r.IntN(20); n > 0 {
				q.Since.Offset = e.Base + uint64(n)
			}
			if r.IntN(10) == 0 {
				q.Since.Epoch = "other"
			}
		}
		page, ok := tl.answer(q)
		var want []uint64
		for _, m := range visible {
			switch {
			case q.Since == nil, !q.Reverse && m.seq > q.Since.Offset, q.Reverse && m.seq < max(q.Since.Offset, e.Base):
				want = append(want, m.seq)
			}
		}
		if q.Since != nil && q.Since.Epoch != "e" {
			want = nil
		}
		complete := q.Since != nil && q.Since.Epoch == "e" && !q.Reverse && max(q.Since.Offset, e.Base) >= hidden && max(q.Since.Offset, e.Base) <= tl.top
		if q.Reverse {
			for i, j := 0, len(want)-1; i < j; i, j = i+1, j-1 {
				want[i], want[j] = want[j], want[i]
			}
		}
		if q.Limit >= 0 && len(want) > q.Limit {
			want, complete = want[:q.Limit], false
		}
		var got []uint64
		for _, m := range page.Messages {
			got = append(got, m.Offset)
		}
		say := fmt.Sprintf("of %v, known after %d, since %+v, %+v", all, tl.floor, q.Since, q)
		switch {
		case !ok && tl.whole:
			t.Fatalf("%s: a whole tail does not answer", say)
		case !ok:
		case fmt.Sprint(got) != fmt.Sprint(want):
			t.Fatalf("%s: got %v, want %v", say, got, want)
		case page.Complete && !complete:
			t.Fatalf("%s: complete, with %v", say, got)
		case !page.Complete && complete && tl.whole:
			t.Fatalf("%s: not complete, with %v", say, got)
		}
	}
}

func TestBudget(t *testing.T) {
	b := &budget{most: 10_000}
	feeds := make([]*feed, 10)
	for i := range feeds {
		feeds[i] = &feed{cached: true, known: true, tail: tail{whole: true}}
	}
	seq := uint64(0)
	for round := range 30 {
		for i, f := range feeds {
			f.mu.Lock()
			seq++
			size := 100
			if round == 29 && i == 9 {
				size = 20_000
			}
			f.tail.add(stored{&hub.Message{Position: hub.Position{Offset: seq}, Data: make([]byte, size)}, time.Now()})
			b.account(f)
			f.mu.Unlock()
			sum := int64(0)
			for _, g := range feeds {
				sum += g.tail.size
				if len(g.tail.msgs) == 0 && g.tail.whole && round > 3 {
					t.Fatal("a tail that was emptied says that it is whole")
				}
				if g.tail.floor > g.tail.top {
					t.Fatal("a tail's floor is above its top")
				}
			}
			if sum != b.used || sum > b.most {
				t.Fatalf("tails of %d bytes are counted as %d, want %d at most", sum, b.used, b.most)
			}
		}
	}
	if b.used == 0 && b.order.Len() == 0 {
		return // the last was larger than all together may be
	}
	for _, f := range feeds {
		f.mu.Lock()
		f.tail.drop()
		b.account(f)
		f.mu.Unlock()
	}
	if b.used != 0 || b.order.Len() != 0 {
		t.Errorf("%d bytes in %d tails are left", b.used, b.order.Len())
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		err       error
		temporary bool
		want      string
	}{
		{natsgo.ErrReconnectBufExceeded, true, "no connection to NATS"},
		{natsgo.ErrConnectionReconnecting, true, "no connection to NATS"},
		{natsgo.ErrNoResponders, true, "no leader"},
		{natsgo.ErrTimeout, true, "in time"},
		{context.DeadlineExceeded, true, "in time"},
		{natsgo.ErrConnectionClosed, false, "closed"},
		{context.Canceled, false, "canceled"},
		{&jetstream.APIError{Code: 503, ErrorCode: codeUnavailable, Description: "unavailable"}, true, "unavailable"},
		{&jetstream.APIError{Code: 500, ErrorCode: codeInsufficient, Description: "insufficient"}, true, "no room"},
		{&jetstream.APIError{Code: 503, ErrorCode: codeStoreFailed, Description: "maximum bytes exceeded"}, true, "Options.StreamBytes"},
		{&jetstream.APIError{Code: 404, ErrorCode: jetstream.JSErrCodeStreamNotFound}, true, "gone"},
		{&jetstream.APIError{Code: 503, ErrorCode: jetstream.JSErrCodeJetStreamNotEnabled}, false, "-js"},
		{&jetstream.APIError{Code: 400, ErrorCode: 1, Description: "bad"}, false, "refuses: bad (1)"},
		{errors.New("else"), false, "hub/nats: else"},
		{errEnvelope, false, "hub/nats: this is no message"},
	} {
		got := explain(tt.err)
		if errors.Is(got, hub.ErrUnavailable) != tt.temporary || !strings.Contains(got.Error(), tt.want) || strings.Contains(got.Error(), "buffer") {
			t.Errorf("%v becomes %v", tt.err, got)
		}
		if again := explain(got); errors.Is(again, hub.ErrUnavailable) != tt.temporary {
			t.Errorf("%v becomes %v", got, again)
		}
	}
	if explain(nil) != nil {
		t.Error("no error becomes one")
	}
}

func TestOptions(t *testing.T) {
	for want, o := range map[string]Options{
		"prefix":             {Prefix: "a-b"},
		"1 to 16":            {Prefix: strings.Repeat("a", 17)},
		"2 replicas":         {Replicas: 2},
		"257 buckets":        {Buckets: 257},
		"-1 buckets":         {Buckets: -1},
		"negative":           {StreamBytes: -1},
		"a negative":         {Wait: -1},
		"one of Credentials": {Token: "t", User: "u"},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := e.opt
	if o.Prefix != "wye" || o.Replicas != 1 || o.Buckets != 16 || o.TailBytes != 64<<20 || o.Wait != 30*time.Second || o.Timeout != 3*time.Second || len(o.Servers) != 1 {
		t.Errorf("the default is %+v", o)
	}
	o.Servers = []string{"nats://user:secret@a:1", "secret@b", "tls://c"}
	if got := o.where(); got != "nats://a:1, b, tls://c" {
		t.Errorf("servers are told as %q", got)
	}
}

// Only the answers that matter are looked at, and they may have more in them.
func TestAnswersOfJetStream(t *testing.T) {
	var ack pubAck
	if err := json.Unmarshal([]byte(`{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 1"},"stream":"s","seq":0}`), &ack); err != nil || codeOf(ack.Error) != codeWrongLast {
		t.Errorf("%+v, %v", ack, err)
	}
	for _, h := range []natsgo.Header{
		{},
		{"Nats-Sequence": {"1"}},
		{"Nats-Sequence": {"x"}, "Nats-Time-Stamp": {"2026-11-21T00:00:00Z"}},
		{"Nats-Sequence": {"1"}, "Nats-Time-Stamp": {"yesterday"}},
	} {
		if r, err := recordOf(&natsgo.Msg{Header: h}); err == nil {
			t.Errorf("%v is %+v", h, r)
		}
	}
	for _, p := range []string{"", "a", "a\x00", "\x00s"} {
		if _, _, _, ok := cutHead([]byte(p)); ok {
			t.Errorf("%q is a question", p)
		}
	}
	if id, about, rest, ok := cutHead([]byte("id\x00qrest\x00")); !ok || id != "id" || about != 'q' || string(rest) != "rest\x00" {
		t.Errorf("%q %c %q %v", id, about, rest, ok)
	}
}

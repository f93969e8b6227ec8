package wire

import (
	"runtime"
	"testing"
)

// What a connection keeps after 64 KiB were sent each way: its windows and 4 KiB
// at the most, and without takeover next to nothing. With a server's window of
// 4 KiB and a client's of 32 KiB that is less than 40 KiB in all.
func TestKeptPerConnection(t *testing.T) {
	const connections = 100
	p := feedOf(64<<10, 1)
	for _, c := range []struct {
		name    string
		deflate *Deflate
		offer   string
		most    int
	}{
		{"default", &Deflate{}, "pmd; c_bits", 4<<10 + 32<<10 + 4<<10},
		{"the smallest windows", &Deflate{}, "pmd; s_bits=8; c_bits=8", 256 + 256 + 4<<10},
		{"the largest windows", &Deflate{ServerMaxWindowBits: 15}, "pmd", 32<<10 + 32<<10 + 4<<10},
		{"the server's takeover", &Deflate{}, "pmd; c_reset", 4<<10 + 1<<10},
		{"the client's takeover", &Deflate{}, "pmd; s_reset", 32<<10 + 1<<10},
		{"no takeover", &Deflate{}, "pmd; s_reset; c_reset", 1 << 10},
	} {
		c.deflate.Budget = NewBudget(connections * 100 << 10)
		a := agreeOn(t, c.deflate, c.offer)
		client := NewSender(&Options{Client: true})
		client.Agree(a)
		input, _ := client.AppendMessage(nil, OpText, p)
		type connection struct {
			in  Receiver
			out Sender
		}
		all := make([]connection, connections)
		scratch, sent := make([]byte, 128<<10), []byte(nil)
		before := held()
		for i := range all {
			x := &all[i]
			x.in, x.out = NewReceiver(nil), NewSender(nil)
			x.in.Agree(a)
			x.out.Agree(a)
			feed(&x.in, scratch, string(input))
			ev := wantKind(t, &x.in, Message)
			sent, _ = x.out.AppendMessage(sent[:0], ev.Op, ev.Data)
			if len(ev.Data) != len(p) || len(sent) > len(p)/2 {
				t.Fatalf("%d bytes came, %d were sent", len(ev.Data), len(sent))
			}
			wantKind(t, &x.in, None)
		}
		each := int(held()-before) / connections
		t.Logf("%s: %d bytes a connection", c.name, each)
		if each > c.most {
			t.Errorf("%s: %d bytes a connection, want %d at the most", c.name, each, c.most)
		}
		runtime.KeepAlive(all)
		runtime.KeepAlive(client.deflation)
		runtime.KeepAlive(input)
		runtime.KeepAlive(scratch)
		runtime.KeepAlive(sent)
	}
}

// held is what is on the heap, without what is in pools.
func held() int64 {
	for range 3 { // a pool keeps what it has for two collections
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The agreement itself costs little, and nothing if there is none.
func TestWeightOfAnAgreement(t *testing.T) {
	opt := &Options{}
	for _, c := range []struct {
		a    Agreed
		most float64
	}{{Agreed{}, 0}, {agreed(true), 2}} {
		if n := testing.AllocsPerRun(10, func() {
			in, out := NewReceiver(opt), NewSender(opt)
			in.Agree(c.a)
			out.Agree(c.a)
		}); n > c.most {
			t.Errorf("%v allocations", n)
		}
	}
}

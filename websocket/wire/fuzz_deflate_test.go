package wire

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzCompressedSplit: the same events however compressed messages are split,
// whole or in chunks, with any window.
func FuzzCompressedSplit(f *testing.F) {
	payloads := zip("Hello", "Hello", string(feedOf(3000, 1)), "κόσμε")
	for _, masked := range []bool{false, true} {
		f.Add([]byte(byHand(ztxt, masked, payloads[0])+byHand(ping, masked, "p")+byHand(ztxt, masked, payloads[1])), []byte{3, 1, 40}, uint8(7))
		f.Add([]byte(byHand(ztxtPart, masked, payloads[0][:2])+byHand(pong, masked, "")+byHand(last, masked, payloads[0][2:])), []byte{1}, uint8(0))
		f.Add([]byte(byHand(zbin, masked, payloads[2])+byHand(txt, masked, "plain")), []byte{250, 7}, uint8(3))
		f.Add([]byte(byHand(ztxt, masked, zip("a\xff")[0])), []byte{2}, uint8(15))
		f.Add([]byte(byHand(ztxt, masked, zip(strings.Repeat("x", 2001))[0])), []byte{2}, uint8(15))
		f.Add([]byte(byHand(ping|0x40, masked, "p")), []byte{9}, uint8(1))
		f.Add([]byte(byHand(zbinPart, masked, "\x00")+byHand(last, masked, "\x00\x00\xff\xff\x01")+byHand(cls, masked, "")), []byte{9}, uint8(1))
	}
	f.Fuzz(func(t *testing.T, input, cuts []byte, agree uint8) {
		a := agreed(agree&8 != 0)
		a.ServerBits, a.ClientBits = int(8+agree&7), int(15-agree&7)
		for _, opt := range []*Options{{MaxMessage: 2000, MaxFragments: 4}, {Client: true}} {
			want := hearAgreed(opt, a, string(input), whole)
			if got := hearAgreed(opt, a, string(input), way{split: splitBy(cuts)}); got != want {
				t.Fatalf("client %v\nsplit: %.300s\nwhole: %.300s", opt.Client, got, want)
			}
			if got := hearAgreed(opt, a, string(input), way{split: splitBy(cuts), stream: true}); got != want {
				t.Fatalf("client %v\nchunks: %.300s\nwhole:  %.300s", opt.Client, got, want)
			}
		}
	})
}

// FuzzCompressedRoundTrip: what a Sender says with any agreement, the peer's
// Receiver hears, however it is split.
func FuzzCompressedRoundTrip(f *testing.F) {
	f.Add([]byte{0, 5, 1, 200, 2, 3, 3, 9, 4, 0, 2, 1, 5, 7, 6, 0}, []byte("payload of anything"), []byte{7, 3}, uint8(0))
	f.Add([]byte{2, 255, 2, 255, 4, 1, 3, 255, 0, 130, 1, 126, 0, 125}, []byte("κόσμε"), []byte{250, 250}, uint8(15))
	f.Add([]byte{1, 255, 1, 255, 3, 0, 0, 64}, bytes.Repeat([]byte("large "), 40), []byte{255, 255, 255}, uint8(0x2a))
	f.Add([]byte{0, 90, 0, 90, 6, 90, 1, 90}, []byte(random(900)), []byte{255, 255, 255}, uint8(0x19))
	f.Fuzz(func(t *testing.T, script, material, cuts []byte, agree uint8) {
		a := agreed(agree&8 != 0)
		a.ServerBits, a.ClientBits = int(8+agree&7), int(15-agree&7)
		a.threshold, a.level = int(agree>>4&3)*100, int(1+agree>>6)
		for _, opt := range []*Options{aClient(), {}} {
			out := NewSender(opt)
			out.Agree(a)
			sent, want := perform(t, &out, script, material)
			peer := &Options{Client: !opt.Client, MaxMessage: 1 << 30}
			for _, stream := range []bool{false, true} {
				if got := hearAgreed(peer, a, string(sent), way{split: splitBy(cuts), stream: stream}); got != want {
					t.Fatalf("client %v, stream %v\nheard %.300s\n said %.300s", opt.Client, stream, got, want)
				}
			}
		}
	})
}

// FuzzCompressedLimits: whatever comes, in whatever order of calls, no message is
// longer than the limit, no more is asked for, and what is held is bounded.
func FuzzCompressedLimits(f *testing.F) {
	bomb := zip(strings.Repeat("x", 300_000))[0]
	for _, masked := range []bool{false, true} {
		f.Add([]byte(byHand(zbin, masked, bomb)+byHand(ping, masked, "p")), []byte{255, 255, 16, 3})
		f.Add([]byte(byHand(zbinPart, masked, bomb[:100])+byHand(last, masked, bomb[100:])), []byte{255, 200, 6, 9, 17})
		f.Add([]byte(strings.Repeat(byHand(ztxt, masked, zip("Hello, hello")[0]), 9)), []byte{40, 20, 6, 4})
		f.Add([]byte(byHand(zbin, masked, zip(string(feedOf(9000, 1)))[0])+byHand(ztxt, masked, "\x00")), []byte{255, 4, 16, 20})
		f.Add([]byte(byHand(zbinPart, masked, "")+byHand(more, masked, "")+byHand(last, masked, "\x06")), []byte{3})
	}
	f.Fuzz(func(t *testing.T, input, calls []byte) {
		for _, client := range []bool{false, true} {
			l := limited{t: t, size: 1 << 30} // chunks may be more than bytes
			l.opt = Options{Client: client, MaxMessage: 10_000, MaxFragments: 5, Alloc: func(size int) []byte {
				if size > l.opt.maxWire(true) {
					t.Fatalf("%d bytes asked for", size)
				}
				return make([]byte, size)
			}}
			l.in, l.out = NewReceiver(&l.opt), NewSender(&l.opt)
			a := agreed(len(calls)%2 == 0)
			a.ServerBits, a.ClientBits = 10, 9
			l.in.Agree(a)
			l.live(input, calls)
			if z := l.in.inflation; z != nil && (len(z.window) > 1024 || len(z.window) > 0 && !z.takeover) {
				t.Fatalf("a window of %d bytes", len(z.window))
			}
		}
	})
}

package wire

import (
	"bytes"
	"compress/flate"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// agreed is the largest windows, taken over or not.
func agreed(takeover bool) Agreed {
	return Agreed{InUse: true, ServerBits: 15, ClientBits: 15, ServerNoTakeover: !takeover, ClientNoTakeover: !takeover, level: 1}
}

// zip compresses each of texts as the standard library does, one after the other
// with one window: what a peer sends that takes over.
func zip(texts ...string) (payloads []string) {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, 6)
	for _, s := range texts {
		w.Write([]byte(s))
		w.Flush()
		payloads = append(payloads, strings.TrimSuffix(out.String(), syncTail))
		out.Reset()
	}
	return payloads
}

// Compressed frames as they begin.
const (
	ztxt, ztxtPart = txt | 0x40, txtPart | 0x40
	zbin, zbinPart = bin | 0x40, binPart | 0x40
)

// TestRFC7692 says, in the order of the RFC, what a Receiver makes of compressed
// messages. Each case is spoken to a server and to a client, in every way.
func TestRFC7692(t *testing.T) {
	const hello = "\xf2\x48\xcd\xc9\xc9\x07\x00" // §7.2.3.1
	const again = "\xf2\x00\x11\x00\x00"         // §7.2.3.2
	long := strings.Repeat("0123456789abcdef", 20_000/16)
	zlong := zip(long)[0]
	for _, c := range []struct {
		name     string
		takeover bool
		frames   []f
		want     string
	}{
		{"6 a compressed text", true, []f{{ztxt, hello}}, `text "Hello".`},
		{"6 a compressed binary message", true, []f{{zbin, hello}}, `binary "Hello".`},
		{"6 uncompressed though it was agreed", true, []f{{txt, "Hello"}}, `text "Hello".`},
		{"6 each message for itself", true, []f{{ztxt, hello}, {txt, "plain"}, {zbin, hello}}, `text "Hello". text "plain". binary "Hello".`},
		{"6.1 the bit on a continuation of a compressed message", true, []f{{ztxtPart, hello[:3]}, {last | 0x40, hello[3:]}}, fails1002 + "§6.1."},
		{"6.1 the bit on a continuation of a plain message", true, []f{{txtPart, "a"}, {last | 0x40, hello}}, fails1002 + "§6.1."},
		{"6.1 the bit on a continuation of nothing", true, []f{{last | 0x40, hello}}, fails1002 + "§6.1."},
		{"6.1 the bit on a ping", true, []f{{ping | 0x40, "x"}}, fails1002 + "§6.1."},
		{"6.1 the bit on a pong", true, []f{{pong | 0x40, "x"}}, fails1002 + "§6.1."},
		{"6.1 the bit on a Close", true, []f{{cls | 0x40, "\x03\xe8"}}, fails1002 + "§6.1."},
		{"6.1 the bit on a ping between fragments", true, []f{{ztxtPart, hello[:3]}, {ping | 0x40, "x"}, {last, hello[3:]}}, fails1002 + "§6.1."},
		{"5.2 RSV2 beside the bit", true, []f{{ztxt | 0x20, hello}}, fails1002 + "§5.2."},
		{"5.2 RSV3 beside the bit", true, []f{{ztxt | 0x10, hello}}, fails1002 + "§5.2."},
		{"5.2 RSV2 alone", true, []f{{txt | 0x20, "Hello"}}, fails1002 + "§5.2."},
		{"5.2 RSV3 on a continuation", true, []f{{ztxtPart, hello[:3]}, {last | 0x10, hello[3:]}}, fails1002 + "§5.2."},
		{"5.2 the bit on a reserved opcode", true, []f{{0x83 | 0x40, hello}}, fails1002 + "§5.2."},
		{"5.4 a compressed message inside a fragmented one", true, []f{{txtPart, "a"}, {ztxt, hello}}, fails1002 + "§5.4."},
		{"5.4 a message inside a compressed one", true, []f{{ztxtPart, hello[:3]}, {txt, "a"}}, fails1002 + "§5.4."},
		{"6.1 a control frame between compressed fragments", true, []f{{ztxtPart, hello[:2]}, {ping, "p"}, {last, hello[2:]}}, `ping "p". text "Hello".`},
		{"6.1 compressed bytes are no UTF-8", true, []f{{ztxtPart, hello[:1]}, {more, hello[1:2]}, {last, hello[2:]}}, `text "Hello".`},
		{"6.1 the inflated text is no UTF-8", true, []f{{ztxt, zip("a\xffb")[0]}}, fails1007 + "§8.1."},
		{"6.1 the inflated text ends inside a code point", true, []f{{ztxt, zip("a\xce")[0]}}, fails1007 + "§8.1."},
		{"6.1 the inflated text has a surrogate", true, []f{{ztxt, zip(long[:9000] + "\xed\xa0\x80")[0]}}, fails1007 + "§8.1."},
		{"6.1 inflated binary is any bytes", true, []f{{zbin, zip("a\xffb")[0]}}, `binary "a\xffb".`},
		{"6.1 each text begins anew", true, []f{{ztxt, zip("κ")[0]}, {txt, "κ"}, {ztxt, zip("κ")[0]}}, `text "κ". text "κ". text "κ".`},

		{"7.2.2 a block of the reserved type", true, []f{{zbin, "\x06\x00"}}, fails1007 + "§7.2.2."},
		{"7.2.2 a stored block whose length does not match", true, []f{{zbin, "\x00\x05\x00\x00\x00hello\x00"}}, fails1007 + "§7.2.2."},
		{"7.2.2 cut off", true, []f{{zbin, hello[:4]}}, fails1007 + "§7.2.2."},
		{"7.2.2 no byte at all", true, []f{{zbin, ""}}, fails1007 + "§7.2.2."},
		{"7.2.2 a match before the first byte", true, []f{{zbin, again}}, fails1007 + "§7.2.1."},
		{"7.2.2 no message after it", true, []f{{zbin, "\x06\x00"}, {txt, "x"}, {cls, ""}}, fails1007 + "§7.2.2."},
		{"7.2.2 taken over", true, []f{{ztxt, hello}, {ztxt, again}, {zbin, again}}, `text "Hello". text "Hello". binary "Hello".`},
		{"7.2.2 as far back as the first message", true, []f{{ztxt, hello}, {ztxt, again}, {zbin, farMatch("", 10)}}, `text "Hello". text "Hello". binary "HelloHello".`},
		{"7.2.2 further back than the first message", true, []f{{ztxt, hello}, {ztxt, again}, {zbin, farMatch("", 11)}}, `text "Hello". text "Hello". ` + fails1007 + "§7.2.1."},
		{"7.2.2 a plain message is not taken over", true, []f{{ztxt, hello}, {txt, "World"}, {ztxt, again}}, `text "Hello". text "World". text "Hello".`},
		{"7.2.2 an empty message changes nothing", true, []f{{ztxt, hello}, {ztxt, "\x00"}, {ztxt, again}}, `text "Hello". text "". text "Hello".`},
		{"7.2.2 a control frame changes nothing", true, []f{{ztxt, hello}, {ping, "World"}, {ztxt, again}}, `text "Hello". ping "World". text "Hello".`},
		{"7.2.2 not taken over", false, []f{{ztxt, hello}, {ztxt, hello}}, `text "Hello". text "Hello".`},
		{"7.2.2 taken over though agreed not to be", false, []f{{ztxt, hello}, {ztxt, again}}, `text "Hello". ` + fails1007 + "§7.2.1."},

		{"7.2.3.1 one block", true, []f{{ztxt, hello}}, `text "Hello".`},
		{"7.2.3.1 one block in two fragments", true, []f{{ztxtPart, hello[:3]}, {last, hello[3:]}}, `text "Hello".`},
		{"7.2.3.2 sharing the window", true, []f{{ztxt, hello}, {ztxt, again}}, `text "Hello". text "Hello".`},
		{"7.2.3.3 a stored block", true, []f{{ztxt, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"}}, `text "Hello".`},
		{"7.2.3.4 a final block", true, []f{{ztxt, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"}}, `text "Hello".`},
		{"7.2.3.4 a final block and nothing after it", true, []f{{ztxt, "\xf3\x48\xcd\xc9\xc9\x07\x00"}}, `text "Hello".`},
		{"7.2.3.4 a final block is taken over", true, []f{{ztxt, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"}, {ztxt, again}}, `text "Hello". text "Hello".`},
		{"7.2.3.5 two blocks", true, []f{{ztxt, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"}}, `text "Hello".`},
		{"7.2.3.5 two blocks in two fragments", true, []f{{ztxtPart, "\xf2\x48\x05\x00\x00\x00\xff\xff"}, {last, "\xca\xc9\xc9\x07\x00"}}, `text "Hello".`},
		{"7.2.3.6 an empty message", true, []f{{ztxt, "\x00"}, {zbin, "\x00"}}, `text "". binary "".`},
		{"7.2.3.6 an empty last fragment", true, []f{{ztxtPart, "\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff"}, {last, "\x00"}}, `text "Hello".`},
		{"7.2.3.6 an empty first frame", true, []f{{ztxtPart, ""}, {last, hello}}, `text "Hello".`},
		{"7.2.3.6 a last frame of no bytes", true, []f{{ztxtPart, hello}, {last, ""}}, `text "Hello".`},

		{"10.4 the limit counts what was inflated", true, []f{{zbin, zlong}}, said("binary", long)},
		{"10.4 a byte over the limit, inflated", true, []f{{zbin, zip(long + "x")[0]}}, fails1009 + "§10.4."},
		{"10.4 a bomb", true, []f{{zbin, zip(strings.Repeat("\x00", 5<<20))[0]}}, fails1009 + "§10.4."},
		{"10.4 a bomb of text", true, []f{{ztxtPart, ""}, {last, zip(strings.Repeat("x", 5<<20))[0]}}, fails1009 + "§10.4."},
		{"10.4 frames over the limit before they are inflated", true, []f{{zbinPart, strings.Repeat("\x00\x00\x00\xff\xff", 4000)}, {last, strings.Repeat("\x00\x00\x00\xff\xff", 1000)}}, fails1009 + "§10.4."},
		{"10.4 frames a little over the limit before they are inflated", true, []f{{zbinPart, strings.Repeat("\x00\x00\x00\xff\xff", 4000)}, {last, hello}}, `binary "Hello".`},
		{"10.4 one frame a little over the limit before it is inflated", true, []f{{zbin, farMatch(long, 0)}}, said("binary", long)},
		{"10.4 a plain message has the limit itself", true, []f{{bin, long + "x"}}, fails1009 + "§10.4."},
		{"10.4 a plain message has the limit itself, after a compressed one", true, []f{{zbinPart, hello[:3]}, {last, hello[3:]}, {bin, long + "x"}}, `binary "Hello". ` + fails1009 + "§10.4."},
		{"10.4 too many fragments", true, []f{{zbinPart, ""}, {more, ""}, {more, ""}, {more, ""}, {last, hello}}, fails1009 + "§10.4."},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, client := range []bool{false, true} {
				opt := &Options{Client: client, MaxMessage: 20_000, MaxFragments: 4}
				var input string
				for _, x := range c.frames {
					input += byHand(x.b0, !client, x.payload)
				}
				everyWayAgreed(t, opt, agreed(c.takeover), input, c.want)
			}
		})
	}
}

// Without an agreement the bit is reserved, whatever the message.
func TestNotAgreed(t *testing.T) {
	for _, client := range []bool{false, true} {
		everyWayAgreed(t, &Options{Client: client}, Agreed{}, byHand(ztxt, !client, "\xf2\x48\xcd\xc9\xc9\x07\x00"), fails1002+"§5.2.")
	}
}

// Each direction has a window and a takeover of its own.
func TestDirections(t *testing.T) {
	const hello, again = "\xf2\x48\xcd\xc9\xc9\x07\x00", "\xf2\x00\x11\x00\x00"
	for _, client := range []bool{false, true} {
		for _, reset := range []bool{false, true} {
			a := Agreed{InUse: true, ServerNoTakeover: reset, ClientNoTakeover: !reset}
			want := `text "Hello". text "Hello".`
			if reset == client { // what this end receives does not take over
				want = `text "Hello". ` + fails1007 + "§7.2.1."
			}
			everyWayAgreed(t, &Options{Client: client}, a, byHand(ztxt, !client, hello)+byHand(ztxt, !client, again), want)
		}
	}
}

// The window is as large as was agreed, to the byte: in one message, and from
// one to the next.
func TestReceivedWindows(t *testing.T) {
	for bits := 8; bits <= 15; bits++ {
		size := 1 << bits
		for _, far := range []int{size, size + 1} {
			if far > 32<<10 {
				continue
			}
			unique := random(far)
			whole := farMatch(unique, far)
			first, second := farMatch(unique, 0), farMatch("", far)
			for _, client := range []bool{false, true} {
				a := agreed(true)
				a.ServerBits, a.ClientBits = bits, bits
				opt := &Options{Client: client}
				in := func(payload string) string { return byHand(zbin, !client, payload) }
				want1 := said("binary", unique+unique[:10])
				want2 := said("binary", unique) + " " + said("binary", unique[:10])
				if far > size {
					want1, want2 = fails1007+"§7.2.1.", said("binary", unique)+" "+fails1007+"§7.2.1."
				}
				everyWayAgreed(t, opt, a, in(whole), want1)
				everyWayAgreed(t, opt, a, in(first)+in(second), want2)
			}
		}
	}
}

// farMatch is text in a stored block or two, and then, if back is not 0, ten
// bytes from so far back, in a fixed block.
func farMatch(text string, back int) string {
	var b []byte
	for len(text) > 0 {
		n := min(len(text), 20_000)
		b = append(b, 0, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
		b = append(b, text[:n]...)
		text = text[n:]
	}
	if back == 0 {
		return string(append(b, 0))
	}
	var acc uint64
	n := 0
	put := func(v uint64, bits int) { acc |= v << n; n += bits }
	code := func(v uint64, bits int) { // its highest bit first
		for i := bits - 1; i >= 0; i-- {
			put(v>>i&1, 1)
		}
	}
	put(0b010, 3)
	code(264-256, 7) // a length of 10
	sym, extra, base := 0, 0, 1
	for sym = 29; ; sym-- {
		if extra = max(sym/2-1, 0); sym < 4 {
			base = sym + 1
		} else {
			base = (2+sym%2)<<extra + 1
		}
		if base <= back {
			break
		}
	}
	code(uint64(sym), 5)
	put(uint64(back-base), extra)
	code(0, 7) // end of block
	put(0, 3)  // the empty block's header
	for ; n > 0; n -= 8 {
		b = append(b, byte(acc))
		acc >>= 8
	}
	return string(b)
}

// random is n bytes that repeat nothing.
func random(n int) string {
	b := make([]byte, n)
	x := uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x >> 11)
	}
	return string(b)
}

// A bomb is inflated as far as the limit and no further, in memory that the
// limit bounds; a bad byte of text ends it when it comes out.
func TestBombIsBounded(t *testing.T) {
	bomb := zip(strings.Repeat("x", 16<<20))[0]
	for _, limit := range []int{1, 1000, 100_000, 1 << 20} {
		for _, stream := range []bool{false, true} {
			total, came := 0, 0
			opt := &Options{MaxMessage: limit, Alloc: func(size int) []byte {
				if size > limit+limit/8+1024 {
					t.Fatalf("%d bytes asked for, limit %d", size, limit)
				}
				total += size
				return make([]byte, size)
			}}
			in := NewReceiver(opt)
			in.Agree(agreed(true))
			in.Stream = stream
			scratch := make([]byte, 256<<10)
			payload := bomb[:min(len(bomb), limit)]
			rest := byHand(zbin, true, payload)
			var ev Event
			for ; len(rest) > 0 && ev.Kind != Failed; rest = feed(&in, scratch, rest) {
				for ev = in.Next(); ev.Kind == Chunk; ev = in.Next() {
					came += len(ev.Data)
				}
			}
			for ev.Kind != Failed {
				if ev = in.Next(); ev.Kind == Chunk {
					came += len(ev.Data)
				} else if ev.Kind != Failed {
					t.Fatalf("limit %d: %v", limit, ev.Kind)
				}
			}
			// A payload that is cut off may be damaged before it is too long.
			if ev.Code != StatusMessageTooBig && len(payload) > 100 {
				t.Errorf("limit %d, stream %v: %v", limit, stream, ev.Why)
			}
			if came > limit || total > 8*limit+64<<10 {
				t.Errorf("limit %d, stream %v: %d bytes came, %d were asked for", limit, stream, came, total)
			}
			if in.inflation != nil || in.msg != nil {
				t.Error("something is held after the end")
			}
		}
	}
}

// A message that is long when it is inflated comes by turns, each of which does
// as much as was allowed and a chunk; what came behind it waits, and so does what
// is received meanwhile.
func TestAllowed(t *testing.T) {
	long := strings.Repeat("long ", 100_000)
	texts := []string{"short", long, "short again", long + long, "end", "more"}
	zipped := zip(texts...)
	half := len(zipped[3]) / 2
	input := byHand(ztxt, true, zipped[0]) + byHand(ztxt, true, zipped[1]) + byHand(ztxt, true, zipped[2]) +
		byHand(ztxtPart, true, zipped[3][:half]) + byHand(0x80, true, zipped[3][half:]) + byHand(ztxt, true, zipped[4])
	for _, allowed := range []int{1, 1000, 64 << 10, 200 << 10, 1 << 30} {
		in := NewReceiver(&Options{MaxMessage: 1 << 20})
		in.Agree(agreed(true))
		scratch := make([]byte, 64<<10)
		in.Allow(allowed)
		if rest := feed(&in, scratch, input); rest != "" {
			t.Fatal("the scratch is too short")
		}
		more := byHand(ztxt, true, zipped[5])
		var got []string
		turns, inflated := 1, 0
		for {
			ev := in.Next()
			switch {
			case ev.Kind == Message:
				got = append(got, string(ev.Data))
				inflated += len(ev.Data)
				continue
			case ev.Kind != None:
				t.Fatal(ev.Kind, ev.Why)
			case in.Undone():
				if in.Next().Kind != None || !in.Undone() || in.buf != nil {
					t.Fatal("it goes on, or holds the scratch")
				}
				overwrite(scratch)
				in.Allow(allowed)
				turns++
				if more != "" && len(got) == 3 {
					more = feed(&in, make([]byte, 64<<10), more)
				}
				continue
			}
			break
		}
		if more != "" {
			feed(&in, scratch, more)
			in.Allow(allowed)
			got = append(got, string(wantKind(t, &in, Message).Data))
		}
		if !slices.Equal(got, texts) {
			t.Errorf("allowed %d: %d messages", allowed, len(got))
		}
		if least := inflated / (allowed + 64<<10); turns < least || turns > 3*least+8 {
			t.Errorf("allowed %d: %d bytes in %d turns", allowed, inflated, turns)
		}
		if in.Held() != 0 || in.Undone() {
			t.Errorf("%d bytes are held", in.Held())
		}
	}
}

// What is wrong with a message is found in whichever turn.
func TestAllowedFails(t *testing.T) {
	for name, bad := range map[string]string{
		"too long": zip(strings.Repeat("x", 2<<20))[0],
		"not text": zip(strings.Repeat("x", 500_000) + "\xff")[0],
		"damaged":  zip(strings.Repeat("x", 500_000))[0] + "\xff\xff",
	} {
		in := NewReceiver(&Options{MaxMessage: 1 << 20})
		in.Agree(agreed(true))
		feed(&in, make([]byte, 64<<10), byHand(ztxt, true, bad)+byHand(txt, true, "never"))
		in.Allow(1)
		turns, ev := 0, in.Next()
		for ; ev.Kind == None && in.Undone(); turns++ {
			in.Allow(1)
			ev = in.Next()
		}
		if ev.Kind != Failed || turns < 4 || in.Undone() || in.Held() != 0 {
			t.Errorf("%s: %v after %d turns, %d bytes held", name, ev.Kind, turns, in.Held())
		}
	}
}

// What was inflated in place lies in memory of the Receiver's, which goes back
// when the next call or Release says so, and what is longer than a chunk is the
// caller's.
func TestInflatedOwnership(t *testing.T) {
	in := NewReceiver(&Options{MaxMessage: 1 << 20})
	in.Agree(agreed(false))
	scratch := make([]byte, 64<<10)
	short, long := strings.Repeat("short ", 100), strings.Repeat("long ", 40_000)
	feed(&in, scratch, byHand(ztxt, true, zip(short)[0])+byHand(zbin, true, zip(long)[0])+byHand(ztxt, true, zip(short)[0]))
	ev := wantKind(t, &in, Message)
	if ev.Owned || string(ev.Data) != short || in.inflation.codec == nil {
		t.Errorf("owned %v, %d bytes", ev.Owned, len(ev.Data))
	}
	overwrite(scratch[:len(byHand(ztxt, true, zip(short)[0]))]) // it is not there
	if string(ev.Data) != short || cap(ev.Data) != len(ev.Data) {
		t.Error("it lies in the scratch, or may be grown")
	}
	kept := wantKind(t, &in, Message)
	if !kept.Owned || string(kept.Data) != long || in.inflation.codec != nil {
		t.Errorf("owned %v, %d bytes", kept.Owned, len(kept.Data))
	}
	if ev = wantKind(t, &in, Message); string(ev.Data) != short {
		t.Errorf("%d bytes", len(ev.Data))
	}
	in.Release()
	in.Release()
	if in.inflation.codec != nil {
		t.Error("held after Release")
	}
	wantKind(t, &in, None)
	feed(&in, scratch, byHand(ztxt, true, zip(short)[0]))
	wantKind(t, &in, Message)
	if in.Space(scratch); in.inflation.codec != nil {
		t.Error("held after Space")
	}
	if string(kept.Data) != long {
		t.Error("what was the caller's has changed")
	}
}

// Chunks of a compressed message may be written to, and the calls between them
// may be any.
func TestInflatedChunks(t *testing.T) {
	text := random(50_000)
	text += text + "κόσμε" + text + text
	frame := byHand(zbin, true, zip(text)[0])
	for name, between := range map[string]func(in *Receiver, scratch []byte){
		"nothing":         func(*Receiver, []byte) {},
		"Release":         func(in *Receiver, _ []byte) { in.Release() },
		"an empty Space":  func(in *Receiver, scratch []byte) { in.Space(scratch); in.Received(0) },
		"Space alone":     func(in *Receiver, scratch []byte) { in.Space(scratch) },
		"the next frames": func(in *Receiver, scratch []byte) { feed(in, scratch, byHand(ping, true, "ping")) },
		"no more Stream":  func(in *Receiver, _ []byte) { in.Stream = false },
	} {
		in := NewReceiver(nil)
		in.Agree(agreed(true))
		in.Stream = true
		scratch := make([]byte, 256<<10)
		feed(&in, scratch, frame+byHand(ping, true, "first")+byHand(zbin, true, zip(text[:2000])[0]))
		var got []byte
		chunks := 0
		for done := false; !done; chunks++ {
			ev := wantKind(t, &in, Chunk)
			got, done = append(got, ev.Data...), ev.Final
			overwrite(ev.Data)
			if !done {
				between(&in, scratch)
			}
		}
		if string(got) != text || chunks < 4 {
			t.Errorf("%s: %d bytes in %d chunks", name, len(got), chunks)
		}
		if ev := wantKind(t, &in, Ping); string(ev.Data) != "first" {
			t.Errorf("%s: ping %q", name, ev.Data)
		}
		if ev := in.Next(); string(ev.Data) != text[:2000] {
			t.Errorf("%s: then %v of %d bytes", name, ev.Kind, len(ev.Data))
		}
	}
}

// Agree counts once, whatever it is given and whenever.
func TestAgreeAnything(t *testing.T) {
	for _, a := range []Agreed{{}, {InUse: true}, {InUse: true, ServerBits: -1, ClientBits: 99}, agreed(true)} {
		for _, client := range []bool{false, true} {
			opt := &Options{Client: client, MaskKey: func() uint32 { return 0 }}
			in, out := NewReceiver(opt), NewSender(opt)
			for i, b := range []Agreed{a, {}, agreed(false), agreed(true)} {
				z, s := in.inflation, out.deflation
				in.Agree(b)
				out.Agree(b)
				if i > 0 && (z != in.inflation || s != out.deflation) && z != nil {
					t.Error("agreed a second time")
				}
			}
			in.Release()
			if z := in.inflation; z.bits < 8 || z.bits > 15 {
				t.Errorf("%d bits", z.bits)
			}
			feed(&in, make([]byte, 512), byHand(ztxt, !client, "\xf2\x48\xcd\xc9\xc9\x07\x00"))
			if ev := wantKind(t, &in, Message); string(ev.Data) != "Hello" {
				t.Errorf("%q", ev.Data)
			}
			if b, err := out.AppendMessage(nil, OpText, bytes.Repeat([]byte("x"), 1000)); err != nil || len(b) > 50 {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		}
	}
	in := Receiver{}
	feed(&in, make([]byte, 512), byHand(0x83, true, ""))
	wantKind(t, &in, Failed)
	in.Agree(agreed(true))
	if in.inflation != nil {
		t.Error("agreed after the end")
	}
}

// The words of each violation name the RFC that it is of.
func TestViolationNamesItsRFC(t *testing.T) {
	for v, want := range map[*Violation]string{
		errText:       "websocket: text is not UTF-8 (RFC 6455 §8.1)",
		errDeflate:    "websocket: compressed data is damaged (RFC 7692 §7.2.2)",
		errWindow:     "websocket: compressed data refers back beyond the agreed window (RFC 7692 §7.2.1)",
		errCompressed: "websocket: compressed bit on a control frame or continuation (RFC 7692 §6.1)",
	} {
		if got := v.Error(); got != want || len(v.Rule) > 123 {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What was gathered and is not handed on goes to Free, once, and what is handed
// on does not; a message just over the limit is gathered in few buffers.
func TestFree(t *testing.T) {
	lent, asked := map[*byte]bool{}, 0
	opt := &Options{
		MaxMessage: 20_000,
		Alloc: func(size int) []byte {
			asked++
			b := make([]byte, size)
			lent[&b[0]] = true
			return b
		},
		Free: func(b []byte) {
			if b = b[:cap(b)]; !lent[&b[0]] {
				t.Error("freed, and was not lent")
			}
			delete(lent, &b[0])
		},
	}
	stored := farMatch(strings.Repeat("\x00\xff\x80\x7f", 5000), 0) // 20,000 bytes and six
	for _, stream := range []bool{false, true} {
		for _, c := range []struct {
			frame  string
			zipped bool
		}{{byHand(bin, true, stored[:20_000]), false}, {byHand(zbin, true, stored), true}, {byHand(zbin, true, stored[:20_005]+strings.Repeat("\x00\x00\x00\xff\xff", 500)+"\x00"), true}} {
			in := NewReceiver(opt)
			in.Agree(agreed(false))
			in.Stream = stream
			scratch := make([]byte, 512)
			asked = 0
			for rest := c.frame; len(rest) > 0; {
				rest = feed(&in, scratch, rest)
				for ev := in.Next(); ev.Kind != None; ev = in.Next() {
					if ev.Kind == Failed {
						t.Fatal(ev.Why)
					}
					if ev.Owned {
						opt.Free(ev.Data)
					}
				}
			}
			if len(lent) != 0 || asked > 5 {
				t.Errorf("stream %v, compressed %v: %d of %d buffers are not freed", stream, c.zipped, len(lent), asked)
			}
		}
	}
}

// A connection that fails while inflating costs no Inflater.
func TestFailuresAreCheap(t *testing.T) {
	frame := byHand(zbin, true, zip(strings.Repeat("x", 5000))[0])
	scratch := make([]byte, 512)
	opt := &Options{MaxMessage: 1000}
	fail := func() {
		in := NewReceiver(opt)
		in.Agree(agreed(true))
		feed(&in, scratch, frame)
		wantKind(t, &in, Failed)
	}
	fail()
	const rounds = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		fail()
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / rounds; each > 50<<10 && !raceEnabled {
		t.Errorf("%d bytes each", each)
	}
}

package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// feed puts as much of input into r as Space has room for, and returns the
// rest.
func feed(r *Receiver, scratch []byte, input string) string {
	n := copy(r.Space(scratch), input)
	r.Received(n)
	return input[n:]
}

// wantKind checks the next event's kind.
func wantKind(t *testing.T, r *Receiver, want Kind) Event {
	t.Helper()
	ev := r.Next()
	if ev.Kind != want {
		t.Fatalf("event %v %v %.40q (%v), want %v", ev.Kind, ev.Op, ev.Data, ev.Why, want)
	}
	return ev
}

// A bad byte fails the connection when it comes, not when its frame ends.
func TestTextFailsAtTheFirstBadByte(t *testing.T) {
	long := "ab\xf4\x90" + strings.Repeat("x", 50_000)
	for _, stream := range []bool{false, true} {
		in := NewReceiver(nil)
		in.Stream = stream
		scratch := make([]byte, MinScratch)
		frame := byHand(txt, true, long)
		feed(&in, scratch, frame[:8+3]) // the header, and up to the byte f4
		for ev := in.Next(); ev.Kind != None; ev = in.Next() {
			if ev.Kind != Chunk {
				t.Fatalf("%v before the bad byte", ev.Kind)
			}
		}
		feed(&in, scratch, frame[8+3:8+4])
		if ev := wantKind(t, &in, Failed); ev.Code != StatusInvalidFramePayloadData || ev.Why != errText {
			t.Errorf("%+v", ev)
		}
	}
}

// A header is judged before its payload comes.
func TestHeadersAreJudgedEarly(t *testing.T) {
	for _, header := range []string{
		"\xc1\xfe\xff\xff....",                              // RSV1
		"\x83\xfe\xff\xff....",                              // reserved opcode
		"\x89\xfe\x00\x7e....",                              // ping of 126 bytes
		"\x09\x85....",                                      // fragmented ping
		"\x80\xfe\xff\xff....",                              // continuation of nothing
		"\x82\xff\x00\x00\x00\x00\x00\x10\x00\x01....",      // 1 MiB and a byte
		"\x81\x05",                                          // no mask
		"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00",          // highest bit of the length
		"\x82\xff\x00\x00\x00\x00\x00\x00\x00\x01",          // long form
		byHand(binPart, true, "x") + "\x82\xfe\xff\xff....", // interleaved
	} {
		in := NewReceiver(nil)
		feed(&in, make([]byte, MinScratch), header)
		if ev := in.Next(); ev.Kind != Failed {
			t.Errorf("%q: %v", header, ev.Kind)
		}
	}
}

func TestDone(t *testing.T) {
	for _, input := range []string{byHand(cls, true, ""), "\xff\x80...."} {
		in := NewReceiver(nil)
		if in.Done() {
			t.Error("done before anything came")
		}
		scratch := make([]byte, MinScratch)
		feed(&in, scratch, input+byHand(txt, true, "more"))
		if ev := in.Next(); ev.Kind != Close && ev.Kind != Failed || !in.Done() {
			t.Errorf("%q: %v, done %v", input, ev.Kind, in.Done())
		}
		for range 3 { // what comes now is discarded
			wantKind(t, &in, None)
			if in.Buffered() != 0 {
				t.Error("buffered after the end")
			}
			feed(&in, scratch, byHand(txt, true, "still more"))
		}
	}
}

func TestHeld(t *testing.T) {
	in := NewReceiver(nil)
	for _, x := range []struct {
		input string
		want  int
	}{
		{"", 0},
		{byHand(txt, true, "whole"), 0},
		{byHand(txt, true, "whole")[:3], 3},
		{byHand(txt, true, "whole")[3:], 0},
		{byHand(txtPart, true, "part"), 4},
		{byHand(ping, true, "ping")[:8], 12},
		{byHand(ping, true, "ping")[8:], 4},
		{byHand(last, true, ""), 0},
	} {
		feed(&in, make([]byte, 512), x.input)
		for in.Next().Kind != None {
		}
		if got := in.Held(); got != x.want {
			t.Errorf("%d bytes held after %q, want %d", got, x.input, x.want)
		}
	}
}

func TestBuffered(t *testing.T) {
	in := NewReceiver(nil)
	frame := byHand(txt, true, "hello")
	feed(&in, make([]byte, 512), frame+frame+frame[:3])
	for _, want := range []int{len(frame) + 3, 3} {
		wantKind(t, &in, Message)
		if got := in.Buffered(); got != want {
			t.Errorf("%d bytes buffered, want %d", got, want)
		}
	}
	wantKind(t, &in, None)
	if got := in.Buffered(); got != 0 { // kept, but not in scratch
		t.Errorf("%d bytes buffered, want 0", got)
	}
}

// The Receiver keeps nothing of scratch once Next returned None: here the next
// scratch is another one, and the last is written over.
func TestScratchIsLetGo(t *testing.T) {
	input := byHand(ping, true, strings.Repeat("p", 125)) + byHand(txtPart, true, "Hel") +
		byHand(ping, true, "") + byHand(last, true, "lo") + byHand(bin, true, strings.Repeat("b", 3000))
	in := NewReceiver(nil)
	var got strings.Builder
	for len(input) > 0 {
		scratch := make([]byte, MinScratch)
		n := min(7, len(input))
		in.Received(copy(in.Space(scratch), input[:n]))
		input = input[n:]
		for ev := in.Next(); ev.Kind != None; ev = in.Next() {
			fmt.Fprintf(&got, "%v %d %.5s. ", ev.Kind, len(ev.Data), ev.Data)
		}
		overwrite(scratch)
	}
	if want := "ping 125 ppppp. ping 0 . message 5 Hello. message 3000 bbbbb. "; got.String() != want {
		t.Errorf("got %s want %s", got.String(), want)
	}
}

// An owned message is the caller's for good, all of its capacity.
func TestOwnedIsOwned(t *testing.T) {
	big := strings.Repeat("m", 100_000)
	in := NewReceiver(nil)
	scratch := make([]byte, 4096)
	var mine [][]byte
	for range 2 {
		for rest := byHand(bin, true, big); len(rest) > 0; {
			rest = feed(&in, scratch, rest)
			for ev := in.Next(); ev.Kind != None; ev = in.Next() {
				if !ev.Owned {
					t.Fatal("a message that came in parts is not owned")
				}
				if string(ev.Data) != big {
					t.Fatal("differs")
				}
				overwrite(ev.Data[:cap(ev.Data)])
				mine = append(mine, ev.Data)
			}
			overwrite(scratch)
		}
	}
	if len(mine) != 2 || &mine[0][0] == &mine[1][0] {
		t.Error("two messages in one buffer")
	}
	for _, m := range mine {
		if !bytes.Equal(m, bytes.Repeat([]byte{0xee}, len(m))) {
			t.Error("the Receiver wrote to a message that it had let go of")
		}
	}
}

// A message in scratch may be written to, but appending to it must not reach
// the frames behind it.
func TestBorrowedDoesNotReachFurther(t *testing.T) {
	for _, client := range []bool{false, true} {
		for _, stream := range []bool{false, true} {
			in := NewReceiver(&Options{Client: client})
			in.Stream = stream
			input := byHand(ping, !client, "ping") + byHand(bin, !client, "first") + byHand(bin, !client, "next")
			feed(&in, make([]byte, 512), input)
			for _, want := range []string{"ping", "first", "next"} {
				ev := in.Next()
				if string(ev.Data) != want {
					t.Fatalf("got %q, want %q", ev.Data, want)
				}
				_ = append(ev.Data, "overwritten by append"...)
			}
		}
	}
}

func TestLargeIsReadInPlace(t *testing.T) {
	p := strings.Repeat("0123456789abcdef", 20_000)
	for _, op := range []byte{txt, bin} {
		in := NewReceiver(nil)
		scratch := make([]byte, 4096)
		rest, inPlace, reads := byHand(op, true, p), 0, 0
		for in.op == OpContinuation || in.msg != nil {
			space := in.Space(scratch)
			n := copy(space, rest)
			if &space[0] != &scratch[0] && len(in.kept) == 0 {
				inPlace += n
			}
			rest = rest[n:]
			reads++
			in.Received(n)
			if ev := in.Next(); ev.Kind == Message {
				if !ev.Owned || string(ev.Data) != p {
					t.Fatal("differs")
				}
				break
			}
		}
		if inPlace < len(p)*8/10 {
			t.Errorf("only %d of %d bytes", inPlace, len(p))
		}
		if reads > 20 {
			t.Errorf("%d reads", reads)
		}
	}
}

// Reading in place stops at the frame's end, whatever the buffer has room for:
// what follows must not lie in memory that is given away.
func TestReadInPlaceStopsAtTheFrame(t *testing.T) {
	roomy := func(size int) []byte { return make([]byte, size, 4*size) }
	for _, frames := range []string{
		byHand(bin, true, strings.Repeat("m", 50_000)),
		byHand(binPart, true, strings.Repeat("m", 40_000)) + byHand(last, true, strings.Repeat("m", 10_000)),
	} {
		in := NewReceiver(&Options{Alloc: roomy})
		scratch := make([]byte, 4096)
		var got []string
		for rest := frames + byHand(txt, true, "next") + byHand(ping, true, "p"); len(rest) > 0; {
			rest = feed(&in, scratch, rest)
			for ev := in.Next(); ev.Kind != None; ev = in.Next() {
				got = append(got, fmt.Sprintf("%v %d %.4s", ev.Kind, len(ev.Data), ev.Data))
				if ev.Owned {
					overwrite(ev.Data[:cap(ev.Data)])
				}
			}
		}
		if want := "[message 50000 mmmm message 4 next ping 1 p]"; fmt.Sprint(got) != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// What had come is not disturbed by an offer that nothing was received in, or
// by scratch used elsewhere meanwhile.
func TestOffersMayBeDropped(t *testing.T) {
	for name, drop := range map[string]func(*Receiver){
		"and not spoken of again": func(*Receiver) {},
		"Received(0)":             func(in *Receiver) { in.Received(0) },
		"Received(-1)":            func(in *Receiver) { in.Received(-1) },
		"Next":                    func(in *Receiver) { in.Next() },
		"Received too late":       func(in *Receiver) { in.Next(); in.Received(100) },
		"Space":                   func(in *Receiver) { overwrite(in.Space(make([]byte, 4096))) },
	} {
		t.Run(name, func(t *testing.T) {
			input := byHand(bin, true, strings.Repeat("x", 80_000)) + byHand(ping, true, "ping") + byHand(txt, true, "end")
			in := NewReceiver(nil)
			var got []string
			scratch := make([]byte, 4096)
			for len(input) > 0 {
				overwrite(in.Space(scratch)) // a read that was cancelled
				drop(&in)
				if in.Buffered() != 0 {
					t.Fatalf("%d bytes buffered", in.Buffered())
				}
				overwrite(scratch)
				step := 3 // around the headers, small steps
				if n := len(input); n < 79_900 && n > 100 {
					step = 4000
				}
				n := copy(in.Space(scratch), input[:min(step, len(input))])
				in.Received(n)
				input = input[n:]
				for ev := in.Next(); ev.Kind != None; ev = in.Next() {
					got = append(got, fmt.Sprintf("%v %d %.3s", ev.Op, len(ev.Data), ev.Data))
				}
			}
			if want := "[binary 80000 xxx continuation 4 pin text 3 end]"; fmt.Sprint(got) != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// Space before Next has returned None loses nothing.
func TestSpaceTooEarly(t *testing.T) {
	want := []string{"a", "b", strings.Repeat("c", 70_000), "d", "e"}
	var input string
	for _, p := range want {
		input += byHand(bin, true, p)
	}
	in := NewReceiver(nil)
	scratch := make([]byte, MinScratch)
	var got []string
	for turn := 0; len(input) > 0 || turn%5 != 0; turn++ {
		space := in.Space(scratch)
		if len(space) == 0 {
			t.Fatal("no space")
		}
		n := copy(space, input)
		in.Received(n)
		input = input[n:]
		if turn%5 == 4 {
			for ev := in.Next(); ev.Kind != None; ev = in.Next() {
				got = append(got, string(ev.Data))
			}
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d messages, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("message %d: %d bytes %.10q", i, len(got[i]), got[i])
		}
	}
}

// What was kept because Space came too early is not kept for long.
func TestKeptIsLetGo(t *testing.T) {
	in := NewReceiver(nil)
	feed(&in, make([]byte, 4096), strings.Repeat(byHand(txt, true, "kept"), 100))
	feed(&in, make([]byte, 4096), byHand(txt, true, "next"))
	n := 0
	for in.Next().Kind == Message {
		n++
	}
	if n != 101 || cap(in.kept) > MinScratch {
		t.Errorf("%d messages, and room for %d bytes is kept", n, cap(in.kept))
	}
}

// Space never returns nothing, however short the scratch.
func TestShortScratch(t *testing.T) {
	want := "κόσμε, " + strings.Repeat("long ", 100)
	for _, size := range []int{0, 1, 13, 130, MinScratch - 1} {
		input := byHand(ping, true, strings.Repeat("p", 125)) + byHand(txt, true, want)
		in := NewReceiver(nil)
		var got string
		for len(input) > 0 {
			space := in.Space(make([]byte, size))
			if len(space) == 0 {
				t.Fatalf("no space with %d bytes of scratch", size)
			}
			in.Received(copy(space, input[:1]))
			input = input[1:]
			for ev := in.Next(); ev.Kind != None; ev = in.Next() {
				got += string(ev.Data)
			}
		}
		if got != strings.Repeat("p", 125)+want {
			t.Errorf("%d bytes of scratch: %q", size, got)
		}
	}
}

// A Receiver takes any number for an answer.
func TestReceivedOutOfRange(t *testing.T) {
	in := NewReceiver(nil)
	in.Received(100)
	wantKind(t, &in, None)
	frame := byHand(txt, true, "once")
	scratch := []byte(strings.Repeat(frame, 20))
	copy(in.Space(scratch), frame)
	in.Received(len(frame))
	in.Received(len(frame)) // counts only after Space
	wantKind(t, &in, Message)
	wantKind(t, &in, None)
	in.Space(make([]byte, 300))
	in.Received(1 << 30)
	for range 1000 {
		if in.Next().Kind == None {
			return
		}
	}
	t.Error("no end to what was not received")
}

func TestZeroReceiver(t *testing.T) {
	var in Receiver
	wantKind(t, &in, None)
	feed(&in, make([]byte, 512), byHand(txt, true, "Hello"))
	if ev := wantKind(t, &in, Message); string(ev.Data) != "Hello" {
		t.Errorf("%q", ev.Data)
	}
}

// Chunks come as their bytes do, and say which is the last.
func TestChunks(t *testing.T) {
	in := NewReceiver(nil)
	in.Stream = true
	scratch := make([]byte, 512)
	for _, x := range []struct{ input, want string }{
		{byHand(txtPart, true, "Hello")[:6], "[]"},
		{byHand(txtPart, true, "Hello")[6:8], "[text He false]"},
		{byHand(txtPart, true, "Hello")[8:] + byHand(more, true, ""), "[text llo false]"},
		{byHand(ping, true, "p") + byHand(more, true, "κ")[:7], "[ping p text \xce false]"},
		{byHand(more, true, "κ")[7:] + byHand(last, true, ""), "[text \xba false text  true]"},
		{byHand(bin, true, "whole") + byHand(bin, true, ""), "[binary whole true binary  true]"},
	} {
		feed(&in, scratch, x.input)
		said := []string{}
		for ev := in.Next(); ev.Kind != None; ev = in.Next() {
			if ev.Kind == Ping {
				said = append(said, "ping "+string(ev.Data))
				continue
			}
			said = append(said, fmt.Sprint(ev.Op, " ", string(ev.Data), " ", ev.Final))
		}
		if got := fmt.Sprint(said); got != x.want {
			t.Errorf("after %q: got %s, want %s", x.input, got, x.want)
		}
	}
}

// Stream may change while a message is in progress: nothing is lost, doubled or
// out of order.
func TestStreamChangesInside(t *testing.T) {
	body := make([]byte, 200_000)
	for i := range body {
		body[i] = byte(i * 7 >> 3)
	}
	input := byHand(binPart, true, string(body[:90_000])) + byHand(more, true, "") + byHand(last, true, string(body[90_000:]))
	for on := range 40 {
		for _, off := range []int{on + 1, on + 2, 1000} {
			in := NewReceiver(nil)
			scratch := make([]byte, 8<<10)
			var got []byte
			rest, ended := input, 0
			for turn := 0; len(rest) > 0; turn++ {
				n := copy(in.Space(scratch), rest[:min(len(rest), 6_000)])
				in.Received(n)
				rest = rest[n:]
				in.Stream = turn >= on && turn < off
				for ev := in.Next(); ev.Kind != None; ev = in.Next() {
					got = append(got, ev.Data...)
					if ev.Kind == Message || ev.Final {
						ended++
					}
					if ev.Owned {
						overwrite(ev.Data[:cap(ev.Data)])
					} else {
						overwrite(ev.Data)
					}
				}
				overwrite(scratch)
			}
			if ended != 1 || !bytes.Equal(got, body) {
				t.Fatalf("on at turn %d, off at %d: %d bytes, %d ends", on, off, len(got), ended)
			}
		}
	}
}

// A message that was heard of in chunks ends in them, even if Stream was set
// between its header and its payload only.
func TestChunksToTheEnd(t *testing.T) {
	in := NewReceiver(nil)
	frame := byHand(bin, true, "payload")
	feed(&in, make([]byte, 512), frame[:6])
	wantKind(t, &in, None)
	in.Stream = true
	feed(&in, make([]byte, 512), frame[6:9])
	wantKind(t, &in, Chunk)
	in.Stream = false
	feed(&in, make([]byte, 512), frame[9:])
	if ev := wantKind(t, &in, Chunk); string(ev.Data) != "load" || !ev.Final {
		t.Errorf("%+v", ev)
	}
}

// What was gathered comes as a chunk at once, without more input.
func TestStreamReleasesWhatWasGathered(t *testing.T) {
	in := NewReceiver(nil)
	feed(&in, make([]byte, 512), byHand(txtPart, true, "gathered"))
	wantKind(t, &in, None)
	in.Stream = true
	if ev := wantKind(t, &in, Chunk); string(ev.Data) != "gathered" || !ev.Owned || ev.Final {
		t.Errorf("%+v", ev)
	}
	in.Stream = false // too late for this message
	feed(&in, make([]byte, 512), byHand(last, true, "")+byHand(txt, true, "next"))
	if ev := wantKind(t, &in, Chunk); !ev.Final || len(ev.Data) != 0 {
		t.Errorf("%+v", ev)
	}
	wantKind(t, &in, Message)
}

package wire

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
)

// feedOf is JSON as a feed has it, n bytes of it.
func feedOf(n, seed int) []byte {
	var b bytes.Buffer
	for i := seed; b.Len() < n; i++ {
		fmt.Fprintf(&b, `{"id":%d,"symbol":"SYM%d","price":%d.%02d,"note":"limit order filled"},`, i*7919, i%17, i%500, i*31%100)
	}
	return b.Bytes()[:n]
}

// frames takes sent, of a server, apart.
func frames(t *testing.T, sent []byte) (all []Header, payloads [][]byte) {
	t.Helper()
	for len(sent) > 0 {
		h, n, bad := ParseHeader(sent)
		if bad != nil || n == 0 || uint64(len(sent)-n) < h.Len {
			t.Fatalf("%+v, %d, %v", h, n, bad)
		}
		p := sent[n : n+int(h.Len)]
		if h.Masked {
			Mask(p, h.Key)
		}
		all, payloads = append(all, h), append(payloads, p)
		sent = sent[n+int(h.Len):]
	}
	return all, payloads
}

// unzip inflates a message with the standard library.
func unzip(t *testing.T, payload, window []byte) []byte {
	t.Helper()
	r := flate.NewReaderDict(io.MultiReader(bytes.NewReader(payload), strings.NewReader(syncTail+"\x01\x00\x00\xff\xff")), window)
	p, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// agreeOn is a server with options d and what follows from a client's offer.
func agreeOn(t *testing.T, d *Deflate, offer string) Agreed {
	t.Helper()
	d.Enabled = true
	a, _, err := d.Accept([]string{short.Replace(offer)})
	if err != nil || !a.InUse {
		t.Fatalf("%q: %v", offer, err)
	}
	t.Cleanup(a.Release)
	return a
}

// Which messages go out compressed.
func TestWhatIsCompressed(t *testing.T) {
	json, noise := feedOf(4000, 1), []byte(random(4000))
	for _, c := range []struct {
		name    string
		deflate *Deflate // nil: not agreed
		plain   bool
		p       []byte
		want    bool
	}{
		{"6 not agreed", nil, false, json, false},
		{"6 agreed", &Deflate{}, false, json, true},
		{"6 asked not to", &Deflate{}, true, json, false},
		{"6 as long as the threshold", &Deflate{}, false, json[:512], true},
		{"6 shorter than the threshold", &Deflate{}, false, json[:511], false},
		{"6 as long as a given threshold", &Deflate{Threshold: 100}, false, json[:100], true},
		{"6 shorter than a given threshold", &Deflate{Threshold: 100}, false, json[:99], false},
		{"6 no threshold", &Deflate{Threshold: -1}, false, []byte("aaaaaaaaaaaaaaaa"), true},
		{"6 what would be no shorter", &Deflate{}, false, noise, false},
		{"6 what would be no shorter, of few bytes", &Deflate{Threshold: -1}, false, []byte("ab"), false},
		{"6 nothing", &Deflate{Threshold: -1}, false, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, client := range []bool{false, true} {
				out := NewSender(&Options{Client: client})
				if c.deflate != nil {
					out.Agree(agreeOn(t, c.deflate, "pmd"))
				}
				out.Plain = c.plain
				p := bytes.Clone(c.p)
				sent, err := out.AppendMessage([]byte("before"), OpText, p)
				if err != nil || string(sent[:6]) != "before" || !bytes.Equal(p, c.p) {
					t.Fatal(err, "or something was overwritten")
				}
				prepared, _ := out.AppendPrepared(nil, Prepare(OpText, p))
				part, _ := out.AppendFragment(nil, OpText, p, true)
				for how, sent := range map[string][]byte{"whole": sent[6:], "prepared": prepared, "in a fragment": part} {
					headers, payloads := frames(t, sent)
					h := headers[0]
					if len(headers) != 1 || !h.Fin || h.Op != OpText || h.Masked != client {
						t.Errorf("%s: %+v", how, headers)
					}
					// A fragment cannot be taken back.
					if got := h.RSV == compressed; got != c.want && how != "in a fragment" || h.RSV&3 != 0 {
						t.Errorf("%s: RSV %d", how, h.RSV)
					}
					if h.RSV == 0 && !bytes.Equal(payloads[0], c.p) {
						t.Errorf("%s: %q", how, payloads[0])
					}
					if h.RSV != 0 && how == "prepared" && !bytes.Equal(unzip(t, payloads[0], nil), c.p) {
						t.Errorf("%s: differs", how)
					}
				}
			}
		})
	}
}

// AppendHeader and control frames are never compressed.
func TestNeverCompressed(t *testing.T) {
	out := NewSender(nil)
	out.Agree(agreeOn(t, &Deflate{Threshold: -1}, "pmd"))
	sent, _ := out.AppendHeader(nil, OpText, 5000)
	if h, _, _ := ParseHeader(sent); h.RSV != 0 || h.Len != 5000 {
		t.Errorf("%+v", h)
	}
	zeros := make([]byte, MaxControl)
	out.Ping(zeros)
	out.Apply(Event{Kind: Ping, Data: zeros}, 0)
	out.Close(StatusNormalClosure, strings.Repeat("x", 100), 0)
	headers, _ := frames(t, out.AppendReplies(nil, 0))
	for _, h := range headers {
		if h.RSV != 0 {
			t.Errorf("%+v", h)
		}
	}
}

// A fragmented message is compressed or not from its first frame on, which alone
// says so; only its last lacks the four bytes.
func TestCompressedFragments(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		for _, client := range []bool{false, true} {
			out := NewSender(&Options{Client: client})
			a := agreed(takeover)
			a.threshold = 100
			out.Agree(a)
			parts := [][]byte{feedOf(600, 1), nil, feedOf(50, 1), []byte(random(300)), feedOf(3000, 1), nil}
			var sent []byte
			for i, p := range parts {
				out.Plain = i > 0 // it began before
				sent, _ = out.AppendFragment(sent, OpBinary, p, i == len(parts)-1)
			}
			out.Plain = false
			headers, payloads := frames(t, sent)
			for i, h := range headers {
				if want := map[bool]uint8{true: compressed}[i == 0]; h.RSV != want {
					t.Errorf("frame %d: RSV %d", i, h.RSV)
				}
				tailed := strings.HasSuffix(string(payloads[i]), syncTail)
				if i < len(parts)-1 && len(parts[i]) > 0 != tailed || i == len(parts)-1 && string(payloads[i]) != "\x00" {
					t.Errorf("frame %d ends %q", i, payloads[i][max(0, len(payloads[i])-8):])
				}
			}
			if got := unzip(t, bytes.Join(payloads, nil), nil); !bytes.Equal(got, bytes.Join(parts, nil)) {
				t.Errorf("%d bytes", len(got))
			}
			if whole := bytes.Join(payloads, nil); len(whole) > 1500 {
				t.Errorf("%d bytes: later fragments do not refer to earlier ones", len(whole))
			}
			if !takeover && out.deflation.window != nil {
				t.Error("a window is kept after the message")
			}
			// One that begins below the threshold is not compressed at all.
			sent, _ = out.AppendFragment(nil, OpText, make([]byte, 99), false)
			sent, _ = out.AppendFragment(sent, OpText, make([]byte, 5000), true)
			headers, _ = frames(t, sent)
			if headers[0].RSV != 0 || headers[1].RSV != 0 || headers[1].Len != 5000 {
				t.Errorf("%+v", headers)
			}
		}
	}
}

// With takeover a message refers to those before it that were compressed, and to
// no others; without, to none.
func TestSendingTakeover(t *testing.T) {
	p := []byte(random(1500))
	for _, takeover := range []bool{false, true} {
		out := NewSender(nil)
		a := agreed(takeover)
		out.Agree(a)
		first := append(bytes.Clone(p), make([]byte, 200)...)
		size := func(p []byte) (n int, zipped bool) {
			headers, payloads := frames(t, must(out.AppendMessage(nil, OpBinary, p)))
			return len(payloads[0]), headers[0].RSV == compressed
		}
		if n, zipped := size(p); zipped || n != len(p) {
			t.Errorf("noise is sent in %d bytes", n)
		}
		// It went uncompressed, so the peer has it in no window.
		if n, zipped := size(first); !zipped || n < len(p) {
			t.Errorf("the first in %d bytes, %v", n, zipped)
		}
		if n, _ := size(first); (n < 100) != takeover {
			t.Errorf("the second in %d bytes, takeover %v", n, takeover)
		}
		out.Plain = true
		size(feedOf(3000, 1))
		out.Plain = false
		if n, _ := size(first); (n < 100) != takeover {
			t.Errorf("after a plain one in %d bytes, takeover %v", n, takeover)
		}
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// Everything that one end sends the other understands, whatever was agreed:
// windows of any size, takeover or not, each way.
func TestBothEndsCompressed(t *testing.T) {
	offers := []string{"pmd", "pmd; s_reset", "pmd; c_reset", "pmd; s_reset; c_reset; c_bits"}
	for bits := 8; bits <= 15; bits++ {
		offers = append(offers, fmt.Sprintf("pmd; s_bits=%d; c_bits=%d", bits, 23-bits))
	}
	for _, offer := range offers {
		server := &Deflate{Enabled: true, Threshold: 50, Level: 1 + len(offer)%3*3}
		a, answer, err := server.Accept([]string{short.Replace(offer)})
		if err != nil {
			t.Fatal(err)
		}
		b, err := on(func(d *Deflate) { d.Threshold = -1 }).Confirm(short.Replace(offer), []string{answer})
		if err != nil {
			t.Fatal(err)
		}
		prepared := Prepare(OpText, feedOf(2500, 3))
		for _, client := range []bool{false, true} {
			out, in := NewSender(&Options{Client: client}), NewReceiver(&Options{Client: !client})
			if client {
				out.Agree(b)
				in.Agree(a)
			} else {
				out.Agree(a)
				in.Agree(b)
			}
			scratch := make([]byte, 64<<10)
			for i := range 45 {
				p := feedOf(i*i*16, i/4)
				if i%5 == 3 {
					p = []byte(random(i * 40))
				}
				var sent []byte
				out.Plain = i%7 == 6
				switch i % 4 {
				case 0, 1:
					sent, _ = out.AppendMessage(nil, OpBinary, p)
				case 2:
					sent, _ = out.AppendFragment(nil, OpBinary, p[:len(p)/3], false)
					out.Ping(nil)
					sent = out.AppendReplies(sent, 0)
					sent, _ = out.AppendFragment(sent, OpBinary, p[len(p)/3:len(p)/2], false)
					sent, _ = out.AppendFragment(sent, OpBinary, p[len(p)/2:], true)
				case 3:
					sent, _ = out.AppendPrepared(nil, prepared)
					p = prepared.Payload()
				}
				var got []byte
				for rest := string(sent); len(rest) > 0; {
					rest = feed(&in, scratch, rest)
					for ev := in.Next(); ev.Kind != None; ev = in.Next() {
						if ev.Kind == Failed {
							t.Fatalf("%s, client %v, message %d: %v", offer, client, i, ev.Why)
						}
						if ev.Kind == Message {
							got = bytes.Clone(ev.Data)
							overwrite(ev.Data)
						}
					}
				}
				if !bytes.Equal(got, p) {
					t.Fatalf("%s, client %v, message %d: %d bytes of %d", offer, client, i, len(got), len(p))
				}
			}
		}
		a.Release()
		b.Release()
	}
}

// A Prepared is compressed once for a window, by whoever comes first, and is the
// same for all that have that window.
func TestPreparedIsCompressedOnce(t *testing.T) {
	p := Prepare(OpText, feedOf(5000, 1))
	var all sync.WaitGroup
	var sent [16][]byte
	for i := range sent {
		all.Go(func() {
			out := NewSender(nil)
			a := agreed(i%2 == 0)
			a.ServerBits = 8 + i%4
			out.Agree(a)
			sent[i], _ = out.AppendPrepared(nil, p)
		})
	}
	all.Wait()
	for i := range sent {
		if !bytes.Equal(sent[i], sent[i%4]) || len(sent[i]) > 3000 {
			t.Errorf("%d: %d bytes, %d before", i, len(sent[i]), len(sent[i%4]))
		}
	}
	made := 0
	for i := range p.forms {
		if p.forms[i].Load() != nil {
			made++
		}
	}
	if made != 4 {
		t.Errorf("%d forms for 4 windows", made)
	}
	noise := Prepare(OpBinary, []byte(random(5000)))
	out := NewSender(nil)
	out.Agree(agreed(true))
	for range 2 {
		if b, _ := out.AppendPrepared(nil, noise); len(b) != 5004 || b[0] != bin {
			t.Errorf("%d bytes, %#x", len(b), b[0])
		}
	}
	if out.deflation.window != nil {
		t.Error("what was not sent compressed is in the window")
	}
}

// Once a Close is owed no window is kept.
func TestNoWindowAfterClose(t *testing.T) {
	for _, end := range []func(s *Sender){
		func(s *Sender) { s.Close(StatusNormalClosure, "", 0) },
		func(s *Sender) { s.Apply(Event{Kind: Close, Code: 1000}, 0) },
		func(s *Sender) { s.Apply(Event{Kind: Failed, Code: 1002}, 0) },
	} {
		out := NewSender(nil)
		out.Agree(agreed(true))
		out.AppendMessage(nil, OpText, feedOf(1000, 1))
		if len(out.deflation.window) != 1000 {
			t.Fatal("no window")
		}
		if end(&out); out.deflation.window != nil {
			t.Error("the window is kept")
		}
		if _, err := out.AppendMessage(nil, OpText, feedOf(1000, 1)); err != ErrClosed {
			t.Error(err)
		}
	}
}

// Unless it is told otherwise a server keeps 4 KiB of what it has sent, but
// refers to all of the message that it sends.
func TestDefaultWindowOfAServer(t *testing.T) {
	p := []byte(random(8000))
	for _, c := range []struct {
		name    string
		deflate *Deflate
		offer   string
		within  int // how far back it refers in one message
		across  int // and across two
	}{
		{"default", &Deflate{}, "pmd", 32 << 10, 4 << 10},
		{"asked for a smaller one", &Deflate{}, "pmd; s_bits=10", 1 << 10, 1 << 10},
		{"asked for a larger one", &Deflate{}, "pmd; s_bits=14", 16 << 10, 4 << 10},
		{"told a smaller one", &Deflate{ServerMaxWindowBits: 11}, "pmd", 2 << 10, 2 << 10},
		{"told a larger one", &Deflate{ServerMaxWindowBits: 13}, "pmd", 8 << 10, 8 << 10},
		{"told a larger one than is asked for", &Deflate{ServerMaxWindowBits: 13}, "pmd; s_bits=9", 512, 512},
	} {
		for _, far := range []int{500, 1000, 2000, 3600, 7900} {
			size := func(out *Sender, p []byte) int { return len(must(out.AppendMessage(nil, OpBinary, p))) }
			out := NewSender(nil)
			out.Agree(agreeOn(t, c.deflate, c.offer))
			once := append(bytes.Clone(p[:far]), p[:400]...) // the second time far bytes after the first
			if got, want := size(&out, once) < far+100, far <= c.within; got != want {
				t.Errorf("%s, %d bytes back in a message: found %v, want %v", c.name, far, got, want)
			}
			out = NewSender(nil)
			out.Agree(agreeOn(t, c.deflate, c.offer))
			size(&out, append(bytes.Clone(p[:far]), make([]byte, 200)...))
			// From its first 400 bytes to the end of that message it is far.
			if got, want := size(&out, append(bytes.Clone(p[:400]), make([]byte, 300)...)) < 200, far+200 <= c.across; got != want {
				t.Errorf("%s, %d bytes back in another: found %v, want %v", c.name, far+200, got, want)
			}
		}
	}
}

// Each end takes over what it sends by its own parameter.
func TestSendingDirections(t *testing.T) {
	p := append([]byte(random(1500)), make([]byte, 200)...)
	for _, client := range []bool{false, true} {
		for _, takeover := range []bool{false, true} {
			out := NewSender(&Options{Client: client})
			a := agreed(true)
			if a.ServerNoTakeover = !takeover; client {
				a.ServerNoTakeover, a.ClientNoTakeover = takeover, !takeover
			} else {
				a.ClientNoTakeover = takeover
			}
			out.Agree(a)
			must(out.AppendMessage(nil, OpBinary, p))
			if n := len(must(out.AppendMessage(nil, OpBinary, p))); (n < 100) != takeover {
				t.Errorf("client %v, takeover %v: the second in %d bytes", client, takeover, n)
			}
		}
	}
}

// Fragments refer to those before them, without takeover too, and then no further
// than their message.
func TestFragmentsReferBack(t *testing.T) {
	p := append([]byte(random(1500)), make([]byte, 100)...)
	for _, takeover := range []bool{false, true} {
		out := NewSender(nil)
		out.Agree(agreed(takeover))
		size := func(fin bool) int { return len(must(out.AppendFragment(nil, OpBinary, p, fin))) }
		for i, want := range []bool{false, true, true, takeover, true} { // the fourth begins a message
			if n := size(i == 2); (n < 100) != want {
				t.Errorf("takeover %v, fragment %d in %d bytes", takeover, i, n)
			}
		}
	}
}

// A higher level takes fewer bytes.
func TestLevel(t *testing.T) {
	var sizes []int
	for _, level := range []int{-1, 0, 1, 5, 9, 99} {
		out := NewSender(nil)
		out.Agree(agreeOn(t, &Deflate{Level: level}, "pmd"))
		sizes = append(sizes, len(must(out.AppendMessage(nil, OpText, feedOf(20_000, 1)))))
	}
	if sizes[0] != sizes[2] || sizes[1] != sizes[2] || sizes[3] >= sizes[2] || sizes[4] > sizes[3] || sizes[5] != sizes[4] {
		t.Errorf("%d bytes", sizes)
	}
}

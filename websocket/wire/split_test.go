package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// splitBy cuts input where cuts say.
func splitBy(cuts []byte) func(int) int {
	i := -1
	return func(int) int {
		if len(cuts) == 0 {
			return 1
		}
		i++
		return int(cuts[i%len(cuts)]) * (1 + int(cuts[(i+1)%len(cuts)])>>4)
	}
}

// FuzzSplit: the same events however the input is split, in place, gathered,
// read into place, or in chunks.
func FuzzSplit(f *testing.F) {
	for _, masked := range []bool{false, true} {
		f.Add([]byte(byHand(txtPart, masked, "Hel")+byHand(ping, masked, "p")+byHand(last, masked, "lo")+byHand(cls, masked, "\x03\xe8")), []byte{3, 1, 40})
		f.Add([]byte(byHand(txt, masked, "κόσμε")+byHand(bin, masked, strings.Repeat("x", 200))), []byte{200, 7})
		f.Add([]byte(byHand(txt, masked, strings.Repeat("é", 40_000))), []byte{250, 250, 250})
		f.Add([]byte(byHand(txtPart, masked, "\xf4\x8f")+byHand(last, masked, "\xbf\xff")), []byte{1})
		f.Add([]byte(byHand(bin, masked, strings.Repeat("x", 1001))), []byte{255})
		f.Add([]byte(byHand(pong, masked, strings.Repeat("x", 125))+byHand(cls, masked, "\x03")), []byte{2, 130})
	}
	f.Fuzz(func(t *testing.T, input, cuts []byte) {
		for _, opt := range []*Options{{MaxMessage: 1000, MaxFragments: 4}, {}, {Client: true}} {
			want := hear(opt, string(input), whole)
			if got := hear(opt, string(input), way{split: splitBy(cuts)}); got != want {
				t.Fatalf("client %v\nsplit: %.300s\nwhole: %.300s", opt.Client, got, want)
			}
			if got := hear(opt, string(input), way{split: splitBy(cuts), stream: true}); got != want {
				t.Fatalf("client %v\nchunks: %.300s\nwhole:  %.300s", opt.Client, got, want)
			}
		}
	})
}

// FuzzRoundTrip: what a Sender says, the peer's Receiver hears: a script of
// messages, whole, prepared and in fragments, with control frames between, as
// both ends send it.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte{0, 5, 1, 200, 2, 3, 3, 9, 4, 0, 2, 1, 5, 7, 6, 0}, []byte("payload of anything"), []byte{7, 3})
	f.Add([]byte{2, 255, 2, 255, 4, 1, 3, 255, 7, 130, 1, 126, 0, 125}, []byte("κόσμε"), []byte{250, 250})
	f.Add([]byte{1, 255, 1, 255, 3, 0, 5, 64}, bytes.Repeat([]byte("large "), 40), []byte{255, 255, 255})
	f.Fuzz(func(t *testing.T, script, material, cuts []byte) {
		for _, opt := range []*Options{aClient(), {}} {
			out := NewSender(opt)
			sent, want := perform(t, &out, script, material)
			peer := &Options{Client: !opt.Client, MaxMessage: 1 << 30}
			for _, stream := range []bool{false, true} {
				if got := hear(peer, string(sent), way{split: splitBy(cuts), stream: stream}); got != want {
					t.Fatalf("client %v, stream %v\nheard %.300s\n said %.300s", opt.Client, stream, got, want)
				}
			}
		}
	})
}

// perform makes out send what script says, in the words of hear.
func perform(t *testing.T, out *Sender, script, material []byte) (sent []byte, words string) {
	var said []string
	var whole []byte
	inside := false
	for len(script) >= 2 && len(said) < 50 && len(sent) < 40_000 {
		n := int(script[1])
		p := bytes.Repeat([]byte{script[0]}, n)
		if len(material) > 0 {
			p = bytes.Repeat(material, n*n/len(material)+1)[:n*n]
		}
		control := p[:min(len(p), MaxControl)]
		before := len(sent)
		var err error
		switch script[0] % 8 {
		case 0:
			sent, err = out.AppendMessage(sent, OpBinary, p)
		case 1:
			sent, err = out.AppendPrepared(sent, Prepare(OpBinary, p))
		case 2:
			if sent, err = out.AppendFragment(sent, OpBinary, p, false); err != nil {
				t.Fatal(err)
			}
			inside, whole = true, append(whole, p...)
		case 3:
			if sent, err = out.AppendFragment(sent, OpBinary, p, true); err != nil {
				t.Fatal(err)
			}
			said = append(said, heard("binary", append(whole, p...)))
			inside, whole = false, nil
		case 4:
			out.Ping(control)
			sent = out.AppendReplies(sent, 0)
			said = append(said, heard("ping", control))
		case 5:
			out.Apply(Event{Kind: Ping, Data: control}, 0)
			sent = out.AppendReplies(sent, 0)
			said = append(said, heard("pong", control))
		case 6:
			if sent, err = out.AppendMessage(sent, OpText, bytes.ToValidUTF8(p, nil)); err == nil {
				said = append(said, heard("text", bytes.ToValidUTF8(p, nil)))
			}
		case 7:
			sent, err = out.AppendHeader(sent, OpBinary, len(p))
			if out.options().Client {
				if err == nil || len(sent) != before {
					t.Fatal("a client's header alone")
				}
				err = nil
				break
			}
			if err == nil {
				sent = append(sent, p...)
			}
		}
		switch {
		case err != nil:
			if err != ErrFragmenting || !inside || len(sent) != before {
				t.Fatalf("%v, inside %v, %d bytes appended", err, inside, len(sent)-before)
			}
		case script[0]%8 <= 1, script[0]%8 == 7 && !out.options().Client:
			said = append(said, heard("binary", p))
		}
		script = script[2:]
	}
	out.Close(StatusNormalClosure, string(material), 0)
	reason := cut(string(material))
	sent = out.AppendReplies(sent, 0)
	said = append(said, fmt.Sprintf("close 1000 %q.", reason))
	return sent, strings.Join(said, " ")
}

package conform

import "fmt"

const (
	textSection = "RFC 6455 §8.1"
	invalidWhy  = "A text is UTF-8 or the connection fails: whoever lets bad bytes through hands them to code that trusts the type."
	validWhy    = "Every code point is allowed in a text; a validator that knows better breaks people's names."
	earlyWhy    = "A validator that waits for the message's end can be made to gather megabytes that were wrong from the start."
)

const kosme = "κόσμε"

// utf8Cases are 6.1 to 6.4 and 6.24 on: texts cut inside code points, and
// faults that are to be noticed before the message ends.
func utf8Cases() []Case {
	more := func(op byte, p string) Frame { return Frame{Op: op, More: true, Payload: []byte(p)} }
	last := func(p string) Frame { return Frame{Op: opContinuation, Payload: []byte(p)} }
	greek := "Hello-µ@ßöäüàá-UTF-8!!"
	bad := kosme + "\xed\xa0\x80" + "edited"
	cases := []Case{
		{ID: "6.1.1", Section: textSection, Title: "An empty text", Why: "An empty message is a message; some libraries drop it.",
			Script: []Step{SendMessage{Op: opText}, expect(echo(opText, text("")))}},
		{ID: "6.1.2", Section: textSection, Title: "A text of three empty fragments", Why: "An empty message is a message; some libraries drop it.",
			Script: []Step{frames(more(opText, ""), more(opContinuation, ""), last("")), expect(echo(opText, text("")))}},
		{ID: "6.1.3", Section: textSection, Title: "A text of three fragments, the middle one not empty", Why: "Empty fragments must not disturb the validator.",
			Script: []Step{frames(more(opText, ""), more(opContinuation, "middle"), last("")), expect(echo(opText, text("middle")))}},
		{ID: "6.2.1", Section: textSection, Title: "A valid text with code points of two bytes", Why: validWhy,
			Script: []Step{SendMessage{Op: opText, Body: text(greek)}, expect(echo(opText, text(greek)))}},
		{ID: "6.2.2", Section: textSection, Title: "A valid text in two fragments, cut between code points", Why: validWhy,
			Script: []Step{frames(more(opText, greek[:13]), last(greek[13:])), expect(echo(opText, text(greek)))}},
		{ID: "6.2.3", Section: textSection, Title: "A valid text in fragments of one byte", Why: "Fragments are cut at bytes, not at code points.",
			Script: []Step{SendMessage{Op: opText, Body: text(greek), Per: 1}, expect(echo(opText, text(greek)))}},
		{ID: "6.2.4", Section: textSection, Title: "A valid Greek word in fragments of one byte", Why: "Fragments are cut at bytes, not at code points.",
			Script: []Step{SendMessage{Op: opText, Body: text(kosme), Per: 1}, expect(echo(opText, text(kosme)))}},
		{ID: "6.3.1", Section: textSection, Title: "An invalid text in one frame", Why: invalidWhy,
			Script: []Step{SendMessage{Op: opText, Body: text(bad)}, fails(1007)}},
		{ID: "6.3.2", Section: textSection, Title: "An invalid text in fragments of one byte", Why: invalidWhy,
			Script: []Step{SendMessage{Op: opText, Body: text(bad), Per: 1}, fails(1007)}},
	}
	// Faults that are known before the end: in fragments and inside a frame.
	for i, tail := range []string{"\xf4\x90\x80\x80", "\xed\xa0\x80", "\xc0", "\xf5", "\x80"} {
		cases = append(cases, Case{
			ID: fmt.Sprintf("6.4.%d", 2*i+1), Section: textSection, Why: earlyWhy,
			Title: fmt.Sprintf("A fragment that makes the text invalid (% x) before its last", tail),
			Script: []Step{
				frames(more(opText, kosme)),
				frames(more(opContinuation, tail)), Fails{Codes: []int{1007}, Early: true},
				frames(last("edited")), fails(1007),
			},
		})
		whole := Frame{Op: opText, Payload: []byte(kosme + tail + "edited")}
		cut := len("edited")
		cases = append(cases, Case{
			ID: fmt.Sprintf("6.4.%d", 2*i+2), Section: textSection, Why: earlyWhy,
			Title: fmt.Sprintf("A frame that becomes invalid (% x) before its own end", tail),
			Script: []Step{
				SendPart{Frame: whole, To: -cut}, Fails{Codes: []int{1007}, Early: true},
				SendPart{Frame: whole, From: -cut}, fails(1007),
			},
		})
	}
	n := 0
	sample := "aé€𝄞z"
	for cut := 1; cut < len(sample); cut++ {
		n++
		cases = append(cases, Case{
			ID: fmt.Sprintf("6.24.%d", n), Section: textSection, Why: "Fragments are cut at bytes, not at code points; a control frame in the gap changes nothing.",
			Title: fmt.Sprintf("A text of one to four bytes a code point, cut after byte %d, with a ping in the gap", cut),
			Script: []Step{
				frames(more(opText, sample[:cut]), Frame{Op: opPing, Payload: []byte("\xff")}, last(sample[cut:])),
				AnyOrder{Events: []want{pong(text("\xff")), echo(opText, text(sample))}},
			},
		})
	}
	return append(cases,
		Case{ID: "6.25.1", Section: "RFC 6455 §5.6", Title: "A binary message that is no UTF-8", Why: "Binary is any bytes: only texts are checked.",
			Script: []Step{SendMessage{Op: opBinary, Body: text(bad)}, expect(echo(opBinary, text(bad)))}},
		Case{ID: "6.25.2", Section: "RFC 6455 §5.6", Title: "A binary message that ends inside a code point, then a text", Why: "The validator's state belongs to one text message.",
			Script: []Step{frames(Frame{Op: opBinary, Payload: []byte("\xce")}, Frame{Op: opText, Payload: []byte("after")}), expect(echo(opBinary, text("\xce")), echo(opText, text("after")))}},
		Case{ID: "6.25.3", Section: textSection, Title: "A text that ends inside a code point, and a next one with the rest", Why: "Each message is valid on its own, or not at all.",
			Script: []Step{frames(Frame{Op: opText, Payload: []byte("\xce")}, Frame{Op: opText, Payload: []byte("\xba")}), fails(1007)}},
		Case{ID: "6.25.4", Section: textSection, Title: "A text of 64 KiB whose last byte is invalid", Why: "Fast validators work in blocks, and slip at their edges.",
			Script: []Step{SendMessage{Op: opText, Body: text(string(fill(Stars, 65535).Bytes()) + "\xff")}, fails(1007)}},
		Case{ID: "6.25.5", Section: textSection, Title: "A text of 64 KiB of code points of one to four bytes", Why: "Fast validators work in blocks, and slip at their edges.",
			Script: []Step{SendMessage{Op: opText, Body: fill(Accents, 65536)}, expect(echo(opText, fill(Accents, 65536)))}},
	)
}

// SendPart sends a piece of one frame's bytes; From and To count from the end
// where they are negative, and zero To is the end.
type SendPart struct {
	sends
	Frame    Frame
	From, To int
}

func (st SendPart) run(s *dialogue) bool {
	masked := s.end == Server
	key := [4]byte{0x11, 0x22, 0x33, 0x44} // both parts must agree
	b := appendFrame(nil, st.Frame, masked, key)
	from, to := st.From, st.To
	if from < 0 {
		from += len(b)
	}
	if to <= 0 {
		to += len(b)
	}
	if from == 0 {
		s.log.sent(st.Frame, masked, key)
	}
	s.log.note(fmt.Sprintf("bytes %d to %d of that frame are sent", from, to))
	s.write(b[from:to], 0)
	return true
}

// A stressSet is one list of sequences after the UTF-8 stress tests that
// decoders have been held against for decades; all have the same verdict, but
// for those that say otherwise.
type stressSet struct {
	title string
	texts []string
}

// utf8StressCases are 6.5 to 6.23.
func utf8StressCases() (cases []Case) {
	var prefixes []string
	for i := 1; i <= len(kosme); i++ {
		prefixes = append(prefixes, kosme[:i])
	}
	var continuations []string
	all := ""
	for n := 1; n <= 7; n++ {
		p := ""
		for i := range n {
			p += string([]byte{0x80 | byte(i&1)*0x3f})
		}
		continuations = append(continuations, p)
	}
	for b := 0x80; b <= 0xBF; b++ {
		all += string([]byte{byte(b)})
	}
	continuations = append(continuations, all)
	lonely := func(from, to int) (p string) {
		for b := from; b <= to; b++ {
			p += string([]byte{byte(b), ' '})
		}
		return p
	}
	short := []string{"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80", "\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf"}
	joined := ""
	for _, s := range short {
		joined += s
	}
	var surrogates []string
	for _, hi := range []rune{0xD800, 0xDB7F, 0xDB80, 0xDBFF} {
		for _, lo := range []rune{0xDC00, 0xDFFF} {
			surrogates = append(surrogates, threeBytes(hi)+threeBytes(lo))
		}
	}
	var nons []string
	for plane := rune(0); plane <= 16; plane++ {
		nons = append(nons, string(plane<<16|0xFFFE), string(plane<<16|0xFFFF))
	}
	nons = append(nons, string([]rune{0xFDD0, 0xFDEF}))
	sets := []stressSet{
		5:  {"A valid text", []string{kosme, "Hello, κόσμε", "𝄞𝄢", "日本語", "\u200f\u202e"}},
		6:  {"The start of a Greek word", prefixes},
		7:  {"The first code point of its length", []string{"\x00", "\u0080", "\u0800", "\U00010000"}},
		8:  {"A sequence of five or six bytes, the first of its length", []string{"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"}},
		9:  {"The last code point of its length", []string{"\x7f", "\u07ff", "\uffff", "\U0010ffff"}},
		10: {"A sequence past U+10FFFF, the last of its length", []string{"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf"}},
		11: {"A code point at a bound", []string{"\ud7ff", "\ue000", "\ufffd", "\U0010ffff", "\xf4\x90\x80\x80"}},
		12: {"Continuation bytes alone", continuations},
		13: {"First bytes alone", []string{lonely(0xC0, 0xDF), lonely(0xE0, 0xEF), lonely(0xF0, 0xF7), lonely(0xF8, 0xFB), lonely(0xFC, 0xFD)}},
		14: {"A sequence without its last byte", short},
		15: {"Sequences without their last bytes, in a row", []string{joined}},
		16: {"Bytes that UTF-8 never has", []string{"\xfe", "\xff", "\xfe\xfe\xff\xff"}},
		17: {"An overlong slash", []string{"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf"}},
		18: {"The largest overlong sequence of its length", []string{"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf"}},
		19: {"An overlong NUL", []string{"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80"}},
		20: {"A surrogate alone", []string{threeBytes(0xD800), threeBytes(0xDB7F), threeBytes(0xDB80), threeBytes(0xDBFF), threeBytes(0xDC00), threeBytes(0xDF80), threeBytes(0xDFFF)}},
		21: {"Surrogates in a pair", surrogates},
		22: {"A noncharacter", nons},
		23: {"A code point of the specials block", []string{"\ufff9", "\ufffa", "\ufffb", "\ufffc", "\ufffd", "\ufffe", "\uffff"}},
	}
	for k, set := range sets {
		for i, p := range set.texts {
			c := Case{
				ID: fmt.Sprintf("6.%d.%d", k, i+1), Section: textSection,
				Title:  fmt.Sprintf("%s: %s", set.title, quotedHex(p)),
				Why:    validWhy,
				Script: []Step{SendMessage{Op: opText, Body: text(p)}, expect(echo(opText, text(p)))},
			}
			if !validUTF8([]byte(p)) {
				c.Why = invalidWhy
				c.Script[1] = fails(1007)
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// threeBytes encodes a surrogate as if it were a code point.
func threeBytes(r rune) string {
	return string([]byte{0xE0 | byte(r>>12), 0x80 | byte(r>>6)&0x3F, 0x80 | byte(r)&0x3F})
}

func quotedHex(p string) string {
	const most = 24
	if len(p) > most {
		return fmt.Sprintf("% x …", p[:most])
	}
	return fmt.Sprintf("% x", p)
}

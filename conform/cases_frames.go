package conform

import (
	"fmt"
	"time"
)

// maskingCases are group 25.
func maskingCases() (cases []Case) {
	const section = "RFC 6455 §5.1"
	const why = "Masking is what keeps a page from writing bytes of its choice through a proxy: it holds one way, for every frame."
	wrong := func(f Frame) Frame { f.Mask = MaskWrong; return f }
	for i, c := range []struct {
		name   string
		frames []Frame
	}{
		{"text", []Frame{wrong(Frame{Op: opText, Payload: []byte("Hello")})}},
		{"binary", []Frame{wrong(Frame{Op: opBinary, Payload: []byte("Hello")})}},
		{"empty text", []Frame{wrong(Frame{Op: opText})}},
		{"continuation", []Frame{{Op: opText, More: true, Payload: []byte("Hel")}, wrong(Frame{Op: opContinuation, Payload: []byte("lo")})}},
		{"ping", []Frame{wrong(Frame{Op: opPing, Payload: []byte("ping")})}},
		{"pong", []Frame{wrong(Frame{Op: opPong, Payload: []byte("pong")})}},
		{"Close", []Frame{wrong(closeFrame(closePayload(1000, "")))}},
	} {
		cases = append(cases, Case{
			ID: fmt.Sprintf("25.1.%d", i+1), Section: section, Why: why,
			Title:  fmt.Sprintf("A %s frame with the masking of the wrong end", c.name),
			Script: []Step{frames(c.frames...), fails(1002)},
		})
	}
	var echoes []Step
	for _, size := range []int{0, 1, 125, 126, 127, 65535, 65536} {
		echoes = append(echoes, SendMessage{Op: opBinary, Body: fill(Bytes, size)}, expect(echo(opBinary, fill(Bytes, size))))
	}
	echoes = append(echoes, frames(Frame{Op: opPing, Payload: []byte("ping")}), expect(pong(text("ping"))))
	cases = append(cases,
		Case{ID: "25.2.1", Section: section, Why: why, Title: "Messages of every size class and a ping: the masks that come back",
			Script: append(echoes[:len(echoes):len(echoes)], KeepsRule{Rule: masksByRole})},
		Case{ID: "25.2.2", Section: "RFC 6455 §5.2", Title: "Messages of every size class: the lengths that come back",
			Why:    "A length has one form: who writes another is refused by those who check.",
			Script: append(echoes[:len(echoes):len(echoes)], KeepsRule{Rule: shortLengths})},
		Case{ID: "25.2.3", Section: "RFC 6455 §5.3", Ends: Client, Title: "40 messages: the masking keys that come back",
			Why:    "A key that can be guessed masks nothing.",
			Script: []Step{Echoes{Op: opText, Body: text("Hello"), Count: 40}, KeepsRule{Rule: freshKeys}}},
	)
	for i, f := range []struct {
		size int
		form LengthForm
	}{{0, Length16}, {5, Length16}, {125, Length16}, {5, Length64}, {126, Length64}, {65535, Length64}} {
		body := fill(Stars, f.size)
		back := echo(opText, body)
		cases = append(cases, Case{
			ID: fmt.Sprintf("25.3.%d", i+1), Section: "RFC 6455 §5.2",
			Title:  fmt.Sprintf("A length of %d written in %d bits", f.size, map[LengthForm]int{Length16: 16, Length64: 64}[f.form]),
			Why:    "Two ways to write one length let two parsers disagree on where a frame ends.",
			Script: []Step{frames(Frame{Op: opText, Payload: body.Bytes(), Form: f.form}), Fails{Codes: []int{1002}, Mild: Nonstrict, Tolerated: &back}},
		})
	}
	cases = append(cases, Case{
		ID: "25.3.7", Section: "RFC 6455 §5.5", Title: "A ping of 5 bytes with its length in 16 bits",
		Why:    "\"All control frames MUST have a payload length of 125 bytes or less\": the longer forms have no place there.",
		Script: []Step{frames(Frame{Op: opPing, Payload: []byte("Hello"), Form: Length16}), Fails{Codes: []int{1002}, Mild: Nonstrict, Tolerated: &want{kind: evPong, op: opPong, body: text("Hello")}}},
	})
	return cases
}

// economyCases are group 26: what is legal and costs the peer.
func economyCases() []Case {
	const cut = "Every frame costs its reader a header, a look-up and often a wake-up: an echo in thousands of frames is slower than the network."
	const write = "A head in a packet of its own doubles the packets, and with a delayed acknowledgement adds 40 ms to a message."
	whole := func(kind PayloadKind) []Step {
		return []Step{SendMessage{Op: opText, Body: fill(kind, 128<<10)}, expect(echo(opText, fill(kind, 128<<10))), KeepsRule{Rule: fewFrames}}
	}
	small := []Step{Echoes{Op: opText, Body: fill(Prose, 64), Count: 40}, KeepsRule{Rule: oneWrite}}
	return []Case{
		{ID: "26.1.1", Section: "RFC 6455 §5.4", Title: "A text of 128 KiB: the frames that come back", Why: cut, Script: whole(Prose)},
		{ID: "26.1.2", Section: "RFC 6455 §5.4", Title: "A compressed text of 128 KiB: the frames that come back", Why: cut, Deflate: &Deflate{}, Script: whole(Windowed)},
		{ID: "26.1.3", Section: "RFC 6455 §5.4", Title: "A compressed text of 128 KiB without takeover: the frames that come back", Why: cut, Deflate: &Deflate{EndpointReset: true, SuiteReset: true}, Script: whole(Windowed)},
		{ID: "26.2.1", Section: "RFC 6455 §5.2", Title: "40 texts of 64 bytes: the writes that come back", Why: write, Script: small},
		{ID: "26.2.2", Section: "RFC 6455 §5.2", Title: "40 compressed texts of 64 bytes: the writes that come back", Why: write, Deflate: &Deflate{}, Script: small},
	}
}

// endingCases are group 27.
func endingCases() []Case {
	const order = "RFC 6455 §7.1.1"
	normal := closeFrame(closePayload(1000, ""))
	const who = "Whoever closes TCP first keeps the port in TIME-WAIT: a client that does so runs out of ports."
	return []Case{
		{ID: "27.1.1", Section: order, Title: "Close: who ends TCP, and when", Why: who,
			Script: []Step{frames(normal), closes(1000), EndsTCP{}}},
		{ID: "27.1.2", Section: order, Title: "Close without a code: who ends TCP, and when", Why: who,
			Script: []Step{frames(closeFrame(nil)), closes(1005, 1000), EndsTCP{}}},
		{ID: "27.1.3", Section: order, Title: "Close inside a fragmented message: who ends TCP, and when", Why: who,
			Script: []Step{frames(Frame{Op: opText, More: true, Payload: []byte("one")}, normal), closes(1000), EndsTCP{}}},
		{ID: "27.2.1", Section: "RFC 6455 §7.1.7", Title: "A protocol error by a peer that never answers the Close", Why: "A Close that nobody answers must not keep the connection: this is how they pile up.", Bound: 14 * time.Second,
			Script: []Step{frames(Frame{Op: 3}), EndsAnyhow{Within: 12 * time.Second, Mute: true}}},
		{ID: "27.2.2", Section: order, Ends: Server, Title: "TCP closed by the client in the middle of a frame", Why: "A torn connection is an ordinary event for a server.",
			Script: []Step{SendRaw{Bytes: []byte{0x81, 0xFE, 0x10, 0x00, 1, 2, 3, 4, 'h'}}, HalfClose{}, EndsAnyhow{Within: 5 * time.Second}, Survives{}}},
		{ID: "27.2.3", Section: order, Title: "TCP closed in the middle of a fragmented message", Why: "What was received is not a message, and the end is not a clean one.",
			Script: []Step{frames(Frame{Op: opText, More: true, Payload: []byte("one")}), HalfClose{}, EndsAnyhow{Within: 5 * time.Second}, Survives{}}},
		{ID: "27.2.4", Section: order, Title: "TCP closed without a Close frame", Why: "Half-open connections cost memory until somebody notices: the end of TCP is the notice.",
			Script: []Step{frames(Frame{Op: opText, Payload: []byte("Hello")}), expect(echo(opText, text("Hello"))), HalfClose{}, EndsAnyhow{Within: 5 * time.Second}, Survives{}}},
		{ID: "27.3.1", Section: "RFC 6455 §5.5.1", Title: "Close and the suite's side of TCP closed at once", Why: "The peer still reads: it is owed an answer.",
			Script: []Step{frames(normal), HalfClose{}, closes(1000)}},
	}
}

// hostileCases are group 28.
func hostileCases() []Case {
	const sizes = "RFC 6455 §5.2"
	const claim = "A length is a claim: memory set aside for it, or arithmetic that overflows, is how servers have been taken down."
	const flood = "Each costs the sender a byte and the receiver an object: a limit has to count frames too."
	ping := func(n int) (f []Frame, words []string) {
		for i := range n {
			words = append(words, fmt.Sprint(i))
			f = append(f, Frame{Op: opPing, Payload: []byte(words[i])})
		}
		return f, words
	}
	pings, words := ping(2000)
	var hollow []Frame
	for i := range 50_000 {
		hollow = append(hollow, Frame{Op: opContinuation, More: true})
		if i == 0 {
			hollow[0].Op = opBinary
		}
	}
	hollow = append(hollow, Frame{Op: opContinuation, Payload: []byte("end")})
	return []Case{
		{ID: "28.1.1", Section: sizes, Title: "A length of 2⁶³, whose top bit must be 0", Why: claim,
			Script: []Step{frames(Frame{Op: opText, Claim: 1 << 63}), fails(1002, 1009), Survives{}}},
		{ID: "28.1.2", Section: sizes, Title: "A length of 2⁶⁴-1", Why: claim,
			Script: []Step{frames(Frame{Op: opBinary, Claim: 1<<64 - 1}), fails(1002, 1009), Survives{}}},
		{ID: "28.1.3", Section: "RFC 6455 §10.4", Title: "A length of 2⁶²", Why: claim,
			Script: []Step{frames(Frame{Op: opBinary, Claim: 1 << 62}), Fails{Codes: []int{1009}, Mild: Informational}, Survives{}}},
		{ID: "28.1.4", Section: "RFC 6455 §10.4", Title: "A length of 1 TiB in a continuation frame", Why: claim,
			Script: []Step{frames(Frame{Op: opBinary, More: true, Payload: []byte("one")}, Frame{Op: opContinuation, Claim: 1 << 40}), Fails{Codes: []int{1009}, Mild: Informational}, Survives{}}},
		{ID: "28.2.1", Section: "RFC 6455 §10.4", Title: "A message of 131,072 fragments of one byte", Why: flood, Bound: 15 * time.Second,
			Script: []Step{SendMessage{Op: opBinary, Body: fill(Bytes, 131072), Per: 1}, EchoOrRefusal{Op: opBinary, Body: fill(Bytes, 131072), Codes: []int{1008, 1009}}, Survives{}}},
		{ID: "28.2.2", Section: "RFC 6455 §10.4", Title: "A message with 50,000 empty fragments", Why: flood, Bound: 15 * time.Second,
			Script: []Step{Send{Frames: hollow}, EchoOrRefusal{Op: opBinary, Body: text("end"), Codes: []int{1008, 1009}}, Survives{}}},
		{ID: "28.3.1", Section: "RFC 6455 §5.5.2", Title: "2,000 pings at once", Why: "Answers that pile up must be bounded: the newest ping is answered, or the flood refused.",
			Script: []Step{Send{Frames: pings}, ExpectPongs{Payloads: words, Refuse: []int{1008}}, Survives{}}},
	}
}

package conform

import "fmt"

// framingCases are group 1: messages of every size class, whole and chopped.
func framingCases() (cases []Case) {
	sizes := []int{0, 125, 126, 127, 128, 65535, 65536}
	for k, op := range []byte{opText, opBinary} {
		add := func(group, n, size, chop int) {
			c := Case{
				ID:      fmt.Sprintf("1.%d.%d", group, n),
				Section: "RFC 6455 §5.2",
				Title:   fmt.Sprintf("A %s message of %s", opName(op), sizeWords(size)),
				Why:     "Payload lengths come in three forms, and the bounds between them are where parsers slip.",
				Script: []Step{
					SendMessage{Op: op, Body: fill(bodyFor(op), size), Chop: chop},
					expect(echo(op, fill(bodyFor(op), size))),
				},
			}
			if chop > 0 {
				c.Title += fmt.Sprintf(", sent in pieces of %s", sizeWords(chop))
				c.Why = "TCP may cut a stream anywhere: a parser that needs a whole frame in one read loses its place."
			}
			cases = append(cases, c)
		}
		for i, size := range sizes {
			add(1+k, i+1, size, 0)
		}
		add(1+k, 8, 65536, 997)
		for i, size := range []int{0, 1, 125, 126, 127, 128, 1500} {
			add(3+k, i+1, size, 1)
		}
		add(3+k, 8, 65535, 997)
	}
	return cases
}

// bodyFor is what a message of the opcode is made of.
func bodyFor(op byte) PayloadKind {
	if op == opText {
		return Letters
	}
	return Bytes
}

// pingCases are group 2.
func pingCases() []Case {
	const section = "RFC 6455 §5.5.2"
	ping := func(p string) Frame { return Frame{Op: opPing, Payload: []byte(p)} }
	unasked := func(p string) Frame { return Frame{Op: opPong, Payload: []byte(p)} }
	full := string(fill(Stars, 125).Bytes())
	binary := "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
	answered := "A pong has to carry the ping's payload, byte for byte: that is how a peer measures and matches."
	var ten []Frame
	var words []string
	for i := range 10 {
		words = append(words, fmt.Sprintf("payload-%d", i))
		ten = append(ten, ping(words[i]))
	}
	return []Case{
		{ID: "2.1", Section: section, Title: "A ping without payload", Why: answered,
			Script: []Step{frames(ping("")), expect(pong(text("")))}},
		{ID: "2.2", Section: section, Title: "A ping with a short text", Why: answered,
			Script: []Step{frames(ping("Hello, world!")), expect(pong(text("Hello, world!")))}},
		{ID: "2.3", Section: section, Title: "A ping with bytes that are no UTF-8", Why: "Control frames have no type: their payload is any bytes.",
			Script: []Step{frames(ping(binary)), expect(pong(text(binary)))}},
		{ID: "2.4", Section: section, Title: "A ping with 125 bytes, the most there can be", Why: answered,
			Script: []Step{frames(ping(full)), expect(pong(text(full)))}},
		{ID: "2.5", Section: "RFC 6455 §5.5", Title: "A ping with 126 bytes", Why: "Control frames are short so that they need no buffer: one past the limit is a protocol error.",
			Script: []Step{frames(ping(full + "*")), fails(1002)}},
		{ID: "2.6", Section: section, Title: "A ping with 125 bytes, sent byte by byte", Why: answered,
			Script: []Step{Send{Frames: []Frame{ping(full)}, Chop: 1}, expect(pong(text(full)))}},
		{ID: "2.7", Section: "RFC 6455 §5.5.3", Title: "A pong that nobody asked for, then a ping", Why: "A pong out of the blue is a heartbeat in one direction and wants no answer.",
			Script: []Step{frames(unasked(""), ping("after")), Expect{Events: []want{pong(text("after"))}, Exact: true}}},
		{ID: "2.8", Section: "RFC 6455 §5.5.3", Title: "A pong with payload that nobody asked for, then a text", Why: "A pong out of the blue is a heartbeat in one direction and wants no answer.",
			Script: []Step{frames(unasked("unasked"), Frame{Op: opText, Payload: []byte("after")}), Expect{Events: []want{echo(opText, text("after"))}, Exact: true}}},
		{ID: "2.9", Section: "RFC 6455 §5.5.3", Title: "A pong with payload that nobody asked for, then a ping with another", Why: "Only the ping is answered, with the ping's own payload.",
			Script: []Step{frames(unasked("unasked"), ping("asked")), Expect{Events: []want{pong(text("asked"))}, Exact: true}}},
		{ID: "2.10", Section: "RFC 6455 §5.5.3", Title: "Ten pings at once", Why: "Pongs come in order, and the newest ping is always answered.",
			Script: []Step{Send{Frames: ten}, ExpectPongs{Payloads: words}}},
		{ID: "2.11", Section: "RFC 6455 §5.5.3", Title: "Ten pings at once, sent byte by byte", Why: "Pongs come in order, and the newest ping is always answered.",
			Script: []Step{Send{Frames: ten, Chop: 1}, ExpectPongs{Payloads: words}}},
		{ID: "2.12", Section: "RFC 6455 §5.5", Title: "A pong with 126 bytes", Why: "The limit of 125 bytes holds for every control frame, also for one that is only dropped.",
			Script: []Step{frames(unasked(full + "*")), fails(1002)}},
		{ID: "2.13", Section: "RFC 6455 §5.5", Title: "A ping that claims 64 KiB, and nothing of it", Why: "The limit has to be seen in the header, not after the payload was gathered.",
			Script: []Step{frames(Frame{Op: opPing, Claim: 65536}), Fails{Codes: []int{1002}, Mild: Nonstrict}}},
		{ID: "2.14", Section: section, Title: "A ping between two texts", Why: "Answers keep the order of what they answer.",
			Script: []Step{
				frames(Frame{Op: opText, Payload: []byte("one")}, ping("two"), Frame{Op: opText, Payload: []byte("three")}),
				AnyOrder{Events: []want{echo(opText, text("one")), pong(text("two")), echo(opText, text("three"))}},
			}},
	}
}

// reservedBitCases are group 3.
func reservedBitCases() []Case {
	const section = "RFC 6455 §5.2"
	const why = "A reserved bit that nobody negotiated changes what the payload means: to ignore it is to misread the data."
	hello := Frame{Op: opText, Payload: []byte("Hello, world!")}
	with := func(f Frame, rsv byte) Frame { f.RSV = rsv; return f }
	ping := Frame{Op: opPing}
	first := owed(echo(opText, text("Hello, world!")))
	cases := []Case{
		{ID: "3.1", Section: section, Title: "A text with RSV3", Why: why, Script: []Step{frames(with(hello, rsv3)), fails(1002)}},
		{ID: "3.2", Section: section, Title: "A text, a text with RSV2 and a ping, all at once", Why: why,
			Script: []Step{frames(hello, with(hello, rsv2), ping), expect(first), fails(1002)}},
		{ID: "3.3", Section: section, Title: "A text, a text with RSV2 and RSV3 and a ping, one by one", Why: why,
			Script: []Step{frames(hello), expect(echo(opText, text("Hello, world!"))), frames(with(hello, rsv2|rsv3)), frames(ping), fails(1002)}},
		{ID: "3.4", Section: section, Title: "A text, a text with RSV1 and a ping, byte by byte", Why: why,
			Script: []Step{Send{Frames: []Frame{hello, with(hello, rsv1), ping}, Chop: 1}, expect(first), fails(1002)}},
		{ID: "3.5", Section: section, Title: "A binary message with RSV1 and RSV3", Why: why,
			Script: []Step{frames(with(Frame{Op: opBinary, Payload: []byte{0, 255, 254}}, rsv1|rsv3)), fails(1002)}},
		{ID: "3.6", Section: section, Title: "A ping with RSV1 and RSV2", Why: why, Script: []Step{frames(with(ping, rsv1|rsv2)), fails(1002)}},
		{ID: "3.7", Section: section, Title: "A Close with all reserved bits", Why: why,
			Script: []Step{frames(with(Frame{Op: opClose, Payload: closePayload(1000, "")}, rsv1|rsv2|rsv3)), fails(1002)}},
	}
	n := 0
	for _, op := range []byte{opText, opBinary, opContinuation, opPing, opPong, opClose} {
		for i, rsv := range []byte{rsv1, rsv2, rsv3} {
			n++
			f := Frame{Op: op, RSV: rsv, Payload: []byte("Hello")}
			if op == opClose {
				f.Payload = closePayload(1000, "")
			}
			c := Case{
				ID: fmt.Sprintf("3.8.%d", n), Section: section, Why: why,
				Title:  fmt.Sprintf("A %s frame with RSV%d", opName(op), i+1),
				Script: []Step{frames(f), fails(1002)},
			}
			if op == opContinuation {
				c.Script = []Step{frames(Frame{Op: opText, More: true, Payload: []byte("Hello")}, f), fails(1002)}
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// opcodeCases are group 4.
func opcodeCases() (cases []Case) {
	hello := Frame{Op: opText, Payload: []byte("Hello, world!")}
	first := owed(echo(opText, text("Hello, world!")))
	for k, ops := range [][]byte{{3, 4, 5, 6, 7}, {11, 12, 13, 14, 15}} {
		for i, op := range ops {
			c := Case{
				ID:      fmt.Sprintf("4.%d.%d", k+1, i+1),
				Section: "RFC 6455 §5.2",
				Why:     "An unknown opcode is a protocol error: to skip it would hide a peer that speaks something else.",
			}
			bare, full := Frame{Op: op}, Frame{Op: op, Payload: []byte("reserved")}
			switch i {
			case 0:
				c.Title = fmt.Sprintf("A frame with opcode 0x%X", op)
				c.Script = []Step{frames(bare), fails(1002)}
			case 1:
				c.Title = fmt.Sprintf("A frame with opcode 0x%X and payload", op)
				c.Script = []Step{frames(full), fails(1002)}
			case 2:
				c.Title = fmt.Sprintf("A text, a frame with opcode 0x%X and a ping, all at once", op)
				c.Script = []Step{frames(hello, bare, Frame{Op: opPing}), expect(first), fails(1002)}
			case 3:
				c.Title = fmt.Sprintf("A text, a frame with opcode 0x%X and payload and a ping, one by one", op)
				c.Script = []Step{frames(hello), expect(echo(opText, text("Hello, world!"))), frames(full), frames(Frame{Op: opPing}), fails(1002)}
			case 4:
				c.Title = fmt.Sprintf("A text, a frame with opcode 0x%X and payload and a ping, byte by byte", op)
				c.Script = []Step{Send{Frames: []Frame{hello, full, {Op: opPing}}, Chop: 1}, expect(first), fails(1002)}
			}
			cases = append(cases, c)
		}
	}
	// At every other place of a conversation.
	for i, op := range []byte{3, 11} {
		cases = append(cases, Case{
			ID: fmt.Sprintf("4.3.%d", i+1), Section: "RFC 6455 §5.2",
			Title:  fmt.Sprintf("A frame with opcode 0x%X inside a fragmented message", op),
			Why:    "The check belongs before the state machine of messages, not behind it.",
			Script: []Step{frames(Frame{Op: opText, More: true, Payload: []byte("one")}, Frame{Op: op}, Frame{Op: opContinuation, Payload: []byte("two")}), fails(1002)},
		})
	}
	return cases
}

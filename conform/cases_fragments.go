package conform

import "fmt"

// fragmentCases are group 5.
func fragmentCases() []Case {
	const section = "RFC 6455 §5.4"
	const (
		nothing  = "A continuation frame continues something, or it is a protocol error."
		between  = "Control frames may stand between fragments, so that a ping need not wait for a long message."
		together = "A message may come in any number of frames."
		control  = "Control frames are never fragmented: an endpoint that gathers one can be made to hold it for ever."
	)
	ping := Frame{Op: opPing, Payload: []byte("between")}
	pongBack := pong(text("between"))
	a := Frame{Op: opText, More: true, Payload: []byte("fragment1")}
	b := Frame{Op: opContinuation, Payload: []byte("fragment2")}
	both := echo(opText, text("fragment1fragment2"))
	cont := func(p string, more bool) Frame { return Frame{Op: opContinuation, More: more, Payload: []byte(p)} }
	stray := func(more bool) []Frame {
		return []Frame{cont("stray", more), {Op: opText, Payload: []byte("Hello, world!")}}
	}
	one := func(f Frame) Step { return frames(f) }
	cases := []Case{
		{ID: "5.1", Section: section, Title: "A ping in two fragments", Why: control,
			Script: []Step{frames(Frame{Op: opPing, More: true, Payload: []byte("frag")}, cont("ment", false)), fails(1002)}},
		{ID: "5.2", Section: section, Title: "A pong in two fragments", Why: control,
			Script: []Step{frames(Frame{Op: opPong, More: true, Payload: []byte("frag")}, cont("ment", false)), fails(1002)}},
		{ID: "5.3", Section: section, Title: "A text in two fragments, in one write", Why: together,
			Script: []Step{frames(a, b), expect(both)}},
		{ID: "5.4", Section: section, Title: "A text in two fragments, one by one", Why: together,
			Script: []Step{one(a), one(b), expect(both)}},
		{ID: "5.5", Section: section, Title: "A text in two fragments, byte by byte", Why: together,
			Script: []Step{Send{Frames: []Frame{a, b}, Chop: 1}, expect(both)}},
		{ID: "5.6", Section: section, Title: "A text in two fragments with a ping between them, in one write", Why: between,
			Script: []Step{frames(a, ping, b), AnyOrder{Events: []want{pongBack, both}}}},
		{ID: "5.7", Section: section, Title: "A text in two fragments with a ping between them, which is awaited", Why: between,
			Script: []Step{one(a), one(ping), expect(pongBack), one(b), expect(both)}},
		{ID: "5.8", Section: section, Title: "A text in two fragments with a ping between them, byte by byte", Why: between,
			Script: []Step{Send{Frames: []Frame{a, ping, b}, Chop: 1}, AnyOrder{Events: []want{pongBack, both}}}},
		{ID: "5.9", Section: section, Title: "A last continuation with nothing to continue, then a text", Why: nothing,
			Script: []Step{frames(stray(false)...), fails(1002)}},
		{ID: "5.10", Section: section, Title: "A last continuation with nothing to continue, then a text, one by one", Why: nothing,
			Script: []Step{one(stray(false)[0]), one(stray(false)[1]), fails(1002)}},
		{ID: "5.11", Section: section, Title: "A last continuation with nothing to continue, then a text, byte by byte", Why: nothing,
			Script: []Step{Send{Frames: stray(false), Chop: 1}, fails(1002)}},
		{ID: "5.12", Section: section, Title: "A continuation with nothing to continue, then a text", Why: nothing,
			Script: []Step{frames(stray(true)...), fails(1002)}},
		{ID: "5.13", Section: section, Title: "A continuation with nothing to continue, then a text, one by one", Why: nothing,
			Script: []Step{one(stray(true)[0]), one(stray(true)[1]), fails(1002)}},
		{ID: "5.14", Section: section, Title: "A continuation with nothing to continue, then a text, byte by byte", Why: nothing,
			Script: []Step{Send{Frames: stray(true), Chop: 1}, fails(1002)}},
		{ID: "5.15", Section: section, Title: "A fragmented text, then a continuation with nothing to continue", Why: "A finished message leaves nothing open.",
			Script: []Step{frames(a, b, cont("fragment3", true), Frame{Op: opText, Payload: []byte("fragment4")}), expect(owed(both)), fails(1002)}},
		{ID: "5.16", Section: section, Title: "A continuation with nothing to continue before a fragmented text", Why: nothing,
			Script: []Step{frames(cont("fragment1", true), Frame{Op: opText, More: true, Payload: []byte("fragment2")}, cont("fragment3", false)), fails(1002)}},
		{ID: "5.17", Section: section, Title: "A last continuation with nothing to continue before a fragmented text", Why: nothing,
			Script: []Step{frames(cont("fragment1", false), Frame{Op: opText, More: true, Payload: []byte("fragment2")}, cont("fragment3", false)), fails(1002)}},
		{ID: "5.18", Section: section, Title: "A second text where the first should continue", Why: "Messages do not nest: the second start is an error, not a new message.",
			Script: []Step{frames(a, Frame{Op: opText, Payload: []byte("fragment2")}), fails(1002)}},
		{ID: "5.21", Section: section, Title: "A binary message where a text should continue", Why: "Messages do not nest, whatever their types.",
			Script: []Step{frames(a, Frame{Op: opBinary, Payload: []byte("fragment2")}), fails(1002)}},
		{ID: "5.22", Section: section, Title: "A text whose first fragment is empty", Why: "An empty first fragment has a type and no data: both must be kept.",
			Script: []Step{frames(Frame{Op: opText, More: true}, cont("tail", false)), expect(echo(opText, text("tail")))}},
		{ID: "5.23", Section: section, Title: "A text whose last fragment is empty", Why: "Writers that do not know the end ahead finish so.",
			Script: []Step{frames(Frame{Op: opText, More: true, Payload: []byte("head")}, cont("", false)), expect(echo(opText, text("head")))}},
		{ID: "5.24", Section: section, Title: "A binary message of three empty fragments", Why: "A message without bytes is a message.",
			Script: []Step{frames(Frame{Op: opBinary, More: true}, cont("", true), cont("", false)), expect(echo(opBinary, text("")))}},
		{ID: "5.25", Section: section, Title: "A binary message in 1,000 fragments of one byte", Why: together,
			Script: []Step{SendMessage{Op: opBinary, Body: fill(Bytes, 1000), Per: 1}, expect(echo(opBinary, fill(Bytes, 1000)))}},
		{ID: "5.26", Section: section, Title: "Two fragmented messages back to back", Why: "What belongs to the first message must not leak into the second.",
			Script: []Step{frames(a, b, Frame{Op: opBinary, More: true, Payload: []byte{1}}, Frame{Op: opContinuation, Payload: []byte{2}}), expect(both, echo(opBinary, text("\x01\x02")))}},
	}
	for i, op := range []byte{opPing, opPong, opClose} {
		f := Frame{Op: op, More: true, Payload: []byte("frag")}
		if op == opClose {
			f.Payload = closePayload(1000, "")
		}
		cases = append(cases, Case{
			ID: fmt.Sprintf("5.%d", 27+i), Section: section, Why: control,
			Title:  fmt.Sprintf("A %s without FIN, and nothing after it", opName(op)),
			Script: []Step{frames(f), fails(1002)},
		})
	}
	for i, apart := range []bool{false, true} {
		var script []Step
		var whole string
		var pending []Frame
		for n := 1; n <= 5; n++ {
			p := fmt.Sprintf("fragment%d", n)
			whole += p
			f := cont(p, n < 5)
			if n == 1 {
				f.Op = opText
			}
			pending = append(pending, f)
			if n == 5 {
				break
			}
			pending = append(pending, Frame{Op: opPing, Payload: []byte(p)})
			if apart || n%2 == 0 {
				script = append(script, frames(pending...))
				if !apart {
					script = append(script, ExpectPongs{Payloads: []string{fmt.Sprintf("fragment%d", n-1), p}})
				} else {
					script = append(script, expect(pong(text(p))))
				}
				pending = nil
			}
		}
		script = append(script, frames(pending...), expect(echo(opText, text(whole))))
		title := "A text in five fragments with pings between them, which are awaited in pairs"
		if apart {
			title = "A text in five fragments with pings between them, each awaited"
		}
		cases = append(cases, Case{ID: fmt.Sprintf("5.%d", 19+i), Section: section, Title: title, Why: between, Script: script})
	}
	return cases
}

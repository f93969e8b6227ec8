package conform

import "fmt"

// compressedSizes are a message's bytes and its frames' (0: one frame).
var compressedSizes = []struct{ size, per int }{
	{16, 0}, {64, 0}, {256, 0}, {1 << 10, 0}, {4 << 10, 0}, {8 << 10, 0}, {16 << 10, 0}, {32 << 10, 0}, {64 << 10, 0}, {128 << 10, 0},
	{8 << 10, 256}, {16 << 10, 256}, {32 << 10, 256}, {64 << 10, 256}, {128 << 10, 256}, {128 << 10, 1 << 10}, {128 << 10, 4 << 10}, {128 << 10, 32 << 10},
}

// compressionCases are groups 12 and 13.
func compressionCases() (cases []Case) {
	add := func(group, k int, what, why string, op byte, kind PayloadKind, d Deflate) {
		for i, s := range compressedSizes {
			count := min(max((192<<10)/s.size, 3), 24)
			c := Case{
				ID:      fmt.Sprintf("%d.%d.%d", group, k, i+1),
				Section: "RFC 7692 §7.2",
				Title:   fmt.Sprintf("%d compressed messages of %s, %s", count, sizeWords(s.size), what),
				Why:     why,
				Deflate: &d,
				Script:  []Step{Echoes{Op: op, Body: fill(kind, s.size), Count: count, Per: s.per, Vary: true, Ahead: 2}},
			}
			if s.per != 0 {
				c.Title += fmt.Sprintf(", in fragments of %s", sizeWords(s.per))
			}
			cases = append(cases, c)
		}
	}
	const kinds = "What compresses well, badly and not at all takes different paths through a compressor."
	for k, kind := range []struct {
		name string
		kind PayloadKind
		op   byte
	}{
		{"JSON", Records, opText}, {"noise", Noise, opBinary}, {"prose", Prose, opText}, {"accented text", Accents, opText}, {"one byte over and over", Stars, opBinary},
	} {
		add(12, k+1, kind.name, kinds, kind.op, kind.kind, Deflate{})
	}
	const params = "Each parameter changes what both ends must keep between messages; both have to agree byte for byte."
	for k, d := range []struct {
		name string
		Deflate
	}{
		{"with takeover and the largest windows", Deflate{}},
		{"without takeover either way", Deflate{EndpointReset: true, SuiteReset: true}},
		{"with windows of 512 bytes", Deflate{EndpointBits: 9, SuiteBits: 9}},
		{"with windows of 32 KiB, asked for", Deflate{EndpointBits: 15, SuiteBits: 15}},
		{"without takeover, with windows of 512 bytes", Deflate{EndpointReset: true, SuiteReset: true, EndpointBits: 9, SuiteBits: 9}},
		{"without takeover, with windows of 32 KiB", Deflate{EndpointReset: true, SuiteReset: true, EndpointBits: 15, SuiteBits: 15}},
		{"without takeover by the endpoint alone", Deflate{EndpointReset: true}},
	} {
		add(13, k+1, d.name, params, opText, Windowed, d.Deflate)
	}
	return cases
}

// windowCases are group 23: what both ends keep between messages, proven.
func windowCases() (cases []Case) {
	const kept = "A smaller window is asked for to save memory: an endpoint that agrees and refers further back breaks its peer."
	for bits := 8; bits <= 15; bits++ {
		cases = append(cases, Case{
			ID: fmt.Sprintf("23.1.%d", bits), Section: "RFC 7692 §7.1.2.1",
			Title:   fmt.Sprintf("The endpoint is asked for a window of %s and sends text that would use a larger one", sizeWords(1<<bits)),
			Why:     kept,
			Deflate: &Deflate{EndpointBits: bits},
			Script:  []Step{Echoes{Op: opText, Body: fill(Windowed, 48<<10), Count: 3, Vary: true}},
		}, Case{
			ID: fmt.Sprintf("23.2.%d", bits), Section: "RFC 7692 §7.1.2.2",
			Title:   fmt.Sprintf("The suite announces a window of %s and uses it to the last byte", sizeWords(1<<bits)),
			Why:     "A decoder that keeps less than was agreed reads garbage, and only from messages that reach that far.",
			Deflate: &Deflate{SuiteBits: bits},
			Script:  []Step{SendFar{}},
		})
	}
	const taken = "Takeover means that a message may refer to the ones before it: a decoder that forgets fails at the second."
	body := fill(Noise, 1500)
	again := func(s ...Step) []Step { return s }
	one := func(b Payload, op byte) []Step {
		return []Step{SendMessage{Op: op, Body: b}, expect(echo(op, b))}
	}
	cat := func(parts ...[]Step) (all []Step) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	ping := again(frames(Frame{Op: opPing, Payload: []byte("ping")}), expect(pong(text("ping"))))
	plain := again(SendMessage{Op: opText, Body: text("not compressed"), Plain: true}, expect(echo(opText, text("not compressed"))))
	frag := again(SendMessage{Op: opBinary, Body: body, Per: 3}, expect(echo(opBinary, body)))
	add := func(id, section, title, why string, d Deflate, script []Step) {
		cases = append(cases, Case{ID: id, Section: section, Title: title, Why: why, Deflate: &d, Script: script})
	}
	add("23.3.1", "RFC 7692 §7.2.3.2", "The same noise five times: from the second on only a reference", taken, Deflate{}, again(Echoes{Op: opBinary, Body: body, Count: 5}))
	add("23.3.2", "RFC 7692 §7.2.3.2", "The same noise before and after an uncompressed message", "An uncompressed message leaves the window alone.", Deflate{}, cat(one(body, opBinary), plain, one(body, opBinary)))
	add("23.3.3", "RFC 7692 §7.2.3.2", "The same noise before and after an empty message", "An empty message leaves the window alone.", Deflate{}, cat(one(body, opBinary), one(text(""), opText), one(body, opBinary)))
	add("23.3.4", "RFC 7692 §7.2.3.2", "The same noise in fragments and whole, with a ping between", taken, Deflate{}, cat(frag, ping, one(body, opBinary)))
	add("23.3.5", "RFC 7692 §7.2.3.2", "The same noise of 30 KiB three times", "The reference reaches back almost a whole window.", Deflate{}, again(Echoes{Op: opBinary, Body: fill(Noise, 30<<10), Count: 3}))
	add("23.4.1", "RFC 7692 §7.1.1.1", "The same text five times to an endpoint that agreed not to take over", "Its peer keeps no window: a reference to an earlier message cannot be resolved.", Deflate{EndpointReset: true}, again(Echoes{Op: opText, Body: fill(Windowed, 1500), Count: 5}))
	add("23.4.2", "RFC 7692 §7.1.1.2", "The same text five times without takeover by the suite", "A decoder may forget then, and must not choke on a fresh start.", Deflate{SuiteReset: true}, again(Echoes{Op: opText, Body: fill(Windowed, 1500), Count: 5}))
	add("23.5.1", "RFC 7692 §7.1.1", "The same text twice to an endpoint that may take over", "Takeover is what makes small messages small; an endpoint may do without.", Deflate{}, again(Echoes{Op: opText, Body: fill(Windowed, 1500), Count: 2}, TakesOver{}))
	return cases
}

// compressedFrameCases are group 24: compressed messages as frames.
func compressedFrameCases() (cases []Case) {
	const bits = "RFC 7692 §6.1"
	const data = "RFC 7692 §7.2.2"
	hello := text("Hello, hello, hello, world!")
	n, k := 0, 0
	group := func(g int) { n, k = g, 0 }
	add := func(section, title, why string, script ...Step) {
		k++
		cases = append(cases, Case{ID: fmt.Sprintf("24.%d.%d", n, k), Section: section, Title: title, Why: why, Deflate: &Deflate{}, Script: script})
	}
	compressed := literalMessage([]byte("Hello"))

	group(1)
	const first = "RSV1 says that a message is compressed, once, on its first frame. Elsewhere it means nothing and is an error."
	add(bits, "RSV1 on a continuation frame", first, frames(Frame{Op: opText, RSV: rsv1, More: true, Payload: compressed[:3]}, Frame{Op: opContinuation, RSV: rsv1, Payload: compressed[3:]}), fails(1002))
	add(bits, "RSV1 on the continuation of an uncompressed message", first, frames(Frame{Op: opText, More: true, Payload: []byte("a")}, Frame{Op: opContinuation, RSV: rsv1, Payload: compressed}), fails(1002))
	add(bits, "RSV1 on a ping", first, frames(Frame{Op: opPing, RSV: rsv1, Payload: []byte("ping")}), fails(1002))
	add(bits, "RSV1 on a pong", first, frames(Frame{Op: opPong, RSV: rsv1, Payload: []byte("pong")}), fails(1002))
	add(bits, "RSV1 on a Close", first, frames(Frame{Op: opClose, RSV: rsv1, Payload: closePayload(1000, "")}), fails(1002))
	add("RFC 6455 §5.2", "RSV1 and RSV2 on a text", "permessage-deflate gives RSV1 a meaning and leaves the others reserved.", frames(Frame{Op: opText, RSV: rsv1 | rsv2, Payload: compressed}), fails(1002))
	add("RFC 6455 §5.2", "RSV3 on an uncompressed text", "permessage-deflate gives RSV1 a meaning and leaves the others reserved.", frames(Frame{Op: opText, RSV: rsv3, Payload: []byte("Hello")}), fails(1002))

	group(2)
	const any = "A sender may use every kind of block that DEFLATE has, and end where it likes."
	try := func(title string, body Payload, encode func([]byte) []byte, per int) {
		add(data, title, any, SendMessage{Op: opText, Body: body, Encode: encode, Per: per}, expect(echo(opText, body)))
	}
	try("A message in a stored block", hello, storedMessage, 0)
	try("A message of 200 KiB in stored blocks", fill(Prose, 200<<10), storedMessage, 0)
	try("A message in one block of fixed codes, without a match", fill(Prose, 3000), literalMessage, 0)
	try("A message with a block a byte: fixed, stored and dynamic in turn", fill(Prose, 99), manyBlocks, 0)
	try("A message that ends in a final block", hello, finalMessage, 0)
	try("A message in fragments of one byte, cut inside blocks", fill(Prose, 99), manyBlocks, 1)
	add(data, "A message whose last fragment is empty", "The end of a message need not carry data.",
		frames(Frame{Op: opText, RSV: rsv1, More: true, Payload: compressed}, Frame{Op: opContinuation}), expect(echo(opText, text("Hello"))))
	add(data, "A message whose first fragment is empty", "RSV1 counts though its frame has no bytes.",
		frames(Frame{Op: opText, RSV: rsv1, More: true}, Frame{Op: opContinuation, Payload: compressed}), expect(echo(opText, text("Hello"))))
	add(bits, "An uncompressed message though compression was agreed", "Whether to compress is decided message by message.",
		SendMessage{Op: opText, Body: hello, Plain: true}, expect(echo(opText, hello)))
	add(bits, "A ping between compressed fragments", "Control frames are never compressed.",
		frames(Frame{Op: opText, RSV: rsv1, More: true, Payload: compressed[:2]}, Frame{Op: opPing, Payload: []byte("between")}, Frame{Op: opContinuation, Payload: compressed[2:]}),
		AnyOrder{Events: []want{pong(text("between")), echo(opText, text("Hello"))}})
	add(bits, "Compressed and uncompressed messages in turn", "Whether to compress is decided message by message.",
		SendMessage{Op: opText, Body: hello}, SendMessage{Op: opText, Body: text("plain"), Plain: true}, SendMessage{Op: opText, Body: hello},
		expect(echo(opText, hello), echo(opText, text("plain")), echo(opText, hello)))

	group(3)
	const empty = "Nothing, compressed, is one byte of nothing: libraries have dropped it, looped on it and crashed on it."
	none := func([]byte) []byte { return []byte{0} }
	add("RFC 7692 §7.2.3.6", "An empty compressed text", empty, SendMessage{Op: opText, Encode: none}, expect(echo(opText, text(""))))
	add("RFC 7692 §7.2.3.6", "An empty compressed binary message", empty, SendMessage{Op: opBinary, Encode: none}, expect(echo(opBinary, text(""))))
	add("RFC 7692 §7.2.3.6", "An empty compressed message in two fragments, the first without bytes", empty,
		frames(Frame{Op: opText, RSV: rsv1, More: true}, Frame{Op: opContinuation, Payload: []byte{0}}), expect(echo(opText, text(""))))
	add("RFC 7692 §7.2.3.6", "An empty compressed message with a block of fixed codes", empty, SendMessage{Op: opText, Encode: literalMessage}, expect(echo(opText, text(""))))
	add("RFC 7692 §7.2.3.6", "Ten empty compressed messages, then one with text", empty,
		Echoes{Op: opText, Count: 10}, SendMessage{Op: opText, Body: hello}, expect(echo(opText, hello)))

	group(4)
	const damaged = "Damaged data has to end the connection: what a half-read block yields is not what was sent."
	hurt := func(title string, p []byte) {
		add(data, title, damaged, frames(Frame{Op: opBinary, RSV: rsv1, Payload: p}), fails(1007, 1002))
	}
	hurt("A block of the reserved type", []byte{0x06, 0x00})
	hurt("A stored block whose length does not match its complement", []byte{0x00, 0x05, 0x00, 0x00, 0x00, 'h', 'e', 'l', 'l', 'o', 0x00})
	hurt("A match that reaches back before the first byte", reachBack())
	hurt("A dynamic block whose codes are over-subscribed", []byte{0x04, 0xC0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00})
	add(data, "A stored block of 32 bytes that has two", "A decoder that is content with less takes the tail that it appended itself for the peer's bytes.",
		frames(Frame{Op: opBinary, RSV: rsv1, Payload: []byte{0x00, 0x20, 0x00, 0xDF, 0xFF, 'h', 'i'}}),
		Fails{Codes: []int{1007, 1002}, Mild: Nonstrict, Tolerated: &want{kind: evMessage, op: opBinary, body: text("hi" + string(deflateTail[:]))}})
	hurt("An undefined length code", undefinedCode())

	group(5)
	bad := kosme + "\xed\xa0\x80edited"
	add(textSection, "A compressed text that is no UTF-8", "The check belongs behind the inflater.", SendMessage{Op: opText, Body: text(bad)}, fails(1007))
	add(textSection, "A compressed text that ends inside a code point", "The check belongs behind the inflater.", SendMessage{Op: opText, Body: text("Hello \xce")}, fails(1007))
	add(textSection, "A compressed text with code points over its fragments", "Compressed bytes are no UTF-8, and need not be.", SendMessage{Op: opText, Body: text("aé€𝄞" + kosme), Per: 1}, expect(echo(opText, text("aé€𝄞"+kosme))))
	add(textSection, "A compressed binary message that is no UTF-8", "Binary is any bytes.", SendMessage{Op: opBinary, Body: text(bad)}, expect(echo(opBinary, text(bad))))

	group(6)
	const size = 64 << 20
	const why = "A thousand bytes for one: a limit that counts wire bytes alone lets one small message take all the memory there is."
	add("RFC 6455 §10.4", "A message that inflates to 64 MiB", why, frames(Frame{Op: opBinary, RSV: rsv1, Payload: bomb(size)}), Inflates{Size: size})
	add("RFC 6455 §10.4", "A message in fragments that inflates to 64 MiB", why, SendBomb{Size: size, Per: 4096}, Inflates{Size: size})
	for i := range 2 {
		cases[len(cases)-1-i].Bound = bombBound
	}

	group(7)
	add(bits, "A text of 4 KiB that compresses well", "Who agrees to compression usually compresses.", SendMessage{Op: opText, Body: fill(Records, 4096)}, expect(echo(opText, fill(Records, 4096))), Compresses{})
	return cases
}

// reachBack is a message whose first symbol is a match.
func reachBack() []byte {
	var w bitWriter
	w.put(0b010, 3)
	w.match(10, 100)
	w.fixed(256)
	return w.flush()
}

// undefinedCode uses the fixed code's symbol 286, which has no meaning.
func undefinedCode() []byte {
	var w bitWriter
	w.put(0b010, 3)
	w.fixed('x')
	w.fixed(286)
	w.put(0, 5)
	w.fixed(256)
	return w.flush()
}

package conform

import (
	"fmt"
	"strings"
)

func closeFrame(payload []byte) Frame { return Frame{Op: opClose, Payload: payload} }

// closingCases are group 7.
func closingCases() []Case {
	const shake = "RFC 6455 §5.5.1"
	hello := Frame{Op: opText, Payload: []byte("Hello, world!")}
	helloBack := echo(opText, text("Hello, world!"))
	normal := closeFrame(closePayload(1000, ""))
	const after = "After a Close frame nothing counts any more: whoever still answers lets a closed connection live on."
	big := fill(Stars, 256<<10)
	cases := []Case{
		{ID: "7.1.1", Section: shake, Title: "A text, then Close", Why: "The plain end of every connection.",
			Script: []Step{frames(hello), expect(helloBack), frames(normal), closes(1000)}},
		{ID: "7.1.2", Section: shake, Title: "Close twice", Why: after,
			Script: []Step{frames(normal, normal), closes(1000), EndsQuietly{}}},
		{ID: "7.1.3", Section: shake, Title: "Close, then a ping", Why: after,
			Script: []Step{frames(normal, Frame{Op: opPing}), closes(1000), EndsQuietly{}}},
		{ID: "7.1.4", Section: shake, Title: "Close, then a text", Why: after,
			Script: []Step{frames(normal, hello), closes(1000), EndsQuietly{}}},
		{ID: "7.1.5", Section: shake, Title: "Close inside a fragmented message, then the message's end", Why: after,
			Script: []Step{frames(Frame{Op: opText, More: true, Payload: []byte("one")}, normal, Frame{Op: opContinuation, Payload: []byte("two")}), closes(1000), EndsQuietly{}}},
		{ID: "7.1.6", Section: shake, Title: "A text of 256 KiB, Close and a ping, all at once", Why: "A Close frame does not overtake: what was received before it is answered first.",
			Script: []Step{SendMessage{Op: opText, Body: big}, frames(normal, Frame{Op: opPing}), expect(owed(echo(opText, big))), closes(1000), EndsQuietly{}}},
		{ID: "7.3.1", Section: shake, Title: "Close without payload", Why: "A code is optional. The answer has none either, or says 1000.",
			Script: []Step{frames(closeFrame(nil)), closes(1005, 1000)}},
		{ID: "7.3.2", Section: shake, Title: "Close with one byte of payload", Why: "A code has two bytes: one is neither a code nor none.",
			Script: []Step{frames(closeFrame([]byte{'*'})), fails(1002)}},
		{ID: "7.3.3", Section: shake, Title: "Close with a code", Why: "The code comes back.",
			Script: []Step{frames(normal), closes(1000)}},
		{ID: "7.3.4", Section: shake, Title: "Close with a code and a reason", Why: "The code comes back.",
			Script: []Step{frames(closeFrame(closePayload(1000, "Hello, world!"))), closes(1000)}},
		{ID: "7.3.5", Section: shake, Title: "Close with a reason of 123 bytes, the most there can be", Why: "A reason and its code fill a control frame to the byte.",
			Script: []Step{frames(closeFrame(closePayload(1000, strings.Repeat("*", 123)))), closes(1000)}},
		{ID: "7.3.6", Section: "RFC 6455 §5.5", Title: "Close with a reason of 124 bytes", Why: "A control frame has at most 125 bytes.",
			Script: []Step{frames(closeFrame(closePayload(1000, strings.Repeat("*", 124)))), fails(1002)}},
		{ID: "7.5.1", Section: shake, Title: "Close with a reason that is no UTF-8", Why: "Reasons are shown to people and written to logs: they are held to the same rule as texts.",
			Script: []Step{frames(closeFrame(closePayload(1000, kosme+"\xed\xa0\x80edited"))), fails(1007)}},
		{ID: "7.5.2", Section: shake, Title: "Close with a reason that ends inside a code point", Why: "Writers that cut a reason at 123 bytes often cut a code point.",
			Script: []Step{frames(closeFrame(closePayload(1000, strings.Repeat("*", 122)+"\xce"))), fails(1007)}},
		{ID: "7.5.3", Section: shake, Title: "Close with a reason of code points of one to four bytes", Why: "Valid UTF-8 is valid here too.",
			Script: []Step{frames(closeFrame(closePayload(1000, "aé€𝄞"))), closes(1000)}},
	}
	const codes = "RFC 6455 §7.4"
	for i, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999, 1012, 1013, 1014} {
		c := Case{
			ID: fmt.Sprintf("7.7.%d", i+1), Section: codes, Title: fmt.Sprintf("Close with the code %d", code),
			Why:    "Every code that may be sent has to be understood, and comes back.",
			Script: []Step{frames(closeFrame(closePayload(code, ""))), closes(code)},
		}
		if code >= 1012 && code <= 1014 {
			c.Why = "Registered after the RFC: servers that restart or are overloaded say so with it."
			c.Script[1] = Closes{Codes: []int{code}, Mild: Nonstrict}
		}
		cases = append(cases, c)
	}
	for i, code := range []int{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 1015} {
		cases = append(cases, Case{
			ID: fmt.Sprintf("7.9.%d", i+1), Section: codes, Title: fmt.Sprintf("Close with the code %d", code),
			Why:    "Codes that must not be on the wire stand for things that happen without it; who repeats one makes others believe them.",
			Script: []Step{frames(closeFrame(closePayload(code, ""))), fails(1002)},
		})
	}
	for i, code := range []int{5000, 65535} {
		cases = append(cases, Case{
			ID: fmt.Sprintf("7.13.%d", i+1), Section: "RFC 6455 §7.4.2", Title: fmt.Sprintf("Close with the code %d", code),
			Why:    "The RFC gives codes from 5000 up no meaning and no rule.",
			Script: []Step{frames(closeFrame(closePayload(code, ""))), Fails{Codes: []int{1002}, Mild: Informational}},
		})
	}
	return cases
}

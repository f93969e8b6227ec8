package conform

import (
	"fmt"
	"strings"
)

// offerCases are 22.1 to 22.5: what a server makes of an offer of
// permessage-deflate.
func offerCases() (cases []Case) {
	n, k := 0, 0
	group := func(g int) { n, k = g, 0 }
	hello := []Step{Echoes{Op: opText, Body: fill(Windowed, 3000), Count: 3}}
	add := func(section, title, why string, may bool, lines ...string) {
		k++
		c := Case{
			ID: fmt.Sprintf("22.%d.%d", n, k), Section: section, Title: title, Why: why, Ends: Server, Script: hello,
			Opening: &Opening{Request: &Request{Offers: lines, MayDecline: may, Wants: "an extension answer that fits the offer"}},
		}
		if !may {
			c.Opening.Request.Wants = "no extension"
			c.Opening.Request.Soft = Nonstrict
		}
		cases = append(cases, c)
	}
	const fits = "The answer binds both ends. One that goes past the offer makes a client that reads it refuse, and one that does not fail later."
	const d = deflateName + "; "
	group(1)
	for bits := 8; bits <= 15; bits++ {
		add("RFC 7692 §7.1.2.1", fmt.Sprintf("The server is asked for a window of %d bits", bits), fits, true, fmt.Sprintf(d+serverBits+"=%d", bits))
	}
	group(2)
	for bits := 8; bits <= 15; bits++ {
		add("RFC 7692 §7.1.2.2", fmt.Sprintf("The client says that it uses a window of %d bits at most", bits), fits, true, fmt.Sprintf(d+clientBits+"=%d", bits))
	}
	group(3)
	add("RFC 7692 §7.1", "An offer without parameters", fits, true, deflateName)
	add("RFC 7692 §7.1", "An offer with every parameter", fits, true, d+"server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=11")
	add("RFC 7692 §7.1.2.2", "client_max_window_bits without a value", fits, true, d+clientBits)
	add("RFC 7692 §7.1.1.1", "server_no_context_takeover", fits, true, d+serverReset)
	add("RFC 7692 §7.1.1.2", "client_no_context_takeover", fits, true, d+clientReset)
	add("RFC 6455 §9.1", "A value in quotes", "A quoted value means what it says without the quotes.", true, d+serverBits+`="10"`)
	add("RFC 6455 §9.1", "White space around every delimiter", "Lists may have white space around their delimiters.", true, deflateName+" \t;  "+serverBits+" =  10 ;"+clientReset+" ")

	group(4)
	const declined = "An offer with a fault has to be declined whole: two ends that read it differently cannot read each other."
	const section = "RFC 7692 §7.1"
	for _, o := range []struct{ title, offer string }{
		{"A window of 7 bits", d + serverBits + "=7"},
		{"A window of 16 bits", d + serverBits + "=16"},
		{"A window of 0 bits", d + serverBits + "=0"},
		{"A client's window of 7 bits", d + clientBits + "=7"},
		{"A client's window of 16 bits", d + clientBits + "=16"},
		{"A window with a leading zero", d + serverBits + "=08"},
		{"A window that is no number", d + serverBits + "=abc"},
		{"A window with a sign", d + serverBits + "=+10"},
		{"A window with a fraction", d + clientBits + "=10.0"},
		{"A window without a value", d + serverBits},
		{"A value where none may be", d + serverReset + "=1"},
		{"A value where none may be, for the client", d + clientReset + "=true"},
		{"A parameter that does not exist", d + "x_unknown_parameter"},
		{"A parameter that does not exist, with a value", d + serverReset + "; max_window_bits=10"},
		{"server_no_context_takeover twice", d + serverReset + "; " + serverReset},
		{"client_no_context_takeover twice", d + clientReset + "; " + clientReset},
		{"server_max_window_bits twice", d + serverBits + "=10; " + serverBits + "=12"},
		{"client_max_window_bits twice", d + clientBits + "; " + clientBits + "=12"},
	} {
		add(section, o.title, declined, false, o.offer)
	}
	add("RFC 6455 §9.1", "An extension that does not exist", "Unknown extensions are passed over.", false, "x-unknown-extension; a=b")
	add("RFC 6455 §9.1", "A name that only begins like the extension's", "Names are tokens, compared whole.", false, deflateName+"-x")

	group(5)
	const list = "A client offers several forms, best first; a server takes the first that it can keep to."
	add("RFC 7692 §5", "An unknown extension, then permessage-deflate", list, true, "x-unknown-extension, "+deflateName)
	add("RFC 7692 §5", "An unknown extension and permessage-deflate on two lines", list, true, "x-unknown-extension; a=b", deflateName)
	add("RFC 7692 §5", "An invalid offer, then a valid one", list, true, d+serverBits+"=99, "+d+serverReset)
	add("RFC 7692 §5", "Two valid offers, the smaller window first", list, true, d+serverBits+"=10, "+deflateName)
	add("RFC 7692 §5", "Two valid offers on two lines", list, true, d+serverReset, deflateName)
	add("RFC 7692 §5", "permessage-deflate and an unknown extension on two lines", list, true, deflateName, "x-unknown-extension; a=b")
	return cases
}

// answerCases are 22.6 and 22.7: what a client makes of an answer.
func answerCases() (cases []Case) {
	n, k := 6, 0
	const fails = "A client that goes on with an answer it cannot keep to, or did not ask for, reads garbage or sends it."
	applies := func(test func(o settings) string) func(*dialogue) string {
		return func(s *dialogue) string {
			exts, err := parseExtensions(s.request.values("Sec-WebSocket-Extensions"))
			if err != nil {
				return err.Error()
			}
			var only []settings
			for _, e := range exts {
				if o, err := readSettings(e, true); err == nil && e.name == deflateName {
					only = append(only, o)
				}
			}
			for _, o := range only {
				if why := test(o); why != "" {
					return why
				}
			}
			return ""
		}
	}
	always := func(settings) string { return "" }
	add := func(section, title, answer string, test func(settings) string) {
		k++
		cases = append(cases, Case{
			ID: fmt.Sprintf("22.%d.%d", n, k), Section: section, Title: title, Why: fails, Ends: Client,
			Opening: &Opening{Response: &Response{Refuse: true, Extension: answer, Applies: applies(test)}},
		})
	}
	const d = deflateName + "; "
	const section = "RFC 7692 §7.1"
	for _, a := range []struct{ title, answer string }{
		{"An answer with a parameter that does not exist", d + "x_unknown_parameter"},
		{"An answer with a window of 7 bits", d + serverBits + "=7"},
		{"An answer with a window of 16 bits", d + serverBits + "=16"},
		{"An answer with a window without a value", d + serverBits},
		{"An answer with a client's window without a value", d + clientBits},
		{"An answer with a window that is no number", d + serverBits + "=abc"},
		{"An answer with a value where none may be", d + serverReset + "=1"},
		{"An answer with server_no_context_takeover twice", d + serverReset + "; " + serverReset},
		{"An answer with server_max_window_bits twice", d + serverBits + "=10; " + serverBits + "=10"},
	} {
		add(section, a.title, a.answer, always)
	}
	add("RFC 6455 §9.1", "Two answers for one extension", deflateName+", "+deflateName, always)
	add("RFC 6455 §9.1", "An answer with an extension that was not offered beside the one that was", deflateName+", x-unknown-extension", always)
	add("RFC 7692 §7.1.2.2", "A client's window that the client did not offer", d+clientBits+"=10", func(o settings) string {
		if o.clientBits != 0 || o.clientBitsAny {
			return "the client offers client_max_window_bits"
		}
		return ""
	})
	add("RFC 7692 §7.1.1.1", "An answer without the server_no_context_takeover that was asked for", deflateName, func(o settings) string {
		if !o.serverReset {
			return "the client does not ask for server_no_context_takeover"
		}
		return ""
	})
	add("RFC 7692 §7.1.2.1", "An answer without the server_max_window_bits that was asked for", deflateName, func(o settings) string {
		if o.serverBits == 0 {
			return "the client does not ask for server_max_window_bits"
		}
		return ""
	})

	n, k = 7, 0
	take := func(section, title string, d Deflate) {
		k++
		cases = append(cases, Case{
			ID: fmt.Sprintf("22.%d.%d", n, k), Section: section, Ends: Client, Deflate: &d,
			Title:  title,
			Why:    "A server may answer with any parameter that its client can keep to, and with none that were not asked for: clients have refused both.",
			Script: []Step{Echoes{Op: opText, Body: fill(Windowed, 3000), Count: 3}},
		})
	}
	take(section, "The shortest answer to the client's offer", Deflate{})
	take("RFC 7692 §7.1.1.1", "An answer with server_no_context_takeover, asked for or not", Deflate{SuiteReset: true})
	take("RFC 7692 §7.1.1.2", "An answer with client_no_context_takeover, asked for or not", Deflate{EndpointReset: true})
	take("RFC 7692 §7.1.2.1", "An answer with server_max_window_bits=10, asked for or not", Deflate{SuiteBits: 10})
	take("RFC 7692 §7.1", "An answer with both takeovers off and a server's window of 9 bits", Deflate{SuiteReset: true, EndpointReset: true, SuiteBits: 9})

	// What the client offers is judged on its own.
	cases = append(cases, Case{
		ID: "22.8.1", Section: section, Ends: Client, Title: "The client's offer", Why: "A server must decline an offer with a fault, and the connection stays uncompressed for ever.",
		Opening: &Opening{Response: &Response{Wants: "offers of permessage-deflate without a fault", Check: func(s *dialogue) string {
			exts, err := parseExtensions(s.request.values("Sec-WebSocket-Extensions"))
			if err != nil {
				return err.Error()
			}
			for _, e := range exts {
				if _, err := readSettings(e, true); err != nil && strings.EqualFold(e.name, deflateName) {
					return err.Error()
				}
			}
			return ""
		}}},
		Script: echoHello,
	})
	return cases
}

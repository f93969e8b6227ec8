package conform

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

var echoHello = []Step{SendMessage{Op: opText, Body: text("Hello")}, expect(echo(opText, text("Hello")))}

// openingServerCases are 20.1 to 20.3: what a server answers.
func openingServerCases() (cases []Case) {
	n, k := 0, 0
	group := func(g int) { n, k = g, 0 }
	add := func(section, title, why string, r Request) *Case {
		k++
		c := Case{ID: fmt.Sprintf("20.%d.%d", n, k), Section: section, Title: title, Why: why, Ends: Server, Opening: &Opening{Request: &r}}
		if !r.refusal() {
			c.Script = echoHello
		}
		cases = append(cases, c)
		return &cases[len(cases)-1]
	}

	group(1)
	const strict = "Clients check the answer to the letter: what looks like a detail here is a connection that some of them refuse."
	look := func(section, title, wants string, check func(head, *dialogue) string) {
		add(section, title, strict, Request{Wants: wants, Check: func(s *dialogue) string { return check(s.response, s) }})
	}
	look("RFC 6455 §4.2.2", "An ordinary request: the status line", "HTTP/1.1 in its status line", func(h head, _ *dialogue) string {
		if !strings.HasPrefix(h.start, "HTTP/1.1 101") {
			return fmt.Sprintf("the status line is %q", h.start)
		}
		return ""
	})
	look("RFC 6455 §4.2.2", "An ordinary request: the Upgrade field", "Upgrade: websocket", func(h head, _ *dialogue) string {
		if v := h.list("Upgrade"); len(v) != 1 || !strings.EqualFold(v[0], "websocket") {
			return fmt.Sprintf("Upgrade is %q", v)
		}
		return ""
	})
	look("RFC 6455 §4.2.2", "An ordinary request: the Connection field", "Connection: Upgrade", func(h head, _ *dialogue) string {
		if !h.has("Connection", "upgrade") {
			return fmt.Sprintf("Connection is %q", h.values("Connection"))
		}
		return ""
	})
	look("RFC 6455 §4.2.2", "An ordinary request: the accept value", "the right Sec-WebSocket-Accept, once", func(h head, s *dialogue) string {
		if v := h.values("Sec-WebSocket-Accept"); len(v) != 1 || v[0] != acceptFor(s.key) {
			return fmt.Sprintf("Sec-WebSocket-Accept is %q, want one %q", v, acceptFor(s.key))
		}
		return ""
	})
	look("RFC 6455 §4.1", "An ordinary request: the subprotocol", "no subprotocol, as none was offered", func(h head, _ *dialogue) string {
		if v := h.values("Sec-WebSocket-Protocol"); len(v) > 0 {
			return fmt.Sprintf("Sec-WebSocket-Protocol is %q", v)
		}
		return ""
	})
	look("RFC 6455 §4.1", "An ordinary request: the extensions", "no extension, as none was offered", func(h head, _ *dialogue) string {
		if v := h.values("Sec-WebSocket-Extensions"); len(v) > 0 {
			return fmt.Sprintf("Sec-WebSocket-Extensions is %q", v)
		}
		return ""
	})
	look("RFC 9110 §8.6", "An ordinary request: no body is announced", "neither Content-Length nor Transfer-Encoding", func(h head, _ *dialogue) string {
		for _, name := range []string{"Content-Length", "Transfer-Encoding"} {
			if v := h.values(name); len(v) > 0 {
				return fmt.Sprintf("%s is %q in a 101", name, v)
			}
		}
		return ""
	})

	group(2)
	const lists = "Proxies and libraries write these fields in every legal way: tokens in any case, in lists, over several lines."
	add("RFC 6455 §4.2.1", "Upgrade: WebSocket", lists, Request{Drop: []string{"Upgrade"}, Add: []Field{{"Upgrade", "WebSocket"}}})
	add("RFC 6455 §4.2.1", "Connection: keep-alive, Upgrade", lists, Request{Drop: []string{"Connection"}, Add: []Field{{"Connection", "keep-alive, Upgrade"}}})
	add("RFC 6455 §4.2.1", "Connection: upgrade", lists, Request{Drop: []string{"Connection"}, Add: []Field{{"Connection", "upgrade"}}})
	add("RFC 9110 §5.3", "Connection over two lines", lists, Request{Drop: []string{"Connection"}, Add: []Field{{"Connection", "keep-alive"}, {"Connection", "Upgrade"}}})
	add("RFC 9110 §7.8", "Upgrade: example/1, websocket", "A client may offer several protocols; a server takes one that it knows.", Request{Drop: []string{"Upgrade"}, Add: []Field{{"Upgrade", "example/1, websocket"}}, Soft: Nonstrict})
	add("RFC 9110 §5.1", "Field names in lower case", lists, Request{Drop: []string{"Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"},
		Add: []Field{{"host", "{host}"}, {"upgrade", "websocket"}, {"connection", "upgrade"}, {"sec-websocket-key", "{key}"}, {"sec-websocket-version", "13"}}})
	add("RFC 9110 §5.1", "Field names in upper case", lists, Request{Drop: []string{"Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"},
		Add: []Field{{"HOST", "{host}"}, {"UPGRADE", "websocket"}, {"CONNECTION", "Upgrade"}, {"SEC-WEBSOCKET-KEY", "{key}"}, {"SEC-WEBSOCKET-VERSION", "13"}}})
	add("RFC 9112 §2.1", "A request sent byte by byte", "TCP may cut a head anywhere.", Request{Chop: 1})
	add("RFC 9110 §5.4", "A request with a cookie of 3 KiB", "Cookies of this size are ordinary.", Request{Add: []Field{{"Cookie", "a=" + strings.Repeat("x", 3<<10)}}})
	add("RFC 9112 §5.1", "Values with spaces and tabs around them", "Optional white space is no part of a value.", Request{Drop: []string{"Upgrade", "Sec-WebSocket-Key"}, Add: []Field{{"Upgrade", " \t websocket \t "}, {"Sec-WebSocket-Key", "\t{key}  "}}})

	group(3)
	const not = "Who switches on a request that is none can be made to by somebody in between, or by a page."
	const key = "The key is what proves that both ends speak WebSocket; a server that takes anything proves nothing."
	const server = "RFC 6455 §4.2.1"
	swap := func(name string, values ...string) Request {
		r := Request{Drop: []string{name}, AnyRefusal: true}
		for _, v := range values {
			r.Add = append(r.Add, Field{name, v})
		}
		return r
	}
	refused := func(r Request, statuses ...int) Request { r.AnyRefusal, r.Refuse = false, statuses; return r }
	add(server, "No Upgrade field", not, swap("Upgrade"))
	add(server, "No Connection field", not, swap("Connection"))
	add(server, "Connection: no-upgrade", "Connection is a list of tokens: to look for a substring is not enough.", swap("Connection", "no-upgrade"))
	add(server, "Connection: keep-alive", not, swap("Connection", "keep-alive"))
	add(server, "Upgrade: websockets", "Upgrade is a list of tokens: to look for a substring is not enough.", swap("Upgrade", "websockets"))
	add(server, "Upgrade: example/1", not, swap("Upgrade", "example/1"))
	add(server, "No key", key, refused(swap("Sec-WebSocket-Key"), 400))
	two := refused(swap("Sec-WebSocket-Key", "{key}", "AAAAAAAAAAAAAAAAAAAAAA=="), 400)
	add("RFC 6455 §11.3.1", "Two keys", key, two)
	for _, k := range []struct {
		title string
		raw   string
	}{
		{"A key of 15 bytes", base64.StdEncoding.EncodeToString(make([]byte, 15))},
		{"A key of 20 bytes", base64.StdEncoding.EncodeToString(make([]byte, 20))},
		{"A key that is no base64", "this is no base64 text!!"},
		{"An empty key", ""},
	} {
		r := refused(swap("Sec-WebSocket-Key", k.raw), 400)
		add(server, k.title, key, r)
	}
	const version = "A client that speaks another version has to learn which one will do, or it cannot try again."
	names13 := func(s *dialogue) string {
		if !s.response.has("Sec-WebSocket-Version", "13") {
			return fmt.Sprintf("Sec-WebSocket-Version is %q and has to name 13", s.response.values("Sec-WebSocket-Version"))
		}
		return ""
	}
	add(server, "No version", version, refused(swap("Sec-WebSocket-Version"), 400, 426))
	for _, v := range []string{"8", "0", "14", "255", "13a"} {
		r := refused(swap("Sec-WebSocket-Version", v), 426, 400)
		if v != "13a" {
			r.Check, r.Wants = names13, "Sec-WebSocket-Version: 13"
		}
		add("RFC 6455 §4.4", "Version "+v, version, r)
	}
	add("RFC 6455 §11.3.5", "Two versions, 13 and 8", version, refused(swap("Sec-WebSocket-Version", "13", "8"), 400, 426))
	add(server, "POST", "The opening request is a GET: a form on any page can send a POST.", Request{Method: "POST", Add: []Field{{"Content-Length", "0"}}, AnyRefusal: true})
	add(server, "HTTP/1.0", "Upgrade is a feature of HTTP/1.1: a proxy of the older protocol does not know that bytes follow.", Request{Proto: "HTTP/1.0", AnyRefusal: true})
	add("RFC 9112 §3.2", "No Host", "A request without a Host is malformed, and the check against DNS rebinding would have nothing to look at.", refused(swap("Host"), 400))
	add("RFC 9112 §3.2", "Two Hosts", "Two parties on the way may each believe another one.", refused(swap("Host", "{host}", "example.com"), 400))
	add("RFC 9112 §5.1", "A space before a field's colon", "Who takes the space for a part of the name sees another request than who drops it.", Request{Drop: []string{"Upgrade"}, Add: []Field{{"Upgrade ", "websocket"}}, Refuse: []int{400}})
	smuggled := string(appendFrame(nil, Frame{Op: opText, Payload: []byte("smuggled")}, true, [4]byte{1, 2, 3, 4}))
	const body = "A body that is read as frames lets whoever wrote it speak for the client."
	c := add("RFC 9110 §7.8", "A request with a body that looks like a frame", body, Request{Add: []Field{{"Content-Length", fmt.Sprint(len(smuggled))}}, Body: smuggled, Refuse: []int{400}, Mild: Nonstrict})
	c.Script = echoHello
	c = add("RFC 9110 §7.8", "A request with a chunked body that looks like a frame", body, Request{Add: []Field{{"Transfer-Encoding", "chunked"}}, Body: fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled), Refuse: []int{400}, Mild: Nonstrict})
	c.Script = echoHello
	return cases
}

// openingClientCases are 20.4 to 20.6: what a client asks and what it takes.
func openingClientCases() (cases []Case) {
	n, k := 0, 0
	group := func(g int) { n, k = g, 0 }
	add := func(section, title, why string, r Response) {
		k++
		c := Case{ID: fmt.Sprintf("20.%d.%d", n, k), Section: section, Title: title, Why: why, Ends: Client, Opening: &Opening{Response: &r}}
		if !r.Refuse {
			c.Script = echoHello
		}
		cases = append(cases, c)
	}

	group(4)
	const strict = "Servers check the request to the letter, and must: it is what keeps scripts from forging one."
	look := func(title, wants string, check func(head, *dialogue) string) {
		add("RFC 6455 §4.1", title, strict, Response{Wants: wants, Check: func(s *dialogue) string { return check(s.request, s) }})
	}
	once := func(h head, name, value string) string {
		if v := h.values(name); len(v) != 1 || value != "" && !strings.EqualFold(v[0], value) {
			return fmt.Sprintf("%s is %q", name, v)
		}
		return ""
	}
	look("The request: its first line", "GET and HTTP/1.1", func(h head, _ *dialogue) string {
		if !strings.HasPrefix(h.start, "GET /") || !strings.HasSuffix(h.start, " HTTP/1.1") {
			return fmt.Sprintf("the request line is %q", h.start)
		}
		return ""
	})
	look("The request: its Host", "one Host", func(h head, _ *dialogue) string { return once(h, "Host", "") })
	look("The request: its Upgrade", "Upgrade: websocket", func(h head, _ *dialogue) string { return once(h, "Upgrade", "websocket") })
	look("The request: its Connection", "Connection: Upgrade", func(h head, _ *dialogue) string {
		if !h.has("Connection", "upgrade") {
			return fmt.Sprintf("Connection is %q", h.values("Connection"))
		}
		return ""
	})
	look("The request: its key", "one key of 16 bytes", func(h head, _ *dialogue) string {
		v := h.values("Sec-WebSocket-Key")
		if len(v) != 1 {
			return fmt.Sprintf("Sec-WebSocket-Key is %q", v)
		}
		if raw, err := base64.StdEncoding.Strict().DecodeString(v[0]); err != nil || len(raw) != 16 {
			return fmt.Sprintf("Sec-WebSocket-Key %q is not 16 bytes of base64", v[0])
		}
		return ""
	})
	look("The request: its version", "Sec-WebSocket-Version: 13", func(h head, _ *dialogue) string { return once(h, "Sec-WebSocket-Version", "13") })
	fresh := func(_ head, s *dialogue) string {
		if s.keyUsed {
			return "the key was used on an earlier connection"
		}
		return ""
	}
	look("The request: its key is fresh (first look)", "a key that no connection used before", fresh)
	look("The request: its key is fresh (second look)", "a key that no connection used before", fresh)
	look("The request: its extensions", "a readable Sec-WebSocket-Extensions, or none", func(h head, _ *dialogue) string {
		if _, err := parseExtensions(h.values("Sec-WebSocket-Extensions")); err != nil {
			return err.Error()
		}
		return ""
	})
	look("The request: its subprotocols", "subprotocols that are different tokens, or none", func(h head, _ *dialogue) string {
		list := h.list("Sec-WebSocket-Protocol")
		for i, p := range list {
			if slices.Contains(list[:i], p) {
				return fmt.Sprintf("the subprotocol %q stands twice", p)
			}
			for j := range len(p) {
				if !isTokenByte(p[j]) {
					return fmt.Sprintf("the subprotocol %q is no token", p)
				}
			}
		}
		return ""
	})

	group(5)
	const lists = "Servers write these fields in every legal way."
	add("RFC 9110 §5.1", "A 101 with field names in lower case", lists, Response{Drop: []string{"Upgrade", "Connection", "Sec-WebSocket-Accept"}, Add: []Field{{"upgrade", "websocket"}, {"connection", "upgrade"}, {"sec-websocket-accept", "{accept}"}}})
	add("RFC 6455 §4.1", "A 101 with Upgrade: WebSocket", lists, Response{Drop: []string{"Upgrade"}, Add: []Field{{"Upgrade", "WebSocket"}}})
	add("RFC 6455 §4.1", "A 101 with Connection: keep-alive, Upgrade", lists, Response{Drop: []string{"Connection"}, Add: []Field{{"Connection", "keep-alive, Upgrade"}}})
	add("RFC 9110 §5.4", "A 101 with cookies and fields of its own", lists, Response{Add: []Field{{"Set-Cookie", "a=b; Path=/"}, {"Set-Cookie", "c=d"}, {"X-Served-By", strings.Repeat("node ", 200)}}})
	add("RFC 9112 §4", "A 101 with another reason phrase", lists, Response{Status: "101 Web Socket Protocol Handshake"})
	add("RFC 9112 §4", "A 101 without a reason phrase", lists, Response{Status: "101 "})
	add("RFC 9112 §2.1", "A 101 sent byte by byte", "TCP may cut a head anywhere.", Response{Chop: 1})
	add("RFC 6455 §4.1", "A 101 with a first frame in the same write", "Servers may speak first: bytes behind the head belong to the connection.", Response{Early: []Frame{{Op: opText, Payload: []byte("early")}}})
	cases[len(cases)-1].Script = append([]Step{expect(echo(opText, text("early")))}, echoHello...)

	group(6)
	const proof = "Without this check any server that answers can be made to look like one that speaks WebSocket."
	refuse := func(title string, r Response) {
		r.Refuse = true
		add("RFC 6455 §4.1", title, proof, r)
	}
	accept := []string{"Sec-WebSocket-Accept"}
	refuse("A 101 with a wrong accept value", Response{Drop: accept, Add: []Field{{"Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}}})
	refuse("A 101 without an accept value", Response{Drop: accept})
	refuse("A 101 with an empty accept value", Response{Drop: accept, Add: []Field{{"Sec-WebSocket-Accept", ""}}})
	refuse("A 101 with a right and a wrong accept value", Response{Mild: Nonstrict, Add: []Field{{"Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}}})
	refuse("A 101 with the right accept value twice", Response{Mild: Nonstrict, Add: []Field{{"Sec-WebSocket-Accept", "{accept}"}}})
	refuse("A 101 without Upgrade", Response{Drop: []string{"Upgrade"}})
	refuse("A 101 with Upgrade: h2c", Response{Drop: []string{"Upgrade"}, Add: []Field{{"Upgrade", "h2c"}}})
	refuse("A 101 without Connection", Response{Drop: []string{"Connection"}})
	refuse("A 101 with Connection: no-upgrade", Response{Drop: []string{"Connection"}, Add: []Field{{"Connection", "no-upgrade"}}})
	refuse("A 200 with everything else right", Response{Status: "200 OK", Add: []Field{{"Content-Length", "0"}}})
	refuse("A 404", Response{Status: "404 Not Found", Add: []Field{{"Content-Length", "0"}}})
	refuse("A 401", Response{Status: "401 Unauthorized", Add: []Field{{"Content-Length", "0"}, {"WWW-Authenticate", "Basic"}}})
	refuse("A 503", Response{Status: "503 Service Unavailable", Add: []Field{{"Content-Length", "0"}}})
	refuse("A 101 of HTTP/1.0", Response{Proto: "HTTP/1.0", Mild: Nonstrict})
	refuse("A 101 with an extension that nobody offered", Response{Extension: "x-unknown-extension"})
	return cases
}

// subprotocolCases are group 21.
func subprotocolCases() (cases []Case) {
	const why = "An answer that was not offered is not understood: the connection would be spoken in two languages."
	within := func(s *dialogue) string {
		offered := s.request.list("Sec-WebSocket-Protocol")
		got := s.response.values("Sec-WebSocket-Protocol")
		if len(got) > 1 {
			return fmt.Sprintf("the 101 has %d Sec-WebSocket-Protocol lines", len(got))
		}
		if len(got) == 1 && !slices.Contains(offered, got[0]) {
			return fmt.Sprintf("the subprotocol %q is none of %q", got[0], offered)
		}
		return ""
	}
	for i, lines := range [][]string{
		{"x-nobody-knows-this"}, {"chat, superchat"}, {"chat", "superchat"}, {"x-one,x-two ,x-three"}, {"CHAT"},
	} {
		r := &Request{Wants: "one of the offered subprotocols, or none", Check: within, Soft: Informational}
		for _, l := range lines {
			r.Add = append(r.Add, Field{"Sec-WebSocket-Protocol", l})
		}
		cases = append(cases, Case{
			ID: fmt.Sprintf("21.1.%d", i+1), Section: "RFC 6455 §4.2.2", Ends: Server, Why: why,
			Title:   fmt.Sprintf("Subprotocols %s on offer", strings.Join(lines, " | ")),
			Opening: &Opening{Request: r}, Script: echoHello,
		})
	}
	for i, c := range []struct {
		title string
		r     Response
	}{
		{"A subprotocol that was not offered", Response{Drop: []string{"Sec-WebSocket-Protocol"}, Add: []Field{{"Sec-WebSocket-Protocol", "x-nobody-knows-this"}}}},
		{"Two subprotocols that were not offered", Response{Drop: []string{"Sec-WebSocket-Protocol"}, Add: []Field{{"Sec-WebSocket-Protocol", "x-one"}, {"Sec-WebSocket-Protocol", "x-two"}}}},
	} {
		c.r.Refuse = true
		cases = append(cases, Case{ID: fmt.Sprintf("21.2.%d", i+1), Section: "RFC 6455 §4.1", Ends: Client, Why: why, Title: c.title, Opening: &Opening{Response: &c.r}})
	}
	return cases
}

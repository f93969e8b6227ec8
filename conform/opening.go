package conform

import (
	"encoding/base64"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Opening is an opening handshake out of the ordinary. Request is what the
// suite sends a server, Response what it answers a client.
type Opening struct {
	Request  *Request
	Response *Response
}

func (o *Opening) expected(end End) string {
	if end == Server && o.Request != nil {
		return o.Request.expected()
	}
	if end == Client && o.Response != nil {
		return o.Response.expected()
	}
	return ""
}

// A Request is the ordinary opening request with changes, and what a server
// should make of it.
type Request struct {
	Method string // "" is GET
	Proto  string // "" is HTTP/1.1
	Drop   []string
	Add    []Field  // {key} and {host} in a value are replaced
	Offers []string // lines of Sec-WebSocket-Extensions
	Body   string   // sent right after the head
	Chop   int      // sent in pieces of so many bytes

	// Refuse lists the statuses that refuse it as the RFC says; AnyRefusal
	// takes every answer but a 101. With neither the server must switch.
	Refuse     []int
	AnyRefusal bool
	// Mild is the verdict where the server switches and should not; zero
	// means Fail.
	Mild Verdict
	// Soft is the verdict where it refuses and should not; zero means Fail.
	Soft Verdict
	// MayDecline: the verdict is Unimplemented where the 101 has no extension.
	MayDecline bool
	// Check says what is wrong with the answer; "" is nothing.
	Check func(*dialogue) string
	// Wants says in words what Check looks at.
	Wants string
}

func (r *Request) expected() string {
	switch {
	case r.AnyRefusal:
		return join("no switch", r.Wants)
	case len(r.Refuse) > 0:
		return join("an answer of "+codeWords(r.Refuse), r.Wants)
	}
	return join("101 Switching Protocols", r.Wants)
}

func join(a, b string) string {
	if b == "" {
		return a
	}
	return a + " with " + b
}

func (r *Request) refusal() bool { return r.AnyRefusal || len(r.Refuse) > 0 }

// bytes writes the request, RFC 6455 §4.1.
func (r *Request) bytes(s *dialogue) []byte {
	var raw [16]byte
	for i := range raw {
		raw[i] = byte(s.keys.Uint32())
	}
	key := base64.StdEncoding.EncodeToString(raw[:])
	fields := []Field{
		{"Host", s.host}, {"Upgrade", "websocket"}, {"Connection", "Upgrade"},
		{"Sec-WebSocket-Key", key}, {"Sec-WebSocket-Version", "13"},
	}
	fields = slices.DeleteFunc(fields, func(f Field) bool {
		return slices.ContainsFunc(r.Drop, func(d string) bool { return strings.EqualFold(d, f.Name) })
	})
	fields = append(fields, s.extra...)
	for _, o := range r.Offers {
		fields = append(fields, Field{"Sec-WebSocket-Extensions", o})
	}
	fields = append(fields, r.Add...)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\r\n", or(r.Method, "GET"), s.path, or(r.Proto, "HTTP/1.1"))
	fillIn := strings.NewReplacer("{key}", key, "{host}", s.host)
	for _, f := range fields {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, fillIn.Replace(f.Value))
	}
	b.WriteString("\r\n")
	s.key = key
	s.request, _ = parseHead([]byte(strings.TrimSuffix(b.String(), "\r\n\r\n"))) // our own bytes
	return append([]byte(b.String()), r.Body...)
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// ordinaryRequest is the case's request without its own changes.
func (s *dialogue) ordinaryRequest() *Request { return new(Request) }

// serverRequest is what the case asks a server.
func (s *dialogue) serverRequest() *Request {
	r := s.ordinaryRequest()
	if s.cs.Opening != nil && s.cs.Opening.Request != nil {
		copied := *s.cs.Opening.Request
		r = &copied
	}
	if s.cs.Deflate != nil {
		r.Offers = append(slices.Clip(r.Offers), s.cs.Deflate.offer())
	}
	return r
}

// openServer plays the client's part of the opening handshake.
func (s *dialogue) openServer() {
	r := s.serverRequest()
	b := r.bytes(s)
	s.log.head("suite", b)
	s.write(b, r.Chop)
	_ = s.conn.SetReadDeadline(time.Now().Add(min(s.cs.bound(), 2*patience)))
	h, raw, rest, err := readHead(s.conn)
	_ = s.conn.SetReadDeadline(time.Time{})
	if len(raw) > 0 {
		s.log.head("endpoint", raw)
	}
	s.response = h
	s.gotText = h.start
	if err != nil {
		s.gotText = "no answer"
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			s.stop(Fail, "the server did not answer the opening request in time")
		} else if r.refusal() && len(raw) == 0 {
			s.stop(Nonstrict, "the server ended the connection without an answer")
		} else {
			s.stop(Fail, "the server's answer cannot be read: %s", plainError(err))
		}
		return
	}
	s.judgeResponse(r)
	if s.ended {
		return
	}
	s.in = newReader(s.conn, s.log, s.end)
	s.agree()
	go s.readUntilClosed(rest)
}

// readUntilClosed is the reader's goroutine; the dialogue's end closes the
// connection, and that ends it.
func (s *dialogue) readUntilClosed(early []byte) {
	defer close(s.readerDone)
	s.in.run(early)
}

func (s *dialogue) judgeResponse(r *Request) {
	status := statusOf(s.response.start)
	if r.refusal() {
		s.ended = true
		switch {
		case status == 101 && r.Mild != Pass:
			s.judge(r.Mild, "the server switched")
			s.ended = false // what it makes of the rest is to be seen
		case status == 101:
			s.judge(Fail, "the server switched")
		case status < 200 || status > 599:
			s.judge(Fail, "the answer %q is no HTTP status line", s.response.start)
		case status > 499 && !slices.Contains(r.Refuse, status):
			s.judge(Nonstrict, "the answer %d puts the fault on the server", status)
		case len(r.Refuse) > 0 && !slices.Contains(r.Refuse, status):
			s.judge(Nonstrict, "the answer is %d where the RFC means %s", status, codeWords(r.Refuse))
		}
		if status != 101 {
			s.check(r)
		}
		return
	}
	if status != 101 {
		v := Fail
		if r.Soft != Pass {
			v = r.Soft
		}
		s.stop(v, "the server answered %q", s.response.start)
		return
	}
	s.check(r)
	if len(r.Offers) == 0 {
		return
	}
	got, err := judgeAnswer(r.Offers, s.response.values("Sec-WebSocket-Extensions"))
	switch {
	case err != nil:
		s.stop(Fail, "%v", err)
	case got != nil:
		d := s.cs.Deflate
		if d == nil {
			d = &Deflate{}
		}
		a := d.fromServer(*got)
		s.agreed = &a
	case s.cs.Deflate != nil || r.MayDecline:
		s.stop(Unimplemented, "the server declined permessage-deflate")
	}
}

func (s *dialogue) check(r *Request) {
	if r.Check == nil {
		return
	}
	if why := r.Check(s); why != "" {
		s.judge(Fail, "%s", why)
	}
}

// agree puts an agreement on compression into force.
func (s *dialogue) agree() {
	a := s.agreed
	if a == nil {
		return
	}
	s.in.inflate = &inflater{reset: a.endpointReset}
	s.in.window = 1 << a.endpointBits
	s.out = &deflater{window: 1 << a.suiteBits, reset: a.suiteReset}
}

// statusOf is the status code of a response's start line; 0 where it has none.
func statusOf(start string) int {
	proto, rest, _ := strings.Cut(start, " ")
	code, _, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(code)
	if err != nil || len(code) != 3 || !strings.HasPrefix(proto, "HTTP/1.") {
		return 0
	}
	return n
}

// A Response is the ordinary 101 with changes, and what a client should make
// of it.
type Response struct {
	Status    string // "" is "101 Switching Protocols"
	Proto     string // "" is HTTP/1.1
	Drop      []string
	Add       []Field // {accept} in a value is replaced
	Extension string  // the extension answer, word for word
	Body      string  // sent right after the head
	Early     []Frame // sent in one write with the head
	Chop      int

	Refuse bool    // the client must fail the connection
	Mild   Verdict // the verdict where it does not; zero means Fail
	// Applies says whether this client's request makes the case possible;
	// the answer is why not.
	Applies func(*dialogue) string
	// Check says what is wrong with the client's request; "" is nothing.
	Check func(*dialogue) string
	Wants string
}

func (r *Response) expected() string {
	if r.Refuse {
		return "the connection failed by the client"
	}
	if r.Wants != "" {
		return "an opening request with " + r.Wants
	}
	return ""
}

// openClient plays the server's part: the request is read already.
func (s *dialogue) openClient(rest []byte) {
	r := &Response{}
	if s.cs.Opening != nil && s.cs.Opening.Response != nil {
		r = s.cs.Opening.Response
	}
	s.gotText = s.request.start
	offers := s.request.values("Sec-WebSocket-Extensions")
	extension := r.Extension
	if s.cs.needsDeflate() && !offersDeflate(offers) {
		s.stop(Unimplemented, "the client does not offer permessage-deflate")
	} else if s.cs.Deflate != nil {
		line, a, declined := s.cs.Deflate.answer(offers)
		if declined != "" {
			s.stop(Unimplemented, "%s", declined)
		} else {
			extension, s.agreed = line, &a
		}
	}
	if r.Applies != nil && !s.ended {
		if why := r.Applies(s); why != "" {
			s.stop(Unimplemented, "%s", why)
		}
	}
	if r.Check != nil && !s.ended {
		if why := r.Check(s); why != "" {
			s.judge(Fail, "%s", why)
		}
	}
	if s.ended { // let the client's driver go on all the same
		r, extension = &Response{}, ""
	}
	b := r.bytes(s, extension)
	s.in = newReader(s.conn, s.log, s.end)
	if s.agreed == nil && r.Extension != "" && !r.Refuse {
		s.agreeTo(r.Extension)
	}
	s.agree()
	s.log.head("suite", b)
	for _, f := range r.Early {
		b = s.append(b, f)
	}
	go s.readUntilClosed(rest)
	s.write(b, r.Chop)
	if s.ended {
		s.ended = false
		s.finish()
		s.ended = true
		return
	}
	if r.Refuse {
		s.awaitRefusal(r)
	}
}

// agreeTo takes an extension answer that the suite wrote word for word.
func (s *dialogue) agreeTo(line string) {
	exts, err := parseExtensions([]string{line})
	if err != nil || len(exts) != 1 {
		return
	}
	if got, err := readSettings(exts[0], false); err == nil {
		s.agreed = &agreement{orFull(got.clientBits), orFull(got.serverBits), got.clientReset, got.serverReset}
	}
}

func offersDeflate(lines []string) bool {
	exts, _ := parseExtensions(lines)
	return slices.ContainsFunc(exts, func(e extension) bool { return e.name == deflateName })
}

// leaveWithin is how long a client may take to leave: some first read what a
// body there may be, for some seconds.
const leaveWithin = 5 * time.Second

// awaitRefusal waits for the client to leave. A text goes out first: a client
// that takes the connection for open would echo it.
func (s *dialogue) awaitRefusal(r *Response) {
	s.send(Frame{Op: opText, Payload: []byte("nobody should read this")})
	verdict := Fail
	if r.Mild != Pass {
		verdict = r.Mild
	}
	switch e := s.next(leaveWithin); e.kind {
	case evEnd, evReset:
		s.ended = true
	case evClose:
		s.stop(Nonstrict, "the client took the connection for open and sent %v", e)
	case evSilence:
		s.stop(Fail, "the client neither left nor went on within %v", leaveWithin)
	default:
		s.stop(verdict, "the client went on and sent %v", e)
	}
}

// bytes writes the response, RFC 6455 §4.2.2.
func (r *Response) bytes(s *dialogue, extension string) []byte {
	accept := acceptFor(strings.Join(s.request.values("Sec-WebSocket-Key"), ""))
	fields := []Field{{"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Accept", accept}}
	if p := s.request.list("Sec-WebSocket-Protocol"); len(p) > 0 {
		fields = append(fields, Field{"Sec-WebSocket-Protocol", p[0]})
	}
	fields = slices.DeleteFunc(fields, func(f Field) bool {
		return slices.ContainsFunc(r.Drop, func(d string) bool { return strings.EqualFold(d, f.Name) })
	})
	if extension != "" {
		fields = append(fields, Field{"Sec-WebSocket-Extensions", extension})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\r\n", or(r.Proto, "HTTP/1.1"), or(r.Status, "101 Switching Protocols"))
	for _, f := range append(fields, r.Add...) {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, strings.ReplaceAll(f.Value, "{accept}", accept))
	}
	return append([]byte(b.String()+"\r\n"), r.Body...)
}

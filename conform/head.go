package conform

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
)

// A Field is one header field, in the order and the spelling of the wire.
type Field struct{ Name, Value string }

// A head is the start line and the fields of an HTTP/1.1 message.
type head struct {
	start  string
	fields []Field
}

// maxHead bounds what is read while waiting for an empty line.
const maxHead = 64 << 10

// readHead reads a head from the connection; rest is what came after it.
func readHead(conn net.Conn) (h head, raw, rest []byte, err error) {
	var buf []byte
	chunk := make([]byte, 4096)
	for {
		n, err := conn.Read(chunk)
		buf = append(buf, chunk[:n]...)
		if i := bytes.Index(buf, []byte("\r\n\r\n")); i >= 0 {
			h, err := parseHead(buf[:i])
			return h, buf[:i+4], buf[i+4:], err
		}
		if err != nil {
			return h, buf, nil, err
		}
		if len(buf) > maxHead {
			return h, buf, nil, errors.New("an HTTP head without an end")
		}
	}
}

// parseHead parses a head without its closing empty line.
func parseHead(b []byte) (h head, err error) {
	lines := strings.Split(string(b), "\r\n")
	h.start = lines[0]
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return h, fmt.Errorf("the line %q is no header field", line)
		}
		h.fields = append(h.fields, Field{name, strings.Trim(value, " \t")})
	}
	return h, nil
}

// values are the field's lines.
func (h head) values(name string) (v []string) {
	for _, f := range h.fields {
		if strings.EqualFold(f.Name, name) {
			v = append(v, f.Value)
		}
	}
	return v
}

// list is the field's comma-separated elements over all its lines.
func (h head) list(name string) (v []string) {
	for _, line := range h.values(name) {
		for _, item := range strings.Split(line, ",") {
			if item = strings.Trim(item, " \t"); item != "" {
				v = append(v, item)
			}
		}
	}
	return v
}

func (h head) has(name, token string) bool {
	for _, item := range h.list(name) {
		if strings.EqualFold(item, token) {
			return true
		}
	}
	return false
}

// acceptFor is the Sec-WebSocket-Accept of a key, RFC 6455 §4.2.2.
func acceptFor(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// An extension is one element of Sec-WebSocket-Extensions.
type extension struct {
	name   string
	params []param
}

type param struct {
	name, value string
	set         bool // a value was given
}

// parseExtensions reads the lines of Sec-WebSocket-Extensions, RFC 6455 §9.1.
func parseExtensions(lines []string) (exts []extension, err error) {
	for _, line := range lines {
		p := extensionParser{rest: line}
		for {
			e := extension{name: p.token()}
			for p.eat(';') {
				a := param{name: p.token()}
				if p.eat('=') {
					a.set = true
					a.value = p.value()
				}
				e.params = append(e.params, a)
			}
			exts = append(exts, e)
			if !p.eat(',') {
				break
			}
		}
		if p.bad || p.skip() != "" {
			return nil, fmt.Errorf("the extension list %q is not as RFC 6455 §9.1 says", line)
		}
	}
	return exts, nil
}

type extensionParser struct {
	rest string
	bad  bool
}

func (p *extensionParser) skip() string {
	p.rest = strings.TrimLeft(p.rest, " \t")
	return p.rest
}

func (p *extensionParser) eat(c byte) bool {
	if s := p.skip(); s != "" && s[0] == c {
		p.rest = s[1:]
		return true
	}
	return false
}

func (p *extensionParser) token() string {
	s := p.skip()
	n := 0
	for n < len(s) && isTokenByte(s[n]) {
		n++
	}
	p.bad = p.bad || n == 0
	p.rest = s[n:]
	return s[:n]
}

// value is a token, or a quoted string that holds one.
func (p *extensionParser) value() string {
	if !p.eat('"') {
		return p.token()
	}
	v, rest, ok := strings.Cut(p.rest, `"`)
	p.rest = rest
	p.bad = p.bad || !ok || v == ""
	for i := range len(v) {
		p.bad = p.bad || !isTokenByte(v[i])
	}
	return v
}

func isTokenByte(c byte) bool {
	return c > 0x20 && c < 0x7F && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, rune(c))
}

func (e extension) String() string {
	s := e.name
	for _, p := range e.params {
		s += "; " + p.name
		if p.set {
			s += "=" + p.value
		}
	}
	return s
}

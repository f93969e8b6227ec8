package faulty

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

type field struct{ name, value string }

// request is a parsed head, in either direction.
type message struct {
	Endpoint
	start  string
	fields []field
}

// readMessage reads a head line by line.
func (e Endpoint) readMessage(br *bufio.Reader) (m message, err error) {
	m.Endpoint = e
	size := 0
	for {
		line, err := br.ReadString('\n')
		size += len(line)
		if err != nil {
			return m, err
		}
		if e.is(SmallHead) && size > 2<<10 || e.is(AnswerSmall) && size > 512 {
			return m, errors.New("head too large")
		}
		line = strings.TrimSuffix(line, "\r\n")
		switch {
		case line == "":
			return m, nil
		case m.start == "":
			m.start = line
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		if !e.is(NoTrim) {
			value = strings.Trim(value, " \t")
		} else {
			value = strings.TrimPrefix(value, " ")
		}
		if strings.HasSuffix(name, " ") && !e.is(ColonSpace) {
			return m, errors.New("space before colon")
		}
		m.fields = append(m.fields, field{strings.TrimSuffix(name, " "), value})
	}
}

func (m message) get(name string) (v []string) {
	for _, f := range m.fields {
		same := strings.EqualFold(f.name, name)
		if m.is(NamesCase, AnswerNamesCase) {
			same = f.name == name
		}
		if same {
			v = append(v, f.value)
		}
	}
	return v
}

// has looks for a token in a list.
func (m message) has(name, token string) bool {
	lines := m.get(name)
	if m.is(FirstConnection) && name == "Connection" && len(lines) > 0 {
		lines = lines[:1]
	}
	for _, item := range strings.Split(strings.Join(lines, ","), ",") {
		if strings.EqualFold(strings.Trim(item, " \t"), token) {
			return true
		}
	}
	return false
}

func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// ServeConn serves one connection and closes it.
func (e Endpoint) ServeConn(nc net.Conn) {
	defer nc.Close()
	e.Server = true
	if e.State != nil && e.State.down.Load() {
		return
	}
	br := bufio.NewReaderSize(nc, 64<<10)
	if e.is(OneReadHead) {
		if b, err := br.Peek(4); err != nil || !strings.HasSuffix(string(peekAll(br)), "\r\n\r\n") {
			_ = b
			e.refuse(nc, "400 Bad Request", nil)
			return
		}
	}
	m, err := e.readMessage(br)
	if err != nil {
		e.refuse(nc, "400 Bad Request", nil)
		return
	}
	if status, fields := m.judgeRequest(); status != "" {
		e.refuse(nc, status, fields)
		return
	}
	if n, err := strconv.Atoi(strings.Join(m.get("Content-Length"), "")); err == nil && e.is(BodySkipped) {
		_, _ = br.Discard(n)
	}
	if e.is(BodySkipped) && len(m.get("Transfer-Encoding")) > 0 {
		skipChunks(br)
	}
	line, t := m.answerOffers()
	if _, err := io.WriteString(nc, m.answer(line)); err != nil {
		return
	}
	e.echo(nc, br, t)
}

func peekAll(br *bufio.Reader) []byte {
	b, _ := br.Peek(br.Buffered())
	return b
}

func skipChunks(br *bufio.Reader) {
	for {
		line, err := br.ReadString('\n')
		n, bad := strconv.ParseInt(strings.TrimSpace(line), 16, 32)
		if err != nil || bad != nil {
			return
		}
		_, _ = br.Discard(int(n) + 2)
		if n == 0 {
			return
		}
	}
}

func (e Endpoint) refuse(nc net.Conn, status string, fields []string) {
	fields = append(fields, "Content-Length: 0", "Connection: close")
	fmt.Fprintf(nc, "HTTP/1.1 %s\r\n%s\r\n\r\n", status, strings.Join(fields, "\r\n"))
}

// judgeRequest is RFC 6455 §4.2.1.
func (m message) judgeRequest() (status string, fields []string) {
	method, rest, _ := strings.Cut(m.start, " ")
	hosts, keys, versions := m.get("Host"), m.get("Sec-WebSocket-Key"), m.get("Sec-WebSocket-Version")
	upgrade := m.has("Upgrade", "websocket")
	connection := m.has("Connection", "upgrade")
	one := func(v []string) string { return strings.Join(v[:min(1, len(v))], "") }
	switch {
	case m.is(UpgradeCase):
		upgrade = one(m.get("Upgrade")) == "websocket"
	case m.is(UpgradeWhole):
		upgrade = strings.EqualFold(one(m.get("Upgrade")), "websocket")
	case m.is(UpgradeSubstring):
		upgrade = strings.Contains(strings.ToLower(strings.Join(m.get("Upgrade"), ",")), "websocket")
	case m.is(AnyUpgrade):
		upgrade = true
	case m.is(ConnectionWhole):
		connection = one(m.get("Connection")) == "Upgrade"
	case m.is(ConnectionSubstring):
		connection = strings.Contains(strings.ToLower(strings.Join(m.get("Connection"), ",")), "upgrade")
	case m.is(AnyConnection):
		connection = true
	}
	raw, err := base64.StdEncoding.DecodeString(one(keys))
	goodKey := len(keys) == 1 && err == nil && len(raw) == 16 || m.is(AnyKey) || m.is(FirstKey) && len(keys) > 1
	right := []string{"Sec-WebSocket-Version: 13"}
	if m.is(VersionUnnamed) {
		right = nil
	}
	switch {
	case len(hosts) != 1 && !(len(hosts) == 0 && m.is(NoHost)) && !(len(hosts) > 1 && m.is(TwoHosts)):
		return "400 Bad Request", nil
	case method != "GET" && !m.is(AnyMethod):
		return "405 Method Not Allowed", []string{"Allow: GET"}
	case !strings.HasSuffix(rest, " HTTP/1.1") && !m.is(AnyProto), !upgrade, !connection:
		return "426 Upgrade Required", []string{"Upgrade: websocket"}
	case len(m.get("Transfer-Encoding")) > 0 && !m.is(BodyAsFrames, BodySkipped):
		return "400 Bad Request", nil
	case strings.Join(m.get("Content-Length"), "0") != "" && one(m.get("Content-Length")) != "0" && !m.is(BodyAsFrames, BodySkipped):
		return "400 Bad Request", nil
	case !goodKey:
		return "400 Bad Request", nil
	case m.is(AnyVersion), m.is(FirstVersion) && one(versions) == "13":
	case len(versions) != 1:
		return "400 Bad Request", right
	case versions[0] != "13":
		return "426 Upgrade Required", right
	}
	return "", nil
}

// answer writes the 101.
func (m message) answer(extension string) string {
	key := strings.Join(m.get("Sec-WebSocket-Key"), "")
	value := accept(key)
	if m.is(WrongAccept) {
		value = accept(key + "x")
	}
	proto := "HTTP/1.1"
	if m.is(OldStatusLine) {
		proto = "HTTP/1.0"
	}
	lines := []string{proto + " 101 Switching Protocols"}
	add := func(ok bool, line string) {
		if ok {
			lines = append(lines, line)
		}
	}
	add(!m.is(NoUpgradeField), "Upgrade: websocket")
	add(!m.is(NoConnectionField), "Connection: Upgrade")
	add(true, "Sec-WebSocket-Accept: "+value)
	add(m.is(TwoAccepts), "Sec-WebSocket-Accept: "+value)
	add(m.is(UnofferedProtocol), "Sec-WebSocket-Protocol: x-mine")
	add(m.is(BodyIn101), "Content-Length: 0")
	if m.is(TwoProtocols) && len(m.get("Sec-WebSocket-Protocol")) > 0 {
		add(true, "Sec-WebSocket-Protocol: chat")
		add(true, "Sec-WebSocket-Protocol: superchat")
	}
	add(m.is(UnofferedExtension) && len(m.get("Sec-WebSocket-Extensions")) == 0, "Sec-WebSocket-Extensions: x-mine")
	add(extension != "", "Sec-WebSocket-Extensions: "+extension)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// Drive connects as a client over nc and echoes until the connection ends.
// target is the request's target, agent and all.
func (e Endpoint) Drive(nc net.Conn, host, target string) error {
	defer nc.Close()
	e.Server = false
	key, err := e.ask(nc, host, target)
	if err != nil {
		return err
	}
	br := bufio.NewReaderSize(nc, 64<<10)
	if e.is(AnswerOneRead) {
		if _, err := br.Peek(4); err != nil || !strings.Contains(string(peekAll(br)), "\r\n\r\n") {
			return errors.New("the answer is not whole")
		}
	}
	m, err := e.readMessage(br)
	if err != nil {
		return err
	}
	if err := m.judgeAnswer(key); err != nil {
		return err
	}
	t, err := m.readAnswer()
	if err != nil {
		return err
	}
	if e.is(AnswerEarlyLost) {
		_, _ = br.Discard(br.Buffered())
	}
	e.echo(nc, br, t)
	return nil
}

// ask writes the opening request.
func (e Endpoint) ask(nc net.Conn, host, target string) (key string, err error) {
	raw := sha1.Sum([]byte(target)) // not random, and different for every case
	size := 16
	if e.is(AsksShortKey) {
		size = 8
	}
	key = base64.StdEncoding.EncodeToString(raw[:size])
	method, version, connection, upgrade := "GET", "13", "Upgrade", "websocket"
	offer := "permessage-deflate; client_max_window_bits"
	switch e.Fault {
	case AsksPOST:
		method = "POST"
	case AsksVersion8:
		version = "8"
	case AsksKeepAlive:
		connection = "keep-alive"
	case AsksTwoUpgrades:
		upgrade = "websocket, h2c"
	case AsksSameKey:
		key = "c2l4dGVlbiBieXRlcyE/IQ=="
	case AsksBadExtensions:
		offer += ", ;"
	case OffersFault:
		offer = "permessage-deflate; x_unknown, " + offer
	case AsksAndForgets:
		offer += "; server_no_context_takeover; server_max_window_bits=12"
	case TakesUnofferedBits:
		offer = extension
	case NoDeflate:
		offer = "x-nothing"
	}
	lines := []string{
		method + " " + target + " HTTP/1.1", "Host: " + host, "Upgrade: " + upgrade, "Connection: " + connection,
		"Sec-WebSocket-Key: " + key, "Sec-WebSocket-Version: " + version, "Sec-WebSocket-Extensions: " + offer,
	}
	if e.is(AsksTwoHosts) {
		lines = append(lines, "Host: example.com")
	}
	if e.is(AsksTwiceProtocol) {
		lines = append(lines, "Sec-WebSocket-Protocol: chat, chat")
	}
	_, err = io.WriteString(nc, strings.Join(lines, "\r\n")+"\r\n\r\n")
	return key, err
}

// judgeAnswer is RFC 6455 §4.1, the client's checks.
func (m message) judgeAnswer(key string) error {
	_, rest, _ := strings.Cut(m.start, " ")
	accepts := m.get("Sec-WebSocket-Accept")
	phrase := strings.TrimPrefix(rest, "101 ")
	upgrade := m.has("Upgrade", "websocket")
	if m.is(AnswerUpgradeCase) {
		upgrade = strings.Join(m.get("Upgrade"), ",") == "websocket"
	}
	connection := m.has("Connection", "upgrade")
	if m.is(AnswerWhole) {
		connection = strings.Join(m.get("Connection"), ",") == "Upgrade"
	}
	goodAccept := len(accepts) == 1 && accepts[0] == accept(key)
	if m.is(TakesFirstAccept) {
		goodAccept = len(accepts) > 0 && accepts[0] == accept(key)
	}
	switch {
	case !strings.HasPrefix(rest, "101") && !m.is(TakesAnyStatus),
		m.is(AnswerPhrase) && phrase != "Switching Protocols",
		!strings.HasPrefix(m.start, "HTTP/1.1 ") && !m.is(TakesAnyProto),
		!upgrade && !m.is(TakesAnyUpgrade),
		!connection && !m.is(TakesAnyConnection),
		!goodAccept && !m.is(TakesAnyAccept),
		len(m.get("Sec-WebSocket-Protocol")) > 0 && !m.is(TakesAnyProtocol, AsksTwiceProtocol):
		return fmt.Errorf("the answer is not acceptable: %q", m.start)
	}
	return nil
}

package wye

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// proxyHead bounds the head of a proxy's answer, in bytes.
const proxyHead = 16 << 10

// connect asks an HTTP proxy for a tunnel to target, for ws: as for wss:. "…the
// client SHOULD connect to that proxy and ask it to open a TCP connection to the
// host given by /host/ and the port given by /port/." RFC 6455 §4.1
func (v *via) connect(nc net.Conn, target string) error {
	request := v.connectRequest(target)
	v.tell(true, request)
	if _, err := nc.Write(request); err != nil {
		return err
	}
	for range maxInformationals {
		head, err := readHead(nc, proxyHead)
		v.tell(false, head)
		if err != nil {
			return err
		}
		switch status := statusOf(head); {
		case status == 0:
			return errors.New("its answer is no HTTP/1 response: is it an HTTP proxy?")
		case status/100 == 2:
			// "Any 2xx (Successful) response indicates that the sender (and all
			// inbound proxies) will switch to tunnel mode immediately after the
			// response header section". "A client MUST ignore any Content-Length
			// or Transfer-Encoding header fields" there. RFC 9110 §9.3.6
			return nil
		case status/100 != 1 || status == http.StatusSwitchingProtocols:
			return v.refused(nc, head)
		}
	}
	return fmt.Errorf("over %d informational responses and no final one", maxInformationals)
}

// connectRequest is the head of a CONNECT. "There is no default port; a client
// MUST send the port number". RFC 9110 §9.3.6
func (v *via) connectRequest(target string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", target, target)
	if v.auth != "" {
		http.Header{"Proxy-Authorization": {v.auth}}.Write(&b) // without line ends within
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

func (v *via) tell(sent bool, head []byte) {
	if v.trace != nil && len(head) > 0 {
		v.trace(Head{Proxy: true, Sent: sent, Text: string(head)})
	}
}

// refused reads a refusal to its end.
func (v *via) refused(nc net.Conn, head []byte) error {
	rest := io.LimitReader(nc, maxRefusalBody+proxyHead) // chunk headers count
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), rest)), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return fmt.Errorf("its answer is no HTTP response: %w", err)
	}
	refused := ReadRefusal(resp, func() { nc.SetReadDeadline(past) }) // nc is closed next
	return &ProxyError{Proxy: displayURL(v.url), Response: resp, Body: refused.Body}
}

// readHead reads a response up to the end of its head, an empty line, and not a
// byte further: what the server says behind the proxy's answer stays where it is,
// so that nothing is lost and the connection needs no wrapper. That costs a read
// for each byte, of a few dozen as a rule.
func readHead(r io.Reader, limit int) ([]byte, error) {
	var head []byte
	for b := make([]byte, 1); len(head) < limit; {
		if _, err := io.ReadFull(r, b); err != nil {
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("it closed the connection without an answer: %w", io.ErrUnexpectedEOF)
			}
			return head, err
		}
		head = append(head, b[0])
		// "…a recipient MAY recognize a single LF as a line terminator".
		// RFC 9112 §2.2
		if bytes.HasSuffix(head, []byte("\n\r\n")) || bytes.HasSuffix(head, []byte("\n\n")) {
			return head, nil
		}
	}
	return head, fmt.Errorf("its answer's head is over %d bytes", limit)
}

// statusOf returns the status code of a response's head; 0: it has none.
func statusOf(head []byte) int {
	// status-line = HTTP-version SP status-code SP [ reason-phrase ], where the
	// last SP is forgotten by some. RFC 9112 §4
	line, _, _ := bytes.Cut(head, []byte("\n"))
	version, rest, ok := bytes.Cut(bytes.TrimRight(line, "\r"), []byte(" "))
	if !ok || len(version) != len("HTTP/1.1") || !bytes.HasPrefix(version, []byte("HTTP/1.")) {
		return 0
	}
	code, _, _ := bytes.Cut(rest, []byte(" "))
	status, err := strconv.ParseUint(string(code), 10, 16)
	if err != nil || len(code) != 3 || status < 100 {
		return 0
	}
	return int(status)
}

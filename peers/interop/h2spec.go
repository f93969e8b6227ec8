package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"

	client "github.com/wye-org/wye/internal/exchange"
	"github.com/wye-org/wye/internal/interop"
)

var h2specVersion = []string{"go", "list", "-m", "github.com/summerwind/h2spec"}

// h2specs run the suite against our server, which begins with HTTP/2 or comes to
// it by an upgrade.
var h2specs = []interop.Check{
	{Peer: "h2spec", Version: h2specVersion, Title: "HTTP/2 at once, on the same port", Run: func(ctx context.Context, _ string) (string, error) {
		return h2specAgainst(ctx, func(address string) (string, func(), error) { return address, func() {}, nil })
	}},
	{Peer: "h2spec", Version: h2specVersion, Title: "h2c: behind the upgrade that our client makes", Run: func(ctx context.Context, _ string) (string, error) {
		return h2specAgainst(ctx, upgrading)
	}},
}

var (
	summary = regexp.MustCompile(`(\d+) tests, \d+ passed`)
	failure = regexp.MustCompile(`× \d+: (.*)`)
)

// netHTTPs are the cases that net/http's HTTP/2 does not pass, whoever serves by
// it, and why.
var netHTTPs = map[string]string{
	"Sends invalid connection preface":                                                             "on a port that speaks HTTP/1.1 too, what is no preface is answered in that; behind an upgrade it passes as a rule",
	"Sends a large size HEADERS frame that exceeds the SETTINGS_MAX_FRAME_SIZE":                    "it takes frames of 1 MiB, and says so",
	"Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE":                                        "a setting that is there twice is an error to it",
	"Sends a HEADERS frame that contains the connection-specific header field":                     "it passes over such fields",
	`Sends a HEADERS frame that contains the TE header field with any value other than "trailers"`: "likewise",
}

// h2specAgainst runs the suite against what through makes of our server.
func h2specAgainst(ctx context.Context, through func(address string) (string, func(), error)) (string, error) {
	url, stop, err := interop.ServeH2C()
	if err != nil {
		return "", err
	}
	defer stop()
	address, stopThrough, err := through(strings.TrimPrefix(url, "http://"))
	if err != nil {
		return "", err
	}
	defer stopThrough()
	out, err := exec.CommandContext(ctx, "go", "run", "./h2spec", address).CombinedOutput()
	counts := summary.FindSubmatch(out)
	if counts == nil {
		return "", fmt.Errorf("%w: %s", err, out[max(0, len(out)-4000):])
	}
	_, failures, _ := bytes.Cut(out, []byte("Failures:"))
	for _, f := range failure.FindAllSubmatch(failures, -1) {
		if netHTTPs[string(f[1])] == "" {
			return "", fmt.Errorf("%s: %s", f[1], failures)
		}
	}
	// How many those are depends on who closes first.
	return fmt.Sprintf("%s cases, but for at most %d that are net/http's own", counts[1], len(netHTTPs)), nil
}

// upgrading listens for clients that begin with HTTP/2, and has each go on behind
// an upgrade of our client. On such a connection stream 1 is taken: the client's
// streams are two higher there.
func upgrading(server string) (address string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	done := make(chan struct{})
	go func() { // ends with l; stop waits for it
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go behindUpgrade(c, server) // ends with c, which the client closes
		}
	}()
	return l.Addr().String(), func() { l.Close(); <-done }, nil
}

func behindUpgrade(c net.Conn, server string) {
	defer c.Close()
	up, err := client.Dialer(nil).Dial(context.Background(), "tcp", server, 0)
	if err != nil {
		return
	}
	defer up.Close()
	r, _ := http.NewRequest("GET", "http://"+server+"/a", nil)
	r.Header = http.Header{
		"Connection": {"Upgrade, HTTP2-Settings"}, "Upgrade": {"h2c"},
		// No dynamic table: the response on stream 1, which the client does not
		// see, must leave nothing there.
		"HTTP2-Settings": {base64.RawURLEncoding.EncodeToString([]byte{0, 1, 0, 0, 0, 0})},
	}
	answer, err := up.Ask(r)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols || up.Arrived() != nil {
		return
	}
	rest := answer.Rest()
	go func() { // ends with rest
		defer c.Close()
		shiftBack(c, bufio.NewReader(rest))
	}()
	preface := make([]byte, 24)
	if n, err := io.ReadFull(c, preface); err != nil {
		rest.Write(preface[:n])
		return
	}
	rest.Write(preface)
	shift(rest, bufio.NewReader(c))
}

// frame reads one, however long it says that it is.
func frame(r *bufio.Reader) (head, payload []byte, err error) {
	head = make([]byte, 9)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, nil, err
	}
	payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	n, err := io.ReadFull(r, payload)
	return head, payload[:n], err
}

// add adds to a stream identifier that is not 0.
func add(b []byte, n uint32) {
	if id := binary.BigEndian.Uint32(b); id&^(1<<31) != 0 {
		binary.BigEndian.PutUint32(b, id+n)
	}
}

// shift passes the client's frames on.
func shift(w io.Writer, r *bufio.Reader) {
	for {
		head, payload, err := frame(r)
		if head == nil {
			return
		}
		add(head[5:], 2)
		dependency := 0
		if head[3] == 1 && head[4]&0x8 != 0 { // HEADERS, padded
			dependency = 1
		}
		if (head[3] == 2 || head[3] == 1 && head[4]&0x20 != 0) && len(payload) >= dependency+4 { // PRIORITY, or in HEADERS
			add(payload[dependency:], 2)
		}
		if _, failed := w.Write(append(head, payload...)); failed != nil || err != nil {
			return
		}
	}
}

// shiftBack passes the server's frames on, without those of stream 1.
func shiftBack(w io.Writer, r *bufio.Reader) {
	for {
		head, payload, err := frame(r)
		if err != nil {
			return
		}
		if binary.BigEndian.Uint32(head[5:]) == 1 {
			continue
		}
		add(head[5:], ^uint32(1))                                                      // minus 2
		if head[3] == 7 && len(payload) >= 4 && binary.BigEndian.Uint32(payload) > 1 { // GOAWAY's last stream
			add(payload, ^uint32(1))
		}
		if _, err := w.Write(append(head, payload...)); err != nil {
			return
		}
	}
}

package lines_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/cmd/wye/lines"
	"github.com/wye-org/wye/cmd/wye/pace"
)

// halves makes a net.Pipe end a wye.Conn whose directions end together.
type halves struct{ net.Conn }

func (h halves) CloseWrite() error { return h.Close() }

// talk serves one connection, and returns the client's end and how serving
// ended.
func talk(t *testing.T, rate pace.Rate) (client net.Conn, served <-chan error) {
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close() })
	done := make(chan error, 1)
	go func() { // ends with the connection or the test's context
		done <- lines.Echo(rate)(t.Context(), nil, halves{server})
		server.Close()
	}()
	return client, done
}

func TestEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, served := talk(t, 0)
		in := bufio.NewReader(c)
		go io.WriteString(c, "hello\nsecond line\r\n\n")
		for _, want := range []string{"hello\n", "second line\r\n", "\n"} {
			if got, err := in.ReadString('\n'); got != want || err != nil {
				t.Fatalf("got %q, %v; want %q", got, err, want)
			}
		}
		c.Close()
		if err := <-served; err != nil {
			t.Errorf("the peer's end was taken for an error: %v", err)
		}
	})
}

func TestALineThatIsTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, served := talk(t, 0)
		go io.WriteString(c, strings.Repeat("x", lines.MaxLine-1)+"\n"+strings.Repeat("y", lines.MaxLine+1)+"\n")
		got, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Repeat("x", lines.MaxLine-1) + "\nline too long: want at most 4096 bytes\n"
		if string(got) != want {
			t.Errorf("got %d bytes that end in %q, want the longest line and then the refusal", len(got), got[max(0, len(got)-50):])
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

func TestASilentPeerIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c, served := talk(t, 0)
		go io.WriteString(c, "no line feed")
		if got, err := io.ReadAll(c); err != nil || len(got) != 0 {
			t.Errorf("got %q, %v; want nothing for half a line", got, err)
		}
		if err := <-served; err != nil || time.Since(start) != lines.Idle {
			t.Errorf("left after %v with %v, want after %v", time.Since(start), err, lines.Idle)
		}
	})
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := talk(t, 10)
		in := bufio.NewReader(c)
		go io.WriteString(c, strings.Repeat("x\n", 20))
		start := time.Now()
		for range 20 {
			if _, err := in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("20 lines at 10 a second took %v, want 1s", took)
		}
	})
}

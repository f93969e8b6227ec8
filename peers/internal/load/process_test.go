package load

import (
	"io"
	"os"
	"strings"
	"testing"
)

// What a server prints before it ends is not lost, whether it listened or not.
func TestWhatAServerPrints(t *testing.T) {
	shell := func(script string) []string { return []string{"sh", "-c", script} }
	if _, err := Start(t.Context(), shell("echo 'no such thing' >&2")); err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("%v, want what was printed", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	stderr := os.Stderr
	os.Stderr = w
	p, err := Start(t.Context(), shell("echo 'listening on http://127.0.0.1:7' >&2; echo 'panic: x' >&2"))
	if err == nil {
		<-p.done // all was read: Stop would end it before
		p.Stop()
	}
	os.Stderr = stderr
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if p.Addr != "127.0.0.1:7" {
		t.Errorf("it listens on %q", p.Addr)
	}
	if printed, _ := io.ReadAll(r); string(printed) != "panic: x\n" {
		t.Errorf("%q, want the panic", printed)
	}
}

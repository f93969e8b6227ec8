//go:build unix

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// While the server drains, who watches it by the admin listener sees that. Then
// the listener ends, and with a second signal at once.
func TestAdminWhileDraining(t *testing.T) {
	cmd, addr, log := process(t, "--admin", "127.0.0.1:0", "--drain-delay", "1h")
	var admin string
	for ok := false; !ok; {
		line, err := log.ReadString('\n')
		if err != nil {
			t.Fatalf("the log ends with %q, %v", line, err)
		}
		admin, ok = strings.CutPrefix(strings.TrimSpace(line), "admin on http://")
	}
	upgraded(t, admin, opening("/inspect/live"))
	conn := upgraded(t, addr, opening("/echo"))
	conn.echoes()
	cmd.Process.Signal(syscall.SIGTERM)
	if line, err := log.ReadString('\n'); !strings.Contains(line, "draining") {
		t.Fatalf("the log goes on with %q, %v", line, err)
	}
	r := dialRaw(t, admin)
	r.send(request("GET /readyz"))
	if a := r.receive(); a.status != "503 Service Unavailable" {
		t.Errorf("got\n%v", a)
	}
	r.send(request("GET /livez"))
	if a := r.receive(); a.status != "200 OK" {
		t.Errorf("got\n%v", a)
	}
	// A connection may be listed a moment after its 101.
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		page := httpGet(t, "http://"+admin+"/inspect/connections")
		if strings.Contains(page, `"total":2`) {
			break
		}
		if time.Since(began) > 10*time.Second {
			t.Fatal(page)
		}
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if text, code := rest(t, cmd, log); code != exitFail || !strings.Contains(text, "forced=1") {
		t.Errorf("exit code %d after\n%s", code, text)
	}
}

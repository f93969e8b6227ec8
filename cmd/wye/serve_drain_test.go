package main

import (
	"testing"
	"time"
)

// upgraded opens a connection and switches it by req.
func upgraded(t *testing.T, addr, req string) *raw {
	t.Helper()
	r := dialRaw(t, addr)
	r.send(req)
	if a := r.receive(); a.status != "101 Switching Protocols" {
		t.Fatalf("no switch:\n%v", a)
	}
	return r
}

// "1012 indicates that the service will be restarted": IANA's registry of
// RFC 6455 §11.7.
const serviceRestart = "\x88\x02\x03\xf4"

func TestDrain(t *testing.T) {
	server := start(t, "--drain", "50ms")
	var sockets []*raw
	for _, path := range []string{"/echo", "/ws/lobby", "/api/chat/room/lobby"} {
		sockets = append(sockets, upgraded(t, server.addr, opening(path)))
	}
	lines := upgraded(t, server.addr, request("GET /", "Connection: upgrade", "Upgrade: foo/2"))
	lines.echoesLines()
	dialRaw(t, server.addr) // says nothing; net/http would wait 5 seconds for that

	began := time.Now()
	server.stop()
	for _, r := range sockets {
		r.gets(serviceRestart)
		r.send("\x88\x82\x00\x00\x00\x00\x03\xf4")
		r.ends()
	}
	lines.ends()
	if code := <-server.exit; code != exitOK {
		t.Errorf("exit code %d, want %d", code, exitOK)
	}
	server.log.until(t, "clean=4 forced=0 lost=0")
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v, which is neither --drain nor any connection's", took)
	}
}

func TestDrainWithoutConnectionsIsOverAtOnce(t *testing.T) {
	server := start(t, "--drain", "1h")
	server.stop()
	if code := <-server.exit; code != exitOK {
		t.Errorf("exit code %d, want %d", code, exitOK)
	}
}

func TestDrainForcesWhoDoesNotAnswer(t *testing.T) {
	t.Parallel() // it waits for the bound of the closing handshake
	server := start(t, "--drain", "0s")
	silent := upgraded(t, server.addr, opening("/echo"))
	server.stop()
	silent.gets(serviceRestart)
	if code := <-server.exit; code != exitFail {
		t.Errorf("exit code %d, want %d", code, exitFail)
	}
	server.log.until(t, "clean=0 forced=1 lost=0")
}

// While it drains, a server takes no new connections to last.
func TestDrainRefusesNewUpgrades(t *testing.T) {
	server := start(t, "--drain", "0s")
	// A switch whose request is not complete yet when the drain begins.
	late := dialRaw(t, server.addr)
	late.send(request("POST /", "Connection: upgrade", "Upgrade: foo/2", "Content-Length: 4", "Expect: 100-continue"))
	if a := late.receive(); a.status != "100 Continue" {
		t.Fatalf("a body is not asked for:\n%v", a)
	}
	slow := upgraded(t, server.addr, opening("/echo"))
	slow.echoes()

	server.stop()
	slow.gets(serviceRestart)
	late.send("body")
	if a := late.receive(); a.status != "503 Service Unavailable" || len(a.all("Connection")) != 1 {
		t.Errorf("a draining server answers\n%v", a)
	}
	late.ends()
	slow.send("\x88\x82\x00\x00\x00\x00\x03\xf4")
	slow.ends()
	if code := <-server.exit; code != exitOK {
		t.Errorf("exit code %d, want %d", code, exitOK)
	}
}

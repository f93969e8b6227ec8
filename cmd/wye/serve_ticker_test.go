package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// The line for wye connect.
func TestTickerOnTheCommandLine(t *testing.T) {
	server := start(t)
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"connect", "-n", "3", "ws://" + server.addr + "/api/stocks/stream?symbols=QUIC"}, stdio{strings.NewReader(""), &out, &errs})
	if code != exitOK || strings.Count(out.String(), "\n") != 3 {
		t.Fatalf("exit %d\n%s%s", code, &out, &errs)
	}
	for i, want := range []string{`{"type":"market",`, `{"type":"quote","symbol":"QUIC",`, `{"type":"tick","symbol":"QUIC",`} {
		if line := strings.Split(out.String(), "\n")[i]; !strings.HasPrefix(line, want) {
			t.Errorf("line %d is %s, want %s…", i+1, line, want)
		}
	}

	errs.Reset()
	code = run(t.Context(), []string{"connect", "ws://" + server.addr + "/api/stocks/stream?symbols=NONE"}, stdio{strings.NewReader(""), &out, &errs})
	if code != 5 || !strings.Contains(errs.String(), `nothing is traded as "NONE"`) {
		t.Errorf("exit %d, want 5 and why:\n%s", code, &errs)
	}
}

// ticks says that the connection tells prices to who asks for nothing.
func (r *raw) ticks() {
	r.t.Helper()
	types := map[string]int{}
	for types["tick"] < 3 {
		var event struct{ Type string }
		if err := json.Unmarshal(r.frame(), &event); err != nil {
			r.t.Fatal(err)
		}
		types[event.Type]++
	}
	if types["market"] != 1 || types["quote"] == 0 || len(types) != 3 {
		r.t.Errorf("there came %v, want a market, quotes and ticks", types)
	}
}

// frame reads an unmasked text frame of up to 64 KiB.
func (r *raw) frame() []byte {
	r.t.Helper()
	r.gets("\x81")
	length, err := r.in.ReadByte()
	size := int(length)
	if length == 126 {
		var b [2]byte
		_, err = io.ReadFull(r.in, b[:])
		size = int(binary.BigEndian.Uint16(b[:]))
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(r.in, payload); err != nil {
		r.t.Fatal(err)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return payload
}

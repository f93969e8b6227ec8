package main

import (
	"encoding/binary"
	"encoding/json"
	"io"
)

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

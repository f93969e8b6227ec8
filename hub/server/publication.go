package server

import "github.com/wye-org/wye/hub"

// AppendPublication appends to dst what was published as the protocol's publication,
// one line of JSON: data, offset if it is stored, and info if a client published it.
// Data that is JSON is there as it is, another text as a string, and other bytes as
// a string in base64.
func AppendPublication(dst []byte, m *hub.Message) []byte { return appendPublication(dst, m) }

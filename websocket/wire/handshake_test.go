package wire

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestAcceptKey(t *testing.T) {
	for _, c := range []struct{ name, key, accept string }{
		{"1.3 the RFC's example", "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
		{"4.2.2 a random key", "x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="},
		{"4.2.2 a key of words", "c3RvY2sgdGlja2VyIGtleQ==", "YUXDrcWHxZ5u2E/pucE+XZob0QA="},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := AcceptKey(c.key); got != c.accept {
				t.Errorf("got %s, want %s", got, c.accept)
			}
			if err := CheckKey(c.key); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNewKey(t *testing.T) {
	nonce := [16]byte([]byte("the sample nonce"))
	if got := NewKey(nonce); got != "dGhlIHNhbXBsZSBub25jZQ==" {
		t.Error(got)
	}
	if got := AppendKey([]byte("Sec-WebSocket-Key: "), nonce); string(got) != "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" {
		t.Errorf("%s", got)
	}
}

// The words are for whoever wrote the client.
func TestCheckKey(t *testing.T) {
	for _, c := range []struct{ name, key, want string }{
		{"4.2.1 20 bytes", "ZWFjaCBub25jZSBpcyB1bmlxdWU=", "20 bytes decoded, want 16"},
		{"4.2.1 15 bytes", base64.StdEncoding.EncodeToString(make([]byte, 15)), "15 bytes decoded, want 16"},
		{"4.2.1 17 bytes", base64.StdEncoding.EncodeToString(make([]byte, 17)), "17 bytes decoded, want 16"},
		{"4.2.1 empty", "", "empty, want 16 bytes in base64"},
		{"4.2.1 not base64", "not a key at all", "not base64: illegal base64 data at input byte 3"},
		{"4.2.1 no padding", "dGhlIHNhbXBsZSBub25jZQ", "not base64: illegal base64 data at input byte 20"},
		{"4.2.1 the URL alphabet", "__JJHMbDL1EzLkh9GBhXDw==", "not base64: illegal base64 data at input byte 0"},
		{"4.2.1 bits after the end", "dGhlIHNhbXBsZSBub25jZR==", "not base64: illegal base64 data at input byte 22"},
		{"4.2.1 line end inside", "dGhlIHNhbXBs\r\nZSBub25jZQ==", "not base64: line end at input byte 12"},
		{"4.2.1 line end behind", "dGhlIHNhbXBsZSBub25jZQ==\n", "not base64: line end at input byte 24"},
		{"4.2.1 space before", " dGhlIHNhbXBsZSBub25jZQ==", "not base64: illegal base64 data at input byte 0"},
		{"4.2.1 two keys in one", "dGhlIHNhbXBsZSBub25jZQ==, x3JJHMbDL1EzLkh9GBhXDw==", "not base64: illegal base64 data at input byte 24"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := CheckKey(c.key); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	if err := CheckKey(strings.Repeat("A", 1<<16)); err == nil {
		t.Error("64 KiB of key")
	}
}

// FuzzCheckKey: there is one way to write a key, and NewKey writes it.
func FuzzCheckKey(f *testing.F) {
	f.Add("dGhlIHNhbXBsZSBub25jZQ==")
	f.Add("ZWFjaCBub25jZSBpcyB1bmlxdWU=")
	f.Add("dGhlIHNhbXBsZSBub25jZR==")
	f.Fuzz(func(t *testing.T, key string) {
		nonce, err := base64.StdEncoding.DecodeString(key)
		canonical := err == nil && len(nonce) == 16 && NewKey([16]byte(nonce)) == key
		if got := CheckKey(key) == nil; got != canonical {
			t.Fatalf("%q: %v, want %v (%v)", key, got, canonical, CheckKey(key))
		}
	})
}

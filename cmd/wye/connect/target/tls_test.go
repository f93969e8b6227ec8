package target

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

func TestParsePin(t *testing.T) {
	sum := sha256.Sum256([]byte("a certificate"))
	digits := hex.EncodeToString(sum[:])
	var colons []string
	for i := 0; i < len(digits); i += 2 {
		colons = append(colons, strings.ToUpper(digits[i:i+2]))
	}
	b64 := base64.StdEncoding.EncodeToString(sum[:])
	for _, s := range []string{digits, strings.Join(colons, ":"), b64, "sha256//" + b64} {
		if got, err := ParsePin(s); err != nil || got != sum {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, bad := range []string{"", "abc", digits[1:], digits + "00", "zz" + digits[2:], b64[:40], "md5//" + b64} {
		if got, err := ParsePin(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

func FuzzParsePin(f *testing.F) {
	f.Add(strings.Repeat("ab", 32))
	f.Add(strings.Repeat("AB:", 31) + "AB")
	f.Add("sha256//" + strings.Repeat("A", 43) + "=")
	f.Fuzz(func(t *testing.T, s string) {
		pin, err := ParsePin(s)
		if err != nil {
			return
		}
		if again, err := ParsePin(pin.String()); err != nil || again != pin {
			t.Fatalf("%q became %v and then %v, %v", s, pin, again, err)
		}
	})
}

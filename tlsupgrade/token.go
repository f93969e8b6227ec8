package tlsupgrade

import (
	"strings"

	"github.com/wye-org/wye"
)

// http11 is what is spoken above TLS.
var http11 = wye.Token{Name: "HTTP", Version: "1.1"}

// tls12 is what we name where we choose.
var tls12 = wye.Token{Name: "TLS", Version: "1.2"}

// isTLS reports whether t is one of the versions that there are.
func isTLS(t wye.Token) bool {
	if !strings.EqualFold(t.Name, "TLS") {
		return false
	}
	switch t.Version {
	case "1.0", "1.1", "1.2", "1.3":
		return true
	}
	return false
}

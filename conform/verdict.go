package conform

import "fmt"

// A Verdict says how an endpoint did in one case.
type Verdict uint8

const (
	// Pass: the endpoint did what the RFC asks, its SHOULDs included.
	Pass Verdict = iota
	// Nonstrict: no MUST is broken, but a SHOULD is, or the endpoint is
	// wasteful in a way that its peers pay for.
	Nonstrict
	// Informational: the RFC leaves the choice free; the result says which
	// choice was made.
	Informational
	// Unimplemented: the endpoint declined the optional feature under test.
	Unimplemented
	// Fail: a MUST is broken.
	Fail
)

var verdictNames = [...]string{"pass", "nonstrict", "informational", "unimplemented", "fail"}

func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return fmt.Sprintf("verdict %d", uint8(v))
}

// MarshalText writes the verdict as reports print it.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (v *Verdict) UnmarshalText(b []byte) error {
	for i, name := range verdictNames {
		if name == string(b) {
			*v = Verdict(i)
			return nil
		}
	}
	return fmt.Errorf("unknown verdict %q: want one of %q", b, verdictNames)
}

// rank orders verdicts by how much they should worry: a script that earned two
// keeps the heavier.
func (v Verdict) rank() int {
	return [...]int{Pass: 0, Informational: 1, Unimplemented: 2, Nonstrict: 3, Fail: 4}[v]
}

package conform

import (
	"fmt"
	"strconv"
	"strings"
)

// Deflate is what a case wants of permessage-deflate, in words that mean the
// same for either end under test.
type Deflate struct {
	EndpointBits  int  // the window asked of the endpoint's compressor; 0: none asked
	EndpointReset bool // the endpoint is asked not to take its context over
	SuiteBits     int  // the window that the suite announces and uses; 0: the largest
	SuiteReset    bool // the suite does not take its context over
}

const deflateName = "permessage-deflate"

// The parameters of RFC 7692 §7.1.
const (
	serverReset = "server_no_context_takeover"
	clientReset = "client_no_context_takeover"
	serverBits  = "server_max_window_bits"
	clientBits  = "client_max_window_bits"
)

// offer is the element that the suite offers to a server.
func (d *Deflate) offer() string {
	var b strings.Builder
	b.WriteString(deflateName)
	if d.EndpointReset {
		b.WriteString("; " + serverReset)
	}
	if d.SuiteReset {
		b.WriteString("; " + clientReset)
	}
	if d.EndpointBits != 0 {
		fmt.Fprintf(&b, "; %s=%d", serverBits, d.EndpointBits)
	}
	if d.SuiteBits != 0 {
		fmt.Fprintf(&b, "; %s=%d", clientBits, d.SuiteBits)
	} else {
		b.WriteString("; " + clientBits)
	}
	return b.String()
}

// agreement is what both ends keep to once the handshake is over.
type agreement struct {
	endpointBits, suiteBits   int
	endpointReset, suiteReset bool
}

// settings are the parameters of one valid permessage-deflate element.
type settings struct {
	serverReset, clientReset bool
	serverBits, clientBits   int // 0: absent
	clientBitsAny            bool
}

// readSettings checks an element against RFC 7692 §7.1; inOffer allows what
// only a client may write.
func readSettings(e extension, inOffer bool) (s settings, err error) {
	seen := map[string]bool{}
	for _, p := range e.params {
		name := strings.ToLower(p.name)
		if seen[name] {
			return s, fmt.Errorf("%s stands twice", name)
		}
		seen[name] = true
		switch name {
		case serverReset, clientReset:
			if p.set {
				return s, fmt.Errorf("%s has the value %q and must have none", name, p.value)
			}
			if name == serverReset {
				s.serverReset = true
			} else {
				s.clientReset = true
			}
		case serverBits, clientBits:
			if !p.set && name == clientBits && inOffer {
				s.clientBitsAny = true
				continue
			}
			bits, err := strconv.Atoi(p.value)
			if err != nil || bits < 8 || bits > 15 || strconv.Itoa(bits) != p.value {
				return s, fmt.Errorf("%s has the value %q and needs 8 to 15", name, p.value)
			}
			if name == serverBits {
				s.serverBits = bits
			} else {
				s.clientBits = bits
			}
		default:
			return s, fmt.Errorf("%s is no parameter of %s", p.name, deflateName)
		}
	}
	return s, nil
}

// judgeAnswer checks a server's extension answer against what was offered. A
// nil settings means that it declined.
func judgeAnswer(offered []string, answered []string) (*settings, error) {
	if len(answered) == 0 {
		return nil, nil
	}
	exts, err := parseExtensions(answered)
	if err != nil {
		return nil, err
	}
	if len(exts) > 1 {
		return nil, fmt.Errorf("the answer %q has %d elements", strings.Join(answered, ", "), len(exts))
	}
	got := exts[0]
	if got.name != deflateName {
		return nil, fmt.Errorf("the answer names %q, which was not offered", got.name)
	}
	s, err := readSettings(got, false)
	if err != nil {
		return nil, err
	}
	offers, _ := parseExtensions(offered) // an unreadable offer can match nothing
	why := fmt.Errorf("the answer %q fits none of the valid offers", got)
	for _, e := range offers {
		if e.name != deflateName {
			continue
		}
		o, err := readSettings(e, true)
		if err != nil {
			continue // a server must decline it, RFC 7692 §7.1
		}
		if err := o.allows(s); err != nil {
			why = err
			continue
		}
		return &s, nil
	}
	return nil, why
}

// allows says what in the answer a goes against the offer o.
func (o settings) allows(a settings) error {
	switch {
	case o.serverReset && !a.serverReset:
		return fmt.Errorf("the offer's %s is missing from the answer", serverReset)
	case o.serverBits != 0 && a.serverBits == 0:
		return fmt.Errorf("the offer's %s=%d is missing from the answer", serverBits, o.serverBits)
	case o.serverBits != 0 && a.serverBits > o.serverBits:
		return fmt.Errorf("%s=%d was offered and %d answered", serverBits, o.serverBits, a.serverBits)
	case a.clientBits != 0 && o.clientBits == 0 && !o.clientBitsAny:
		return fmt.Errorf("%s was answered and not offered", clientBits)
	case a.clientBits != 0 && o.clientBits != 0 && a.clientBits > o.clientBits:
		return fmt.Errorf("%s=%d was offered and %d answered", clientBits, o.clientBits, a.clientBits)
	}
	return nil
}

// fromServer is the agreement after a server under test answered s.
func (d *Deflate) fromServer(s settings) agreement {
	return agreement{
		endpointBits:  orFull(s.serverBits),
		endpointReset: s.serverReset,
		suiteBits:     min(orFull(s.clientBits), orFull(d.SuiteBits)),
		suiteReset:    s.clientReset || d.SuiteReset,
	}
}

func orFull(bits int) int {
	if bits == 0 {
		return 15
	}
	return bits
}

// answer chooses among a client's offers and writes the answer; declined is
// the reason where the case cannot be had.
func (d *Deflate) answer(lines []string) (line string, a agreement, declined string) {
	exts, err := parseExtensions(lines)
	if err != nil {
		return "", a, err.Error()
	}
	declined = "the client offers no permessage-deflate"
	for _, e := range exts {
		if e.name != deflateName {
			continue
		}
		o, err := readSettings(e, true)
		if err != nil {
			declined = err.Error()
			continue
		}
		if d.EndpointBits != 0 && o.clientBits == 0 && !o.clientBitsAny {
			declined = "the client does not offer client_max_window_bits"
			continue
		}
		return d.answerTo(o)
	}
	return "", a, declined
}

func (d *Deflate) answerTo(o settings) (line string, a agreement, declined string) {
	var b strings.Builder
	b.WriteString(deflateName)
	a = agreement{endpointBits: 15, suiteBits: min(orFull(d.SuiteBits), orFull(o.serverBits))}
	if d.SuiteReset || o.serverReset {
		a.suiteReset = true
		b.WriteString("; " + serverReset)
	}
	// A client may say that it will not take over whether it is told or not.
	if d.EndpointReset {
		a.endpointReset = true
		b.WriteString("; " + clientReset)
	}
	if a.suiteBits != 15 || o.serverBits != 0 {
		fmt.Fprintf(&b, "; %s=%d", serverBits, a.suiteBits)
	}
	if d.EndpointBits != 0 {
		a.endpointBits = min(d.EndpointBits, orFull(o.clientBits))
		fmt.Fprintf(&b, "; %s=%d", clientBits, a.endpointBits)
	}
	return b.String(), a, ""
}

package wire

import "strconv"

// params are the parameters of one element that names permessage-deflate, RFC
// 7692 §7.1.
type params struct {
	serverReset, clientReset bool
	serverBits, clientBits   int  // 0: absent, or without value
	clientBitsOpen           bool // client_max_window_bits without value
}

// ParamError says why an element of permessage-deflate is invalid, by RFC 7692
// §7.1.
type ParamError struct {
	Param Param
	Why   string
}

// Error names the parameter and what is wrong.
func (e *ParamError) Error() string {
	p := Extension{Name: deflateName, Params: []Param{e.Param}}
	return "websocket: " + p.String() + ": " + e.Why + " (RFC 7692 §7.1)"
}

// readParams judges an element by itself. offer says that it is a client's.
//
// "A server MUST decline an extension negotiation offer for this extension if
// any of the following conditions are met", and a client "MUST _Fail the
// WebSocket Connection_" if an answer does: it contains a parameter that is not
// defined there, one with an invalid value, or several of the same name. RFC
// 7692 §7.1.
func readParams(e Extension, offer bool) (params, error) {
	var p params
	for i, x := range e.Params {
		for _, y := range e.Params[:min(i, 4)] { // of five, one is another's double or unknown
			if x.Name == y.Name {
				return p, &ParamError{x, "stands twice"}
			}
		}
		switch x.Name {
		case serverReset:
			p.serverReset = true
		case clientReset:
			p.clientReset = true
		case serverBitsName:
			p.serverBits = windowBits(x.Value)
		case clientBitsName:
			p.clientBits = windowBits(x.Value)
			p.clientBitsOpen = x.Value == "" && offer
		default:
			return p, &ParamError{x, "no such parameter"}
		}
		switch {
		case x.Name == serverReset || x.Name == clientReset:
			// "This extension parameter has no value." RFC 7692 §7.1.1.1.
			if x.Value != "" {
				return p, &ParamError{x, "has no value"}
			}
		case x.Name == clientBitsName && p.clientBitsOpen:
			// "This parameter has no value or a decimal integer value without
			// leading zeroes between 8 to 15 inclusive". RFC 7692 §7.1.2.2.
		case windowBits(x.Value) == 0:
			return p, &ParamError{x, "want a number from 8 to 15"}
		}
	}
	return p, nil
}

// windowBits reads "a decimal integer value without leading zeroes between 8 to
// 15, inclusive", RFC 7692 §7.1.2.1. It returns 0 for anything else.
func windowBits(s string) int {
	for n := minBits; n <= maxBits; n++ {
		if s == strconv.Itoa(n) {
			return n
		}
	}
	return 0
}

// extension returns p as an element.
func (p params) extension() Extension {
	e := Extension{Name: deflateName}
	if p.serverReset {
		e.Params = append(e.Params, Param{Name: serverReset})
	}
	if p.clientReset {
		e.Params = append(e.Params, Param{Name: clientReset})
	}
	if p.serverBits != 0 {
		e.Params = append(e.Params, Param{serverBitsName, strconv.Itoa(p.serverBits)})
	}
	switch {
	case p.clientBits != 0:
		e.Params = append(e.Params, Param{clientBitsName, strconv.Itoa(p.clientBits)})
	case p.clientBitsOpen:
		e.Params = append(e.Params, Param{Name: clientBitsName})
	}
	return e
}

// orMax returns the window that bits bound, where 0 bounds nothing.
func orMax(bits int) int {
	if bits == 0 {
		return maxBits
	}
	return bits
}

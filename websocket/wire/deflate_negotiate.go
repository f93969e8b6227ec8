package wire

import "errors"

// ErrNotOffered: a server's answer names an extension that the client did not
// offer, or one of them twice. RFC 6455 §4.1 and §9.1.
var ErrNotOffered = errors.New("websocket: the server accepted an extension that was not offered")

// Offer returns what a client's Sec-WebSocket-Extensions says, or "" if d is not
// Enabled. RFC 7692 §5 and §7.1.
func (d *Deflate) Offer() string {
	if !d.Enabled {
		return ""
	}
	// Windows are reserved when they are agreed on. If there is no room for
	// them now, the server is asked not to need any.
	var size int64
	if !d.ServerNoTakeover {
		size += windowCost(d.serverBits())
	}
	if !d.ClientNoTakeover {
		size += windowCost(d.clientBits())
	}
	full := d.budget().Used() > d.budget().Limit()-size
	p := params{
		serverReset: d.ServerNoTakeover || full,
		clientReset: d.ClientNoTakeover || full,
		// Always offered, so that the server may ask for less.
		clientBitsOpen: true,
	}
	if bits := d.clientBits(); bits < maxBits {
		p.clientBits = bits
	}
	if bits := d.serverBits(); bits < maxBits {
		p.serverBits = bits
	}
	return p.extension().String()
}

// Accept is a server's part: of the lines of the client's
// Sec-WebSocket-Extensions it takes the first offer that it can keep to, and
// returns what to answer, "" for nothing. Offers that RFC 7692 §7.1 forbids are
// declined. The error is that of [ParseExtensions]: the handshake must fail then,
// whether d is Enabled or not.
func (d *Deflate) Accept(lines []string) (Agreed, string, error) {
	list, err := ParseExtensions(lines)
	if err != nil || !d.Enabled {
		return Agreed{}, "", err
	}
	for _, e := range list {
		if e.Name != deflateName {
			continue
		}
		if offer, err := readParams(e, true); err == nil {
			a, answer := d.accept(offer)
			return a, answer.extension().String(), nil
		}
	}
	return Agreed{}, "", nil
}

// accept answers a valid offer. There is none that it cannot keep to.
func (d *Deflate) accept(offer params) (a Agreed, answer params) {
	answer = params{
		// "A server accepts an extension negotiation offer that includes the
		// "server_no_context_takeover" extension parameter by including" it in
		// the response, and MAY include it otherwise. RFC 7692 §7.1.1.1.
		serverReset: d.ServerNoTakeover || offer.serverReset,
		// Asked for, or the hint is taken. §7.1.1.2.
		clientReset: d.ClientNoTakeover || offer.clientReset,
	}
	// "…with the same or smaller value as the offer." §7.1.2.1. Without an
	// offer nothing is said: what we send may refer less far all the same.
	send := d.serverBits()
	if offer.serverBits != 0 {
		send = min(send, offer.serverBits)
		answer.serverBits = send
	}
	keep := min(send, bitsOr(d.ServerMaxWindowBits, keepBits))
	switch want := d.clientBits(); {
	case offer.clientBits != 0:
		// "…with a value equal to or smaller than the received value". §7.1.2.2.
		answer.clientBits = min(want, offer.clientBits)
	case offer.clientBitsOpen && want < maxBits:
		answer.clientBits = want
	case want < maxBits:
		// "If a received extension negotiation offer doesn't have the
		// "client_max_window_bits" extension parameter, the corresponding
		// extension negotiation response to the offer MUST NOT include" it.
		// §7.1.2.2. Not to take over keeps less still.
		answer.clientReset = true
	}
	var size int64
	if !answer.serverReset {
		size += windowCost(keep)
	}
	if !answer.clientReset {
		size += windowCost(orMax(answer.clientBits))
	}
	if !d.reserve(&a, size) {
		answer.serverReset, answer.clientReset = true, true
	}
	a.agree(answer)
	a.sendBits, a.keptBits, a.sendNoTakeover = send, keep, answer.serverReset
	d.fill(&a)
	return a, answer
}

// agree notes the parameters of a server's answer.
func (a *Agreed) agree(answer params) {
	a.ServerNoTakeover, a.ClientNoTakeover = answer.serverReset, answer.clientReset
	a.ServerBits, a.ClientBits = orMax(answer.serverBits), orMax(answer.clientBits)
}

// Confirm is a client's last part: it judges the lines of the server's
// Sec-WebSocket-Extensions against offer, which is what [Deflate.Offer] had
// returned and was sent. On an error the client must fail the connection. No
// lines decline the offer.
func (d *Deflate) Confirm(offer string, lines []string) (Agreed, error) {
	list, err := ParseExtensions(lines)
	if err != nil || len(list) == 0 {
		return Agreed{}, err
	}
	// "…if the Sec-WebSocket-Extensions header field in the server's handshake
	// indicates an extension that was not requested by the client", the client
	// "MUST _Fail the WebSocket Connection_". RFC 6455 §4.1.
	if offer == "" || list[0].Name != deflateName || len(list) > 1 {
		return Agreed{}, ErrNotOffered
	}
	answer, err := readParams(list[0], false)
	if err != nil {
		return Agreed{}, err
	}
	offers, err := ParseExtensions([]string{offer})
	if err != nil {
		return Agreed{}, err
	}
	err = ErrNotOffered
	for _, e := range offers {
		if e.Name != deflateName {
			continue
		}
		asked, bad := readParams(e, true)
		if bad != nil {
			continue // a server must have declined it
		}
		if bad = asked.allow(answer); bad == nil {
			return d.confirm(asked, answer), nil
		}
		err = bad
	}
	return Agreed{}, err
}

// allow returns what in answer goes against the offer o.
func (o params) allow(answer params) error {
	switch {
	case o.serverReset && !answer.serverReset:
		return &ParamError{Param{Name: serverReset}, "was offered and is missing in the answer"}
	case o.serverBits != 0 && answer.serverBits == 0:
		return &ParamError{Param{Name: serverBitsName}, "was offered and is missing in the answer"}
	case o.serverBits != 0 && answer.serverBits > o.serverBits:
		return &ParamError{Param{Name: serverBitsName}, "is more in the answer than was offered"}
	case answer.clientBits != 0 && o.clientBits == 0 && !o.clientBitsOpen:
		return &ParamError{Param{Name: clientBitsName}, "was not offered and is in the answer"}
	case o.clientBits != 0 && answer.clientBits > o.clientBits:
		return &ParamError{Param{Name: clientBitsName}, "is more in the answer than was offered"}
	}
	return nil
}

// confirm returns what follows from a valid answer.
func (d *Deflate) confirm(asked, answer params) Agreed {
	var a Agreed
	a.agree(answer)
	// A client may use less than it is allowed to: what it hinted at.
	a.sendBits = min(a.ClientBits, orMax(asked.clientBits))
	a.keptBits = a.sendBits
	a.sendNoTakeover = answer.clientReset || asked.clientReset
	var size int64
	if !answer.serverReset {
		size = windowCost(a.ServerBits)
	}
	if !a.sendNoTakeover {
		if d.reserve(&a, size+windowCost(a.sendBits)) {
			size = 0
		} else {
			a.sendNoTakeover = true
		}
	}
	if size > 0 {
		// The server has been allowed its window: there is no way back, so it
		// counts even past the limit.
		a.held = &lease{from: d.budget()}
		a.held.size.Store(size)
		a.held.from.used.Add(size)
	}
	d.fill(&a)
	return a
}

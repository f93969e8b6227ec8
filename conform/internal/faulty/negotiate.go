package faulty

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const extension = "permessage-deflate"

// params are an element's parameters: the value "" means none was given.
type params map[string]string

// parseElement reads "name; a; b=c"; ok is false where the element has a fault.
func (e Endpoint) parseElement(s string, inOffer bool) (name string, p params, ok bool) {
	parts := strings.Split(s, ";")
	name = e.trim(parts[0])
	p = params{}
	ok = true
	for _, part := range parts[1:] {
		key, value, has := strings.Cut(part, "=")
		key, value = e.trim(key), e.trim(value)
		if !e.is(NoQuotes) {
			value = strings.Trim(value, `"`)
		}
		_, twice := p[key]
		p[key] = value
		switch key {
		case "server_no_context_takeover", "client_no_context_takeover":
			ok = ok && !has
		case "server_max_window_bits", "client_max_window_bits":
			n, err := strconv.ParseUint(value, 10, 8)
			good := err == nil && n >= 8 && n <= 15 && strconv.FormatUint(n, 10) == value
			bare := !has && inOffer && key == "client_max_window_bits"
			ok = ok && (good || bare)
		default:
			ok = false
		}
		ok = ok && !twice
	}
	return name, p, ok
}

func (e Endpoint) trim(s string) string {
	if e.is(NoSpaces) {
		return strings.TrimPrefix(s, " ")
	}
	return strings.Trim(s, " \t")
}

func (p params) has(name string) bool { _, ok := p[name]; return ok }

// bits is a window; none given, or one that cannot be, is the largest.
func (p params) bits(name string) int {
	if n, err := strconv.Atoi(p[name]); err == nil && n >= 8 && n <= 15 {
		return n
	}
	return 15
}

// answerOffers is the server's choice among the client's offers.
func (m message) answerOffers() (line string, t *terms) {
	lines := m.get("Sec-WebSocket-Extensions")
	if m.is(NoDeflate) {
		return "", nil
	}
	if m.is(LastOfTwoLines) && len(lines) > 1 {
		lines = lines[1:]
	}
	for i, s := range strings.Split(strings.Join(lines, ","), ",") {
		name, p, ok := m.parseElement(s, true)
		if m.is(TakesAnyExtensions) && name != extension {
			return name, nil
		}
		known := name == extension || m.is(PrefixOffer) && strings.HasPrefix(name, extension)
		first := !m.is(FirstOfferOnly) || i == 0
		bare := !m.is(BareOfferOnly) || len(p) == 0 || len(p) == 1 && p.has("client_max_window_bits") && p["client_max_window_bits"] == ""
		if !known || !first || !bare || !ok && !m.is(TakesAnyOffer) {
			continue
		}
		return m.accept(p)
	}
	return "", nil
}

// accept answers one offer with all that it asks for.
func (m message) accept(p params) (line string, t *terms) {
	t = &terms{
		ownBits: p.bits("server_max_window_bits"), peerBits: p.bits("client_max_window_bits"),
		ownReset: p.has("server_no_context_takeover"), peerReset: p.has("client_no_context_takeover"),
	}
	line = extension
	if t.ownReset && !m.is(ForgetsReset) {
		line += "; server_no_context_takeover"
	}
	if t.peerReset {
		line += "; client_no_context_takeover"
	}
	switch own := t.ownBits; {
	case !p.has("server_max_window_bits"):
	case m.is(ServerBitsRequired):
		line += "; server_max_window_bits"
	case m.is(AnswersTooMuch) && own < 15:
		line += fmt.Sprintf("; server_max_window_bits=%d", own+1)
	default:
		line += fmt.Sprintf("; server_max_window_bits=%d", own)
	}
	if p["client_max_window_bits"] != "" || m.is(AnswersUnasked) {
		line += fmt.Sprintf("; client_max_window_bits=%d", t.peerBits)
	}
	return line, t
}

// readAnswer is the client's look at the server's answer.
func (m message) readAnswer() (*terms, error) {
	lines := m.get("Sec-WebSocket-Extensions")
	if len(lines) == 0 {
		return nil, nil
	}
	all := strings.Split(strings.Join(lines, ","), ",")
	name, p, ok := m.parseElement(all[0], false)
	if len(all) > 1 && m.is(TakesAnyExtension, TakesAnyAnswer) {
		all = all[:1]
	}
	switch {
	case name != extension && m.is(TakesAnyExtension):
		return nil, nil
	case name != extension, len(all) > 1, !ok && !m.is(TakesAnyAnswer):
		return nil, errors.New("the extension answer is not acceptable")
	case m.is(NeedsClientReset) && !p.has("client_no_context_takeover"):
		return nil, errors.New("client_no_context_takeover is missing")
	case m.is(RefusesUnasked) && len(p) > 0:
		return nil, errors.New("a parameter was not asked for")
	}
	return &terms{
		ownBits: p.bits("client_max_window_bits"), peerBits: p.bits("server_max_window_bits"),
		ownReset: p.has("client_no_context_takeover"), peerReset: p.has("server_no_context_takeover"),
	}, nil
}

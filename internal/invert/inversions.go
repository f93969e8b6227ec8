package main

const (
	wire = "websocket/wire/"
	ws   = "websocket/"
)

// inversions, in the order of the RFCs. Each compiles.
var inversions = []inversion{
	{"RFC 9110 §7.8: Upgrade in HTTP/1.0 is ignored", "token.go", `r.ProtoMajor != 1 || r.ProtoMinor < 1`, `r.ProtoMajor != 1 || r.ProtoMinor < 0`},
	{"RFC 9110 §7.8: Upgrade needs the connection option", "token.go", `!HasToken(r.Header["Connection"], "upgrade")`, `len(r.Header) == 0`},
	{"RFC 9110 §7.8: names are compared without case", "token.go", `return t.Version == u.Version && strings.EqualFold(t.Name, u.Name)`, `return t.Version == u.Version && t.Name == u.Name`},

	{"RFC 6455 §3: no fragment in a URL", "dial_url.go", `u.Fragment != "" || strings.Contains(raw, "#")`, `u.Fragment == "never"`},
	{"RFC 6455 §4.1: the method is GET", ws + "accept.go", `r.Method != http.MethodGet`, `r.Method == "never"`},
	{"RFC 6455 §4.1: the accept is there once", ws + "dial.go", `case len(accept) != 1:`, `case len(accept) == 0:`},
	{"RFC 6455 §4.1: the accept is right", ws + "dial.go", `case strings.TrimSpace(accept[0]) != want:`, `case want == "never":`},
	{"RFC 6455 §4.1: one subprotocol line", ws + "dial.go", `case len(chosen) > 1:`, `case len(chosen) > 99:`},
	{"RFC 6455 §4.1: the subprotocol was offered", ws + "dial.go", `case !slices.Contains(offered, chosen[0]):`, `case slices.Contains(offered, "never"):`},
	{"RFC 6455 §4.1: no extension but those offered", wire + "deflate_negotiate.go", `offer == "" || list[0].Name != deflateName || len(list) > 1`, `list[0].Name == "never"`},
	{"RFC 6455 §4.1: subprotocols are tokens, each once", ws + "dial.go", `!isToken(s) || slices.Contains(o.Subprotocols[:i], s)`, `slices.Contains(o.Subprotocols[:i], "never")`},
	{"RFC 6455 §4.2.1: no body", ws + "accept.go", `r.ContentLength != 0 || len(r.TransferEncoding) > 0`, `r.ContentLength > 1<<40`},
	{"RFC 6455 §4.2.1: the key is there once", ws + "accept.go", `	switch len(keys) {
	case 0:`, `	switch min(len(keys), 1) {
	case 0:`},
	{"RFC 6455 §4.2.1: the key is 16 bytes", wire + "handshake.go", `len(nonce) != 16`, `len(nonce) == 0`},
	{"RFC 6455 §4.2.1: the key is base64", wire + "handshake.go", `base64.StdEncoding.Strict()`, `base64.StdEncoding`},
	{"RFC 6455 §4.2.2: another version is refused", ws + "accept.go", `case strings.TrimSpace(versions[0]) == "13":`, `case versions[0] != "never":`},
	{"RFC 6455 §4.2.2: the version is there once", ws + "accept.go", `case len(versions) > 1:`, `case len(versions) > 99:`},
	{"RFC 6455 §4.2.2: the Origin is judged", ws + "accept.go", `err = h.pass.Authorize(r)`, `_ = h.pass.Authorize(r)`},
	{"RFC 6455 §4.2.2: the subprotocol is the client's", ws + "accept.go", `chosen != "" && !slices.Contains(offered, chosen)`, `chosen == "never"`},

	{"RFC 6455 §5.1: a client fails on a masked frame", wire + "receive_check.go", `case h.Masked && r.opt.Client:`, `case h.Masked && r.opt.Client && h.Len == 1<<40:`},
	{"RFC 6455 §5.1: a server fails on an unmasked frame", wire + "receive_check.go", `case !h.Masked && !r.opt.Client:`, `case !h.Masked && !r.opt.Client && h.Len == 1<<40:`},
	{"RFC 6455 §5.2: reserved bits", wire + "receive_check.go", `if h.RSV != 0 {`, `if h.RSV == compressed {`},
	{"RFC 6455 §5.2: reserved opcodes", wire + "receive_check.go", `case h.Op.reserved():`, `case h.Op.reserved() && h.Len == 1<<40:`},
	{"RFC 6455 §5.2: the shortest length, 16 bits", wire + "header.go", `if h.Len < 126 {
			return`, `if h.Len < 1 {
			return`},
	{"RFC 6455 §5.2: the shortest length, 64 bits", wire + "header.go", `if h.Len < 1<<16 {
			return`, `if h.Len < 1 {
			return`},
	{"RFC 6455 §5.2: the highest bit of a length", wire + "header.go", `if h.Len>>63 != 0 {`, `if h.Len>>63 > 1 {`},
	{"RFC 6455 §5.2: the shortest length is sent", wire + "header.go", `case h.Len < 1<<16:`, `case h.Len < 1<<15:`},
	{"RFC 6455 §5.4: a continuation continues", wire + "receive_check.go", `case h.Op == OpContinuation && !inside:`, `case h.Op == OpContinuation && !inside && h.Len == 1<<40:`},
	{"RFC 6455 §5.4: messages do not interleave", wire + "receive_check.go", `case h.Op != OpContinuation && inside:`, `case h.Op != OpContinuation && inside && h.Len == 1<<40:`},
	{"RFC 6455 §5.5: control frames are not fragmented", wire + "receive_check.go", `case !h.Fin:`, `case !h.Fin && h.Len == 1<<40:`},
	{"RFC 6455 §5.5: control frames have 125 bytes", wire + "receive_check.go", `case h.Len > MaxControl:`, `case h.Len > MaxControl+1:`},
	{"RFC 6455 §5.5.1: no Close of one byte", wire + "receive_control.go", `if len(p) == 1 {`, `if len(p) == 0 {`},
	{"RFC 6455 §5.5.1: a reason is UTF-8", wire + "receive_control.go", `case !ValidText(reason):`, `case !ValidText(reason) && len(reason) > 200:`},
	{"RFC 6455 §5.5.1: a Close is answered", wire + "reply.go", `	if s.state > Closing {
		return
	}
	// "If an endpoint receives a Close frame and`, `	if s.state >= Open {
		return
	}
	// "If an endpoint receives a Close frame and`},
	{"RFC 6455 §5.5.1: there is one Close", wire + "send_close.go", `	if s.state != Open {
		return false, nil
	}`, ``},
	{"RFC 6455 §5.5.1: a server closes TCP first", ws + "close.go", `	c.shut(c.nc.Close)
	c.mu.Lock()`, `	c.mu.Lock()`},
	{"RFC 6455 §5.5.1: a client waits for that", ws + "close.go", `if failing || c.opt.wire.Client {`, `if failing {`},
	{"RFC 6455 §5.5.2: a ping is answered", wire + "reply.go", `	if s.state > Closing || len(payload) > MaxControl {`, `	if s.state > Closing || len(payload) >= 0 {`},
	{"RFC 6455 §5.5.3: with its payload", wire + "reply.go", `s.pong = append(s.pong[:0], payload...)`, `s.pong = append(s.pong[:0], payload[:len(payload)/2]...)`},
	{"RFC 6455 §5.5.3: an unsolicited pong answers nothing", ws + "keepalive.go", `bytes.Equal(payload, c.pingSent[:])`, `len(bytes.TrimSpace(payload)) >= 0`},
	{"RFC 6455 §7.1.5: no code is 1005", wire + "receive_control.go", `Code: StatusNoStatusRcvd}`, `Code: StatusNormalClosure}`},
	{"RFC 6455 §7.1.7: what follows a failure is not looked at", wire + "receive.go", `	if s == discarding {
		r.buf`, `	if s == discarding && r.opt == nil {
		r.buf`},
	{"RFC 6455 §7.1.7: the Close of a failure arrives", ws + "close.go", `if failing || c.opt.wire.Client {`, `if c.opt.wire.Client {`},
	{"RFC 6455 §7.4: codes that may not be received", wire + "receive_control.go", `case !code.Valid():`, `case code == 0:`},
	{"RFC 6455 §7.4: codes that may not be sent", wire + "send_close.go", `if !code.Valid() && code != 0 {`, `if code == 1 {`},
	{"RFC 6455 §7.4.1: 1005 and 1006 are not for the wire", wire + "status.go", `return c != 1004 && c != StatusNoStatusRcvd && c != StatusAbnormalClosure`, `return c != 1004`},
	{"RFC 6455 §8.1: text is UTF-8", wire + "receive_message.go", `if op == OpText && !ValidText(p) {`, `if op == OpText && !ValidText(p) && len(p) > 1<<20 {`},
	{"RFC 6455 §8.1: text in parts is UTF-8", wire + "receive_message.go", `if r.op == OpText && !r.zipped && !r.text.Write(p, last) {`, `if r.op == OpText && !r.zipped && !r.text.Write(p, last) && last {`},
	{"RFC 6455 §8.1: a surrogate is not UTF-8", wire + "text.go", `t.hi = 0x9f`, `t.hi = 0xbf`},
	{"RFC 6455 §10.4: the size is bounded", wire + "receive_check.go", `return errTooBig`, `return nil`},
	{"RFC 6455 §10.4: the fragments are bounded", wire + "receive_check.go", `return errTooMany`, `return nil`},

	{"RFC 7692 §6.1: RSV1 on the first frame only", wire + "receive_check.go", `return errCompressed`, `return nil`},
	{"RFC 7692 §6: RSV2 and RSV3 stay reserved", wire + "receive_check.go", `h.RSV != compressed || r.inflation == nil`, `r.inflation == nil`},

	{"RFC 7540 §3.1: h2c is for cleartext", "h2c/server.go", `case r.TLS != nil:`, `case r.TLS != nil && r.Method == "never":`},
	{"RFC 7540 §3.2: a body comes before HTTP/2", "h2c/server.go", `case r.ContentLength != 0: // chunked: -1`, `case r.ContentLength > 1<<40:`},
	{"RFC 7540 §3.2.1: one HTTP2-Settings", "h2c/settings.go", `if len(lines) != 1 {`, `if len(lines) == 0 {`},
	{"RFC 7540 §3.2.1: HTTP2-Settings in Connection", "h2c/settings.go", `!wye.HasToken(h["Connection"], "HTTP2-Settings")`, `wye.HasToken(h["Connection"], "never")`},
	{"RFC 7540 §3.2.1: HTTP2-Settings is a SETTINGS payload", "h2c/settings.go", `len(payload)%settingSize != 0`, `len(payload) < settingSize`},
	{"RFC 7540 §3.2.1: its values hold", "h2c/server.go", `override(u.settings, decodeSettings(payload))`, `override(nil, decodeSettings(payload))`},
	{"RFC 7540 §3.2: stream 1 is half-closed", "h2c/stream1.go", `flagEndHeaders | flagEndStream`, `flagEndHeaders`},
	{"RFC 7540 §3.2: the server switches to what was asked for", "h2c/client.go", `!tokenH2C.Equal(wye.Chosen(answer.Response))`, `tokenH2C.Equal(wye.Token{})`},
	{"RFC 7540 §3.2: the request is stream 1 already", "h2c/skip.go", `if !s.drop {`, `if s != nil {`},

	{"RFC 2817 §3.2: OPTIONS comes first", "tlsupgrade/dialer.go", `answer.StatusCode != http.StatusSwitchingProtocols`, `answer.StatusCode == 1`},
	{"RFC 2817 §3.3: the 101 names the stack", "tlsupgrade/server.go", `Above: []wye.Token{http11},`, ``},
	{"RFC 2817 §3.3: the original request is answered", "tlsupgrade/server.go", `handoff.Replay(secure, appendHead(nil, r))`, `handoff.Replay(secure, appendHead(nil, r)[:0])`},
	{"RFC 2817 §4.2: 426 names the token", "tlsupgrade/server.go", `"Upgrade": {tls12.String() + ", " + http11.String()}, `, ``},
}

// Package h2c is the upgrade from HTTP/1.1 to HTTP/2 without TLS, at both ends:
// the tokens h2c and HTTP/2.0 of RFC 7540 section 3.2.
//
// A server gets it by one line before it serves:
//
//	h2c.Enable(srv, nil)
//
// Then one port speaks HTTP/1.1 with all its upgrades, HTTP/2 after an upgrade,
// and HTTP/2 at once with clients that know ("prior knowledge"). A client asks
// by [Dial].
//
// RFC 9113 section 3.1 deprecates the upgrade: it is for clients and servers
// that use it still. Where both ends are yours, prior knowledge does without the
// round trip; see [http.Protocols]. There is no upgrade to HTTP/2 on TLS: that is
// agreed upon by ALPN.
package h2c

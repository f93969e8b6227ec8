// Package tlsupgrade is the upgrade from HTTP/1.1 to HTTP/1.1 over TLS on the
// same connection, at both ends: the tokens TLS/1.0 to TLS/1.3, RFC 2817.
//
// A server gets it by one line before it serves:
//
//	tlsupgrade.Enable(srv, config, nil)
//
// A client that must not say anything in the clear has a [Dialer] open its
// connections:
//
//	client := &http.Client{Transport: &http.Transport{DialContext: new(tlsupgrade.Dialer).DialContext}}
//	resp, err := client.Get("http://printer.example:631/")
//
// One that would take an answer in the clear too asks by [Dial]. Printing (IPP,
// with CUPS at both ends) is where this upgrade is used. Elsewhere https: is what
// a URL can say, and what nobody on the way can talk an end out of.
//
// The version in the token means nothing: any is answered, and what is spoken is
// TLS 1.2 or later, as the handshake agrees.
package tlsupgrade

// Package gate judges a request before the connection it asks for is switched
// to another protocol.
//
// A browser lets any page open a WebSocket to any server, and sends the user's
// cookies along: no same-origin policy and no CORS stand in between. What the
// page cannot change are the Host and the Origin of the request, so a server
// has to judge by them, before the switch. The zero [Gate] does: the page must
// have been served by the host that it now connects to.
//
// [Gate.Check] is all that a handler needs. It is made of two steps, because
// an endpoint refuses in a fixed order, cheap before dear: [Gate.Admit] judges
// what must hold before the handshake's own syntax is looked at, and
// [Pass.Authorize] what comes after it.
//
// A refusal is a [*Rejection]: a status and a text for the client, and apart
// from them an error for the log, which says what was refused and which setting
// would allow it.
//
// Credentials are taken out of the request before anybody else sees it, and
// what a program writes down of requests goes through [RedactHeader],
// [RedactURL], [RedactText] or, for a log, [RedactAttr].
//
// The package reads no body and does not know what is switched to.
package gate

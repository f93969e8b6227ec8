// Package jwt judges JSON Web Tokens, RFC 7519, for package server.
//
//	keys, err := jwt.ReadFile("/etc/wye/jwt.pem", "")
//	tokens, err := jwt.New(jwt.Options{Keys: keys, Audience: "wye"})
//	s, err := server.New(server.Options{Hub: h, Tokens: tokens})
//
// A key verifies by one algorithm and no other, whatever a token's head says; none
// has no key. A token has to say when it ends and whom it is for: exp and aud.
//
// # Claims
//
// Of every token:
//
//	sub   who the client is; may be empty
//	exp   when the token ends; needed
//	aud   whom it is for; needed, and has to have the Audience
//	nbf   when it begins; iat is not looked at
//	iss   who has made it; has to be the Issuer if one is set
//	info  JSON that others are told
//
// Of a connection token, which has no claim channel:
//
//	namespaces  a list: those that the client may use, as they themselves let it
//	channels    a list: those that it is in from the start
//	subs        the same as the keys of an object
//
// Of a subscription token:
//
//	channel  the one that the client may join
//	client   the ID of the one client that may; without it any of the same sub
package jwt

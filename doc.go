// Package wye is the HTTP Upgrade mechanism, RFC 9110 section 7.8: one
// connection parts into another protocol, and this package owns that moment on
// both ends.
package wye

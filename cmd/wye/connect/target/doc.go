// Package target reads what a person says about where to connect, with what and
// how: the URL, header fields, addresses and certificates.
package target

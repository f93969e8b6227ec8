// Package exchange is a client's part of an upgrade to what is HTTP again: one
// request in HTTP/1.1 on a new connection, and the final answer to it. Behind a
// 101 the connection is given to an [http.Transport]; of another response the
// body is still to come.
package exchange

// Package connect is a conversation with a server over standard input and
// output: the logic of wye connect.
//
// As data moves: an input reads standard input, a session dials and joins the
// input to the connection, and a display shows what comes. What a terminal or a
// log must not get is taken out by package show.
package connect

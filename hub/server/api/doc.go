// Package api is a hub's HTTP API, for the programs behind it: they publish, read
// histories, see who is there, and end clients, on whichever node these are.
//
//	POST /api/publish
//	Content-Type: application/json
//	X-API-Key: KEY
//
//	{"channel":"demo:x","data":{"n":1}}
//
//	{"result":{"offset":1,"epoch":"…"}}
//
// Names are those of Centrifugo's HTTP API, with which simple programs for that get
// along: publish, broadcast, presence, presence_stats, history, disconnect,
// unsubscribe, channels, info.
//
// A key lets its holder do all of that. It is compared in constant time, and never
// taken from a URL. Since a body has to be declared as JSON, and a key be in a field
// of the head, no page of another site makes its visitor's browser ask for anything.
package api

// Package announce, imported for its effect alone, lets net/http's HTTP/2
// servers announce the extended CONNECT that WebSocket over HTTP/2 needs:
//
//	import _ "github.com/wye-org/wye/h2/announce"
//
// It holds for the whole program: every server announces it, and browsers that
// have an HTTP/2 connection to one open their WebSockets on it, whether or not
// its handlers know what to do with such a request. Those of package websocket
// do. So a program says it, and no library should.
//
// net/http has no option for this yet (golang/go#53208). What it has is a
// setting in GODEBUG, http2xconnect=1, which it reads once, when it is
// initialised. This package imports next to nothing and has an import path that
// sorts before net/http's, so it is initialised earlier, and adds the setting.
// One that is there already, such as http2xconnect=0, is left alone. Child
// processes inherit the environment, and so the setting.
package announce

import (
	"os"
	"strings"
)

const setting = "http2xconnect="

func init() {
	debug := os.Getenv("GODEBUG")
	if strings.Contains(debug, setting) {
		return
	}
	if debug != "" {
		debug += ","
	}
	os.Setenv("GODEBUG", debug+setting+"1")
}

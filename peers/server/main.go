// Command server is a server made with one of the libraries that wye is compared
// with: for interop, for the conformance table and for benchmarks. /echo sends
// each message back, /sub adds the connection to a group, and what is sent to
// /pub goes to the whole group.
//
//	go run ./server -impl gorilla -port 9001 -deflate nct
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// deflate is what a server offers of permessage-deflate.
type deflate string

const (
	none deflate = "none" // nothing
	nct  deflate = "nct"  // no context takeover
	ct   deflate = "ct"   // context takeover, where the library has it
)

// maxMessage is every server's limit, in bytes.
const maxMessage = 32 << 20

// endpoints are what a library serves. One without a group has no sub and pub.
type endpoints struct {
	echo, sub, pub http.Handler

	// listen serves the handlers, for a library that accepts connections itself.
	listen func(*http.Server, net.Listener) error

	// serve is for a library with a server of its own, which has no handlers.
	serve func(net.Listener) error
}

// impls makes the endpoints of each library, or says why it cannot.
var impls = map[string]func(deflate) (endpoints, error){
	"gorilla":      gorillaServer,
	"coder":        coderServer,
	"coder-stream": coderStreamServer,
	"gobwas":       gobwasServer,
	"gws":          gwsServer,
	"fasthttp":     fasthttpServer,
	"net-conn":     netConnServer,

	"wye-conn":      wyeConnServer,
	"wye-loop":      wyeListenerServer,
	"wye-loop-http": wyeLoopServer,
}

// pingInterval is wye's. A pong is not waited for then: it is for measuring.
var pingInterval = flag.Duration("ping-interval", 0, "wye's servers send a ping after so much silence; 0 is their default, less than 0 none")

var errNoDeflate = errors.New("this server has no compression: use -deflate none")

var errNoTakeover = errors.New("this library has no context takeover: use -deflate none or nct")

func main() {
	impl := flag.String("impl", "", "the library: "+strings.Join(slices.Sorted(maps.Keys(impls)), ", "))
	port := flag.Int("port", 0, "the port on 127.0.0.1; 0 takes a free one")
	mode := flag.String("deflate", string(none), "none, nct (no context takeover) or ct")
	flag.Parse()
	if err := serve(*impl, *port, deflate(*mode)); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(2)
	}
}

func serve(impl string, port int, mode deflate) error {
	make, ok := impls[impl]
	if !ok {
		return fmt.Errorf("there is no -impl %q: want one of %s", impl, strings.Join(slices.Sorted(maps.Keys(impls)), ", "))
	}
	if !slices.Contains([]deflate{none, nct, ct}, mode) {
		return fmt.Errorf("there is no -deflate %q: want none, nct or ct", mode)
	}
	e, err := make(mode)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "listening on http://%s\n", ln.Addr())
	if e.serve != nil {
		return e.serve(ln)
	}
	mux := http.NewServeMux()
	mux.Handle("/echo", e.echo)
	if e.sub != nil {
		mux.Handle("/sub", e.sub)
		mux.Handle("/pub", e.pub)
	}
	mux.HandleFunc("/free", func(http.ResponseWriter, *http.Request) { free() })
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	if e.listen != nil {
		return e.listen(srv, ln)
	}
	return srv.Serve(ln)
}

// free gives memory back, so that what is measured then is in use.
func free() {
	runtime.GC()
	debug.FreeOSMemory()
}

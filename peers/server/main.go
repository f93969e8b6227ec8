// Command server is an echo server made with one of the libraries that wye is
// compared with, on /echo: for interop, for the conformance table and for
// benchmarks.
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

// impls makes the handler of each library, or says why it cannot.
var impls = map[string]func(deflate) (http.Handler, error){
	"gorilla": gorillaEcho,
	"coder":   coderEcho,
	"gobwas":  gobwasEcho,
	"gws":     gwsEcho,

	"wye-conn": wyeEcho,
}

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
	echo, err := make(mode)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/echo", echo)
	fmt.Fprintf(os.Stderr, "listening on http://%s\n", ln.Addr())
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	return srv.Serve(ln)
}

package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"
)

// A hub is one of the libraries.
type hub interface {
	http.Handler            // WebSocket connections that subscribe the channel
	member() error          // one in this process, whose messages are counted in delivered
	publish(p []byte) error // to the channel
}

// delivered is how many messages members in this process got.
var delivered atomic.Int64

// mark is in each message once, and nowhere else in what is sent.
const mark = '~'

// message is what is published: 128 bytes of JSON.
var message = append(append([]byte{'"'}, bytes.Repeat([]byte{'x'}, 125)...), mark, '"')

// server serves one of the libraries, and is told by HTTP what to do.
func server(impl string) error {
	makes := map[string]func() (hub, error){"wye": newWye, "wye-loop": newWyeLoop, "centrifuge": newCentrifuge}
	create, ok := makes[impl]
	if !ok {
		return fmt.Errorf("there is no -serve %q", impl)
	}
	h, err := create()
	if err != nil {
		return err
	}
	members := 0
	mux := http.NewServeMux()
	number := func(path string, f func(r *http.Request) (int, error)) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			n, err := f(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			fmt.Fprint(w, n)
		})
	}
	mux.Handle("/connection/websocket", h)
	number("/members", func(r *http.Request) (int, error) {
		n, err := strconv.Atoi(r.FormValue("n"))
		for ; err == nil && members < n; members++ {
			err = h.member()
		}
		return members, err
	})
	number("/publish", func(r *http.Request) (int, error) {
		burst, err := strconv.Atoi(r.FormValue("burst"))
		if err != nil {
			return 0, err
		}
		length, _ := time.ParseDuration(r.FormValue("for")) // none: one burst
		return publishFor(h, members, burst, length)
	})
	number("/free", func(*http.Request) (int, error) {
		runtime.GC()
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc + m.StackInuse), nil
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "listening on http://%s\n", ln.Addr())
	return (&http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}).Serve(ln)
}

// publishFor publishes bursts, each when all members in this process have got the
// one before, and returns how many messages these got.
func publishFor(h hub, members, burst int, length time.Duration) (int, error) {
	before := delivered.Load()
	due := before
	for end := time.Now().Add(length); ; {
		for range burst {
			if err := h.publish(message); err != nil {
				return 0, err
			}
		}
		due += int64(burst * members)
		for wait := time.Now(); delivered.Load() < due; runtime.Gosched() {
			if time.Since(wait) > time.Minute {
				return 0, fmt.Errorf("of %d messages %d were delivered", due-before, delivered.Load()-before)
			}
		}
		if !time.Now().Before(end) {
			return int(due - before), nil
		}
	}
}

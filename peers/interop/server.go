package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// A server is a peer's, or ours: it has a path for each deflateMode.
type server interface {
	// address is its host and port.
	address() string

	// seen waits for what the connection with that id was closed with; zero if
	// it was not, or not by a Close frame.
	seen(id string) closeFrame

	stop()
}

// ends keeps what connections were closed with, by id.
type ends struct {
	mu   sync.Mutex
	seen map[string]closeFrame
	news chan struct{} // closed and replaced when there is more
}

func newEnds() *ends { return &ends{seen: map[string]closeFrame{}, news: make(chan struct{})} }

func (e *ends) put(id string, c closeFrame) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen[id] = c
	close(e.news)
	e.news = make(chan struct{})
}

func (e *ends) wait(id string) closeFrame {
	late := time.After(patience)
	for {
		e.mu.Lock()
		c, ok := e.seen[id]
		news := e.news
		e.mu.Unlock()
		if ok {
			return c
		}
		select {
		case <-news:
		case <-late:
			return closeFrame{}
		}
	}
}

// goServer is a server in this process.
type goServer struct {
	srv  *http.Server
	addr string
	ends *ends

	mu   sync.Mutex
	taps map[string]*tap // of our own server, by id
}

type tapKey struct{}

// startServer serves with a library, or with wye if that is nil.
func startServer(l *library) (*goServer, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &goServer{addr: ln.Addr().String(), ends: newEnds(), taps: map[string]*tap{}}
	mux := http.NewServeMux()
	for _, mode := range deflateModes {
		mux.Handle("/"+string(mode), g.handler(l, mode))
	}
	g.srv = &http.Server{
		Handler: mux, ReadHeaderTimeout: patience, ErrorLog: log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, tapKey{}, c.(tappedConn).tap)
		},
	}
	go g.srv.Serve(tappedListener{ln}) // until stop
	return g, nil
}

func (g *goServer) handler(l *library, mode deflateMode) http.Handler {
	if l == nil {
		echo := wyeHandler(mode, func(s session, id string) { g.ends.put(id, ended(serve(s))) })
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g.mu.Lock()
			g.taps[r.URL.Query().Get("id")] = r.Context().Value(tapKey{}).(*tap)
			g.mu.Unlock()
			echo.ServeHTTP(w, r)
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("id")
		l.handler(mode, func(s session) { g.ends.put(id, ended(serve(s))) }).ServeHTTP(w, r)
	})
}

func ended(err error) closeFrame {
	var c *closeFrame
	if errors.As(err, &c) {
		return *c
	}
	return closeFrame{}
}

func (g *goServer) address() string           { return g.addr }
func (g *goServer) seen(id string) closeFrame { return g.ends.wait(id) }
func (g *goServer) stop()                     { _ = g.srv.Close() }

// look returns what crossed the wire of our own server's connection.
func (g *goServer) look(id string) (wireTap, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t, ok := g.taps[id]
	if !ok {
		return wireTap{}, fmt.Errorf("no request came to the server")
	}
	return t.look(true), nil
}

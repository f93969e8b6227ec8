package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A route is the way from a client to a server.
type route struct {
	name string
	base func(address string) string // the URL that leads to the server there
	stop func()
}

func direct() route {
	return route{"direct", func(address string) string { return "ws://" + address }, func() {}}
}

// throughPort puts the server's port first in the path of a proxy's URL.
func throughPort(proxy string) func(string) string {
	return func(address string) string {
		_, port, _ := net.SplitHostPort(address)
		return "ws://" + proxy + "/" + port
	}
}

// reverseProxy is the standard library's.
func reverseProxy() (route, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return route{}, err
	}
	quiet := log.New(io.Discard, "", 0)
	srv := &http.Server{ErrorLog: quiet, ReadHeaderTimeout: patience, Handler: &httputil.ReverseProxy{
		ErrorLog: quiet,
		Rewrite: func(r *httputil.ProxyRequest) {
			port, path, _ := strings.Cut(strings.TrimPrefix(r.In.URL.Path, "/"), "/")
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.URL.Path = "http", "127.0.0.1:"+port, "/"+path
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
	}}
	go srv.Serve(ln) // until stop
	name := "httputil.ReverseProxy of " + runtime.Version()
	return route{name, throughPort(ln.Addr().String()), func() { _ = srv.Close() }}, nil
}

// nginxConfig is what nginx's documentation has for WebSocket; the port of the
// server is taken from the path.
const nginxConfig = `master_process off;
daemon off;
pid nginx.pid;
error_log stderr error;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	map $http_upgrade $connection_upgrade {
		default upgrade;
		'' close;
	}
	server {
		listen %s;
		location ~ ^/(?<port>\d+)(?<path>/.*)$ {
			proxy_pass http://127.0.0.1:$port$path$is_args$args;
			proxy_http_version 1.1;
			proxy_set_header Host $http_host;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $connection_upgrade;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
		}
	}
}
`

// nginx starts the program. Distributions have it in /usr/sbin, which is not
// in everybody's PATH.
func nginx() (route, error) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/nginx")
	}
	if err != nil {
		return route{}, err
	}
	version, err := output(path, "-v")()
	if err != nil {
		return route{}, err
	}
	_, version, _ = strings.Cut(version, "nginx/")
	// Somebody else may take the free port before nginx does.
	for try := 0; ; try++ {
		address, stop, err := startNginx(path)
		if err == nil {
			return route{"nginx " + version, throughPort(address), stop}, nil
		}
		if try == 2 {
			return route{}, err
		}
	}
}

func startNginx(path string) (address string, stop func(), err error) {
	address, err = freeAddress()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "nginx")
	if err != nil {
		return "", nil, err
	}
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nginxConfig, address), 0o600); err != nil {
		_ = os.RemoveAll(dir)
		return "", nil, err
	}
	cmd := exec.Command(path, "-p", dir, "-c", config)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		_ = os.RemoveAll(dir)
		return "", nil, err
	}
	ended := make(chan struct{})
	go func() { // ends with the process
		_ = cmd.Wait() // it is killed: its exit code says nothing
		close(ended)
	}()
	stop = func() {
		_ = cmd.Process.Kill()
		<-ended
		_ = os.RemoveAll(dir)
	}
	late := time.After(patience)
	for {
		select {
		case <-ended:
			stop()
			return "", nil, fmt.Errorf("nginx ended, for %s", address)
		case <-late:
			stop()
			return "", nil, fmt.Errorf("nginx does not listen on %s", address)
		case <-time.After(20 * time.Millisecond):
		}
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return address, stop, nil
		}
	}
}

// freeAddress is free at the time of asking: nginx cannot choose a port itself.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

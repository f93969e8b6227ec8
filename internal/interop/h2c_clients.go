package interop

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/wye-org/wye/h2c"
)

var (
	curlVersion   = []string{"curl", "--version"}
	nghttpVersion = []string{"nghttp", "--version"}
)

// h2cClients are clients of our server with the upgrade to h2c.
var h2cClients = []Check{
	{"curl", curlVersion, "h2c: GET by --http2", []string{"curl"}, curlGet},
	{"curl", curlVersion, "h2c: a second GET on the connection", []string{"curl"}, curlTwice},
	{"curl", curlVersion, "h2c: POST of 200 KB", []string{"curl"}, curlPost},
	{"curl", curlVersion, "h2c: chunked PUT", []string{"curl"}, curlPut},
	{"curl", curlVersion, "HTTP/2 at once, on the same port", []string{"curl"}, curlAtOnce},
	{"nghttp", nghttpVersion, "h2c: -u", []string{"nghttp"}, nghttpUpgrade},
	{"nghttp", nghttpVersion, "h2c: -u, five requests", []string{"nghttp"}, nghttpFive},
	{"nghttp", nghttpVersion, "HTTP/2 at once, on the same port", []string{"nghttp"}, nghttpAtOnce},
	{"h2load", []string{"h2load", "--version"}, "HTTP/2 at once, 2,000 requests", []string{"h2load"}, h2load},
}

// ServeH2C runs our server. What it answers begins with the request's protocol,
// method and path, and the length of its body.
func ServeH2C() (url string, stop func(), err error) {
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
		fmt.Fprintf(w, "%s %s %s %d\n", r.Proto, r.Method, r.URL.Path, n)
	})}
	h2c.Enable(srv, &h2c.Options{Logger: slog.New(slog.DiscardHandler)})
	return start(srv)
}

// start serves on a free port.
func start(srv *http.Server) (url string, stop func(), err error) {
	srv.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	served := make(chan struct{})
	go func() { // ends with srv; stop waits for it
		srv.Serve(l)
		close(served)
	}()
	return "http://" + l.Addr().String(), func() { srv.Close(); <-served }, nil
}

// against runs a client against ServeH2C, and wants what it printed.
func against(ctx context.Context, want, name string, args func(url string) []string) error {
	url, stop, err := ServeH2C()
	if err != nil {
		return err
	}
	defer stop()
	got, err := output(ctx, name, args(url)...)
	if err == nil && got != want {
		err = fmt.Errorf("%s printed %q, want %q", name, got, want)
	}
	return err
}

// curlSays is appended to what curl prints: the protocol that it saw, and how
// many connections it opened for the transfer.
const curlSays = "curl %{http_version} %{num_connects}\n"

func curlGet(ctx context.Context, dir string) (string, error) {
	return "", against(ctx, "HTTP/2.0 GET /a 0\ncurl 2 1\n", "curl", func(url string) []string {
		return []string{"-sS", "--http2", "-w", curlSays, url + "/a"}
	})
}

func curlTwice(ctx context.Context, dir string) (string, error) {
	return "", against(ctx, "HTTP/2.0 GET /a 0\ncurl 2 1\nHTTP/2.0 GET /b 0\ncurl 2 0\n", "curl", func(url string) []string {
		return []string{"-sS", "--http2", "-w", curlSays, url + "/a", url + "/b"}
	})
}

// bigFile is 200 KB in dir.
func bigFile(dir string) (string, error) {
	name := filepath.Join(dir, "200KB")
	return name, os.WriteFile(name, make([]byte, 200_000), 0o644)
}

func curlPost(ctx context.Context, dir string) (string, error) {
	name, err := bigFile(dir)
	if err != nil {
		return "", err
	}
	return "answered in HTTP/1.1", against(ctx, "HTTP/1.1 POST /a 200000\ncurl 1.1 1\n", "curl", func(url string) []string {
		return []string{"-sS", "--http2", "-w", curlSays, "--data-binary", "@" + name, url + "/a"}
	})
}

func curlPut(ctx context.Context, dir string) (string, error) {
	name, err := bigFile(dir)
	if err != nil {
		return "", err
	}
	return "answered in HTTP/1.1", against(ctx, "HTTP/1.1 PUT /a 200000\ncurl 1.1 1\n", "curl", func(url string) []string {
		return []string{"-sS", "--http2", "-w", curlSays, "-H", "Transfer-Encoding: chunked", "-T", name, url + "/a"}
	})
}

func curlAtOnce(ctx context.Context, dir string) (string, error) {
	return "", against(ctx, "HTTP/2.0 GET /a 0\ncurl 2 1\n", "curl", func(url string) []string {
		return []string{"-sS", "--http2-prior-knowledge", "-w", curlSays, url + "/a"}
	})
}

func nghttpUpgrade(ctx context.Context, dir string) (string, error) {
	return "", against(ctx, "HTTP/2.0 GET /a 0\n", "nghttp", func(url string) []string { return []string{"-u", url + "/a"} })
}

// nghttpFive prints the responses in any order.
func nghttpFive(ctx context.Context, dir string) (string, error) {
	url, stop, err := ServeH2C()
	if err != nil {
		return "", err
	}
	defer stop()
	got, err := output(ctx, "nghttp", "-u", "-m", "5", url+"/a")
	if n := strings.Count(got, "HTTP/2.0 GET /a 0\n"); err == nil && n != 5 {
		err = fmt.Errorf("%d responses, want 5: %q", n, got)
	}
	return "", err
}

func nghttpAtOnce(ctx context.Context, dir string) (string, error) {
	return "", against(ctx, "HTTP/2.0 GET /a 0\n", "nghttp", func(url string) []string { return []string{url + "/a"} })
}

func h2load(ctx context.Context, dir string) (string, error) {
	url, stop, err := ServeH2C()
	if err != nil {
		return "", err
	}
	defer stop()
	got, err := output(ctx, "h2load", "-n", "2000", "-c", "4", "-m", "20", url+"/a")
	if err == nil && !strings.Contains(got, " 2000 succeeded, 0 failed, 0 errored") {
		err = fmt.Errorf("h2load printed %q", got)
	}
	return "", err
}

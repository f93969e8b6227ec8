package interop

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/wye-org/wye/h2c"
)

// h2cServers are servers that our client meets.
var h2cServers = []Check{
	{"nghttpx", []string{"nghttpx", "--version"}, "h2c: the upgrade, and five requests behind it", []string{"nghttpx"}, nghttpx},
	{"nghttpd", []string{"nghttpd", "--version"}, "h2c: it speaks HTTP/2 at once, and so do we", []string{"nghttpd"}, nghttpd},
	{"Apache", []string{"apache2", "-v"}, "h2c: the upgrade", []string{"apache2"}, apache},
}

// get is what our client has of one server.
type got struct {
	proto string
	body  string
	conn  *h2c.Conn // nil: the server did not switch
}

func dialH2C(ctx context.Context, url string) (g got, err error) {
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return g, err
	}
	c, resp, err := h2c.Dial(r, nil)
	if err != nil {
		return g, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != 200 {
		err = fmt.Errorf("it answered %s: %q", resp.Status, body)
	}
	return got{resp.Proto, string(body), c}, err
}

// more sends n further requests on c, and wants the same body.
func more(ctx context.Context, c *h2c.Conn, url, want string, n int) error {
	for range n {
		r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
		if err != nil {
			return err
		}
		resp, err := c.RoundTrip(r)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(body) != want {
			return fmt.Errorf("a further request gave %q, %v; want %q", body, err, want)
		}
	}
	return nil
}

func nghttpx(ctx context.Context, dir string) (string, error) {
	backend, stop, err := ServeH2C()
	if err != nil {
		return "", err
	}
	defer stop()
	_, port, address, err := freeAddress()
	if err != nil {
		return "", err
	}
	behind, behindPort, _ := strings.Cut(strings.TrimPrefix(backend, "http://"), ":")
	d, err := startDaemon(ctx, address, "nghttpx", "--conf=/dev/null", "--workers=1", "--errorlog-file="+filepath.Join(dir, "log"),
		"--frontend=127.0.0.1,"+port+";no-tls", "--backend="+behind+","+behindPort)
	if err != nil {
		return "", err
	}
	defer d.stop()
	g, err := dialH2C(ctx, "http://"+address+"/a")
	if err != nil {
		return "", err
	}
	if g.conn == nil || g.conn.Switched == nil || g.proto != "HTTP/2.0" {
		return "", fmt.Errorf("it answered in %s, without the upgrade", g.proto)
	}
	defer g.conn.Close()
	return "", more(ctx, g.conn, "http://"+address+"/a", g.body, 5)
}

const page = "a page\n"

// site is a folder with one page.
func site(dir string) (string, error) {
	docs := filepath.Join(dir, "docs")
	if err := os.Mkdir(docs, 0o755); err != nil {
		return "", err
	}
	return docs, os.WriteFile(filepath.Join(docs, "page.txt"), []byte(page), 0o644)
}

func nghttpd(ctx context.Context, dir string) (string, error) {
	docs, err := site(dir)
	if err != nil {
		return "", err
	}
	_, port, address, err := freeAddress()
	if err != nil {
		return "", err
	}
	d, err := startDaemon(ctx, address, "nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", docs, port)
	if err != nil {
		return "", err
	}
	defer d.stop()
	url := "http://" + address + "/page.txt"
	g, err := dialH2C(ctx, url)
	if err != nil {
		return "", err
	}
	if g.conn == nil || g.conn.Switched != nil || g.proto != "HTTP/2.0" || g.body != page {
		return "", fmt.Errorf("got %+v", g)
	}
	defer g.conn.Close()
	return "", more(ctx, g.conn, url, page, 5)
}

// apacheConf needs the folder of the modules, that of the files, and the address.
const apacheConf = `ServerRoot %[2]q
LoadModule mpm_event_module %[1]s/mod_mpm_event.so
LoadModule authz_core_module %[1]s/mod_authz_core.so
LoadModule http2_module %[1]s/mod_http2.so
Mutex file:%[2]s
PidFile %[2]s/pid
ErrorLog %[2]s/error.log
ServerName localhost
Listen %[3]s
Protocols h2c http/1.1
H2Upgrade on
DocumentRoot %[2]s/docs
<Directory %[2]s/docs>
	Require all granted
</Directory>
`

func apache(ctx context.Context, dir string) (string, error) {
	if _, err := site(dir); err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // its workers are another user's
		return "", err
	}
	_, _, address, err := freeAddress()
	if err != nil {
		return "", err
	}
	conf := filepath.Join(dir, "apache.conf")
	text := fmt.Sprintf(apacheConf, "/usr/lib/apache2/modules", dir, address)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return "", err
	}
	d, err := startDaemon(ctx, address, "apache2", "-X", "-f", conf) // one process, in the foreground
	if err != nil {
		return "", err
	}
	defer d.stop()
	url := "http://" + address + "/page.txt"
	g, err := dialH2C(ctx, url)
	if err != nil {
		return "", err
	}
	if g.conn == nil || g.conn.Switched == nil || g.proto != "HTTP/2.0" || g.body != page {
		return "", fmt.Errorf("got %+v", g)
	}
	// Behind the response it may say GOAWAY, or may not: no further request is
	// tried.
	return "", g.conn.Close()
}

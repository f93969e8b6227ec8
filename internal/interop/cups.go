package interop

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/wye-org/wye/tlsupgrade"
)

var (
	ippVersion  = []string{"ipptool", "--version"}
	cupsVersion = []string{"dpkg-query", "-W", "-f", "${Version}", "cups-daemon"}
)

// tlsClients are clients of our server with the upgrade to TLS.
var tlsClients = []Check{
	{"lpstat", ippVersion, "TLS: -E", []string{"lpstat", "ipptool"}, lpstatE},
	{"lpstat", ippVersion, "TLS: CUPS_ENCRYPTION=Required", []string{"lpstat", "ipptool"}, lpstatRequired},
	{"lpstat", ippVersion, "TLS: unasked, 426 and then the upgrade", []string{"lpstat", "ipptool"}, lpstatUnasked},
	{"ipptool", ippVersion, "TLS: -E", []string{"ipptool"}, ipptoolE},
}

// tlsServers are servers that our client meets.
var tlsServers = []Check{
	{"cupsd", cupsVersion, "TLS: OPTIONS *, and then requests by http.Client", []string{"cupsd"}, cupsd},
	{"cupsd", cupsVersion, "TLS: offered with an ordinary request", []string{"cupsd"}, cupsdOffer},
}

// printer is our server as CUPS sees it. It notes what came.
type printer struct {
	host, port string
	stop       func()

	mu     sync.Mutex // guards what is below
	clear  []string   // requests that were answered without TLS
	secure []string   // requests over TLS
}

func servePrinter(required bool) (*printer, error) {
	p := new(printer)
	srv := &http.Server{Handler: p}
	tlsupgrade.Enable(srv, selfSigned(), &tlsupgrade.Options{Required: required, Logger: slog.New(slog.DiscardHandler)})
	upgrading := srv.Handler
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.note(r)
		upgrading.ServeHTTP(w, r)
	})
	url, stop, err := start(srv)
	if err != nil {
		return nil, err
	}
	p.stop = stop
	p.host, p.port, err = net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	return p, err
}

// selfSigned is a certificate that nobody trusts; CUPS takes it the first time.
func selfSigned() *tls.Config {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates}
}

func (p *printer) note(r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	what := r.Method + " " + r.RequestURI
	if r.TLS != nil {
		p.secure = append(p.secure, what)
	} else {
		p.clear = append(p.clear, what)
	}
}

// ServeHTTP answers every IPP request with one printer. RFC 8010 §3.
func (p *printer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil || len(request) < 8 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b := append([]byte{request[0], request[1], 0, 0}, request[4:8]...) // its version, successful-ok, its request-id
	b = append(b, 0x01)                                                // operation attributes
	b = appendAttribute(b, 0x47, "attributes-charset", "utf-8")
	b = appendAttribute(b, 0x48, "attributes-natural-language", "en")
	b = append(b, 0x04) // printer attributes
	b = appendAttribute(b, 0x42, "printer-name", "wye")
	b = appendAttribute(b, 0x45, "device-uri", "ipp://127.0.0.1/wye")
	b = appendAttribute(b, 0x45, "printer-uri-supported", "ipp://127.0.0.1/printers/wye")
	b = appendAttribute(b, 0x41, "printer-info", "a printer")
	b = appendAttribute(b, 0x23, "printer-state", "\x00\x00\x00\x03")
	b = appendAttribute(b, 0x44, "printer-state-reasons", "none")
	b = append(b, 0x03) // the end
	w.Header().Set("Content-Type", "application/ipp")
	w.Write(b)
}

func appendAttribute(b []byte, tag byte, name, value string) []byte {
	b = binary.BigEndian.AppendUint16(append(b, tag), uint16(len(name)))
	b = binary.BigEndian.AppendUint16(append(b, name...), uint16(len(value)))
	return append(b, value...)
}

// judge wants the printer to have been asked over TLS alone, behind one request
// in the clear that upgraded.
func (p *printer) judge(clear string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := strings.Join(p.clear, ", "); got != clear {
		return fmt.Errorf("in the clear came %q, want %q", got, clear)
	}
	for _, what := range p.secure {
		if strings.HasPrefix(what, "POST ") {
			return nil
		}
	}
	return fmt.Errorf("over TLS came %q, want a POST", p.secure)
}

// lpstat asks our server for its printers.
func lpstat(ctx context.Context, dir string, required bool, clear string, change func(p *printer) (args, env []string)) error {
	p, err := servePrinter(required)
	if err != nil {
		return err
	}
	defer p.stop()
	args, env := change(p)
	cmd := program(ctx, "lpstat", args...)
	cmd.Env = append(append(cmd.Env, "HOME="+dir), env...)
	got, err := outputOf(cmd)
	switch {
	case err != nil:
		return err
	case !strings.Contains(got, "device for wye: ipp://127.0.0.1/wye"):
		return fmt.Errorf("lpstat printed %q", got)
	}
	return p.judge(clear)
}

func lpstatE(ctx context.Context, dir string) (string, error) {
	return "", lpstat(ctx, dir, false, "OPTIONS *", func(p *printer) (args, env []string) {
		return []string{"-E", "-h", p.host + ":" + p.port, "-v"}, nil
	})
}

func lpstatRequired(ctx context.Context, dir string) (string, error) {
	return "", lpstat(ctx, dir, false, "OPTIONS *", func(p *printer) (args, env []string) {
		return []string{"-h", p.host + ":" + p.port, "-v"}, []string{"CUPS_ENCRYPTION=Required"}
	})
}

func lpstatUnasked(ctx context.Context, dir string) (string, error) {
	return "", lpstat(ctx, dir, true, "POST /, OPTIONS *", func(p *printer) (args, env []string) {
		return []string{"-h", p.host + ":" + p.port, "-v"}, nil
	})
}

// ippTest asks for a printer's attributes.
const ippTest = `{
	OPERATION Get-Printer-Attributes
	GROUP operation-attributes-tag
	ATTR charset attributes-charset utf-8
	ATTR naturalLanguage attributes-natural-language en
	ATTR uri printer-uri $uri
	STATUS successful-ok
	EXPECT printer-name WITH-VALUE "wye"
}
`

func ipptoolE(ctx context.Context, dir string) (string, error) {
	p, err := servePrinter(false)
	if err != nil {
		return "", err
	}
	defer p.stop()
	name := filepath.Join(dir, "test.ipp")
	if err := os.WriteFile(name, []byte(ippTest), 0o644); err != nil {
		return "", err
	}
	cmd := program(ctx, "ipptool", "-E", "-t", "ipp://"+p.host+":"+p.port+"/printers/wye", name)
	cmd.Env = append(cmd.Env, "HOME="+dir)
	if _, err := outputOf(cmd); err != nil {
		return "", err
	}
	return "", p.judge("OPTIONS *")
}

// Configuration of a cupsd of our own: the address; the folder.
const (
	cupsdConf = `Listen %s
DefaultEncryption IfRequested
LogLevel debug
Browsing No
WebInterface Yes
<Location />
	Order allow,deny
	Allow all
</Location>
`
	cupsFilesConf = `AccessLog %[1]s/access_log
ErrorLog %[1]s/error_log
PageLog %[1]s/page_log
RequestRoot %[1]s/spool
CacheDir %[1]s/cache
StateDir %[1]s/state
TempDir %[1]s/tmp
ServerRoot %[1]s
ServerKeychain %[1]s/ssl
CreateSelfSignedCerts yes
DocumentRoot %[1]s/docs
`
)

func startCupsd(ctx context.Context, dir string) (address string, d *daemon, err error) {
	if _, err := site(dir); err != nil {
		return "", nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // it may become another user
		return "", nil, err
	}
	for _, name := range []string{"spool", "cache", "state", "tmp", "ssl"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			return "", nil, err
		}
	}
	_, _, address, err = freeAddress()
	if err != nil {
		return "", nil, err
	}
	conf, files := filepath.Join(dir, "cupsd.conf"), filepath.Join(dir, "cups-files.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, cupsdConf, address), 0o644); err != nil {
		return "", nil, err
	}
	if err := os.WriteFile(files, fmt.Appendf(nil, cupsFilesConf, dir), 0o644); err != nil {
		return "", nil, err
	}
	d, err = startDaemon(ctx, address, "cupsd", "-f", "-c", conf, "-s", files)
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "error_log"))
		err = fmt.Errorf("%w: %s", err, log)
	}
	return address, d, err
}

// untrusting takes any certificate, as cupsd has made its own just now.
var untrusting = &tls.Config{InsecureSkipVerify: true}

func cupsd(ctx context.Context, dir string) (string, error) {
	address, d, err := startCupsd(ctx, dir)
	if err != nil {
		return "", err
	}
	defer d.stop()
	dialled := 0
	dialer := &tlsupgrade.Dialer{TLSConfig: untrusting}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled++
		return dialer.DialContext(ctx, network, address)
	}}
	defer transport.CloseIdleConnections()
	for range 3 {
		r, err := http.NewRequestWithContext(ctx, "GET", "http://"+address+"/page.txt", nil)
		if err != nil {
			return "", err
		}
		resp, err := transport.RoundTrip(r)
		if err != nil {
			return "", err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || string(body) != page {
			return "", fmt.Errorf("got %s with %q, %v", resp.Status, body, err)
		}
	}
	if dialled != 1 {
		return "", fmt.Errorf("%d connections for three requests, want 1", dialled)
	}
	return "", nil
}

func cupsdOffer(ctx context.Context, dir string) (string, error) {
	address, d, err := startCupsd(ctx, dir)
	if err != nil {
		return "", err
	}
	defer d.stop()
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+address+"/page.txt", nil)
	if err != nil {
		return "", err
	}
	c, resp, err := (&tlsupgrade.Dialer{TLSConfig: untrusting}).Offer(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil || resp.StatusCode != 200 || string(body) != page:
		return "", fmt.Errorf("got %s with %q, %v", resp.Status, body, err)
	case c == nil:
		return "", errors.New("it did not upgrade")
	}
	return tls.VersionName(c.TLS.Version), c.Close()
}

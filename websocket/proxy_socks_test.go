package websocket_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket"
)

// socksProxy is a SOCKS version 5 proxy, RFC 1928 and 1929.
type socksProxy struct {
	user, password string // empty: nobody has to say
	to             string // where tunnels lead; empty: where the client says
	reply          byte   // said instead of opening a tunnel, unless 0

	mu    sync.Mutex // guards asked
	asked []string   // targets, by type
}

func (p *socksProxy) serve(nc net.Conn) {
	b := make([]byte, 512)
	take := func(n int) []byte {
		if _, err := io.ReadFull(nc, b[:n]); err != nil {
			b[0] = 0
		}
		return b[:n]
	}
	// VER NMETHODS METHODS
	methods := string(take(int(take(2)[1])))
	switch {
	case p.user == "" && strings.Contains(methods, "\x00"):
		nc.Write([]byte{5, 0})
	case p.user != "" && strings.Contains(methods, "\x02"):
		nc.Write([]byte{5, 2})
		// VER ULEN UNAME PLEN PASSWD
		user := string(take(int(take(2)[1])))
		password := string(take(int(take(1)[0])))
		if user != p.user || password != p.password {
			nc.Write([]byte{1, 1})
			return
		}
		nc.Write([]byte{1, 0})
	default:
		nc.Write([]byte{5, 0xff})
		return
	}
	// VER CMD RSV ATYP DST.ADDR DST.PORT
	host, kind := "", take(4)[3]
	switch kind {
	case 1:
		host = net.IP(take(4)).String()
	case 3:
		host = string(take(int(take(1)[0])))
	case 4:
		host = net.IP(take(16)).String()
	}
	port := take(2)
	target := net.JoinHostPort(host, fmt.Sprint(int(port[0])<<8|int(port[1])))
	p.mu.Lock()
	p.asked = append(p.asked, fmt.Sprintf("%d %s", kind, target))
	p.mu.Unlock()
	nc.Write([]byte{5, p.reply, 0, 3, 1, 'x', 0, 80}) // bound to a name, for once
	if p.reply != 0 {
		return
	}
	if p.to != "" {
		target = p.to
	}
	splice(nc, nc, target)
}

func TestProxySOCKS(t *testing.T) {
	target := newServer(t, websocket.Handler(echo, nil))
	address := strings.TrimPrefix(target, "ws://")
	for _, x := range []struct{ proxy, url, want string }{
		{"socks5://ADDRESS", target, "1 " + address},
		{"socks5://ADDRESS", "ws://nowhere.invalid/", "3 nowhere.invalid:80"}, // for the proxy to resolve
		{"SOCKS5H://ADDRESS", "ws://nowhere.invalid:81/", "3 nowhere.invalid:81"},
		{"socks5://user:p%40ss@ADDRESS", "ws://[fe80::1%25eth0]/", "4 [fe80::1]:80"},
	} {
		p := &socksProxy{to: address}
		if strings.Contains(x.proxy, "@") {
			p.user, p.password = "user", "p@ss"
		}
		wantEcho(t, dial(t, x.url, through(t, strings.Replace(x.proxy, "ADDRESS", listening(t, p.serve), 1))))
		if got := strings.Join(p.asked, ", "); got != x.want {
			t.Errorf("%s asked for %s, want %s", x.proxy, got, x.want)
		}
	}
}

func TestProxySOCKSWithTLS(t *testing.T) {
	server := httptest.NewTLSServer(websocket.Handler(echo, nil))
	defer server.Close()
	opts := through(t, "socks5://"+listening(t, new(socksProxy).serve))
	opts.TLSConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	wantEcho(t, dial(t, "wss"+strings.TrimPrefix(server.URL, "https"), opts))
}

func TestProxySOCKSRefuses(t *testing.T) {
	for _, x := range []struct {
		userinfo string
		proxy    *socksProxy
		text     string
	}{
		{"", &socksProxy{user: "user"}, "no acceptable authentication methods"},
		{"user:canary@", &socksProxy{user: "user", password: "pass"}, "authentication failed"},
		{":canary@", &socksProxy{user: "user"}, "invalid username/password"},
		{"", &socksProxy{reply: 2}, "not allowed by ruleset"},
		{"", &socksProxy{reply: 5}, "connection refused"},
		{"", &socksProxy{reply: 99}, "unknown code: 99"},
	} {
		address := listening(t, x.proxy.serve)
		_, resp, err := websocket.Dial(t.Context(), "ws://target.example/", through(t, "socks5://"+x.userinfo+address))
		var failed *wye.ProxyError
		if !errors.As(err, &failed) || failed.Response != nil || resp != nil || failed.Proxy != "socks5://"+address {
			t.Fatalf("%+v", err)
		}
		if !strings.Contains(err.Error(), x.text) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v; want %q", err, x.text)
		}
	}

	// An HTTP server is no SOCKS proxy.
	address := listening(t, func(nc net.Conn) { io.WriteString(nc, "HTTP/1.1 400 Bad Request\r\n\r\n") })
	if _, _, err := websocket.Dial(t.Context(), "ws://target.example/", through(t, "socks5://"+address)); err == nil || !strings.Contains(err.Error(), "unexpected protocol version") {
		t.Error(err)
	}
}

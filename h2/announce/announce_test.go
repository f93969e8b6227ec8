package announce_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/net/http2"

	_ "github.com/wye-org/wye/h2/announce"
)

// announced reports what a server of net/http says in its first frame.
func announced(t *testing.T) bool {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	c, err := tls.Dial("tcp", srv.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	io.WriteString(c, http2.ClientPreface)
	fr := http2.NewFramer(c, c)
	fr.WriteSettings()
	f, err := fr.ReadFrame()
	if err != nil {
		t.Fatal(err)
	}
	settings, ok := f.(*http2.SettingsFrame)
	if !ok {
		t.Fatalf("the first frame is %v", f)
	}
	value, ok := settings.Value(http2.SettingEnableConnectProtocol)
	return ok && value == 1
}

// If this fails with a new release of Go, the route that the package comment
// tells is closed: look at golang/go#53208 for the one that replaces it.
func TestNetHTTPAnnouncesExtendedConnect(t *testing.T) {
	if os.Getenv("ANNOUNCE_TEST") != "" {
		t.Skip("a child of TestSettings")
	}
	if !announced(t) {
		t.Errorf("net/http does not announce SETTINGS_ENABLE_CONNECT_PROTOCOL, with GODEBUG=%s", os.Getenv("GODEBUG"))
	}
}

// What else is in GODEBUG stays, and who has said no is heard.
func TestSettings(t *testing.T) {
	const child = "ANNOUNCE_TEST"
	if before := os.Getenv(child); before != "" {
		want := before == "on"
		if got := announced(t); got != want {
			t.Errorf("announced: %v, want %v", got, want)
		}
		return
	}
	for debug, on := range map[string]string{"http2debug=0": "on", "madvdontneed=1,http2xconnect=0": "off"} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestSettings$")
		cmd.Env = append(os.Environ(), "GODEBUG="+debug, child+"="+on)
		out, err := cmd.CombinedOutput()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			t.Errorf("GODEBUG=%q:\n%s", debug, out)
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

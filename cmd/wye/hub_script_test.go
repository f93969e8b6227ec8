package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/rogpeppe/go-internal/testscript"
)

// secretOfTokens signs the tokens of tests.
const secretOfTokens = "a-secret-of-32-bytes-for-hs256-!"

// signed is a JSON Web Token for the audience test.
func signed(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	all := jwt.MapClaims{"aud": "test", "exp": time.Now().Add(time.Hour).Unix()}
	for name, value := range claims {
		all[name] = value
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString([]byte(secretOfTokens))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// written is a file with that in it.
func written(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const testAPIKey = "0123456789abcdef-canary"

// startHub runs a server whose hub has all there is, and returns the address of its
// admin listener as well.
func startHub(t testing.TB, args ...string) (server *running, admin string) {
	t.Helper()
	return startAdmin(t, append([]string{
		"--api-key-file", written(t, testAPIKey),
		"--jwt-key-file", written(t, secretOfTokens), "--jwt-audience", "test",
		"--namespace", "orders,history=100/1h,presence,publish",
		"--namespace", "tokens,history=10/1h,presence",
		"--namespace", "live,slow=drop-oldest",
	}, args...)...)
}

// TestHubScripts runs the transcripts in testdata/hub, as TestConnectScripts does those
// of wye connect. interruptErr is interrupt, of what is written to stderr.
func TestHubScripts(t *testing.T) {
	bin := commandFolder(t)
	server, admin := startHub(t)
	secure := start(t, "--tls-self-signed")
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	if code := run(t.Context(), []string{"publish", "--server", "http://" + admin, "--api-key-file", written(t, testAPIKey), "tokens:x", "for whom it may concern"}, stdio{strings.NewReader(""), os.Stdout, os.Stderr}); code != exitOK {
		t.Fatalf("publishing: exit code %d", code)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/hub",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Vars = append(env.Vars, commandEnv...)
			env.Setenv("URL", server.url)
			env.Setenv("ADMIN", "http://"+admin)
			env.Setenv("TLS", secure.url)
			env.Setenv("SILENT", "http://"+silent.Addr().String())
			token := signed(t, jwt.MapClaims{"sub": "ada", "namespaces": []string{"tokens"}})
			return os.WriteFile(filepath.Join(env.WorkDir, "token"), []byte(token), 0o600)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":        exits,
			"interruptErr": interruptWhen((*exec.Cmd).StderrPipe),
			"is":           is,
		},
		RequireExplicitExec: true,
	})
}

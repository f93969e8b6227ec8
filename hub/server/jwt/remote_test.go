package jwt_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/hub/server"
	"github.com/wye-org/wye/hub/server/jwt"
)

var quiet = slog.New(slog.DiscardHandler)

// endpoint is where keys are published, without a network.
type endpoint struct {
	mu     sync.Mutex // guards what is below
	asked  int
	status int
	body   string
	err    error
	delay  time.Duration
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	e.asked++
	status, body, err, delay := e.status, e.body, e.err, e.delay
	e.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (e *endpoint) set(status int, body string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status, e.body, e.err = status, body, err
}

func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

func b64(p []byte) string { return base64.RawURLEncoding.EncodeToString(p) }

// set is a JWK set of RSA keys, by their IDs.
func set(ids ...string) string {
	var keys []string
	for _, id := range ids {
		n := rsaKey().N
		if strings.HasPrefix(id, "other") {
			n = otherRSA().N
		}
		keys = append(keys, fmt.Sprintf(`{"kty":"RSA","use":"sig","kid":%q,"n":%q,"e":"AQAB"}`, id, b64(n.Bytes())))
	}
	return `{"keys":[` + strings.Join(keys, ",") + `]}`
}

// signed is a token of that kid.
func signed(kid string) string {
	key := rsaKey()
	if strings.HasPrefix(kid, "other") {
		key = otherRSA()
	}
	return sign("RS256", key, good(claims{"exp": time.Now().Add(1000 * time.Hour).Unix()}), map[string]any{"kid": kid})
}

// remote is a Verifier with the endpoint's keys.
func remote(t *testing.T, e *endpoint) *jwt.Verifier {
	t.Helper()
	r, err := jwt.NewRemote(jwt.RemoteOptions{URL: "https://id.example/keys", Client: &http.Client{Transport: e}, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return newVerifier(t, jwt.Options{Remote: r})
}

// want judges a token of the kid: it is good, bad or cannot be judged.
func want(t *testing.T, v *jwt.Verifier, kid, want string) {
	t.Helper()
	_, err := v.Connection(ctx, signed(kid))
	got := "good"
	switch {
	case errors.Is(err, server.ErrTokensAway):
		got = "away"
	case err != nil:
		got = "bad"
	}
	if got != want {
		t.Errorf("a token of key %q is %s, want %s: %v", kid, got, want, err)
	}
}

func TestRemote(t *testing.T) {
	rsaKey() // outside of bubbles
	otherRSA()
	bubble := func(f func(*testing.T)) func(*testing.T) {
		return func(t *testing.T) { synctest.Test(t, f) }
	}
	t.Run("asked when needed, and not often", bubble(func(t *testing.T) {
		e := &endpoint{status: 200, body: set("1")}
		v := remote(t, e)
		if e.count() != 0 {
			t.Error("asked before there was a token")
		}
		for range 10 {
			want(t, v, "1", "good")
		}
		if e.count() != 1 {
			t.Errorf("asked %d times for one key", e.count())
		}
		for i := range 100 {
			want(t, v, fmt.Sprint("unknown", i), "bad")
		}
		if e.count() != 1 {
			t.Errorf("asked %d times, for whatever kid comes", e.count())
		}
		e.set(200, set("1", "other2"), nil)
		want(t, v, "other2", "bad") // it was asked for a moment ago
		time.Sleep(30 * time.Second)
		want(t, v, "other2", "good")
		want(t, v, "1", "good")
		if e.count() != 2 {
			t.Errorf("asked %d times for two keys", e.count())
		}
	}))
	t.Run("a key that is taken back", bubble(func(t *testing.T) {
		e := &endpoint{status: 200, body: set("1", "other2")}
		v := remote(t, e)
		want(t, v, "other2", "good")
		e.set(200, set("1"), nil)
		want(t, v, "other2", "good")
		time.Sleep(15 * time.Minute)
		want(t, v, "other2", "bad")
	}))
	t.Run("old keys while the endpoint is away", bubble(func(t *testing.T) {
		e := &endpoint{status: 200, body: set("1")}
		v := remote(t, e)
		want(t, v, "1", "good")
		for _, fault := range []func(){
			func() { e.set(0, "", errors.New("no route")) },
			func() { e.set(500, set("9"), nil) },
			func() { e.set(200, "no JSON", nil) },
			func() { e.set(200, `{"keys":[]}`, nil) },
			func() { e.set(200, set("9")+strings.Repeat(" ", 64<<10), nil) },
			func() { e.set(200, set(strings.Split(strings.Repeat("9 ", 65), " ")...), nil) },
			func() { e.set(200, `{"keys":[{"kty":"oct","kid":"9","k":"`+b64(secret)+`"}]}`, nil) },
			func() { e.delay = time.Minute; e.set(200, set("9"), nil) },
		} {
			fault()
			before := e.count()
			time.Sleep(time.Hour)
			want(t, v, "1", "good")
			want(t, v, "9", "away")
			if e.count() != before+1 {
				t.Errorf("asked %d times", e.count()-before)
			}
		}
		e.delay = 0
		e.set(200, set("9"), nil)
		time.Sleep(time.Hour)
		want(t, v, "9", "good")
		want(t, v, "1", "bad")
	}))
	t.Run("slower than it may be asked", bubble(func(t *testing.T) {
		e := &endpoint{status: 200, body: set("1"), delay: 2 * time.Second}
		r, err := jwt.NewRemote(jwt.RemoteOptions{URL: "https://id.example/keys", Client: &http.Client{Transport: e}, MinInterval: time.Second, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		v := newVerifier(t, jwt.Options{Remote: r})
		want(t, v, "unknown", "bad")
		e.set(0, "", errors.New("no route"))
		time.Sleep(time.Second)
		want(t, v, "unknown", "away")
		if e.count() != 2 {
			t.Errorf("asked %d times for two tokens", e.count())
		}
	}))
	t.Run("never there", bubble(func(t *testing.T) {
		e := &endpoint{err: errors.New("no route")}
		v := remote(t, e)
		want(t, v, "1", "away")
		want(t, v, "1", "away")
		if e.count() != 1 {
			t.Errorf("asked %d times", e.count())
		}
	}))
	t.Run("many at once ask once", bubble(func(t *testing.T) {
		e := &endpoint{status: 200, body: set("1"), delay: time.Second}
		v := remote(t, e)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { want(t, v, "1", "good") })
		}
		wg.Wait()
		if e.count() != 1 {
			t.Errorf("asked %d times", e.count())
		}
		// While the keys are asked for anew, the old ones do.
		time.Sleep(time.Hour)
		began := time.Now()
		for range 50 {
			wg.Go(func() { want(t, v, "1", "good") })
		}
		synctest.Wait()
		want(t, v, "1", "good")
		if d := time.Since(began); d != 0 {
			t.Errorf("waited %v", d)
		}
		wg.Wait()
		if e.count() != 2 {
			t.Errorf("asked %d times", e.count())
		}
	}))
	t.Run("known keys need no endpoint", bubble(func(t *testing.T) {
		e := &endpoint{err: errors.New("no route")}
		r := must(jwt.NewRemote(jwt.RemoteOptions{URL: "https://id.example/keys", Client: &http.Client{Transport: e}, Logger: quiet}))
		v := newVerifier(t, jwt.Options{Remote: r, Keys: []jwt.Key{must(jwt.NewKey("1", "", &rsaKey().PublicKey))}})
		want(t, v, "1", "good")
		if e.count() != 0 {
			t.Errorf("asked %d times", e.count())
		}
	}))
}

func TestRemoteURL(t *testing.T) {
	for _, url := range []string{"http://id.example/keys", "", "id.example/keys", "file:///etc/passwd", "https:///keys", "https://%zz"} {
		if _, err := jwt.NewRemote(jwt.RemoteOptions{URL: url}); err == nil {
			t.Errorf("%q was fine", url)
		}
	}
	if _, err := jwt.NewRemote(jwt.RemoteOptions{URL: "http://user:canary@id.example/keys"}); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
}

// Over TLS, and with a redirect that leaves it.
func TestRemoteOverTLS(t *testing.T) {
	var plainly atomic.Int32
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		plainly.Add(1)
		io.WriteString(w, set("1"))
	}))
	defer plain.Close()
	var to atomic.Value
	to.Store("")
	var safely atomic.Int32
	safe := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		safely.Add(1)
		if url := to.Load().(string); url != "" && r.URL.Path == "/" {
			http.Redirect(w, r, url, http.StatusFound)
			return
		}
		io.WriteString(w, set("1"))
	}))
	defer safe.Close()
	judge := func(wanted string) {
		t.Helper()
		r := must(jwt.NewRemote(jwt.RemoteOptions{URL: safe.URL + "/", Client: safe.Client(), Logger: quiet}))
		want(t, newVerifier(t, jwt.Options{Remote: r}), "1", wanted)
	}
	judge("good")
	to.Store(safe.URL + "/elsewhere")
	judge("good")
	to.Store(safe.URL + "/")
	safely.Store(0)
	judge("away") // round and round
	if n := safely.Load(); n > 5 {
		t.Errorf("followed %d redirects", n)
	}
	to.Store(plain.URL)
	judge("away")
	if plainly.Load() != 0 {
		t.Error("it was asked for in the clear")
	}
	// A certificate of nobody.
	r := must(jwt.NewRemote(jwt.RemoteOptions{URL: safe.URL, Logger: quiet}))
	want(t, newVerifier(t, jwt.Options{Remote: r}), "1", "away")
	http.DefaultClient.CloseIdleConnections()
}

func TestJWKs(t *testing.T) {
	point := must(p256().PublicKey.Bytes())
	x, y := point[1:33], point[33:]
	flipped := append([]byte(nil), y...)
	flipped[31] ^= 1
	n := b64(rsaKey().N.Bytes())
	ec := func(curve string, x, y []byte) string {
		return fmt.Sprintf(`{"kty":"EC","crv":%q,"x":%q,"y":%q}`, curve, b64(x), b64(y))
	}
	rsa := func(n, e string) string { return fmt.Sprintf(`{"kty":"RSA","n":%q,"e":%q}`, n, e) }
	for _, k := range []struct {
		why, jwk string
		fits     bool
	}{
		{"EC", ec("P-256", x, y), true},
		{"a point beside the curve", ec("P-256", x, flipped), false},
		{"a point of another curve", ec("P-384", x, y), false},
		{"a short coordinate", ec("P-256", x[1:], y), false},
		{"a curve that is not known", ec("secp256k1", x, y), false},
		{"RSA", rsa(n, "AQAB"), true},
		{"an exponent of one", rsa(n, "AQ"), false},
		{"an even exponent", rsa(n, "AQAA"), false},
		{"a huge exponent", rsa(n, b64(big.NewInt(3<<40+1).Bytes())), false},
		{"a small modulus", rsa(b64([]byte("hello")), "AQAB"), false},
		{"no modulus", rsa("", "AQAB"), false},
		{"padding", rsa(n+"=", "AQAB"), false},
		{"Ed25519, short", `{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`, false},
		{"Ed448", `{"kty":"OKP","crv":"Ed448","x":"AAAA"}`, false},
		{"an algorithm for another key", strings.Replace(rsa(n, "AQAB"), `"kty"`, `"alg":"HS256","kty"`, 1), false},
		{"none", strings.Replace(rsa(n, "AQAB"), `"kty"`, `"alg":"none","kty"`, 1), false},
	} {
		if _, err := jwt.Read(strings.NewReader(k.jwk), ""); (err == nil) != k.fits {
			t.Errorf("%s: got %v", k.why, err)
		}
	}
}

// What a token or a set of keys may be: anything. Only what is signed is good.
func FuzzToken(f *testing.F) {
	v, err := jwt.New(jwt.Options{Keys: []jwt.Key{must(jwt.NewKey("", "", secret))}, Audience: "wye"})
	if err != nil {
		f.Fatal(err)
	}
	ours := sign("HS256", secret, claims{"sub": "ann", "aud": "wye", "exp": int64(4102444800)}, nil) // in 2100: the same in every process
	f.Add(ours)
	f.Add("a.b.c")
	f.Add(strings.Replace(ours, ".", "=.", 1))
	f.Fuzz(func(t *testing.T, token string) {
		if c, err := v.Connection(ctx, token); err == nil && token != ours {
			t.Errorf("%q was good: %+v", token, c)
		}
		if s, err := v.Subscription(ctx, token); err == nil {
			t.Errorf("%q was good: %+v", token, s)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add(set("1", "other2"))
	f.Add(`{"kty":"oct","k":"` + b64(secret) + `"}`)
	f.Add("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := jwt.Read(strings.NewReader(text), "")
		if (err == nil) == (len(keys) == 0) || len(keys) > 64 {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		for _, k := range keys {
			if k.Algorithm() == "" || k.Algorithm() == "none" {
				t.Errorf("a key by %q", k.Algorithm())
			}
		}
	})
}

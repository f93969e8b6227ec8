package jwt_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/wye-org/wye/hub/server"
	"github.com/wye-org/wye/hub/server/jwt"
)

var ctx = context.Background()

// Keys that are made once.
var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	otherRSA = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	p256     = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	p384     = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
	p521     = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)) })
	edKey    = sync.OnceValue(func() ed25519.PrivateKey { _, k, err := ed25519.GenerateKey(rand.Reader); return must(k, err) })
	secret   = []byte(strings.Repeat("0123456789abcdef", 4))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// verifying is the half of a key that a server has.
func verifying(key any) any {
	if k, ok := key.(interface{ Public() crypto.PublicKey }); ok {
		return k.Public()
	}
	return key
}

type claims = gojwt.MapClaims

// good are claims that are in order, with changes; nil removes one.
func good(changes claims) claims {
	c := claims{"sub": "ann", "aud": "wye", "exp": time.Now().Add(time.Hour).Unix()}
	for name, value := range changes {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

// sign makes a token. head has further fields.
func sign(algorithm string, key any, c claims, head map[string]any) string {
	t := gojwt.NewWithClaims(gojwt.GetSigningMethod(algorithm), c)
	for name, value := range head {
		t.Header[name] = value
	}
	return must(t.SignedString(key))
}

func newVerifier(t *testing.T, o jwt.Options) *jwt.Verifier {
	t.Helper()
	if o.Audience == "" {
		o.Audience = "wye"
	}
	v, err := jwt.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAlgorithms(t *testing.T) {
	for _, x := range []struct {
		algorithm string
		key       any
	}{
		{"HS256", secret}, {"HS384", secret}, {"HS512", secret},
		{"RS256", rsaKey()}, {"RS384", rsaKey()}, {"RS512", rsaKey()},
		{"PS256", rsaKey()}, {"PS384", rsaKey()}, {"PS512", rsaKey()},
		{"ES256", p256()}, {"ES384", p384()}, {"ES512", p521()},
		{"EdDSA", edKey()},
	} {
		t.Run(x.algorithm, func(t *testing.T) {
			v := newVerifier(t, jwt.Options{Keys: []jwt.Key{must(jwt.NewKey("", x.algorithm, verifying(x.key)))}})
			token := sign(x.algorithm, x.key, good(nil), nil)
			if c, err := v.Connection(ctx, token); err != nil || c.Principal != "ann" {
				t.Errorf("got %+v, %v", c, err)
			}
			// The key is for one algorithm, also of those that it could verify by.
			for _, other := range []string{"HS256", "HS384", "HS512", "RS256", "RS384", "PS256"} {
				method := gojwt.GetSigningMethod(other)
				_, isSecret := x.key.([]byte)
				_, isRSA := x.key.(*rsa.PrivateKey)
				if other == x.algorithm || isSecret != strings.HasPrefix(other, "HS") || !isSecret && !isRSA {
					continue
				}
				if _, err := v.Connection(ctx, sign(method.Alg(), x.key, good(nil), nil)); err == nil {
					t.Errorf("a token by %s was good", other)
				}
			}
			i := strings.LastIndexByte(token, '.')
			forged := sign(x.algorithm, x.key, good(claims{"sub": "eve"}), nil)
			if _, err := v.Connection(ctx, forged[:strings.LastIndexByte(forged, '.')]+token[i:]); err == nil {
				t.Error("another's signature was good")
			}
		})
	}
}

// The public key is public, so whoever takes it for a secret can be lied to.
func TestPublicKeyIsNoSecret(t *testing.T) {
	der := must(x509.MarshalPKIXPublicKey(&rsaKey().PublicKey))
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	keys := must(jwt.Read(strings.NewReader(string(text)), ""))
	v := newVerifier(t, jwt.Options{Keys: keys})
	if _, err := v.Connection(ctx, sign("RS256", rsaKey(), good(nil), nil)); err != nil {
		t.Fatal(err)
	}
	for _, secret := range [][]byte{text, der, rsaKey().N.Bytes(), []byte(strings.TrimSpace(string(text)))} {
		for _, algorithm := range []string{"HS256", "HS384", "HS512"} {
			if _, err := v.Connection(ctx, sign(algorithm, secret, good(nil), nil)); err == nil {
				t.Errorf("a token by %s with the public key was good", algorithm)
			}
		}
	}
}

func TestClaims(t *testing.T) {
	key := must(jwt.NewKey("", "", secret))
	v := newVerifier(t, jwt.Options{Keys: []jwt.Key{key}, Issuer: "https://id.example"})
	now := time.Now()
	by := func(changes claims) claims {
		c := good(claims{"iss": "https://id.example"})
		for name, value := range changes {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
		return c
	}
	for _, x := range []struct {
		why     string
		claims  claims
		want    string // of the error; empty: the token is good
		expired bool
	}{
		{"in order", by(nil), "", false},
		{"for several", by(claims{"aud": []string{"other", "wye"}}), "", false},
		{"nobody's", by(claims{"sub": nil}), "", false},
		{"not yet, by a little", by(claims{"nbf": now.Add(10 * time.Second).Unix()}), "", false},
		{"made later, by another clock", by(claims{"iat": now.Add(time.Hour).Unix()}), "", false},
		{"no exp", by(claims{"exp": nil}), "no exp", false},
		{"an exp that is no number", by(claims{"exp": "tomorrow"}), "invalid", false},
		{"expired", by(claims{"exp": now.Add(-time.Second).Unix()}), "expired", true},
		{"expired, and for others", by(claims{"exp": now.Add(-time.Second).Unix(), "aud": "other"}), "for", false},
		{"expired, and by others", by(claims{"exp": now.Add(-time.Second).Unix(), "iss": "other"}), "by", false},
		{"no aud", by(claims{"aud": nil}), "is for", false},
		{"an empty aud", by(claims{"aud": ""}), "is for", false},
		{"for others", by(claims{"aud": []string{"other", "wyes"}}), "is for", false},
		{"no iss", by(claims{"iss": nil}), "is by", false},
		{"another's", by(claims{"iss": "https://id.example/"}), "is by", false},
		{"not yet", by(claims{"nbf": now.Add(time.Minute).Unix()}), "not hold yet", false},
		{"channels that are none", by(claims{"channels": "room:a"}), "cannot unmarshal", false},
	} {
		t.Run(x.why, func(t *testing.T) {
			_, err := v.Connection(ctx, sign("HS256", secret, x.claims, nil))
			switch {
			case x.want == "" && err == nil:
			case x.want == "" || err == nil || !strings.Contains(err.Error(), x.want):
				t.Errorf("got %v, want %q", err, x.want)
			}
			if got := errors.Is(err, server.ErrTokenExpired); got != x.expired {
				t.Errorf("got that it has expired: %v, %v", got, err)
			}
		})
	}
}

func TestKinds(t *testing.T) {
	v := newVerifier(t, jwt.Options{Keys: []jwt.Key{must(jwt.NewKey("", "", secret))}})
	exp := time.Now().Add(time.Hour).Truncate(time.Second)
	token := func(changes claims) string { return sign("HS256", secret, good(changes), nil) }
	connection := token(claims{
		"exp": exp.Unix(), "info": claims{"name": "Ann"}, "namespaces": []string{"room", ""},
		"channels": []string{"b:1", "a:1"}, "subs": claims{"a:1": claims{}, "c:1": nil},
	})
	c, err := v.Connection(ctx, connection)
	if err != nil {
		t.Fatal(err)
	}
	if want := (&server.Connection{
		Principal: "ann", Expires: exp, Info: json.RawMessage(`{"name":"Ann"}`),
		Namespaces: []string{"room", ""}, Channels: []string{"a:1", "b:1", "c:1"},
	}); !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
	if _, err := v.Subscription(ctx, connection); err == nil {
		t.Error("a connection token let a client join")
	}
	subscription := token(claims{"exp": exp.Unix(), "info": nil, "channel": "a:1", "client": "X", "namespaces": []string{"room"}})
	s, err := v.Subscription(ctx, subscription)
	if err != nil {
		t.Fatal(err)
	}
	if want := (&server.Subscription{Principal: "ann", Channel: "a:1", Client: "X", Expires: exp}); !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, want %+v", s, want)
	}
	if _, err := v.Connection(ctx, subscription); err == nil {
		t.Error("a subscription token let a client connect")
	}
	if c, err := v.Connection(ctx, strings.Replace(connection, ".", "..", 1)); err == nil {
		t.Errorf("got %+v", c)
	}
}

// What is in a token's head.
func TestHeads(t *testing.T) {
	first, second := secret[:32], secret[1:64]
	v := newVerifier(t, jwt.Options{Keys: []jwt.Key{must(jwt.NewKey("1", "HS256", first)), must(jwt.NewKey("2", "HS256", second))}})
	part := func(v any) string { return base64.RawURLEncoding.EncodeToString(must(json.Marshal(v))) }
	none := func(algorithm string) string {
		return part(map[string]any{"alg": algorithm, "typ": "JWT"}) + "." + part(good(nil)) + "."
	}
	// The last of 43 letters has two bits that are of no byte.
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	whole := sign("HS256", first, good(nil), nil)
	end := len(whole) - 1
	another := whole[:end] + string(letters[strings.IndexByte(letters, whole[end])^1])
	for _, x := range []struct {
		why, token string
		good       bool
	}{
		{"a signature written in another way", another, false},
		{"its kid", sign("HS256", second, good(nil), map[string]any{"kid": "2"}), true},
		{"no kid: any key", sign("HS256", second, good(nil), nil), true},
		{"another's kid", sign("HS256", second, good(nil), map[string]any{"kid": "1"}), false},
		{"a kid that is not known", sign("HS256", second, good(nil), map[string]any{"kid": "3"}), false},
		{"a kid that is no string", sign("HS256", second, good(nil), map[string]any{"kid": 2}), false},
		{"crit", sign("HS256", first, good(nil), map[string]any{"kid": "1", "crit": []string{"exp"}}), false},
		{"a key of its own", sign("HS256", secret[5:50], good(nil), map[string]any{"jwk": map[string]any{"kty": "oct", "k": base64.RawURLEncoding.EncodeToString(secret[5:50])}}), false},
		{"none", none("none"), false},
		{"None", none("None"), false},
		{"an empty algorithm", none(""), false},
		{"none, with a signature", none("none") + "AAAA", false},
		{"nothing", "", false},
		{"dots", "..", false},
		{"no token", "hello", false},
		{"too long", sign("HS256", first, good(claims{"x": strings.Repeat("x", 8<<10)}), nil), false},
		{"five parts", sign("HS256", first, good(nil), nil) + ".a.b", false},
		{"padding", sign("HS256", first, good(nil), nil) + "=", false},
	} {
		t.Run(x.why, func(t *testing.T) {
			if _, err := v.Connection(ctx, x.token); (err == nil) != x.good {
				t.Errorf("got %v", err)
			}
			if _, err := v.Subscription(ctx, x.token); err == nil {
				t.Error("it let a client join")
			}
		})
	}
}

func TestOptions(t *testing.T) {
	key := must(jwt.NewKey("", "", secret))
	if _, err := jwt.New(jwt.Options{Keys: []jwt.Key{key}}); err == nil {
		t.Error("no audience was fine")
	}
	if _, err := jwt.New(jwt.Options{Audience: "wye"}); err == nil {
		t.Error("no keys were fine")
	}
}

func TestNewKey(t *testing.T) {
	weak := must(rsa.GenerateKey(rand.Reader, 1024))
	p224 := must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	for _, x := range []struct {
		why, algorithm string
		key            any
		want           string // the algorithm; empty: refused
	}{
		{"a secret", "", secret, "HS256"},
		{"a secret of 32 bytes", "", secret[:32], "HS256"},
		{"a short secret", "", secret[:31], ""},
		{"a secret that is short for it", "HS384", secret[:47], ""},
		{"one that is not", "HS384", secret[:48], "HS384"},
		{"one that is short for HS512", "HS512", secret[:63], ""},
		{"a secret for RS256", "RS256", secret, ""},
		{"RSA", "", &rsaKey().PublicKey, "RS256"},
		{"RSA for PS512", "PS512", &rsaKey().PublicKey, "PS512"},
		{"RSA for HS256", "HS256", &rsaKey().PublicKey, ""},
		{"RSA for none", "none", &rsaKey().PublicKey, ""},
		{"weak RSA", "", &weak.PublicKey, ""},
		{"P-256", "", &p256().PublicKey, "ES256"},
		{"P-256 for ES384", "ES384", &p256().PublicKey, ""},
		{"P-384", "", &p384().PublicKey, "ES384"},
		{"P-521", "", &p521().PublicKey, "ES512"},
		{"P-224", "", &p224.PublicKey, ""},
		{"Ed25519", "", edKey().Public(), "EdDSA"},
		{"Ed25519, short", "", ed25519.PublicKey("x"), ""},
		{"a private key", "", rsaKey(), ""},
		{"nothing", "", nil, ""},
	} {
		t.Run(x.why, func(t *testing.T) {
			k, err := jwt.NewKey("id", x.algorithm, x.key)
			if (err == nil) != (x.want != "") || err == nil && (k.Algorithm() != x.want || k.ID() != "id") {
				t.Errorf("got %q, %v", k.Algorithm(), err)
			}
		})
	}
}

func TestRead(t *testing.T) {
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	public := block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(&p256().PublicKey)))
	ed := string(must(json.Marshal(map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": "e", "x": base64.RawURLEncoding.EncodeToString(edKey().Public().(ed25519.PublicKey))})))
	oct := `{"kty":"oct","kid":"o","alg":"HS512","k":"` + base64.RawURLEncoding.EncodeToString(secret) + `"}`
	for _, x := range []struct{ why, text, algorithm, want string }{
		{"a secret", string(secret) + "\n", "", " HS256"},
		{"a secret for HS512", string(secret) + "\r\n", "HS512", " HS512"},
		{"a short secret", "hello\n", "", ""},
		{"nothing", "", "", ""},
		{"PEM", "a comment\n" + public, "", " ES256"},
		{"PKCS 1", block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)), "PS256", " PS256"},
		{"two", public + public, "", " ES256, ES256"},
		{"a private key", block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(p256()))), "", ""},
		{"a broken block", "-----BEGIN PUBLIC KEY-----\nxx\n", "", ""},
		{"PEM for another algorithm", public, "RS256", ""},
		{"one JWK", ed, "", "e EdDSA"},
		{"a set", `{"keys":[` + ed + `,` + oct + `]}`, "", "e EdDSA,o HS512"},
		{"a set with others", `{"keys":[{"kty":"XX"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},` + ed + `]}`, "", "e EdDSA"},
		{"a set with none of use", `{"keys":[{"kty":"XX"}]}`, "", ""},
		{"an empty set", `{"keys":[]}`, "", ""},
		{"a key to encrypt", strings.Replace(oct, `"kid"`, `"use":"enc","kid"`, 1), "", ""},
		{"a key to sign", strings.Replace(oct, `"kid"`, `"key_ops":["sign"],"kid"`, 1), "", ""},
		{"a key to verify", strings.Replace(oct, `"kid"`, `"key_ops":["verify"],"kid"`, 1), "", "o HS512"},
		{"no JSON", `{"keys":`, "", ""},
		{"many keys", `{"keys":[` + strings.Repeat(ed+",", 64) + ed + `]}`, "", ""},
		{"too much", strings.Repeat("x", 64<<10+1), "", ""},
	} {
		t.Run(x.why, func(t *testing.T) {
			keys, err := jwt.Read(strings.NewReader(x.text), x.algorithm)
			var got []string
			for _, k := range keys {
				got = append(got, k.ID()+" "+k.Algorithm())
			}
			want := slices.DeleteFunc(strings.Split(x.want, ","), func(s string) bool { return s == "" })
			if !slices.Equal(got, want) || (err == nil) != (x.want != "") {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		})
	}
}

package jwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// jwk is a JSON Web Key, RFC 7517 and 7518 §6, as far as it is for verifying.
type jwk struct {
	Type       string   `json:"kty"`
	ID         string   `json:"kid"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`
	Curve      string   `json:"crv"`
	N          string   `json:"n"`
	E          string   `json:"e"`
	X          string   `json:"x"`
	Y          string   `json:"y"`
	K          string   `json:"k"`
}

// parseJWKs reads a set, or one key. "Implementations SHOULD ignore JWKs within a JWK
// Set that use "kty" (key type) values that are not understood by them, that are
// missing required members, or for which values are out of the supported ranges."
// RFC 7517 §5. secrets says whether symmetric keys are wanted.
func parseJWKs(p []byte, algorithm string, secrets bool) ([]Key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(p, &set); err != nil {
		return nil, fmt.Errorf("jwt: a set of keys: %w", err)
	}
	if set.Keys == nil {
		set.Keys = []json.RawMessage{p}
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("jwt: a set of %d keys, want %d at most", len(set.Keys), maxKeys)
	}
	var keys []Key
	last := errors.New("it is empty")
	for _, raw := range set.Keys {
		key, err := parseJWK(raw, algorithm, secrets)
		if err != nil {
			last = err
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("jwt: no key of the set is of use: %w", last)
	}
	return keys, nil
}

func parseJWK(raw []byte, algorithm string, secrets bool) (Key, error) {
	var k jwk
	if err := json.Unmarshal(raw, &k); err != nil {
		return Key{}, err
	}
	if k.Use != "" && k.Use != "sig" || k.Operations != nil && !slices.Contains(k.Operations, "verify") {
		return Key{}, fmt.Errorf("key %.64q is not for verifying", k.ID)
	}
	public, err := k.public(secrets)
	if err != nil {
		return Key{}, fmt.Errorf("key %.64q: %w", k.ID, err)
	}
	if k.Algorithm != "" {
		algorithm = k.Algorithm
	}
	return NewKey(k.ID, algorithm, public)
}

func (k *jwk) public(secrets bool) (any, error) {
	switch {
	case k.Type == "RSA":
		return k.rsa()
	case k.Type == "EC":
		return k.ec()
	case k.Type == "OKP" && k.Curve == "Ed25519":
		x, err := decode(k.X)
		return ed25519.PublicKey(x), err
	case k.Type == "oct" && secrets:
		return decode(k.K)
	case k.Type == "oct":
		return nil, errors.New("a secret that is published is none")
	}
	return nil, fmt.Errorf("nothing is known of the type %.64q with the curve %.64q", k.Type, k.Curve)
}

func (k *jwk) rsa() (any, error) {
	n, err := decode(k.N)
	if err != nil {
		return nil, err
	}
	e, err := decode(k.E)
	if err != nil {
		return nil, err
	}
	exponent := new(big.Int).SetBytes(e)
	if exponent.BitLen() > 31 || exponent.BitLen() < 2 || exponent.Bit(0) == 0 {
		return nil, errors.New("an RSA exponent that is even, or not from 3 to 2^31")
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())}, nil
}

func (k *jwk) ec() (any, error) {
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	curve := curves[k.Curve]
	if curve == nil {
		return nil, fmt.Errorf("another curve than P-256, P-384 and P-521: %.64q", k.Curve)
	}
	x, err := decode(k.X)
	if err != nil {
		return nil, err
	}
	y, err := decode(k.Y)
	if err != nil {
		return nil, err
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(x) != size || len(y) != size {
		return nil, errors.New("an EC key whose coordinates have the wrong length")
	}
	// It refuses a point that is not on the curve.
	return ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
}

// decode is base64url without padding, RFC 7515 §2.
func decode(s string) ([]byte, error) {
	if s == "" {
		return nil, errors.New("a part of it is missing")
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

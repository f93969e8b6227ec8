package jwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
)

// A Key verifies signatures, by one algorithm.
type Key struct {
	id        string
	algorithm string
	public    any // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// ID is the kid of the tokens that the key is for. Empty: it may be any.
func (k Key) ID() string { return k.id }

// Algorithm is the one that the key verifies by, as RFC 7518 calls it.
func (k Key) Algorithm() string { return k.algorithm }

// algorithms are those there are. none is not among them.
var algorithms = []string{
	"HS256", "HS384", "HS512",
	"RS256", "RS384", "RS512",
	"PS256", "PS384", "PS512",
	"ES256", "ES384", "ES512",
	"EdDSA",
}

// NewKey returns a key: a secret ([]byte), an *rsa.PublicKey, an *ecdsa.PublicKey or
// an ed25519.PublicKey. An empty algorithm is HS256 for a secret, RS256 for RSA, and
// otherwise the one there is for the key. Keys that are too weak are refused.
func NewKey(id, algorithm string, key any) (Key, error) {
	fits, err := algorithmsOf(key)
	if err != nil {
		return Key{}, fmt.Errorf("jwt: key %.64q: %w", id, err)
	}
	if algorithm == "" {
		algorithm = fits[0]
	}
	if !slices.Contains(fits, algorithm) {
		return Key{}, fmt.Errorf("jwt: key %.64q: it is not for %.64q, but for one of %v", id, algorithm, fits)
	}
	return Key{id, algorithm, key}, nil
}

// algorithmsOf are those that a key may be for, the usual one first.
func algorithmsOf(key any) ([]string, error) {
	switch k := key.(type) {
	case []byte:
		// "A key of the same size as the hash output … or larger MUST be used".
		// RFC 7518 §3.2
		for n, size := range []int{32, 48, 64} {
			if len(k) < size {
				if n == 0 {
					return nil, fmt.Errorf("a secret of %d bytes, want 32 at least", len(k))
				}
				return algorithms[:n], nil
			}
		}
		return algorithms[:3], nil
	case *rsa.PublicKey:
		// "A key of size 2048 bits or larger MUST be used". RFC 7518 §3.3. A very
		// long one takes the server's time.
		if bits := k.N.BitLen(); bits < 2048 || bits > 8192 {
			return nil, fmt.Errorf("an RSA key of %d bits, want 2048 to 8192", bits)
		}
		return algorithms[3:9], nil
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return []string{"ES256"}, nil
		case elliptic.P384():
			return []string{"ES384"}, nil
		case elliptic.P521():
			return []string{"ES512"}, nil
		}
		return nil, errors.New("an EC key of another curve than P-256, P-384 and P-521")
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return nil, errors.New("an Ed25519 key of the wrong length")
		}
		return []string{"EdDSA"}, nil
	}
	return nil, fmt.Errorf("a %T is no key to verify with", key)
}

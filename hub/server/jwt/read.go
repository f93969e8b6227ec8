package jwt

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxKeys and maxKeyFile bound a set of keys.
const (
	maxKeys    = 64
	maxKeyFile = 64 << 10
)

// ReadFile reads keys from a file: a JWK set or one JWK, RFC 7517, public keys or
// certificates in PEM, or else a secret, without the line end that an editor adds.
// algorithm is for keys that do not say theirs; empty is as for [NewKey].
func ReadFile(name, algorithm string) ([]Key, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	keys, err := Read(f, algorithm)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return keys, nil
}

// Read is ReadFile of what r has: 64 KiB and 64 keys at the most.
func Read(r io.Reader, algorithm string) ([]Key, error) {
	p, err := io.ReadAll(io.LimitReader(r, maxKeyFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(p) > maxKeyFile:
		return nil, fmt.Errorf("jwt: more than %d bytes of keys", maxKeyFile)
	case bytes.HasPrefix(bytes.TrimSpace(p), []byte("{")):
		return parseJWKs(p, algorithm, true)
	case bytes.Contains(p, []byte("-----BEGIN")):
		return parsePEM(p, algorithm)
	}
	key, err := NewKey("", algorithm, bytes.TrimRight(p, "\r\n"))
	if err != nil {
		return nil, err
	}
	return []Key{key}, nil
}

func parsePEM(p []byte, algorithm string) (keys []Key, err error) {
	for {
		var block *pem.Block
		if block, p = pem.Decode(p); block == nil {
			break
		}
		public, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("jwt: %s: %w", block.Type, err)
		}
		key, err := NewKey("", algorithm, public)
		if err != nil {
			return nil, err
		}
		if len(keys) == maxKeys {
			return nil, fmt.Errorf("jwt: more than %d keys", maxKeys)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("jwt: there is no PEM block that can be read")
	}
	return keys, nil
}

func parseBlock(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return c.PublicKey, nil
	}
	return nil, errors.New("it is no public key; whoever verifies needs nothing else")
}

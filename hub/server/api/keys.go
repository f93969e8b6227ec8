package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Bounds of keys.
const (
	MinKey = 16 // bytes: shorter ones can be guessed
	maxKey = 1 << 10
	// maxKeys leaves room for those of several programs, and for the old one
	// beside the new.
	maxKeys = 100
)

// Keys let programs use the API. The zero value has none.
type Keys struct{ sums [][sha256.Size]byte }

// NewKeys returns these keys. Each has at least [MinKey] bytes, which can be seen.
func NewKeys(keys ...string) (*Keys, error) {
	if len(keys) > maxKeys {
		return nil, fmt.Errorf("api: there are more than %d keys", maxKeys)
	}
	k := new(Keys)
	for i, key := range keys {
		if len(key) < MinKey || len(key) > maxKey {
			return nil, fmt.Errorf("api: key %d has %d bytes, want %d to %d", i+1, len(key), MinKey, maxKey)
		}
		if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, fmt.Errorf("api: key %d has a character that is no letter, digit or punctuation of ASCII", i+1)
		}
		k.sums = append(k.sums, sha256.Sum256([]byte(key)))
	}
	return k, nil
}

// maxKeyFile bounds what keys are read from, in bytes.
const maxKeyFile = maxKeys * maxKey

// ReadKeys reads keys, one a line. Empty lines, and those that begin with #, are
// none.
func ReadKeys(r io.Reader) (*Keys, error) {
	p, err := io.ReadAll(io.LimitReader(r, maxKeyFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("api: %w", err)
	case len(p) > maxKeyFile: // the key where it is cut off would be another
		return nil, fmt.Errorf("api: more than %d bytes of keys", maxKeyFile)
	}
	var keys []string
	for line := range strings.Lines(string(p)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			keys = append(keys, line)
		}
	}
	return NewKeys(keys...)
}

// Len is how many there are.
func (k *Keys) Len() int { return len(k.sums) }

// has reports whether key is one of them. How long that takes says nothing of how
// near it came.
func (k *Keys) has(key string) bool {
	sum := sha256.Sum256([]byte(key))
	found := 0
	for i := range k.sums {
		found |= subtle.ConstantTimeCompare(sum[:], k.sums[i][:])
	}
	return found == 1
}

var (
	errNoKey   = errors.New("want a key: X-API-Key: KEY, or Authorization: apikey KEY")
	errTwoKeys = errors.New("two different keys")
	errBadKey  = errors.New("no such key")
)

// given is the key that a request comes with.
func given(r *http.Request) (string, error) {
	keys := append([]string(nil), r.Header.Values("X-API-Key")...)
	for _, value := range r.Header.Values("Authorization") {
		scheme, key, found := strings.Cut(strings.TrimSpace(value), " ")
		if found && strings.EqualFold(scheme, "apikey") {
			keys = append(keys, strings.TrimSpace(key))
		}
	}
	if len(keys) == 0 {
		return "", errNoKey
	}
	for _, key := range keys[1:] {
		if key != keys[0] {
			return "", errTwoKeys
		}
	}
	return keys[0], nil
}

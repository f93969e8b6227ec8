package gate

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"strings"
)

// Tokens is a [Verifier] with a list of tokens that do not change. The zero
// value has none. How long Verify takes does not depend on which token it is,
// nor on how much of it was right.
type Tokens struct {
	list []namedToken
}

type namedToken struct {
	hash [sha256.Size]byte
	name string
}

// The bounds of a list of tokens.
const (
	maxTokens    = 10_000
	maxTokenLine = maxCredential + 1024
)

// ReadTokens reads a list of tokens, one a line:
//
//	# of the first floor
//	ada:2cKq6Yc0cJ0pbnPz
//
// The principal's name comes first, then a colon and the token. A name may have
// several tokens, so that an old one can be replaced; a token has one name.
// Empty lines, and those that begin with #, are skipped. An error names the
// line, and does not repeat it.
func ReadTokens(r io.Reader) (*Tokens, error) {
	t := new(Tokens)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxTokenLine)
	seen := make(map[[sha256.Size]byte]bool)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, token, found := strings.Cut(line, ":")
		name, token = strings.TrimSpace(name), strings.TrimSpace(token)
		hash := sha256.Sum256([]byte(token))
		switch {
		case !found || name == "" || token == "":
			return nil, fmt.Errorf("gate: tokens, line %d: want name:token", n)
		case !isCredential(token):
			return nil, fmt.Errorf("gate: tokens, line %d: a token is at most %d letters, digits and signs of ASCII, without a space, quote, comma, semicolon or backslash", n, maxCredential)
		case seen[hash]:
			return nil, fmt.Errorf("gate: tokens, line %d: the token is there already: each needs its own", n)
		case len(t.list) == maxTokens:
			return nil, fmt.Errorf("gate: tokens, line %d: more than %d tokens: use a Verifier of your own", n, maxTokens)
		}
		seen[hash] = true
		t.list = append(t.list, namedToken{hash, name})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("gate: tokens, line %d: %w", n+1, err)
	}
	return t, nil
}

// Len returns how many tokens there are.
func (t *Tokens) Len() int {
	if t == nil {
		return 0
	}
	return len(t.list)
}

// Verify implements [Verifier].
func (t *Tokens) Verify(_ context.Context, token string) (Identity, error) {
	hash := sha256.Sum256([]byte(token))
	found := -1
	if t != nil {
		for i := range t.list {
			same := subtle.ConstantTimeCompare(t.list[i].hash[:], hash[:])
			found = subtle.ConstantTimeSelect(same, i, found)
		}
	}
	if found < 0 {
		return Identity{}, gateError(ErrCredentials, "the token is not in the list")
	}
	return Identity{Principal: t.list[found].name}, nil
}

package nats

import (
	"crypto/sha256"
	"encoding/base64"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/wye-org/wye/hub"
)

// Subjects, of a prefix p, a namespace and a bucket:
//
//	p.h.nNAMESPACE.BUCKET.CHANNEL   stored in the stream p-NAMESPACE-BUCKET
//	p.l.nNAMESPACE.BUCKET.CHANNEL   passed on from there; who comes and goes
//	p.c.nNAMESPACE.CHANNEL          channels without history
//	p.e.nNAMESPACE.BUCKET.epoch     the stream's epoch, and
//	p.e.nNAMESPACE.BUCKET.claim     who is about to begin one
//	p.n.NODE                        a node lives; stored in the stream p-nodes
//	p.b.NODE                        a node leaves
//	p.a                             questions to all nodes
//	p.r.NODE.NUMBER                 answers to one of a node's
//
// The namespace "" makes the token n, which no other does. A stream's name has a
// prefix without a hyphen and ends in a number, so no two are alike either.

// token writes the part of a channel's name behind the namespace as one token of
// a subject: letters, digits, - and _ stand for themselves, other bytes are = and
// two digits. 255 bytes become 765 at the most.
func token(name string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(name))
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			b.WriteByte('=')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}

// rest is a channel's name behind its namespace.
func rest(ch hub.Channel) string {
	if ch.Namespace.Name == "" {
		return ch.Name
	}
	return strings.TrimPrefix(ch.Name, ch.Namespace.Name+":")
}

// bucketOf spreads channels over n buckets. It is part of what is stored: another
// function would not find it again.
func bucketOf(name string, n int) int {
	h := fnv.New32a()
	h.Write([]byte(name))
	return int(h.Sum32() % uint32(n))
}

// messageID is what JetStream knows a message by for the time in which a key is
// remembered. salt is empty at first.
func messageID(channel, key, salt string) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(len(channel)) + ":" + channel + strconv.Itoa(len(key)) + ":" + key + salt))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

package nats

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/wye-org/wye/hub"
)

// A message on the wire is
//
//	version  1 byte, 1
//	kind     1 byte
//	flags    1 byte
//	time     8 bytes, Unix nanoseconds; of a stored message the server's counts
//	key      if flagKey: length, bytes
//	from     if flagFrom: a member
//	data     the rest
//
// and a member is its ID, principal and info, each a length and bytes, and since
// as 8 bytes. Lengths are unsigned varints; other numbers are big-endian.
const envelopeVersion = 1

const (
	flagBinary = 1 << iota
	flagOthers
	flagKey
	flagFrom

	flagsKnown = flagBinary | flagOthers | flagKey | flagFrom
)

var errEnvelope = errors.New("hub/nats: this is no message of a hub's")

// appendMessage appends m, published at t.
func appendMessage(dst []byte, m *hub.Message, t time.Time) []byte {
	var flags byte
	if m.Binary {
		flags |= flagBinary
	}
	if m.Others {
		flags |= flagOthers
	}
	if m.Key != "" {
		flags |= flagKey
	}
	if m.From != nil {
		flags |= flagFrom
	}
	dst = append(dst, envelopeVersion, byte(m.Kind), flags)
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.UnixNano()))
	if m.Key != "" {
		dst = appendBytes(dst, m.Key)
	}
	if m.From != nil {
		dst = appendMember(dst, *m.From)
	}
	return append(dst, m.Data...)
}

// parseMessage reads p, which the message's Data refers to from then on.
func parseMessage(p []byte, channel string) (*hub.Message, error) {
	if len(p) < 11 || p[0] != envelopeVersion || p[1] > byte(hub.Left) || p[2]&^flagsKnown != 0 {
		return nil, errEnvelope
	}
	m := &hub.Message{Channel: channel, Kind: hub.Kind(p[1]), Binary: p[2]&flagBinary != 0, Others: p[2]&flagOthers != 0}
	flags := p[2]
	m.Time = time.Unix(0, int64(binary.BigEndian.Uint64(p[3:])))
	p = p[11:]
	if flags&flagKey != 0 {
		key, rest, ok := cutBytes(p)
		if !ok || len(key) == 0 {
			return nil, errEnvelope
		}
		m.Key, p = string(key), rest
	}
	if flags&flagFrom != 0 {
		from, rest, err := parseMember(p)
		if err != nil {
			return nil, err
		}
		m.From, p = &from, rest
	}
	m.Data = p
	return m, nil
}

func appendMember(dst []byte, m hub.Member) []byte {
	dst = appendBytes(dst, m.ID)
	dst = appendBytes(dst, m.Principal)
	dst = appendBytes(dst, m.Info)
	var since int64
	if !m.Since.IsZero() {
		since = m.Since.UnixNano()
	}
	return binary.BigEndian.AppendUint64(dst, uint64(since))
}

// parseMember reads a member and returns what follows it. It copies.
func parseMember(p []byte) (m hub.Member, rest []byte, err error) {
	id, p, ok1 := cutBytes(p)
	principal, p, ok2 := cutBytes(p)
	info, p, ok3 := cutBytes(p)
	if !ok1 || !ok2 || !ok3 || len(p) < 8 {
		return hub.Member{}, nil, errEnvelope
	}
	m.ID, m.Principal = string(id), string(principal)
	if len(info) > 0 {
		m.Info = append([]byte(nil), info...)
	}
	if since := int64(binary.BigEndian.Uint64(p)); since != 0 {
		m.Since = time.Unix(0, since)
	}
	return m, p[8:], nil
}

func appendBytes[S string | []byte](dst []byte, s S) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// cutBytes reads a length and as many bytes. After a failure it fails again.
func cutBytes(p []byte) (s, rest []byte, ok bool) {
	n, size := binary.Uvarint(p)
	if size <= 0 || n > uint64(len(p)-size) {
		return nil, nil, false
	}
	return p[size : size+int(n)], p[size+int(n):], true
}

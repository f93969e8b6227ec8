package wire

import (
	"encoding/binary"
	"math/bits"
)

// Act is what a [Sender.Tick] asks for.
type Act uint8

// What a Tick may ask for.
const (
	Wait  Act = iota // nothing, until the next Tick
	Reply            // a ping is owed: AppendReplies, as soon as there is room
	Abort            // the peer did not answer in time: cut the transport
)

// String returns the act's name in lower case.
func (a Act) String() string {
	names := [...]string{"wait", "reply", "abort"}
	if int(a) < len(names) {
		return names[a]
	}
	return "unknown act"
}

// heartbeat is the keepalive of a connection: what was asked, when, and
// whether the peer was heard since.
type heartbeat struct {
	sent    uint64  // pings appended; the last one's payload
	at      Instant // when the last was appended
	waiting bool    // nothing was heard since
	asked   bool    // the last one's pong has not come
	rtt     Instant
	answers uint64 // how many were answered
}

// start notes that a ping is appended now, and returns its payload.
func (b *heartbeat) start(now Instant) (payload [8]byte) {
	b.sent++
	b.at, b.waiting, b.asked = now, true, true
	binary.BigEndian.PutUint64(payload[:], b.sent)
	return payload
}

// answer takes a pong, which answers the last ping, or an older one, or none:
// "a Pong frame MAY be sent unsolicited", RFC 6455 §5.5.3.
func (b *heartbeat) answer(payload []byte, now Instant) {
	if !b.asked || len(payload) != 8 || binary.BigEndian.Uint64(payload) != b.sent {
		return
	}
	b.asked, b.waiting = false, false
	b.rtt = max(now-b.at, 1)
	b.answers++
}

// RTT returns how long the last keepalive ping that was answered took, from
// AppendReplies to Apply; zero means that it is not known yet.
func (s *Sender) RTT() Instant { return s.beat.rtt }

// Answers returns how many keepalive pings were answered so far: when that has
// grown, RTT is a new one.
func (s *Sender) Answers() uint64 { return s.beat.answers }

// Tick applies the passing of time. heard is when the last byte came, or the
// connection began: any byte proves life. It returns what to do now, and when
// to call again at the latest; zero means never, unless something else is
// called.
//
// While Open, a ping is owed PingAfter after heard; the peer is lost if it
// stays silent for PongWait after that ping was appended, not after it became
// due, so that a ping behind much data is no false alarm. From when a Close is
// owed, CloseWait bounds all that is left.
func (s *Sender) Tick(now, heard Instant) (Act, Instant) {
	opt := s.options()
	if s.state != Open {
		return bound(now, s.since, opt.CloseWait)
	}
	if opt.PingAfter <= 0 {
		return Wait, 0
	}
	if heard >= s.beat.at {
		s.beat.waiting = false
	}
	if s.beat.waiting && opt.PongWait > 0 {
		act, next := bound(now, s.beat.at, opt.PongWait)
		if next != 0 && now < s.beat.at.plus(opt.PingAfter) {
			// If the answer comes until then, the next ping is due before PongWait is over.
			next = min(next, s.beat.at.plus(opt.PingAfter))
		}
		return act, next
	}
	if due := max(heard, s.beat.at).plus(s.silence(opt.PingAfter)); now < due {
		return Wait, due
	}
	s.owed |= owePing
	return Reply, opt.again(now)
}

// bound returns Abort when wait has passed since then; no wait never passes.
func bound(now, then, wait Instant) (Act, Instant) {
	if wait <= 0 {
		return Wait, 0
	}
	if end := then.plus(wait); now < end {
		return Wait, end
	}
	return Abort, 0
}

// again returns when to look after a ping that is owed but may not have been
// appended: not late for its answer, nor for the next ping, whenever it is.
func (o *Options) again(now Instant) Instant {
	if o.PongWait > 0 {
		return now.plus(min(o.PongWait, o.PingAfter))
	}
	return now.plus(o.PingAfter)
}

// silence returns how long to wait for the next ping: span, less a random
// tenth at most. It stays the same until that ping was appended.
func (s *Sender) silence(span Instant) Instant {
	if s.Seed == 0 {
		s.Seed = uint64(s.maskKey())<<32 | uint64(s.maskKey()) | 1
	}
	// SplitMix64: the ping's number, well stirred.
	z := s.Seed + (s.beat.sent+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	less, _ := bits.Mul64(z^z>>31, uint64(span/10)+1)
	return span - Instant(less)
}

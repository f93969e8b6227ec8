package nats

import (
	"context"
	"errors"
	"fmt"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/wye-org/wye/hub"
)

// Publish implements [hub.Link].
func (l *link) Publish(ctx context.Context, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
	if err := l.ready(); err != nil {
		return hub.Receipt{}, err
	}
	s, subject, live := l.subjects(ch)
	m.Time = time.Now()
	p := appendMessage(nil, m, m.Time)
	if most := l.nc.MaxPayload(); int64(len(p)+headersMost) > most {
		return hub.Receipt{}, fmt.Errorf("%w: %d bytes, and the NATS server takes %d: raise its max_payload, or lower hub.Options.MaxMessage", hub.ErrTooLong, len(p)+headersMost, most)
	}
	if s == nil || m.Kind != hub.Data {
		return hub.Receipt{}, explain(l.nc.Publish(live, p))
	}
	receipt, err := l.publish(ctx, s, subject, p, ch.Name, key)
	m.Position = receipt.Position
	return receipt, err
}

// headersMost is about how much NATS and JetStream add to a message.
const headersMost = 1024

// Patience with what goes by itself, within one call.
const (
	leaderless = 5 // times that nobody answers for the stream
	again      = 100 * time.Millisecond
	inProcess  = 10 * time.Millisecond // the same key is being stored
)

// publish stores a message. That JetStream has stored it with a sequence of another
// epoch means that the stream has lost its messages: then it counts if the epoch
// that the stream is in now has it, and otherwise it went the way of the others.
func (l *link) publish(ctx context.Context, s *stream, subject string, p []byte, channel, key string) (hub.Receipt, error) {
	salt := ""
	for tries := 0; ; tries++ {
		e := s.current()
		ack, err := l.storeOnce(ctx, subject, p, channel, key, salt)
		if err != nil {
			return hub.Receipt{}, l.failed(s, err)
		}
		if !e.has(ack.Seq) {
			if _, err := l.recheck(ctx, s); err != nil {
				return hub.Receipt{}, err
			}
			if e = s.current(); !e.has(ack.Seq) {
				if tries == 3 {
					return hub.Receipt{}, away("the stream has lost its messages while this was stored")
				}
				if ack.Duplicate {
					salt = e.ID // what it duplicates is lost
				}
				continue
			}
		}
		s.saw(ack.Seq)
		return hub.Receipt{Position: hub.Position{Epoch: e.ID, Offset: ack.Seq}, Duplicate: ack.Duplicate}, nil
	}
}

// storeOnce stores a message under its key. It has patience while the key is in
// process, and for a moment while the stream has no leader: nothing was stored then.
func (l *link) storeOnce(ctx context.Context, subject string, p []byte, channel, key, salt string) (pubAck, error) {
	for tries := 0; ; tries++ {
		m := &natsgo.Msg{Subject: subject, Data: p}
		if key != "" {
			m.Header = natsgo.Header{"Nats-Msg-Id": {messageID(channel, key, salt)}}
		}
		ack, err := l.store(ctx, m)
		wait := again
		switch {
		case err == nil:
			return ack, nil
		case codeOf(err) == codeDuplicateInProcess && tries < 100:
			wait = inProcess
		case errors.Is(err, errLeaderless) && tries < leaderless:
		case codeOf(err) == codeDuplicateInProcess:
			return ack, away("a message with this key has been under way for a second")
		default:
			return ack, explain(err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return pubAck{}, explain(ctx.Err())
		}
	}
}

package websocket

import (
	"context"
	"iter"
	"sync"

	"github.com/wye-org/wye/websocket/wire"
)

// Message is a received message in memory that is only lent: see
// [Conn.ReadPooled] and [Conn.Messages].
type Message struct {
	Type MessageType
	Data []byte
}

var messages = sync.Pool{New: func() any { return new(Message) }}

// Release gives the message's memory back. Nobody may use m or its Data after.
// It is called once at most; without it the memory is left to the garbage
// collector.
func (m *Message) Release() {
	giveBuffer(m.Data)
	*m = Message{}
	messages.Put(m)
}

// ReadPooled returns the next message in memory from a pool. Call Release when
// done with it: then reading allocates nothing. Otherwise it is [Conn.Read].
func (c *Conn) ReadPooled(ctx context.Context) (*Message, error) {
	if c.callbacks() != nil {
		return nil, c.notForReads()
	}
	return c.readPooled(ctx)
}

func (c *Conn) readPooled(ctx context.Context) (*Message, error) {
	if err := c.lockReading(ctx); err != nil {
		return nil, err
	}
	var ev wire.Event
	err := c.await(ctx)
	if err == nil {
		ev, err = c.message(ctx)
	}
	if err == nil && !ev.Owned {
		ev.Data = append(takeBuffer(len(ev.Data))[:0], ev.Data...)
	}
	c.unlockRead()
	if err != nil {
		return nil, err
	}
	m := messages.Get().(*Message)
	m.Type, m.Data = MessageType(ev.Op), ev.Data
	c.countReceived(m.Type, len(m.Data))
	return m, nil
}

// Messages returns the messages that come, until the connection or ctx ends;
// then there is one error, last, with a zero Message. Data is valid until the
// loop's body returns, and must not be released.
//
//	for m, err := range c.Messages(ctx) {
//		if err != nil {
//			return err
//		}
//		…
//	}
func (c *Conn) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for {
			m, err := c.ReadPooled(ctx)
			if err != nil {
				yield(Message{}, err)
				return
			}
			more := yield(*m, nil)
			m.Release()
			if !more {
				return
			}
		}
	}
}

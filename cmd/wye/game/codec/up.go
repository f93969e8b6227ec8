package codec

import (
	"encoding/binary"

	"github.com/wye-org/wye/cmd/wye/game/arena"
)

// The first byte of a message from a client.
const (
	kindJoin  = 1 // with a name: the rest of the message
	kindInput = 2
	kindLeave = 3
)

// Bounds of what a client sends.
const (
	MaxInputs = 8 // inputs in one message
	// MaxUp is the longest message, in bytes: a join with a name of which the
	// server takes off the space around it.
	MaxUp = 1 + 2*arena.MaxName
)

// Up is a message from a client: one of [Join], [Inputs] and [Leave].
type Up interface{ up() }

// Join asks for a slot. The name is as it came.
type Join struct{ Name string }

// Leave gives the slot back, and stays to watch.
type Leave struct{}

// Inputs are up to [MaxInputs] inputs at ticks that follow each other. With
// none they only say what was seen.
type Inputs struct {
	Seen  uint32 // the tick of the newest state that was received
	First uint32 // the number of the first input, from 1
	N     int
	In    [MaxInputs]arena.Input // the first N
}

func (Join) up()   {}
func (Leave) up()  {}
func (Inputs) up() {}

// AppendUp appends m to dst.
func AppendUp(dst []byte, m Up) []byte {
	switch m := m.(type) {
	case Join:
		return append(append(dst, kindJoin), m.Name...)
	case Leave:
		return append(dst, kindLeave)
	case Inputs:
		dst = append(dst, kindInput)
		dst = binary.LittleEndian.AppendUint32(dst, m.Seen)
		dst = binary.LittleEndian.AppendUint32(dst, m.First)
		for _, in := range m.In[:max(0, min(m.N, MaxInputs))] {
			dst = append(dst, byte(in))
		}
	}
	return dst
}

// ParseUp reads a message from a client. Whatever the bytes are, it does not
// panic.
func ParseUp(message []byte) (Up, error) {
	if len(message) > MaxUp {
		return nil, ErrLong
	}
	r := reader{rest: message}
	switch r.byte() {
	case kindJoin:
		return Join{string(r.rest)}, nil
	case kindLeave:
		if err := r.end(); err != nil {
			return nil, err
		}
		return Leave{}, nil
	case kindInput:
		return r.inputs()
	}
	return nil, ErrKind
}

func (r *reader) inputs() (Up, error) {
	m := Inputs{Seen: r.uint32(), First: r.uint32(), N: len(r.rest)}
	switch {
	case r.err != nil:
		return nil, r.err
	case m.N > MaxInputs:
		return nil, ErrLong
	case m.N > 0 && (m.First == 0 || m.First+uint32(m.N-1) < m.First):
		return nil, ErrNumber
	}
	for i, b := range r.rest {
		if m.In[i] = arena.Input(b); m.In[i].Direction() > arena.Directions {
			return nil, ErrNumber
		}
	}
	return m, nil
}

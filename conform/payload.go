package conform

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A Payload describes a message's bytes without holding them: a case that sends
// 16 MiB costs nothing until it runs.
type Payload struct {
	Kind PayloadKind
	Text string // for Literal
	Size int    // in bytes, for the others
	Seed uint64 // varies the random kinds
}

// PayloadKind is a pattern of bytes.
type PayloadKind uint8

const (
	// Literal is Text itself.
	Literal PayloadKind = iota
	// Stars is one byte over and over.
	Stars
	// Letters is the alphabet over and over.
	Letters
	// Bytes is every byte value in turn.
	Bytes
	// Noise does not compress.
	Noise
	// Prose is text as people write it: it compresses well.
	Prose
	// Records is JSON as programs write it: it compresses better.
	Records
	// Accents is valid UTF-8 of one to four bytes a code point.
	Accents
	// Windowed repeats incompressible text at many distances, so that every
	// window size shows.
	Windowed
)

func text(s string) Payload                   { return Payload{Text: s} }
func fill(kind PayloadKind, size int) Payload { return Payload{Kind: kind, Size: size} }
func (p Payload) random() *rand.Rand          { return rand.New(rand.NewPCG(p.Seed, 7)) }
func (p Payload) seeded(s uint64) Payload     { p.Seed = s; return p }
func pick[T any](r *rand.Rand, from []T) T    { return from[r.IntN(len(from))] }
func letters(r *rand.Rand, b []byte, alphabet string) {
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
}

// Len is the payload's size in bytes.
func (p Payload) Len() int {
	if p.Kind == Literal {
		return len(p.Text)
	}
	return p.Size
}

// Bytes makes the payload. The result is the caller's, and the same each time.
func (p Payload) Bytes() []byte {
	if p.Kind == Literal {
		return []byte(p.Text)
	}
	b := make([]byte, 0, p.Size+64)
	switch p.Kind {
	case Stars:
		for len(b) < p.Size {
			b = append(b, '*')
		}
	case Letters:
		for len(b) < p.Size {
			b = append(b, 'a'+byte(len(b)%26))
		}
	case Bytes:
		for len(b) < p.Size {
			b = append(b, byte(len(b)))
		}
	case Noise:
		r := p.random()
		b = b[:p.Size]
		for i := range b {
			b[i] = byte(r.Uint32())
		}
	case Prose:
		r := p.random()
		for len(b) < p.Size {
			b = append(append(b, pick(r, proseWords)...), ' ')
		}
	case Records:
		r := p.random()
		for len(b) < p.Size {
			b = fmt.Appendf(b, `{"id":%d,"name":%q,"score":%d.%d,"tags":[%q,%q]},`, len(b), pick(r, proseWords), r.IntN(100), r.IntN(10), pick(r, proseWords), pick(r, proseWords))
		}
	case Accents:
		for b = b[:0]; len(b) < p.Size; {
			b = append(b, "Ünïcödé κόσμε ☂ 𝄞 "...)
		}
		// Cut at a code point's start and pad, so that the size is exact.
		b = b[:p.Size]
		for len(b) > 0 && !validUTF8(b) {
			b = b[:len(b)-1]
		}
		for len(b) < p.Size {
			b = append(b, '.')
		}
	case Windowed:
		r := p.random()
		for len(b) < p.Size {
			// One piece in three comes again from somewhere before.
			if n := len(b); n > 64 && r.IntN(3) == 0 {
				from := r.IntN(n - 32)
				b = append(b, b[from:from+32]...)
				continue
			}
			var fresh [32]byte
			letters(r, fresh[:], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/")
			b = append(b, fresh[:]...)
		}
	}
	return b[:p.Size]
}

var proseWords = strings.Fields(`a connection parts into another protocol when both
ends agree that it should and the first one asks while the second answers with
a hundred and one then bytes flow either way as frames small or large whole or
in fragments until somebody says goodbye and the other repeats it kindly`)

func (p Payload) String() string {
	if p.Kind != Literal {
		return fmt.Sprintf("%s of %s", [...]string{"text", "stars", "letters", "counting bytes", "noise", "prose", "records", "accented text", "repeating text"}[p.Kind], sizeWords(p.Size))
	}
	return quoted([]byte(p.Text))
}

// quoted shows short bytes as a Go string, or as hex where they are no text.
func quoted(b []byte) string {
	const most = 40
	more := ""
	if len(b) > most {
		more = fmt.Sprintf("… (%s)", sizeWords(len(b)))
		b = b[:most]
	}
	if more == "" && !validUTF8(b) || !printable(b) {
		return fmt.Sprintf("<% x>%s", b, more)
	}
	return fmt.Sprintf("%q%s", b, more)
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\t' || c == 0x7F {
			return false
		}
	}
	return validUTF8(b) || utf8State(0).feed(b) != utf8Bad
}

func sizeWords(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	case n == 1:
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

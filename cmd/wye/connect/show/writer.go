package show

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// Writer escapes a stream on its way to a terminal. Line ends stay, as the only
// control characters. A character that is cut between two writes is held back
// until its rest comes. Its methods must not be called concurrently.
type Writer struct {
	W    io.Writer
	tail []byte // the beginning of a character, at most 3 bytes
}

// Write implements [io.Writer]. The error is W's.
func (w *Writer) Write(p []byte) (int, error) {
	text := append(w.tail, p...)
	cut := len(text) - incomplete(text)
	w.tail = bytes.Clone(text[cut:])
	return len(p), w.write(text[:cut])
}

// Flush writes what was held back: its rest will not come.
func (w *Writer) Flush() error {
	tail := w.tail
	w.tail = nil
	return w.write(tail)
}

func (w *Writer) write(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	_, err := w.W.Write(Lines(nil, text))
	return err
}

// Lines is [Escape] that leaves line ends as they are.
func Lines(dst, p []byte) []byte {
	for {
		line, rest, more := bytes.Cut(p, []byte("\n"))
		dst = Escape(dst, line)
		if !more {
			return dst
		}
		dst, p = append(dst, '\n'), rest
	}
}

// incomplete returns how many bytes at the end of p begin a character that more
// bytes could complete.
func incomplete(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if tail := p[len(p)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

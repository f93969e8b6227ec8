package connect

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/wye-org/wye/websocket"
)

// request is one thing that the input asks for.
type request struct {
	op      op
	typ     websocket.MessageType // of opSend
	payload []byte                // of opSend
	code    websocket.StatusCode  // of opClose
	reason  string                // of opClose
}

type op int

const (
	opSend  op = iota // a message, or bytes
	opPing            // send a ping and show how long the pong took
	opClose           // begin the closing handshake
)

// source is where requests come from. Its error is io.EOF at the end in good
// order; after any error it is not asked again.
type source func() (request, error)

// input asks a source ahead, for one request: before the connection is open, and
// while the peer takes nothing, no more than that and the source's own buffer is
// read.
type input struct {
	requests chan request // closed at the end
	err      error        // why the requests end, once they have; nil: in good order
	done     chan struct{}
	reading  sync.WaitGroup
}

func newInput(next source) *input {
	in := &input{requests: make(chan request), done: make(chan struct{})}
	in.reading.Go(func() { // ends with the source, or at its next request after done
		defer close(in.requests)
		for {
			r, err := next()
			if err != nil {
				if err != io.EOF {
					in.err = err
				}
				return
			}
			select {
			case in.requests <- r:
			case <-in.done:
				return
			}
		}
	})
	return in
}

// stop ends the input. A read of from that is under way is interrupted where
// that is possible, as it is with pipes and sockets of Go's; otherwise nobody
// waits for it.
func (in *input) stop(from io.Reader) {
	close(in.done)
	if d, ok := from.(interface{ SetReadDeadline(time.Time) error }); ok && d.SetReadDeadline(time.Unix(1, 0)) == nil {
		in.reading.Wait()
	}
}

// inputError is a line that is no message.
type inputError struct {
	line int
	err  error
}

func (e *inputError) Error() string {
	return fmt.Sprintf("line %d of standard input %v", e.line, e.err)
}

func (e *inputError) Unwrap() error { return e.err }

// messages is the source of messages on lines. A last line without its end
// counts.
func messages(r io.Reader, e Encoding, delimiter byte, most int) source {
	br := bufio.NewReaderSize(r, 64<<10)
	n := 0
	return func() (request, error) {
		n++
		line, err := readLine(br, delimiter, most)
		if err != nil {
			if errors.Is(err, errLongLine) {
				err = &inputError{n, err}
			}
			return request{}, err
		}
		typ, payload, err := e.decode(line)
		if err != nil {
			return request{}, &inputError{n, err}
		}
		return request{typ: typ, payload: payload}, nil
	}
}

var errLongLine = errors.New("is too long")

// readLine returns the next line without its end, in a slice of its own. It
// holds at most a little more than most bytes.
func readLine(br *bufio.Reader, delimiter byte, most int) ([]byte, error) {
	var line []byte
	for {
		part, err := br.ReadSlice(delimiter)
		if len(line)+len(part) > most+1 {
			return nil, fmt.Errorf("%w: over %d bytes, see --max-message", errLongLine, most)
		}
		line = append(line, part...)
		switch {
		case err == bufio.ErrBufferFull:
		case err == nil:
			return bytes.TrimSuffix(line, []byte{delimiter}), nil
		case err == io.EOF && len(line) > 0:
			return line, nil
		default:
			return nil, err
		}
	}
}

// chunks is the source of bytes as they come.
func chunks(r io.Reader) source {
	b := make([]byte, 32<<10)
	return func() (request, error) {
		for {
			n, err := r.Read(b)
			if n > 0 {
				// An error comes again with the next read.
				return request{payload: bytes.Clone(b[:n])}, nil
			}
			if err != nil {
				return request{}, err
			}
		}
	}
}

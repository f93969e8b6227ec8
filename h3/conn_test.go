package h3

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
)

// partial is a stream that takes as many bytes of each write as it is told.
type partial struct {
	takes []int
	said  []string
}

func (s *partial) Write(p []byte) (int, error) {
	n := min(s.takes[0], len(p))
	s.takes = s.takes[1:]
	if n < len(p) {
		return n, os.ErrDeadlineExceeded
	}
	return n, nil
}

func (s *partial) Read([]byte) (int, error)         { return 0, errors.ErrUnsupported }
func (s *partial) Close() error                     { s.said = append(s.said, "end"); return nil }
func (s *partial) CancelRead(quic.StreamErrorCode)  {}
func (s *partial) CancelWrite(quic.StreamErrorCode) { s.said = append(s.said, "reset") }
func (s *partial) SetReadDeadline(time.Time) error  { return nil }
func (s *partial) SetWriteDeadline(time.Time) error { return nil }

// Writes of ten bytes of which so many are taken, one DATA frame for each where
// the one before is complete: an end is orderly between frames alone.
func TestEndBetweenFrames(t *testing.T) {
	for _, x := range []struct {
		writes, takes []int
		end           string
	}{
		{[]int{10}, []int{10}, "end"},
		{[]int{10}, []int{3}, "reset"},
		{[]int{10}, []int{0}, "reset"},
		{[]int{10, 7}, []int{3, 7}, "end"},
		{[]int{10, 6}, []int{3, 6}, "reset"},
		{[]int{10, 7, 5}, []int{3, 2, 5}, "end"},
		{[]int{10, 7, 4}, []int{3, 2, 4}, "reset"},
		{[]int{10, 9}, []int{3, 9}, "end"}, // seven, and a frame of two
		{[]int{10, 9}, []int{3, 8}, "reset"},
		{[]int{10, 9}, []int{3, 7}, "reset"}, // the next frame may have begun
		{[]int{10, 9, 1}, []int{3, 8, 1}, "end"},
	} {
		s := &partial{takes: slices.Clone(x.takes)}
		c := &conn{stream: s}
		for _, n := range x.writes {
			c.Write(make([]byte, n))
		}
		c.CloseWrite()
		c.Close()
		if !slices.Equal(s.said, []string{x.end}) {
			t.Errorf("writes of %v bytes, of which %v went out, end with %v, want %s", x.writes, x.takes, s.said, x.end)
		}
	}
}

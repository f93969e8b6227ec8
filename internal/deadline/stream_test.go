package deadline

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// far is the other end of a Stream: two pipes that know no deadlines.
type far struct {
	in  *io.PipeWriter // what the Stream reads
	out *io.PipeReader // what it writes
}

func newStream() (*Stream, far) {
	fromFar, in := io.Pipe()
	out, toFar := io.Pipe()
	return New(fromFar, toFar), far{in, out}
}

// end ends s and what its goroutines wait for.
func (f far) end(s *Stream) {
	s.End()
	f.in.Close()
	f.out.Close()
	s.Wait()
}

// A read deadline that has passed can be set anew, and what comes meanwhile is
// not lost.
func TestReadDeadlineIsNotTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, peer := newStream()
		defer peer.end(s)
		p := make([]byte, 10)
		for range 3 {
			began := time.Now()
			s.SetReadDeadline(began.Add(time.Minute))
			if n, err := s.Read(p); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute {
				t.Fatalf("%d, %v after %v", n, err, time.Since(began))
			}
			if _, err := s.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			peer.in.Write([]byte("hello")) // taken by who waited before
			if _, err := s.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("there is something to read, but the deadline has passed: %v", err)
			}
			s.SetReadDeadline(time.Time{})
			if n, err := s.Read(p); string(p[:n]) != "hello" || err != nil {
				t.Fatalf("%q, %v", p[:n], err)
			}
		}
	})
}

// A deadline set while a read waits holds for it, as does one taken back.
func TestDeadlineInterrupts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, peer := newStream()
		defer peer.end(s)
		got := make(chan error)
		go func() {
			_, err := s.Read(make([]byte, 1))
			got <- err
		}()
		synctest.Wait()
		s.SetReadDeadline(time.Now().Add(time.Hour))
		s.SetReadDeadline(time.Time{})
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		select {
		case err := <-got:
			t.Fatalf("a deadline that was taken back: %v", err)
		default:
		}
		s.SetDeadline(time.Unix(1, 0))
		if err := <-got; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		if _, err := s.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	})
}

// A write deadline that passes says how much is on its way, and nothing of it is
// sent twice or lost.
func TestWriteDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, peer := newStream()
		defer peer.end(s)
		want := make([]byte, 100_000)
		for i := range want {
			want[i] = byte(i * i)
		}
		s.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := s.Write(want)
		if n != len(buffer{}) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(n, err)
		}
		if n, err := s.Write(want); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(n, err)
		}
		s.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := s.Write(want); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("behind one that waits still:", n, err)
		}
		s.SetWriteDeadline(time.Time{})
		read := make(chan []byte)
		go func() {
			p := make([]byte, len(want))
			io.ReadFull(peer.out, p)
			read <- p
		}()
		if m, err := s.Write(want[n:]); m != len(want)-n || err != nil {
			t.Error(m, err)
		}
		if got := <-read; !bytes.Equal(got, want) {
			t.Error("what came is not what was written")
		}
	})
}

// What is written is the caller's again, also when the deadline passed.
func TestWriteKeepsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, peer := newStream()
		defer peer.end(s)
		s.SetWriteDeadline(time.Now().Add(time.Second))
		p := []byte("hello")
		s.Write(p)
		copy(p, "XXXXX")
		got := make([]byte, 5)
		io.ReadFull(peer.out, got)
		if string(got) != "hello" {
			t.Errorf("%q", got)
		}
	})
}

// Long input is read in large pieces, and in order; then the small buffer waits.
func TestReadGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, peer := newStream()
		defer peer.end(s)
		want := bytes.Repeat([]byte("0123456789"), 10_000)
		go peer.in.Write(want)
		got := make([]byte, len(want))
		if _, err := io.ReadFull(s, got); err != nil || !bytes.Equal(got, want) {
			t.Fatal(err)
		}
		s.SetReadDeadline(time.Now().Add(time.Second))
		s.Read(got)
		if s.buf != nil || s.large {
			t.Error("an idle stream waits with a large buffer")
		}
	})
}

// The end of the source, and an error of either side, come after what was there,
// and stay.
func TestErrorsStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, peer := newStream()
		defer peer.end(s)
		go func() {
			peer.in.Write([]byte("last"))
			peer.in.Close()
		}()
		if p, err := io.ReadAll(s); string(p) != "last" || err != nil {
			t.Errorf("%q, %v", p, err)
		}
		if _, err := s.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
		broken := errors.New("broken")
		peer.out.CloseWithError(broken)
		for range 2 {
			if _, err := s.Write([]byte("x")); err != broken {
				t.Error(err)
			}
		}
	})
}

// End interrupts who waits, and lets nobody begin; a write that is under way is
// waited for.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, peer := newStream()
		errs := make(chan error, 3)
		go func() { _, err := s.Read(make([]byte, 1)); errs <- err }()
		go func() { _, err := s.Write([]byte("x")); errs <- err }()
		synctest.Wait()
		go func() { _, err := s.Write([]byte("y")); errs <- err }()
		synctest.Wait()
		if !s.End() {
			t.Error("End says that nobody writes")
		}
		for range 3 {
			if err := <-errs; !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		}
		waited := make(chan bool)
		go func() { s.Wait(); close(waited) }()
		synctest.Wait()
		select {
		case <-waited:
			t.Error("Wait did not wait")
		default:
		}
		peer.out.Close()
		<-waited
		if s.End() {
			t.Error("End says that somebody writes")
		}
		for _, op := range []func([]byte) (int, error){s.Read, s.Write} {
			if _, err := op(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		}
		peer.in.Close()
	})
}

// Reading and writing nothing needs no peer.
func TestNothing(t *testing.T) {
	s, peer := newStream()
	defer peer.end(s)
	for _, op := range []func([]byte) (int, error){s.Read, s.Write} {
		if n, err := op(nil); n != 0 || err != nil {
			t.Error(n, err)
		}
	}
}

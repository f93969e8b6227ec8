package wire

import (
	"bytes"
	"testing"
)

// What Frame says is what each Sender of the form appends, and two that append
// different bytes have different forms.
func TestFormIsWhatIsAppended(t *testing.T) {
	sizes := []int{0, 1, 63, 64, 500, 5000, 70_000}
	var senders []*Sender
	for _, a := range []Agreed{{}, agreed(true), agreed(false), agreed(false), agreed(false)} {
		a := a
		if i := len(senders); a.InUse && i > 1 {
			a.ServerBits, a.threshold = 8+i, 64*(i-1)
		}
		s := NewSender(nil)
		s.Agree(a)
		senders = append(senders, &s)
	}
	plain := NewSender(nil)
	plain.Agree(agreed(true))
	plain.Plain = true
	client := NewSender(aClient())
	senders = append(senders, &plain, &client)
	var shared int
	for i, s := range senders {
		f, ok := s.Form()
		if want := !s.options().Client && (s.deflation == nil || s.Plain || !s.deflation.takeover); ok != want {
			t.Errorf("sender %d: form %v, want %v", i, ok, want)
		}
		if !ok {
			continue
		}
		shared++
		for _, n := range sizes {
			for _, p := range []*Prepared{Prepare(OpText, feedOf(n, 1)), Prepare(OpBinary, []byte(random(n)))} {
				want, err := s.AppendPrepared(nil, p)
				if got := p.Frame(f); err != nil || !bytes.Equal(got, want) || cap(got) != len(got) {
					t.Errorf("sender %d, %d bytes: a frame of %d, and %d are appended: %v", i, n, len(got), len(want), err)
				}
				for j, other := range senders {
					g, ok := other.Form()
					if theirs, _ := other.AppendPrepared(nil, p); ok && f == g && !bytes.Equal(theirs, want) {
						t.Errorf("senders %d and %d have one form, and append different frames", i, j)
					}
				}
			}
		}
	}
	if shared < 4 {
		t.Errorf("%d senders share", shared)
	}
	if f, ok := plain.Form(); !ok || f != (Form{}) {
		t.Errorf("uncompressed it is %+v", f)
	}
}

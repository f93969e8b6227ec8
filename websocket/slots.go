package websocket

// slots are the places of what a poller watches. Its events name a place by its
// index and its generation, so that one of what has ended is none of the next there.
type slots[T any] struct {
	all  []slot[T]
	free []int32 // of all
}

type slot[T any] struct {
	of  *T // nil: it is free
	gen uint32
}

// enter gives v a place.
func (s *slots[T]) enter(v *T) (at int32, gen uint32) {
	if n := len(s.free); n > 0 {
		at = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		at = int32(len(s.all))
		s.all = append(s.all, slot[T]{})
	}
	s.all[at].of = v
	return at, s.all[at].gen
}

// leave takes a place away.
func (s *slots[T]) leave(at int32) {
	s.all[at].of = nil
	s.all[at].gen++
	s.free = append(s.free, at)
}

// generation returns that of a place.
func (s *slots[T]) generation(at int32) uint32 { return s.all[at].gen }

// named returns what has the place that an event names; nil: it has left.
func (s *slots[T]) named(at int, gen uint32) *T {
	if at >= len(s.all) || s.all[at].gen != gen {
		return nil
	}
	return s.all[at].of
}

// taken is how many places are.
func (s *slots[T]) taken() int { return len(s.all) - len(s.free) }

package arena

// random is xorshift32, whose whole state is one number other than 0. The world
// needs no better chance than that it is the same each time.
type random uint32

func (r *random) next() uint32 {
	x := *r
	x ^= x << 13
	x ^= x >> 17
	x ^= x << 5
	*r = x
	return uint32(x)
}

// below is a number from 0 to n-1.
func (r *random) below(n int32) int32 { return int32(r.next() % uint32(n)) }

package deflate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// records is JSON as a feed has it, n bytes of it.
func records(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	b.WriteString(`{"type":"snapshot","items":[`)
	for b.Len() < n {
		fmt.Fprintf(&b, `{"id":%d,"symbol":"%c%c%c","price":%.2f,"change":%.3f,"volume":%d,"open":%v,"note":"%s"},`,
			r.IntN(1e6), 'A'+r.IntN(26), 'A'+r.IntN(26), 'A'+r.IntN(26), r.Float64()*500, r.Float64()-0.5, r.IntN(1e5), r.IntN(2) == 0,
			[]string{"limit order filled", "watch", "the price moved against the market", ""}[r.IntN(4)])
	}
	return b.Bytes()[:n]
}

// noise is n bytes that repeat nothing.
func noise(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// skewed is n bytes of which few are frequent, with repetitions of all lengths
// and distances.
func skewed(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 3))
	b := make([]byte, n)
	wide := 1 + r.Float64()*40
	for i := 0; i < n; {
		if i > 300 && r.IntN(40) == 0 {
			back := 1 + r.IntN(min(i, 40_000))
			for range min(3+r.IntN(400), n-i) {
				b[i] = b[i-back]
				i++
			}
			continue
		}
		b[i] = byte(r.ExpFloat64() * wide)
		i++
	}
	return b
}

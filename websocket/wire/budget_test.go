package wire

import (
	"sync"
	"testing"
)

func TestBudget(t *testing.T) {
	var zero Budget
	if zero.Limit() != 64<<20 || zero.Used() != 0 {
		t.Errorf("the zero value: %d of %d", zero.Used(), zero.Limit())
	}
	b := NewBudget(100)
	for _, c := range []struct {
		reserve int64
		want    bool
		used    int64
	}{{60, true, 60}, {41, false, 60}, {40, true, 100}, {1, false, 100}, {0, true, 100}, {-5, false, 100}, {1 << 62, false, 100}} {
		if got := b.Reserve(c.reserve); got != c.want || b.Used() != c.used {
			t.Errorf("Reserve(%d) = %v, %d used; want %v, %d", c.reserve, got, b.Used(), c.want, c.used)
		}
	}
	b.Release(-1)
	b.Release(30)
	if b.Used() != 70 || !b.Reserve(30) {
		t.Errorf("%d used", b.Used())
	}
	b.Release(1000)
	if b.Used() != 0 {
		t.Errorf("%d used after more was released than was reserved", b.Used())
	}
	for _, limit := range []int64{0, -1} {
		if b := NewBudget(limit); b.Limit() != 0 || b.Reserve(1) || !b.Reserve(0) {
			t.Errorf("a budget of %d: limit %d", limit, b.Limit())
		}
	}
}

// Many at a time never have more than there is, and in the end nothing.
func TestBudgetTogether(t *testing.T) {
	b := NewBudget(50)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if b.Reserve(20) {
					if b.Used() > 50 {
						t.Errorf("%d used", b.Used())
					}
					b.Release(20)
				}
			}
		})
	}
	all.Wait()
	if b.Used() != 0 {
		t.Errorf("%d used", b.Used())
	}
}

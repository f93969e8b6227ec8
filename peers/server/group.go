package main

import (
	"iter"
	"slices"
	"sync"
)

// A group is the connections that subscribed. Its zero value is ready.
type group[C comparable] struct {
	mu      sync.RWMutex
	members []C
}

func (g *group[C]) add(c C) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members = append(g.members, c)
}

func (g *group[C]) remove(c C) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.members, c); i >= 0 {
		g.members = slices.Delete(g.members, i, i+1)
	}
}

// all holds the group while it is ranged over.
func (g *group[C]) all() iter.Seq[C] {
	return func(yield func(C) bool) {
		g.mu.RLock()
		defer g.mu.RUnlock()
		for _, c := range g.members {
			if !yield(c) {
				return
			}
		}
	}
}

package hub

import (
	"context"
	"errors"
	"sync"
	"time"
)

// line sees to it that what a room's members get of a history has no gap. It
// compares what comes with what came before, and reads from the engine what is
// missing.
type line struct {
	room *room

	mu sync.Mutex // guards what is below, and gives a fan-out its order

	// top is the last message that the members were given. It is sure unless
	// mending.
	top     Position
	mending bool       // top is not known yet, or something after it is missing
	parked  []*Message // came while mending
	overran bool       // more came than are parked
}

// parkedMost bounds what a line keeps while it is being mended: what is too much
// is read again.
const parkedMost = 1024

// begin finds out where the history stands, when the engine has just subscribed.
// Until then the line is mending.
func (l *line) begin(ctx context.Context) error {
	page, err := l.room.hub.link.Read(ctx, l.room.Channel, Query{})
	if err != nil {
		return err
	}
	if !l.mended(page, true) {
		l.mend()
	}
	return nil
}

// receive takes a message from the engine. The engine calls it for one message
// of the channel after another.
func (l *line) receive(m *Message) {
	if !m.stored() {
		l.room.tiers.fanOut(m)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.takeLocked(m)
}

func (l *line) takeLocked(m *Message) {
	switch {
	case l.mending:
		if len(l.parked) >= parkedMost {
			l.overran = true
			return
		}
		l.parked = append(l.parked, m)
	case m.Epoch == l.top.Epoch && m.Offset <= l.top.Offset:
		// It was given already.
	case m.Epoch == l.top.Epoch && m.Prev == l.top.Offset:
		l.top = m.Position
		l.room.tiers.fanOut(m)
	default:
		l.parked = append(l.parked, m)
		l.mending = true
		l.mend()
	}
}

// mend has a goroutine read what is missing. mending is set.
func (l *line) mend() {
	l.room.hub.tasks.start(l.mendAll) // ends when nothing is missing, or with the hub
}

// compare mends the line if it does not stand where the engine does. What is
// still on its way from there is no gap, and the reading of it does no harm.
func (l *line) compare(top Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.mending && top != l.top {
		l.room.hub.stats.behind.Add(1)
		l.mending = true
		l.mend()
	}
}

// mendAgain is how long to wait before a read that failed is tried again, though
// the engine is not known to be away.
const mendAgain = time.Second

func (l *line) mendAll() {
	h := l.room.hub
	for {
		l.mu.Lock()
		since := l.top
		l.mu.Unlock()
		page, err := h.link.Read(h.ctx, l.room.Channel, Query{Since: &since, Limit: -1})
		switch {
		case err == nil && l.mended(page, false):
			return
		case err == nil:
			continue
		case h.rooms.get(l.room.Name) != l.room:
			return // nobody is there any more
		case !errors.Is(err, ErrUnavailable):
			h.opt.Logger.Warn("hub: a gap cannot be closed yet", "channel", l.room.Name, "err", err)
		}
		select {
		case <-time.After(mendAgain):
		case <-h.ctx.Done():
			return
		}
	}
}

// mended gives the members what page has, then what was parked, and reports
// whether nothing is missing now. first says that there are no members yet.
func (l *line) mended(page Page, first bool) bool {
	h := l.room.hub
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case first:
	case page.Complete:
		h.stats.mended.Add(1)
		for _, m := range page.Messages {
			l.room.tiers.fanOut(m)
		}
	default:
		h.stats.lost.Add(1)
		l.room.tiers.each(func(c *Client) { c.endNow(ErrLost) })
	}
	if !first && l.top.Epoch != "" && page.Top.Epoch != l.top.Epoch {
		h.stats.epochs.Add(1)
	}
	l.top, l.mending = page.Top, l.overran
	parked := l.parked
	l.parked, l.overran = nil, false
	for _, m := range parked {
		switch {
		case m.Epoch == l.top.Epoch && m.Offset <= l.top.Offset:
		case m.Epoch == l.top.Epoch && m.Prev == l.top.Offset:
			l.top = m.Position
			l.room.tiers.fanOut(m)
		default:
			// It and the rest are stored, so they will be read.
			l.mending = true
			return false
		}
	}
	return !l.mending
}

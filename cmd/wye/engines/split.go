// Package engines joins engines of a hub.
package engines

import (
	"context"
	"errors"
	"slices"

	"github.com/wye-org/wye/hub"
)

// A Split is an engine that keeps some namespaces apart in an engine of their own,
// which has bounds of its own: what one of them holds makes no room for the others.
type Split struct {
	Main  hub.Engine            // of all other namespaces, and how nodes ask each other
	Apart map[string]hub.Engine // by the name of the namespace
}

// Open implements [hub.Engine].
func (s Split) Open(r hub.Receiver, namespaces []hub.Namespace) (hub.Link, error) {
	main, err := s.Main.Open(r, slices.DeleteFunc(slices.Clone(namespaces), func(ns hub.Namespace) bool {
		return s.Apart[ns.Name] != nil
	}))
	if err != nil {
		return nil, err
	}
	l := &link{Link: main, apart: map[string]hub.Link{}, all: []hub.Link{main}}
	opened := map[hub.Engine]hub.Link{} // an engine may have several
	for name, engine := range s.Apart {
		if opened[engine] == nil {
			k, err := engine.Open(r, slices.DeleteFunc(slices.Clone(namespaces), func(ns hub.Namespace) bool {
				return s.Apart[ns.Name] != engine
			}))
			if err != nil {
				return nil, errors.Join(err, l.Close())
			}
			opened[engine], l.all = k, append(l.all, k)
		}
		l.apart[name] = opened[engine]
	}
	if asker, ok := main.(hub.Asker); ok {
		return asking{l, asker}, nil
	}
	return l, nil
}

// link is one node's link to all of the engines. The one that it embeds is the main
// one's.
type link struct {
	hub.Link
	apart map[string]hub.Link
	all   []hub.Link
}

// asking is a link whose nodes can ask each other.
type asking struct {
	*link
	hub.Asker
}

// of is the link for a channel.
func (l *link) of(ch hub.Channel) hub.Link {
	if apart := l.apart[ch.Namespace.Name]; apart != nil {
		return apart
	}
	return l.Link
}

func (l *link) Subscribe(ctx context.Context, ch hub.Channel) error {
	return l.of(ch).Subscribe(ctx, ch)
}

func (l *link) Unsubscribe(ch hub.Channel) { l.of(ch).Unsubscribe(ch) }

func (l *link) Publish(ctx context.Context, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
	return l.of(ch).Publish(ctx, ch, m, key)
}

func (l *link) Read(ctx context.Context, ch hub.Channel, q hub.Query) (hub.Page, error) {
	return l.of(ch).Read(ctx, ch, q)
}

func (l *link) Enter(ctx context.Context, ch hub.Channel, m hub.Member) error {
	return l.of(ch).Enter(ctx, ch, m)
}

func (l *link) Exit(ctx context.Context, ch hub.Channel, id string) error {
	return l.of(ch).Exit(ctx, ch, id)
}

func (l *link) Members(ctx context.Context, ch hub.Channel) ([]hub.Member, error) {
	return l.of(ch).Members(ctx, ch)
}

// Close closes them all.
func (l *link) Close() error {
	var errs []error
	for _, k := range l.all {
		errs = append(errs, k.Close())
	}
	return errors.Join(errs...)
}

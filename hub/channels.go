package hub

import (
	"context"
	"slices"
	"strings"
)

// ListMost is how many channels a [ChannelPage] has at the most.
const ListMost = 1000

// A ChannelQuery asks which channels have members.
type ChannelQuery struct {
	Pattern string `json:"pattern,omitempty"` // * is any run of characters, of none as well; "": all
	After   string `json:"after,omitempty"`   // those whose names come after this one
	Limit   int    `json:"limit,omitempty"`   // so many at the most; 0: [ListMost], which bounds it
}

// A ChannelPage is a part of the channels that have members, by name.
type ChannelPage struct {
	Channels []ChannelInfo `json:"channels"`
	Next     string        `json:"next,omitempty"` // the After of the next page; "": there is none
}

// ChannelInfo is a channel that has members.
type ChannelInfo struct {
	Name    string `json:"name"`
	Members int    `json:"members"`
}

// Channels lists the channels that have members, on any node, in the order of their
// names' bytes. They come and go meanwhile: one that is there from the first page to
// the last is listed once. For the error see [Hub.Disconnect].
func (h *Hub) Channels(ctx context.Context, q ChannelQuery) (ChannelPage, error) {
	if len(q.Pattern) > 2*MaxName || len(q.After) > MaxName {
		return ChannelPage{}, ErrTooLong
	}
	answers, err := h.ask(ctx, question{Do: toList, List: &q})
	var pages []ChannelPage
	for _, a := range answers {
		if a.Channels != nil {
			pages = append(pages, *a.Channels)
		}
	}
	return merge(pages, q.limit()), err
}

func (q ChannelQuery) limit() int {
	if q.Limit <= 0 || q.Limit > ListMost {
		return ListMost
	}
	return q.Limit
}

// merge adds up the pages of several nodes. A page that goes on says nothing of
// what comes after it, so the whole ends where the first of these does.
func merge(pages []ChannelPage, limit int) ChannelPage {
	members := map[string]int{}
	end := "" // no name is
	for _, p := range pages {
		for _, c := range p.Channels {
			members[c.Name] += c.Members
		}
		if p.Next != "" && (end == "" || p.Next < end) {
			end = p.Next
		}
	}
	all := ChannelPage{Channels: make([]ChannelInfo, 0, len(members)), Next: end}
	for name, n := range members {
		if end == "" || name <= end {
			all.Channels = append(all.Channels, ChannelInfo{name, n})
		}
	}
	slices.SortFunc(all.Channels, byName)
	if len(all.Channels) > limit {
		all.Channels = all.Channels[:limit]
		all.Next = all.Channels[limit-1].Name
	}
	return all
}

func byName(a, b ChannelInfo) int { return strings.Compare(a.Name, b.Name) }

// listBytes bounds a page, so that it fits an answer: JSON may write a byte of a
// name with two, and what else there is of a channel is shorter than this.
const (
	listBytes   = MaxAnswer - 1<<10
	listedBytes = 48
)

// channelsHere is the page of this node.
func (h *Hub) channelsHere(q ChannelQuery) (p ChannelPage) {
	for _, r := range h.rooms.all() {
		if r.Name > q.After && matches(q.Pattern, r.Name) {
			if n := r.tiers.len(); n > 0 {
				p.Channels = append(p.Channels, ChannelInfo{r.Name, n})
			}
		}
	}
	slices.SortFunc(p.Channels, byName)
	bytes := 0
	for i, c := range p.Channels {
		bytes += 2*len(c.Name) + listedBytes
		if i == q.limit() || bytes > listBytes-2*MaxName {
			p.Channels, p.Next = p.Channels[:i], p.Channels[i-1].Name
			break
		}
	}
	return p
}

// matches reports whether name is as the pattern says. It takes time in the product
// of their lengths at the most.
func matches(pattern, name string) bool {
	if pattern == "" {
		return true
	}
	p, n := 0, 0
	star, from := -1, 0 // the last star, and where what it stands for ends
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
		case star >= 0:
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

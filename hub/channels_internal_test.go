package hub

import (
	"fmt"
	"path"
	"strings"
	"testing"
)

// FuzzMatches compares matches with path.Match, of a pattern that means the same
// there.
func FuzzMatches(f *testing.F) {
	for _, s := range [][2]string{{"", "x"}, {"*", ""}, {"a*b*c", "aXbXbXc"}, {"*a", "aab"}, {"**", "x"}, {"a*", "b"}, {"*.*", "x.y.z"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if strings.ContainsAny(pattern, `\?[`) || strings.Contains(name+pattern, "/") {
			t.Skip()
		}
		want, err := path.Match(pattern, name)
		if err != nil {
			t.Skip()
		}
		want = want || pattern == ""
		if got := matches(pattern, name); got != want {
			t.Errorf("matches(%q, %q) = %v", pattern, name, got)
		}
	})
}

// Pages of several nodes end where the first of them does: nobody knows what else
// that node has.
func TestMerge(t *testing.T) {
	page := func(next string, names ...string) (p ChannelPage) {
		for _, name := range names {
			p.Channels = append(p.Channels, ChannelInfo{name, 1})
		}
		p.Next = next
		return p
	}
	for _, tt := range []struct {
		pages []ChannelPage
		limit int
		want  string
	}{
		{nil, 9, ""},
		{[]ChannelPage{page("c", "a", "c"), page("e", "b", "d", "e"), page("", "a", "f")}, 9, "a2 b1 c1 →c"},
		{[]ChannelPage{page("e", "b", "d", "e"), page("c", "a", "c")}, 9, "a1 b1 c1 →c"},
		{[]ChannelPage{page("", "a", "c"), page("", "b", "c")}, 2, "a1 b1 →b"},
		{[]ChannelPage{page("", "a", "c"), page("", "b", "c")}, 3, "a1 b1 c2"},
	} {
		got := merge(tt.pages, tt.limit)
		var words []string
		for _, c := range got.Channels {
			words = append(words, fmt.Sprint(c.Name, c.Members))
		}
		if got.Next != "" {
			words = append(words, "→"+got.Next)
		}
		if strings.Join(words, " ") != tt.want {
			t.Errorf("%+v became %q, want %q", tt.pages, words, tt.want)
		}
	}
}

func TestAnswersFit(t *testing.T) {
	// Two bytes in JSON for each of the name's: the longest there can be.
	h, err := New(Options{Namespaces: []Namespace{{Name: "n"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for i := range 1200 {
		r := &room{Channel: Channel{Name: "n:" + strings.Repeat(`"`, MaxName-6) + string(rune('0'+i/1000)) + string(rune('0'+i/100%10)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10)), Namespace: h.namespaces["n"]}}
		r.tiers.tiers = []*tier{{seats: make([]*seat, 1)}}
		sh := h.rooms.shard(r.Name)
		sh.rooms[r.Name] = r
	}
	p := encode(h.answer(question{Do: toList}))
	if len(p) > MaxAnswer || len(p) < MaxAnswer/2 {
		t.Errorf("the answer has %d bytes, want nearly %d", len(p), MaxAnswer)
	}
}

package hub

import (
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

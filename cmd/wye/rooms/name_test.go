package rooms_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/wye-org/wye/cmd/wye/rooms"
)

func TestCleanName(t *testing.T) {
	for _, tt := range []struct{ in, want, refusal string }{
		{in: "Ada", want: "Ada"},
		{in: " \t Ada Lovelace\n", want: "Ada Lovelace"},
		{in: "<img src=x onerror=alert(1)>", want: "<img src=x onerror=alert(1)>"},
		{in: "\u05d0\u05d3\u05d4", want: "\u05d0\u05d3\u05d4"},
		{in: strings.Repeat("é", 32), want: strings.Repeat("é", 32)},
		{in: strings.Repeat("é", 33), refusal: "66 bytes long, want at most 64"},
		{in: "", refusal: "empty"},
		{in: " \u3000", refusal: "empty"},
		{in: "a\nb", refusal: "U+000A"},
		{in: "a\x00b", refusal: "U+0000"},
		{in: "a\u0085b", refusal: "U+0085"},
		{in: "a\u202egnp.exe", refusal: "U+202E"},
		{in: "a\u2028b", refusal: "U+2028"},
		{in: "\u200b\u200d", refusal: "nothing in it can be seen"},
		{in: "\xff", refusal: "UTF-8"},
	} {
		got, err := rooms.CleanName("name", tt.in)
		var bad *rooms.NameError
		switch {
		case tt.refusal == "" && (err != nil || got != tt.want):
			t.Errorf("%q: %q, %v; want %q", tt.in, got, err, tt.want)
		case tt.refusal != "" && (!errors.As(err, &bad) || !strings.Contains(bad.Reason, tt.refusal)):
			t.Errorf("%q: %q, %v; want a refusal about %s", tt.in, got, err, tt.refusal)
		}
	}
}

// A name that was found good fits, can be shown, and is good as it is.
func FuzzCleanName(f *testing.F) {
	for _, seed := range []string{"Ada", " x ", "\u202e", "\xff", strings.Repeat("a", 65), "\u200b", "\u3000a\u3000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		name, err := rooms.CleanName("name", in)
		if err != nil {
			if name != "" {
				t.Errorf("%q was refused and returned", name)
			}
			return
		}
		if len(name) < 1 || len(name) > rooms.MaxName || !utf8.ValidString(name) || strings.ContainsFunc(name, rooms.Unshowable) {
			t.Errorf("%q became the name %q", in, name)
		}
		if again, err := rooms.CleanName("name", name); err != nil || again != name {
			t.Errorf("the name %q became %q, %v", name, again, err)
		}
	})
}

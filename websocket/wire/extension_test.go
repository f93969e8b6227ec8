package wire

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseExtensions(t *testing.T) {
	type p = Param
	for _, c := range []struct {
		name  string
		lines []string
		want  []Extension
	}{
		{"9.1 no field", nil, nil},
		{"9.1 a name", []string{"foo"}, []Extension{{"foo", nil}}},
		{"9.1 a list", []string{"foo, bar"}, []Extension{{"foo", nil}, {"bar", nil}}},
		{"9.1 over several lines, in their order", []string{"foo", "bar, baz"}, []Extension{{"foo", nil}, {"bar", nil}, {"baz", nil}}},
		{"9.1 a parameter", []string{"foo; a"}, []Extension{{"foo", []p{{"a", ""}}}}},
		{"9.1 parameters with values", []string{"foo; a=1; b=x-y"}, []Extension{{"foo", []p{{"a", "1"}, {"b", "x-y"}}}}},
		{"9.1 the RFC's example", []string{"bar; baz=2", "foo"}, []Extension{{"bar", []p{{"baz", "2"}}}, {"foo", nil}}},
		{"9.1 a quoted value", []string{`foo; a="10"`}, []Extension{{"foo", []p{{"a", "10"}}}}},
		{"9.1 a quoted value with backslashes", []string{`foo; a="\1\0"`}, []Extension{{"foo", []p{{"a", "10"}}}}},
		{"9.1 the same parameter twice is for the extension to judge", []string{"foo; a; a=1"}, []Extension{{"foo", []p{{"a", ""}, {"a", "1"}}}}},
		{"9.1 the same extension twice", []string{"foo; a, foo"}, []Extension{{"foo", []p{{"a", ""}}}, {"foo", nil}}},
		{"9.1 white space around every delimiter", []string{" \tfoo \t;\ta = 1 ;b ,\tbar "}, []Extension{{"foo", []p{{"a", "1"}, {"b", ""}}}, {"bar", nil}}},
		{"9.1 no white space", []string{`foo;a=1;b="2",bar`}, []Extension{{"foo", []p{{"a", "1"}, {"b", "2"}}}, {"bar", nil}}},
		{"9.1 null elements", []string{", ,foo,, bar,", "", " "}, []Extension{{"foo", nil}, {"bar", nil}}},
		{"9.1 every character of a token", []string{"!#$%&'*+-.^_`|~09azAZ"}, []Extension{{"!#$%&'*+-.^_`|~09azAZ", nil}}},
		{"9.1 the longest field", []string{strings.Repeat("f", maxExtensions)}, []Extension{{strings.Repeat("f", maxExtensions), nil}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseExtensions(c.lines)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// "…the recipient of such malformed data MUST immediately _Fail the WebSocket
// Connection_." RFC 6455 §9.1.
func TestMalformedExtensions(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  error
	}{
		{"9.1 an empty line", []string{""}, errExtNone},
		{"9.1 nothing but null elements", []string{", ,", " "}, errExtNone},
		{"9.1 a parameter without an extension", []string{"; a"}, errExtToken},
		{"9.1 a parameter without a name", []string{"foo; =1"}, errExtToken},
		{"9.1 a semicolon at the end", []string{"foo;"}, errExtToken},
		{"9.1 two semicolons", []string{"foo;; a"}, errExtToken},
		{"9.1 no value after =", []string{"foo; a="}, errExtValue},
		{"9.1 no value before the next parameter", []string{"foo; a=; b"}, errExtValue},
		{"9.1 an extension with a value", []string{"foo=1"}, errExtFollow},
		{"9.1 two values", []string{"foo; a=1 2"}, errExtFollow},
		{"9.1 two names", []string{"foo bar"}, errExtFollow},
		{"9.1 no comma after a quoted value", []string{`foo; a="1"b`}, errExtFollow},
		{"9.1 an empty quoted value", []string{`foo; a=""`}, errExtValue},
		{"9.1 a quoted value that is no token", []string{`foo; a="x y"`}, errExtValue},
		{"9.1 an escaped character that is none of a token", []string{`foo; a="x\"y"`}, errExtValue},
		{"9.1 quotes that do not end", []string{`foo; a="x`}, errExtQuote},
		{"9.1 quotes that end on the next line", []string{`foo; a="x`, `y"`}, errExtQuote},
		{"9.1 a backslash at the end", []string{`foo; a="x\`}, errExtQuote},
		{"9.1 an offer inside quotes", []string{`foo; a="x, permessage-deflate"`}, errExtValue},
		{"9.1 a name in quotes", []string{`"foo"`}, errExtToken},
		{"9.1 a control character", []string{"foo\x00"}, errExtFollow},
		{"9.1 a line end", []string{"foo\r\nbar"}, errExtFollow},
		{"9.1 a byte over 127", []string{"fo\xc3\xb6"}, errExtFollow},
		{"9.1 the fault is on the second line", []string{"foo", "bar;"}, errExtToken},
		{"too long", []string{strings.Repeat("f", maxExtensions+1)}, errExtLong},
		{"too long over several lines", []string{strings.Repeat("f", maxExtensions), "g"}, errExtLong},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := ParseExtensions(c.lines); err != c.want || got != nil {
				t.Errorf("got %q, %v; want %v", got, err, c.want)
			}
			// A server that wants no extension fails all the same.
			if a, answer, err := new(Deflate).Accept(c.lines); err != c.want || a.InUse || answer != "" {
				t.Errorf("a server accepts %q: %v", answer, err)
			}
			if a, err := new(Deflate).Confirm("", c.lines); err != c.want || a.InUse {
				t.Errorf("a client goes on: %v", err)
			}
		})
	}
}

// CVE-2021-32640: a field made to take its parser quadratic or longer time.
// Here the worst of them take no longer than their length does.
func TestExtensionAbuse(t *testing.T) {
	server := &Deflate{Enabled: true}
	for name, unit := range map[string]string{
		"white space": " ", "white space in parts": "a ", "commas": ",", "quotes": `a;b="`, "backslashes": `\`,
		"escapes": `a;b="\`, "names": "a,", "parameters": "a;", "values": "a=1;", "offers": deflateName + ",",
		"parameters of the extension": "; " + serverReset, "unknown parameters": ";x",
	} {
		for _, head := range []string{"", deflateName, deflateName + `; a="`, deflateName + "; " + clientBitsName + "="} {
			line := head + strings.Repeat(unit, maxExtensions/len(unit)+1)
			lines := []string{line[:maxExtensions]}
			least := time.Hour // of several, as others may use the machine
			for range 20 {
				began := time.Now()
				server.Accept(lines)
				server.Confirm(deflateName, lines)
				least = min(least, time.Since(began))
			}
			if least > 20*time.Millisecond {
				t.Errorf("%s after %q: %v", name, head, least)
			}
			list, _ := ParseExtensions(lines)
			for _, e := range list {
				readParams(e, true)
				if len(e.Params) > maxExtensions/2 {
					t.Errorf("%d parameters", len(e.Params))
				}
			}
		}
	}
	if n := testing.AllocsPerRun(10, func() { ParseExtensions([]string{strings.Repeat(",", maxExtensions)}) }); n > 5 {
		t.Errorf("%v allocations for nothing", n)
	}
}

// FuzzExtensions: what was parsed means the same once written down again, and
// whatever is in a field, both ends agree or fail.
func FuzzExtensions(f *testing.F) {
	f.Add("foo; a=1, bar", `baz; b="\1"`)
	f.Add(deflateName+"; "+clientBitsName, deflateName+"; "+serverBitsName+"=10; "+clientReset)
	f.Add(deflateName+"; "+serverBitsName+"=08", `a;b="`)
	f.Add(`foo; a="x, permessage-deflate"`, " ,\t")
	f.Fuzz(func(t *testing.T, first, second string) {
		lines := []string{first, second}
		list, err := ParseExtensions(lines)
		if (err == nil) != (len(list) > 0) {
			t.Fatalf("%q and %v", list, err)
		}
		var again []string
		for _, e := range list {
			if e.Name == "" {
				t.Fatal("an extension without a name")
			}
			again = append(again, e.String())
		}
		if got, err := ParseExtensions([]string{strings.Join(again, ",")}); len(list) > 0 && len(strings.Join(again, ",")) <= maxExtensions && (err != nil || !reflect.DeepEqual(got, list)) {
			t.Fatalf("%q, then %q, %v", list, got, err)
		}
		server := &Deflate{Enabled: true, ClientMaxWindowBits: 9, Budget: NewBudget(1 << 20)}
		a, answer, err2 := server.Accept(lines)
		if (err2 == nil) != (err == nil) || a.InUse != (answer != "") {
			t.Fatalf("%v, then %v; %q", err, err2, answer)
		}
		if a.InUse { // then a client that had offered so takes the answer
			client := &Deflate{Enabled: true, Budget: NewBudget(1 << 20)}
			b, err := client.Confirm(strings.Join(lines, ","), []string{answer})
			if err != nil || b.ServerBits != a.ServerBits || b.ClientBits != a.ClientBits || b.ServerNoTakeover != a.ServerNoTakeover || b.ClientNoTakeover != a.ClientNoTakeover {
				t.Fatalf("%q was answered with %q: %v\n%+v\n%+v", lines, answer, err, a, b)
			}
			b.Release()
			a.Release()
			if server.Budget.Used() != 0 || client.Budget.Used() != 0 {
				t.Fatal("something stays reserved")
			}
		}
		if c, err := server.Confirm(first, []string{second}); err == nil {
			if c.InUse && !strings.Contains(first, deflateName) {
				t.Fatalf("%q was not offered by %q", second, first)
			}
			c.Release()
		}
	})
}

package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// on is a Deflate that is used, with room for itself alone.
func on(set func(d *Deflate)) *Deflate {
	d := &Deflate{Enabled: true, Budget: NewBudget(1 << 20)}
	if set != nil {
		set(d)
	}
	return d
}

// short makes the names of these tests readable: s_reset, c_bits=9.
var short = strings.NewReplacer("pmd", deflateName, "s_reset", serverReset, "c_reset", clientReset, "s_bits", serverBitsName, "c_bits", clientBitsName)

// words is what was agreed.
func (a Agreed) words() string {
	if !a.InUse {
		return "no"
	}
	s := fmt.Sprintf("server %d", a.ServerBits)
	if a.ServerNoTakeover {
		s += " anew"
	}
	s += fmt.Sprintf(", client %d", a.ClientBits)
	if a.ClientNoTakeover {
		s += " anew"
	}
	return s
}

// TestAccept: what a server answers to an offer, and what follows.
func TestAccept(t *testing.T) {
	plain := on(nil)
	anew := on(func(d *Deflate) { d.ServerNoTakeover, d.ClientNoTakeover = true, true })
	small := on(func(d *Deflate) { d.ServerMaxWindowBits, d.ClientMaxWindowBits = 9, 10 })
	for _, c := range []struct {
		name   string
		server *Deflate
		offer  string // lines, one a |
		answer string
		agreed string
	}{
		{"5 not offered", plain, "x-other", "", "no"},
		{"5 off", &Deflate{}, "pmd", "", "no"},
		{"5.1 accepted", plain, "pmd", "pmd", "server 15, client 15"},
		{"5.1 among others", plain, "x-other; a=b, pmd", "pmd", "server 15, client 15"},
		{"5.1 on a second line", plain, "x-other; a=b|pmd", "pmd", "server 15, client 15"},
		{"5.1 the first of several", plain, "pmd; s_bits=10, pmd", "pmd; s_bits=10", "server 10, client 15"},
		{"5.1 the first of several lines", plain, "pmd; s_reset|pmd", "pmd; s_reset", "server 15 anew, client 15"},
		{"5.1 the first that is valid", plain, "pmd; s_bits=99, pmd; c_reset", "pmd; c_reset", "server 15, client 15 anew"},
		{"5.1 a name that only begins so", plain, "pmd-x", "", "no"},
		{"5.1 a name in other letters", plain, "Permessage-Deflate", "", "no"},
		{"5.1 a parameter's name in other letters", plain, "pmd; Server_No_Context_Takeover", "", "no"},
		{"9.1 a quoted value", plain, `pmd; s_bits="10"`, "pmd; s_bits=10", "server 10, client 15"},

		{"7.1 an unknown parameter", plain, "pmd; x", "", "no"},
		{"7.1 an unknown parameter beside known ones", plain, "pmd; s_reset; x=1", "", "no"},
		{"7.1 s_reset twice", plain, "pmd; s_reset; s_reset", "", "no"},
		{"7.1 c_reset twice", plain, "pmd; c_reset; c_reset", "", "no"},
		{"7.1 s_bits twice", plain, "pmd; s_bits=10; s_bits=12", "", "no"},
		{"7.1 s_bits twice, the same", plain, "pmd; s_bits=10; s_bits=10", "", "no"},
		{"7.1 c_bits twice", plain, "pmd; c_bits; c_bits=12", "", "no"},
		{"7.1 the last of all twice", plain, "pmd; s_reset; c_reset; s_bits=9; c_bits; s_reset", "", "no"},
		{"7.1 the last but one twice", plain, "pmd; s_reset; c_reset; s_bits=9; c_bits; c_bits", "", "no"},
		{"7.1.1.1 s_reset with a value", plain, "pmd; s_reset=1", "", "no"},
		{"7.1.1.2 c_reset with a value", plain, "pmd; c_reset=true", "", "no"},
		{"7.1.2.1 s_bits without a value", plain, "pmd; s_bits", "", "no"},
		{"7.1.2.1 s_bits of 7", plain, "pmd; s_bits=7", "", "no"},
		{"7.1.2.1 s_bits of 16", plain, "pmd; s_bits=16", "", "no"},
		{"7.1.2.1 s_bits with a leading zero", plain, "pmd; s_bits=08", "", "no"},
		{"7.1.2.1 s_bits that is no number", plain, "pmd; s_bits=abc", "", "no"},
		{"7.1.2.1 s_bits with a sign", plain, "pmd; s_bits=+10", "", "no"},
		{"7.1.2.1 s_bits with digits after", plain, "pmd; s_bits=10.0", "", "no"},
		{"7.1.2.2 c_bits of 7", plain, "pmd; c_bits=7", "", "no"},
		{"7.1.2.2 c_bits of 16", plain, "pmd; c_bits=16", "", "no"},
		{"7.1.2.2 c_bits with a leading zero", plain, "pmd; c_bits=015", "", "no"},
		{"7.1.2.2 c_bits of 150", plain, "pmd; c_bits=150", "", "no"},

		{"7.1.1.1 s_reset asked for is answered", plain, "pmd; s_reset", "pmd; s_reset", "server 15 anew, client 15"},
		{"7.1.1.1 s_reset may be said unasked", anew, "pmd", "pmd; s_reset; c_reset", "server 15 anew, client 15 anew"},
		{"7.1.1.2 c_reset is a hint that is taken", plain, "pmd; c_reset", "pmd; c_reset", "server 15, client 15 anew"},
		{"7.1.2.1 s_bits asked for is answered", plain, "pmd; s_bits=8", "pmd; s_bits=8", "server 8, client 15"},
		{"7.1.2.1 s_bits may be less than asked for", small, "pmd; s_bits=15", "pmd; c_reset; s_bits=9", "server 9, client 15 anew"},
		{"7.1.2.1 s_bits is never more than asked for", small, "pmd; s_bits=8; c_bits", "pmd; s_bits=8; c_bits=10", "server 8, client 10"},
		{"7.1.2.1 less than 15 without being asked is not said", small, "pmd; c_bits", "pmd; c_bits=10", "server 15, client 10"},
		{"7.1.2.2 c_bits without a value bounds nothing", plain, "pmd; c_bits", "pmd", "server 15, client 15"},
		{"7.1.2.2 the hint of c_bits is taken", plain, "pmd; c_bits=11", "pmd; c_bits=11", "server 15, client 11"},
		{"7.1.2.2 c_bits of 15", plain, "pmd; c_bits=15", "pmd; c_bits=15", "server 15, client 15"},
		{"7.1.2.2 c_bits is never more than the hint", small, "pmd; c_bits=9", "pmd; c_bits=9", "server 15, client 9"},
		{"7.1.2.2 c_bits may be less than the hint", small, "pmd; c_bits=12", "pmd; c_bits=10", "server 15, client 10"},
		{"7.1.2.2 c_bits is not answered unless offered", small, "pmd", "pmd; c_reset", "server 15, client 15 anew"},
		{"7.1 all of it", plain, "pmd; s_reset; c_reset; s_bits=12; c_bits=11", "pmd; s_reset; c_reset; s_bits=12; c_bits=11", "server 12 anew, client 11 anew"},
		{"7.1 in another order", plain, "pmd; c_bits; s_bits=9; c_reset; s_reset", "pmd; s_reset; c_reset; s_bits=9", "server 9 anew, client 15 anew"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := strings.Split(short.Replace(c.offer), "|")
			a, answer, err := c.server.Accept(lines)
			if err != nil || answer != short.Replace(c.answer) || a.words() != c.agreed {
				t.Errorf("answered %q, agreed %s, %v; want %q, %s", answer, a.words(), err, c.answer, c.agreed)
			}
			a.Release()
		})
	}
}

func TestOffer(t *testing.T) {
	for _, c := range []struct {
		name, want string
		set        func(d *Deflate)
	}{
		{"5 off", "", func(d *Deflate) { d.Enabled = false }},
		{"7.1 the default", "pmd; c_bits", nil},
		{"7.1.1.1 s_reset", "pmd; s_reset; c_bits", func(d *Deflate) { d.ServerNoTakeover = true }},
		{"7.1.1.2 c_reset", "pmd; c_reset; c_bits", func(d *Deflate) { d.ClientNoTakeover = true }},
		{"7.1.2.1 s_bits", "pmd; s_bits=8; c_bits", func(d *Deflate) { d.ServerMaxWindowBits = 8 }},
		{"7.1.2.1 s_bits of 15 bound nothing", "pmd; c_bits", func(d *Deflate) { d.ServerMaxWindowBits = 15 }},
		{"7.1.2.2 c_bits", "pmd; c_bits=9", func(d *Deflate) { d.ClientMaxWindowBits = 9 }},
		{"7.1.2 what is out of bounds is made to fit", "pmd; s_bits=8; c_bits", func(d *Deflate) { d.ServerMaxWindowBits, d.ClientMaxWindowBits = -3, 99 }},
		{"no room for windows", "pmd; s_reset; c_reset; c_bits", func(d *Deflate) { d.Budget = NewBudget(1000) }},
		{"no room for large windows", "pmd; s_bits=8; c_bits=8", func(d *Deflate) { d.Budget, d.ServerMaxWindowBits, d.ClientMaxWindowBits = NewBudget(3000), 8, 8 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := on(c.set).Offer(); got != short.Replace(c.want) {
				t.Errorf("offers %q, want %q", got, short.Replace(c.want))
			}
		})
	}
}

// TestConfirm: what a client makes of an answer to its offer.
func TestConfirm(t *testing.T) {
	const notOffered = "was not offered"
	for _, c := range []struct{ name, offer, answer, want string }{
		{"5 no answer", "pmd", "-", "no"},
		{"5.1 accepted", "pmd; c_bits", "pmd", "server 15, client 15"},
		{"5.1 not offered at all", "", "pmd", notOffered},
		{"4.1 another extension", "pmd", "x-other", notOffered},
		{"4.1 another extension beside", "pmd", "pmd, x-other", notOffered},
		{"9.1 twice", "pmd", "pmd, pmd", notOffered},
		{"9.1 twice on two lines", "pmd", "pmd|pmd", notOffered},
		{"7.1 an unknown parameter", "pmd; c_bits", "pmd; x", "no such parameter"},
		{"7.1 s_reset twice", "pmd", "pmd; s_reset; s_reset", "stands twice"},
		{"7.1 s_bits twice", "pmd", "pmd; s_bits=9; s_bits=9", "stands twice"},
		{"7.1.1.1 s_reset with a value", "pmd", "pmd; s_reset=1", "has no value"},
		{"7.1.1.2 c_reset with a value", "pmd", "pmd; c_reset=0", "has no value"},
		{"7.1.2.1 s_bits without a value", "pmd", "pmd; s_bits", "from 8 to 15"},
		{"7.1.2.1 s_bits of 7", "pmd", "pmd; s_bits=7", "from 8 to 15"},
		{"7.1.2.1 s_bits of 16", "pmd", "pmd; s_bits=16", "from 8 to 15"},
		{"7.1.2.1 s_bits with a leading zero", "pmd", "pmd; s_bits=09", "from 8 to 15"},
		{"7.1.2.2 c_bits without a value", "pmd; c_bits", "pmd; c_bits", "from 8 to 15"},
		{"7.1.2.2 c_bits of 7", "pmd; c_bits", "pmd; c_bits=7", "from 8 to 15"},

		{"7.1.1.1 s_reset missing", "pmd; s_reset", "pmd", "missing"},
		{"7.1.1.1 s_reset kept", "pmd; s_reset", "pmd; s_reset", "server 15 anew, client 15"},
		{"7.1.1.1 s_reset unasked", "pmd", "pmd; s_reset", "server 15 anew, client 15"},
		{"7.1.1.2 c_reset unasked", "pmd", "pmd; c_reset", "server 15, client 15 anew"},
		{"7.1.1.2 c_reset not taken up", "pmd; c_reset", "pmd", "server 15, client 15"},
		{"7.1.2.1 s_bits missing", "pmd; s_bits=10", "pmd", "missing"},
		{"7.1.2.1 s_bits more than asked for", "pmd; s_bits=10", "pmd; s_bits=11", "more in the answer"},
		{"7.1.2.1 s_bits less than asked for", "pmd; s_bits=10", "pmd; s_bits=8", "server 8, client 15"},
		{"7.1.2.1 s_bits unasked", "pmd", "pmd; s_bits=10", "server 10, client 15"},
		{"7.1.2.2 c_bits not offered", "pmd", "pmd; c_bits=10", notOffered},
		{"7.1.2.2 c_bits as offered", "pmd; c_bits", "pmd; c_bits=8", "server 15, client 8"},
		{"7.1.2.2 c_bits more than the hint", "pmd; c_bits=10", "pmd; c_bits=11", "more in the answer"},
		{"7.1.2.2 c_bits less than the hint", "pmd; c_bits=10", "pmd; c_bits=9", "server 15, client 9"},
		{"7.1.2.2 the hint of c_bits not taken up", "pmd; c_bits=10", "pmd", "server 15, client 15"},
		{"5.1 the second of two offers", "pmd; s_bits=8, pmd", "pmd", "server 15, client 15"},
		{"5.1 none of two offers", "pmd; s_reset, pmd; s_bits=9", "pmd", "missing"},
		{"7.1 of a wrong offer", "pmd; s_bits=99", "pmd; s_bits=9", notOffered},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := on(nil)
			lines := strings.Split(short.Replace(c.answer), "|")
			if c.answer == "-" {
				lines = nil
			}
			a, err := d.Confirm(short.Replace(c.offer), lines)
			got := a.words()
			if err != nil {
				got = err.Error()
				if param := new(ParamError); err != ErrNotOffered && !errors.As(err, &param) {
					t.Errorf("%T", err)
				}
				if a.InUse || d.Budget.Used() != 0 {
					t.Error("refused, and in use")
				}
				if !strings.HasPrefix(got, "websocket: ") || len(got) > 200 {
					t.Error(got)
				}
			}
			if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
				t.Errorf("%s, want %s", got, c.want)
			}
			a.Release()
		})
	}
}

// A client that hinted at less than it was allowed keeps to its hint: "…even if
// the server doesn't include" the parameter, "the client is not going to use"
// more. RFC 7692 §7.1.1.2 and §7.1.2.2.
func TestClientKeepsToItsHints(t *testing.T) {
	d := on(func(d *Deflate) { d.ClientNoTakeover, d.ClientMaxWindowBits = true, 9 })
	a, err := d.Confirm(d.Offer(), []string{deflateName})
	if err != nil || a.ClientNoTakeover || a.ClientBits != 15 {
		t.Fatalf("%+v, %v", a, err)
	}
	out := NewSender(aClient())
	out.Agree(a)
	if z := out.deflation; z.bits != 9 || z.takeover {
		t.Errorf("sends with %d bits, takeover %v", z.bits, z.takeover)
	}
}

// Past the budget nobody takes over; what a connection had comes back once.
func TestBudgetIsKept(t *testing.T) {
	windows := windowCost(keepBits) + windowCost(15)
	server := on(func(d *Deflate) { d.Budget = NewBudget(2*windows + 100) })
	var all []Agreed
	for i, want := range []string{"pmd", "pmd", "pmd; s_reset; c_reset", "pmd; s_reset; c_reset"} {
		a, answer, _ := server.Accept([]string{deflateName})
		if answer != short.Replace(want) {
			t.Errorf("connection %d: %q", i, answer)
		}
		all = append(all, a)
	}
	if got := server.Budget.Used(); got != 2*windows {
		t.Errorf("%d bytes reserved, want %d", got, 2*windows)
	}
	copied := all[0]
	for range 3 {
		copied.Release()
		all[0].Release()
		all[3].Release() // had nothing
	}
	if got := server.Budget.Used(); got != windows {
		t.Errorf("%d bytes reserved, want %d", got, windows)
	}
	if _, answer, _ := server.Accept([]string{deflateName}); answer != deflateName {
		t.Errorf("there is room again, and %q", answer)
	}

	// One window alone costs one window alone.
	for _, c := range []struct {
		offer string
		want  int64
	}{
		{"pmd; s_reset", windowCost(15)}, {"pmd; c_reset", windowCost(12)}, {"pmd; s_reset; c_reset", 0},
		{"pmd; s_bits=8; c_bits=9", windowCost(8) + windowCost(9)},
	} {
		d := on(nil)
		if d.Accept([]string{short.Replace(c.offer)}); d.Budget.Used() != c.want {
			t.Errorf("%s: %d bytes reserved, want %d", c.offer, d.Budget.Used(), c.want)
		}
	}
}

// A client whose budget is used up asks for no takeover; if it is used up only
// after the offer, it does not take over, but has to keep the server's window.
func TestClientsBudget(t *testing.T) {
	d := on(func(d *Deflate) { d.Budget = NewBudget(2 * windowCost(15)) })
	first, err := d.Confirm(d.Offer(), []string{deflateName})
	if err != nil || d.Budget.Used() != 2*windowCost(15) {
		t.Fatal(err, d.Budget.Used())
	}
	late, err := d.Confirm(short.Replace("pmd; c_bits"), []string{deflateName})
	if err != nil || !late.sendNoTakeover || late.ServerNoTakeover || d.Budget.Used() != 3*windowCost(15) {
		t.Errorf("%+v, %v, %d", late, err, d.Budget.Used())
	}
	if got, want := d.Offer(), short.Replace("pmd; s_reset; c_reset; c_bits"); got != want {
		t.Errorf("offers %q", got)
	}
	first.Release()
	late.Release()
	if d.Budget.Used() != 0 {
		t.Errorf("%d bytes stay reserved", d.Budget.Used())
	}
}

// What was agreed on is written as the answer that agreed on it.
func TestAgreedString(t *testing.T) {
	for _, answer := range []string{
		"permessage-deflate",
		"permessage-deflate; server_no_context_takeover",
		"permessage-deflate; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=8",
	} {
		d := &Deflate{Enabled: true}
		agreed, err := d.Confirm("permessage-deflate; client_max_window_bits", []string{answer})
		if got := agreed.String(); err != nil || got != answer {
			t.Errorf("%s is agreed on as %q, %v", answer, got, err)
		}
		agreed.Release()
	}
	if got := (Agreed{}).String(); got != "" {
		t.Errorf("nothing is agreed on as %q", got)
	}
}

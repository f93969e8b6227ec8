package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// plays joins the session that the page watches, and waits for a place in it.
func (p *tab) plays(name string) {
	p.t.Helper()
	p.until(`game.tick > 0 && !document.querySelector("#play").disabled`)
	p.do(chromedp.SetValue(chromedp.CSS("#name"), name), chromedp.Click(chromedp.CSS("#play")))
	p.until(`game.slot > 0 && document.querySelector("#entrance").hidden`)
}

// call calls a method of the browser's for the tab.
func call[P, R any](p *tab, method cdp.Command[P, R], params P) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, method, params)
		return err
	}))
}

// front shows the tab: one that nobody sees gets no pictures to draw, and sends
// no inputs.
func (p *tab) front() {
	p.t.Helper()
	call(p, page.BringToFront, cdp.Empty{})
}

// holds presses keys, and lets them go when until is so.
func (p *tab) holds(until string, codes ...string) {
	p.t.Helper()
	for _, code := range codes {
		call(p, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeRawKeyDown, Code: code})
	}
	p.until(until)
	for _, code := range codes {
		call(p, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyUp, Code: code})
	}
}

// touches moves a finger from one point to another, and holds it there. With no
// points it is lifted.
func (p *tab) touches(points ...[2]float64) {
	p.t.Helper()
	typ := input.DispatchTouchEventTypeTouchStart
	for _, at := range points {
		call(p, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: typ, TouchPoints: []*input.TouchPoint{{X: at[0], Y: at[1]}}})
		typ = input.DispatchTouchEventTypeTouchMove
	}
	if len(points) == 0 {
		call(p, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: input.DispatchTouchEventTypeTouchEnd, TouchPoints: []*input.TouchPoint{}})
	}
}

// middleOf is where an element is.
func (p *tab) middleOf(selector string) [2]float64 {
	p.t.Helper()
	return [2]float64(eval[[]float64](p, `(() => { const r = document.querySelector("`+selector+`").getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()`))
}

// worlds are what a page knows of the last ticks: the whole state of each.
func (p *tab) worlds() map[string]string {
	p.t.Helper()
	text := eval[string](p, `(() => {
		const all = {};
		for (let tick = game.tick; game.at(tick); tick--) all[tick] = JSON.stringify({ ...game.at(tick), tiles: [...game.at(tick).tiles].join("") });
		return JSON.stringify(all);
	})()`)
	var all map[string]string
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		p.t.Fatal(err)
	}
	return all
}

// seeTheSame says that two pages have had the same state at each tick that both
// know of. It waits until these are some: a page that has just come back knows
// of one.
func seeTheSame(t *testing.T, a, b *tab) {
	t.Helper()
	for began := time.Now(); time.Since(began) < browserPatience; {
		same := 0
		ours, theirs := a.worlds(), b.worlds()
		for tick, world := range ours {
			other, both := theirs[tick]
			if !both {
				continue
			}
			if world != other {
				t.Fatalf("at tick %s %s has\n%s\nand %s\n%s", tick, a.name, world, b.name, other)
			}
			same++
		}
		if same > 5 {
			return
		}
	}
	t.Fatalf("%s and %s know of too few ticks that both have seen", a.name, b.name)
}

// What the game page shows, as JavaScript.
const (
	players = `[...document.querySelectorAll("#scores li")].filter((e) => e.querySelector(".note").textContent !== "bot").map((e) => e.querySelector("bdi").textContent).sort()`
	me      = `game.at(game.tick).players[game.slot - 1].body`
)

func TestGameInChromium(t *testing.T) {
	server := start(t, "--drain", "0s")
	page := server.url + "/game.html"
	b := newBrowser(t)

	// The session is there to be watched before one has a name.
	ada := b.open("Ada", page)
	ada.until(`game.tick > 0 && document.querySelectorAll("#scores li").length === 4`)
	ada.untilEqual(players, []string{})
	ada.picture("game-watch", look{width: 1200, height: 800})
	ada.plays("Ada")
	ada.untilEqual(players, []string{"Ada"})
	if focus := eval[string](ada, `document.activeElement.id`); focus != "arena" {
		t.Errorf("the focus is on %q, want the arena: the keys are for it", focus)
	}

	bob := b.open("Bob", page)
	bob.plays("<b>Bob</b>")
	for _, p := range []*tab{ada, bob} {
		p.untilEqual(players, []string{"<b>Bob</b>", "Ada"})
	}
	seeTheSame(t, ada, bob)

	// Keys move the body, here at once and for the other soon.
	ada.front()
	for _, tt := range []struct{ code, until string }{
		{"ArrowRight", me + `.face === 1`}, {"KeyS", me + `.face === 9`}, {"KeyA", me + `.face === 17`}, {"ArrowUp", me + `.face === 25`},
	} {
		ada.holds(tt.until, tt.code)
	}
	ada.holds(me+`.face === 21 && `+me+`.cool > 0`, "ArrowLeft", "ArrowUp", "Space")
	mine := eval[int](ada, `game.slot - 1`)
	ada.holds(me+`.face === 1`, "ArrowRight")
	bob.until(`game.at(game.tick).players[` + jsonOf(mine) + `].body.face === 1`)
	seeTheSame(t, ada, bob)

	// Who comes late sees all of it.
	grace := b.open("Grace", page+"?session=lobby")
	grace.until(`game.tick > 0`)
	seeTheSame(t, grace, ada)
	grace.plays("Grace")
	for _, p := range []*tab{ada, bob, grace} {
		p.untilEqual(players, []string{"<b>Bob</b>", "Ada", "Grace"})
		if n := eval[int](p, `document.querySelectorAll("main b, main script").length`); n != 0 {
			t.Errorf("%s: a name became %d elements", p.name, n)
		}
	}
	seeTheSame(t, ada, grace)
	for _, p := range []*tab{grace, bob, ada} {
		p.front()
		for _, code := range []string{"ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"} {
			p.holds(`game.tick > `+jsonOf(eval[int](p, `game.tick`)+12), code, "Space")
		}
	}
	ada.picture("game", look{width: 1200, height: 800})
	ada.picture("game-dark", look{width: 1200, height: 800, dark: true})
	ada.picture("game-phone", look{width: 390, height: 844, phone: true})
	grace.close()
	ada.untilEqual(players, []string{"<b>Bob</b>", "Ada"})

	// The server goes, and another one takes its place.
	server.stop()
	if code := <-server.exit; code != exitOK {
		t.Errorf("the server's exit code is %d", code)
	}
	for _, p := range []*tab{ada, bob} {
		p.until(`!document.querySelector("#outage").hidden && document.querySelector("#outage-why").textContent !== ""`)
	}
	start(t, "--drain", "0s", "--listen", server.addr)
	for _, p := range []*tab{ada, bob} {
		p.until(`game.slot > 0 && document.querySelector("#outage").hidden && document.querySelector("#entrance").hidden`)
		p.untilEqual(players, []string{"<b>Bob</b>", "Ada"})
	}
	seeTheSame(t, ada, bob)
	ada.front()
	ada.holds(me+`.face === 1`, "ArrowRight")

	// Who stops playing watches.
	ada.do(chromedp.Click(chromedp.CSS("#leave")))
	ada.until(`game.slot === 0 && !document.querySelector("#entrance").hidden`)
	bob.untilEqual(players, []string{"<b>Bob</b>"})
	seeTheSame(t, ada, bob)
}

func jsonOf(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// On a phone a thumb steers and another one dashes.
func TestGameOnAPhoneInChromium(t *testing.T) {
	server := start(t, "--drain", "0s")
	p := newBrowser(t).open("phone", server.url+"/game.html?session=touch")
	p.picture("game-phone-watch", look{width: 390, height: 844, phone: true})
	p.plays("Ada")

	pad := p.middleOf("#pad")
	from := [2]float64{pad[0] - 60, pad[1]}
	for _, tt := range []struct {
		x, y  float64
		until string
	}{{40, 0, `.face === 1`}, {0, 40, `.face === 9`}, {-40, 0, `.face === 17`}, {0, -40, `.face === 25`}} {
		p.touches(from, [2]float64{from[0] + tt.x, from[1] + tt.y})
		p.until(me + tt.until)
		p.until(`!document.querySelector("#stick").hidden`)
		p.touches()
		p.until(`document.querySelector("#stick").hidden`)
	}
	p.touches(p.middleOf("#dash"))
	p.until(me + `.cool > 0`) // not at once, if a bot has just hit
	p.touches()

	// All of it is on the screen, and nothing has to be scrolled to.
	for _, l := range []look{{width: 390, height: 844, phone: true}, {width: 844, height: 390, phone: true}, {width: 360, height: 640, phone: true}} {
		p.picture("game-phone-"+jsonOf(l.width)+"-dark", look{width: l.width, height: l.height, phone: true, dark: true})
		for _, selector := range []string{"#arena", "#dash", "#clock", "#leave"} {
			inside := `(() => { const r = document.querySelector("` + selector + `").getBoundingClientRect(); return r.width > 0 && r.left >= 0 && r.top >= 0 && r.right <= innerWidth && r.bottom <= innerHeight })()`
			if !eval[bool](p, inside) {
				t.Errorf("%d by %d: %s is not on the screen", l.width, l.height, selector)
			}
		}
		if w := eval[int64](p, `document.documentElement.scrollWidth`); w > l.width {
			t.Errorf("%d by %d: the page is %d wide", l.width, l.height, w)
		}
	}
}

func TestTheGamePageShowsWhyItIsRefused(t *testing.T) {
	server := start(t, "--max-connections", "1")
	b := newBrowser(t)
	page := server.url + "/game.html"
	b.open("Ada", page).plays("Ada")

	bob := b.open("Bob", page)
	bob.until(`document.querySelector("#outage-why").textContent.startsWith("The server has all the connections that it takes, try later")`)

	eve := b.open("Eve", "http://"+start(t).addr+"/game.html?session="+strings.Repeat("%C3%A9", 40))
	eve.until(`document.querySelector("#outage-why").textContent.includes("want at most 64")`)
	eve.do(chromedp.SetValue(chromedp.CSS("#session"), "lobby"), chromedp.SetValue(chromedp.CSS("#name"), strings.Repeat("é", 40)), chromedp.Click(chromedp.CSS("#play")))
	eve.until(`document.querySelector("#join-problem").textContent.includes("want at most 64")`)
	eve.plays("Eve")
}

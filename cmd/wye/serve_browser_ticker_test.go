package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/wye-org/wye/cmd/wye/ticker"
)

// What the ticker page shows, as JavaScript.
const (
	followed = `[...document.querySelectorAll("#rows tr")].map((e) => e.dataset.symbol)`
	focused  = `document.activeElement.value || document.activeElement.id`
	tooWide  = `document.documentElement.scrollWidth > window.innerWidth`
)

// fact is one of the numbers at the top of the page.
func fact(id string) string {
	return fmt.Sprintf(`Number(document.querySelector("#%s").textContent.replaceAll(",", ""))`, id)
}

// press types keys into whatever has the focus.
func (p *tab) press(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// more waits for n more ticks.
func (p *tab) more(n int) {
	p.t.Helper()
	p.until(fmt.Sprintf("%s >= %d", fact("received"), eval[int](p, fact("received"))+n))
}

// One tab has every tick, while another that acknowledges late has the newest
// prices, and knows how many gave way to them.
func TestTickerInChromium(t *testing.T) {
	server := start(t, "--drain", "0s")
	var every []string
	for _, c := range ticker.Companies {
		every = append(every, c.Symbol)
	}
	page := server.url + "/ticker.html"
	b := newBrowser(t)
	fast, slow := b.open("fast", page+"?symbols="+strings.Join(every, ",")), b.open("slow", page)
	slow.untilEqual(followed, []string{"ACME", "DFLT", "NONC", "PONG", "QUIC", "SPLC", "UPGD", "WIRE"})
	fast.untilEqual(followed, every)
	slow.more(30)
	slow.picture("ticker", look{width: 1200, height: 800})
	slow.picture("ticker-dark", look{width: 1200, height: 800, dark: true})
	slow.picture("ticker-phone", look{width: 390, height: 844, phone: true})

	slow.do(chromedp.Click(chromedp.CSS("#slow")))
	slow.until(fact("conflated") + ` >= 40`)
	slow.picture("ticker-slow", look{width: 1200, height: 800})
	slow.picture("ticker-slow-phone-dark", look{width: 390, height: 844, phone: true, dark: true})
	fast.more(50)
	for _, p := range []*tab{fast, slow} {
		if lost := eval[int](p, fact("lost")); lost != 0 {
			t.Errorf("%s: %d ticks are missing that nobody told of", p.name, lost)
		}
	}
	if n := eval[int](fast, fact("conflated")); n != 0 {
		t.Errorf("%d ticks were conflated away for the fast tab", n)
	}

	// Back at its usual pace it misses nothing more.
	slow.do(chromedp.Click(chromedp.CSS("#slow")))
	slow.more(30)
	before := eval[int](slow, fact("conflated"))
	slow.more(30)
	if after := eval[int](slow, fact("conflated")); after != before {
		t.Errorf("%d more ticks were conflated away at the usual pace", after-before)
	}

	// The server goes, and another one takes its place.
	server.stop()
	if code := <-server.exit; code != exitOK {
		t.Errorf("the server's exit code is %d", code)
	}
	for _, p := range []*tab{fast, slow} {
		p.until(`!document.querySelector("#outage").hidden && document.querySelector("#rows").classList.contains("stale")`)
	}
	start(t, "--drain", "0s", "--listen", server.addr)
	for _, p := range []*tab{fast, slow} {
		p.until(`document.querySelector("#outage").hidden && !document.querySelector("#rows").classList.contains("stale")`)
		p.more(20)
		if lost := eval[int](p, fact("lost")); lost != 0 {
			t.Errorf("%s: %d ticks are missing after the restart", p.name, lost)
		}
	}
	fast.untilEqual(followed, every)
}

func TestTickerByKeyboardAndOnAPhone(t *testing.T) {
	server := start(t)
	b := newBrowser(t)
	p := b.open("keyboard", server.url+"/ticker.html?symbols=ACME,NONE,acme")
	p.untilEqual(followed, []string{"ACME"})

	// Not by press: DevTools types the character even if the page has taken the
	// key for itself.
	if eval[bool](p, `document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "/", bubbles: true, cancelable: true}))`) {
		t.Error("the slash is typed into what it leads to")
	}
	p.untilEqual(focused, "search")
	p.press("rail")
	p.untilEqual(`[...document.querySelectorAll("#symbols label:not([hidden]) input")].map((e) => e.value)`, []string{"HUBB"})
	p.press(kb.Enter)
	p.untilEqual(followed, []string{"ACME", "HUBB"})
	p.press(kb.ArrowDown)
	p.untilEqual(focused, "HUBB")
	p.press(" ")
	p.untilEqual(followed, []string{"ACME"})
	p.press(kb.ArrowUp)
	p.untilEqual(focused, "rail")
	p.press("way") // in place of nothing: the text is not selected any more
	p.until(`!document.querySelector("#nothing").hidden`)
	eval[bool](p, `(() => { const s = document.querySelector("#search"); s.value = ""; s.dispatchEvent(new Event("input")); return true })()`)
	p.press(kb.ArrowDown)
	p.press(kb.End)
	p.untilEqual(focused, "WIRE")
	p.press(" ")
	p.untilEqual(followed, []string{"ACME", "WIRE"})
	p.press(kb.Home)
	p.untilEqual(focused, "ACME")
	p.untilEqual(`location.search`, "?symbols=ACME,WIRE")

	// What was chosen is there again.
	p.do(chromedp.Navigate(server.url + "/ticker.html"))
	p.untilEqual(followed, []string{"ACME", "WIRE"})
	eval[bool](p, `(document.querySelector(".leave").focus(), true)`)
	p.press(kb.Enter)
	p.untilEqual(followed, []string{"WIRE"})
	p.untilEqual(`document.activeElement.getAttribute("aria-label")`, "Stop following WIRE")
	p.press(kb.Enter)
	p.until(`!document.querySelector("#empty").hidden`)
	p.untilEqual(focused, "search")

	// On a phone the list is folded away, and nothing is wider than it is.
	p.picture("ticker-phone-empty", look{width: 360, height: 740, phone: true})
	p.do(chromedp.Click(chromedp.CSS("#choose-toggle")), chromedp.Click(chromedp.CSS("#all")))
	p.until(followed + fmt.Sprintf(`.length === %d`, len(ticker.Companies)))
	p.more(20)
	p.picture("ticker-phone-choice", look{width: 360, height: 740, phone: true})
	p.do(chromedp.Click(chromedp.CSS("#slow")))
	p.until(fact("conflated") + ` > 0`)
	if eval[bool](p, tooWide) || eval[bool](p, `document.querySelector("table").offsetWidth > document.querySelector(".prices").clientWidth`) {
		t.Error("the page is wider than the phone, or the table than its place")
	}

	// Who wants no motion has none, and still sees which way a price went.
	p.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		return err
	}))
	p.until(`document.querySelector(".price[data-flash]") && [...document.querySelectorAll(".price")].every((e) => getComputedStyle(e).animationName === "none")`)
	arrows := eval[[]string](p, `[...document.querySelectorAll(".arrow")].map((e) => e.textContent)`)
	if !slices.ContainsFunc(arrows, func(s string) bool { return s == "▲" || s == "▼" }) {
		t.Errorf("the arrows are %q", arrows)
	}
}

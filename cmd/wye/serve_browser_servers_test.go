package main

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// A page on each of two servers: they share a chat, a game and a ticker. The dashboard
// says of which server it is.
func TestTwoServersInChromium(t *testing.T) {
	servers := startTwo(t)
	b := newBrowser(t)
	pages := func(path string) (here, there *tab) {
		return b.open("here", servers[0].url+path), b.open("there", servers[1].url+path)
	}

	ada, bob := pages("/chat.html")
	ada.join("Ada", "lobby")
	bob.join("Bob", "lobby")
	for _, p := range []*tab{ada, bob} {
		p.untilEqual(here, []string{"Ada", "Bob"})
	}
	ada.say("Which server are you on?")
	bob.untilEqual(texts, []string{"Which server are you on?"})
	bob.say("On the other one.")
	for _, p := range []*tab{ada, bob} {
		p.untilEqual(texts, []string{"Which server are you on?", "On the other one."})
	}
	bob.close()
	ada.untilEqual(here, []string{"Ada"})

	ada, bob = pages("/game.html")
	ada.plays("Ada")
	bob.plays("Bob")
	for _, p := range []*tab{ada, bob} {
		p.untilEqual(players, []string{"Ada", "Bob"})
	}
	seeTheSame(t, ada, bob)
	bob.front()
	bob.holds(me+`.face === 9`, "KeyS")
	theirs := eval[int](bob, `game.slot - 1`)
	ada.front()
	ada.until(`game.at(game.tick).players[` + jsonOf(theirs) + `].body.face === 9`)
	// The server goes whose world it was: the other one goes on with it.
	tick := eval[int](bob, `game.tick`)
	ada.close()
	bob.front()
	bob.until(`game.tick > ` + jsonOf(tick+30))
	bob.untilEqual(players, []string{"Bob"})

	ada, bob = pages("/ticker.html?symbols=QUIC,ACME")
	for _, p := range []*tab{ada, bob} {
		p.more(10)
		if lost := eval[int](p, fact("lost")); lost != 0 {
			t.Errorf("%s: %d ticks are missing that nobody told of", p.name, lost)
		}
	}
	// At some moment both show the same price of the same symbol.
	price := `[...document.querySelector('#rows tr[data-symbol="ACME"]').cells].slice(0, 6).map((e) => e.innerText).join(" ")`
	same := false
	for range 100 {
		if same = eval[string](ada, price) == eval[string](bob, price); same {
			break
		}
		bob.more(1)
	}
	if !same {
		t.Errorf("one page shows %q, the other %q", eval[string](ada, price), eval[string](bob, price))
	}

	ada, bob = pages("/dashboard.html")
	ada.until(`document.querySelector("h1").textContent === "Server one, live"`)
	bob.until(`document.querySelector("h1").textContent === "Server two, live"`)
	bob.do(chromedp.Navigate(servers[1].url + "/"))
	bob.until(`document.body.innerText.includes("/connection/websocket") && document.body.innerText.includes("/sse/{channel}")`)
}

package main

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// fill fills in the form of the chat page and sends it off.
func (p *tab) fill(name, room string) {
	p.t.Helper()
	p.until(`!document.querySelector("#join-button").disabled`)
	p.do(chromedp.SetValue(chromedp.CSS("#name"), name), chromedp.SetValue(chromedp.CSS("#room"), room), chromedp.Click(chromedp.CSS("#join-button")))
}

// join enters a room.
func (p *tab) join(name, room string) {
	p.t.Helper()
	p.fill(name, room)
	p.until(`!document.querySelector("#place").hidden`)
}

// say types a message and sends it by the Enter key.
func (p *tab) say(text string) {
	p.t.Helper()
	p.do(chromedp.SendKeys(chromedp.CSS("#text"), text+"\r"))
}

// What the chat page shows, as JavaScript.
const (
	texts   = `[...document.querySelectorAll("#log .message .text")].map((e) => e.textContent)`
	notices = `[...document.querySelectorAll("#log .notice")].map((e) => e.textContent)`
	here    = `[...document.querySelectorAll("#members bdi")].map((e) => e.textContent)`
)

func TestChatInChromium(t *testing.T) {
	server := start(t, "--drain", "0s")
	page := "http://" + server.addr + "/chat.html"
	b := newBrowser(t)

	ada, bob := b.open("Ada", page), b.open("Bob", page)
	ada.join("Ada", "lobby")
	bob.join("Bob", "lobby")
	ada.untilEqual(here, []string{"Ada", "Bob"})
	bob.untilEqual(here, []string{"Ada", "Bob"})

	said := []string{
		"Hello Bob. One connection, and it parts into a chat.",
		"I see you. Does somebody who joins now find this?",
		"The last fifty messages are kept for them.",
	}
	ada.say(said[0])
	bob.untilEqual(texts, said[:1])
	bob.say(said[1])
	bob.say(said[2])
	ada.untilEqual(texts, said)
	bob.untilEqual(texts, said)

	// Who comes late reads what was said.
	grace := b.open("Grace", page+"?room=lobby")
	grace.join("Grace", "lobby")
	grace.untilEqual(texts, said)
	said = append(said, "It was all here when I came. No reload, no polling.", "And if the server is replaced, the page finds its way back.")
	grace.say(said[3])
	ada.untilEqual(texts, said[:4])
	ada.say(said[4])
	for _, p := range []*tab{ada, bob, grace} {
		p.untilEqual(texts, said)
		p.untilEqual(here, []string{"Ada", "Bob", "Grace"})
	}
	ada.until(notices + `.includes("Grace joined.")`)
	ada.picture("chat", look{width: 1200, height: 800})
	ada.picture("chat-dark", look{width: 1200, height: 800, dark: true})
	bob.picture("chat-phone", look{width: 390, height: 844, phone: true})
	grace.close()
	ada.untilEqual(here, []string{"Ada", "Bob"})
	ada.until(notices + `.includes("Grace left.")`)

	// A name is a text, to everyone.
	name := "<img src=x onerror=alert(1)>"
	eve := b.open("Eve", page+"?room=lobby")
	eve.join(name, "lobby")
	said = append(said, "<script>alert(2)</script>")
	eve.say(said[5])
	for _, p := range []*tab{ada, bob, eve} {
		p.untilEqual(texts, said)
		p.untilEqual(here, []string{"Ada", "Bob", name})
		p.until(`document.querySelectorAll("#log .head bdi").length > 0`)
		if n := eval[int](p, `document.querySelectorAll("#place img, #place script").length`); n != 0 {
			t.Errorf("%s: a name or a message became %d elements", p.name, n)
		}
	}
	eve.close()
	ada.until(notices + `.includes("` + name + ` left.")`)

	// The server goes, and another one takes its place.
	server.stop()
	if code := <-server.exit; code != exitOK {
		t.Errorf("the server's exit code is %d", code)
	}
	for _, p := range []*tab{ada, bob} {
		p.until(`!document.querySelector("#outage").hidden && document.querySelector("#send").disabled`)
		p.until(`document.querySelector("#outage-why").textContent !== ""`)
	}
	bob.picture("outage-phone-dark", look{width: 390, height: 844, phone: true, dark: true})
	start(t, "--drain", "0s", "--listen", server.addr)
	for _, p := range []*tab{ada, bob} {
		p.until(notices + `.includes("You are connected again.")`)
		p.until(`document.querySelector("#outage").hidden`)
		p.until(here + `.length === 2`)
	}
	bob.say("We are back, under our names.")
	ada.untilEqual(texts, append(said, "We are back, under our names."))
	bob.untilEqual(texts, append(said, "We are back, under our names."))
	ada.until(here + `.includes("Ada") && ` + here + `.includes("Bob")`)
}

func TestStartPageInChromium(t *testing.T) {
	server := start(t)
	p := newBrowser(t).open("start page", "http://"+server.addr+"/")
	p.until(`!document.querySelector("#tools").hidden`)
	p.picture("start", look{width: 1200, height: 1500})

	if lines := eval[[]string](p, `[...document.querySelectorAll(".line:not([hidden]) code")].map((e) => e.textContent)`); len(lines) != eval[int](p, `document.querySelectorAll(".endpoint").length`) || !strings.Contains(strings.Join(lines, "\n"), "http://"+server.addr+"/echo") {
		t.Errorf("one line per endpoint shows, got %q", lines)
	}
	p.untilEqual(`[...document.querySelectorAll("#tools button")].map((e) => e.textContent)`, []string{"curl", "wye", "websocat", "browser"})
	p.do(chromedp.Click(chromedp.CSS(`#tools button:nth-child(2)`)))
	p.until(`[...document.querySelectorAll(".line:not([hidden]) code")].some((e) => e.textContent === "echo hello | wye connect ws://` + server.addr + `/echo")`)

	p.do(chromedp.SendKeys(chromedp.CSS("#try-text"), "is anybody there?\r"))
	p.until(`document.querySelector("#try-log .pair:not(.waiting)")?.firstChild.textContent === "is anybody there?"`)
	p.picture("start-phone-dark", look{width: 390, height: 844, dark: true, phone: true})
	if eval[bool](p, tooWide) {
		t.Error("the page is wider than the phone")
	}
}

// A script is not told what a refused handshake was answered with. The page asks.
func TestTheChatPageShowsWhyItIsRefused(t *testing.T) {
	server := start(t, "--max-connections", "1")
	b := newBrowser(t)
	page := "http://" + server.addr + "/chat.html"
	b.open("Ada", page).join("Ada", "lobby")

	bob := b.open("Bob", page)
	bob.fill("Bob", "lobby")
	bob.untilEqual(`document.querySelector("#join-problem").textContent`, "The server has all the connections that it takes, try later")
	bob.until(`!document.querySelector("#entrance").hidden && document.querySelector("#place").hidden`)
	bob.picture("refused", look{width: 1200, height: 800})

	eve := b.open("Eve", "http://"+start(t).addr+"/chat.html")
	eve.fill("Eve", strings.Repeat("é", 40)) // more than 64 bytes, though fewer characters
	eve.until(`document.querySelector("#join-problem").textContent.includes("want at most 64")`)
}

// What was under way when the connection broke is neither lost nor sent twice.
func TestTheChatPageRepeatsNothing(t *testing.T) {
	server := start(t, "--drain", "0s")
	b := newBrowser(t)
	page := "http://" + server.addr + "/chat.html"
	ada, bob := b.open("Ada", page), b.open("Bob", page)
	ada.join("Ada", "lobby")
	bob.join("Bob", "lobby")

	// The message arrives, but the connection breaks before its sender is told.
	eval[bool](ada, `(() => {
		window.send = WebSocket.prototype.send;
		WebSocket.prototype.send = function (data) {
			send.call(this, data);
			if (data.includes('"say"')) {
				WebSocket.prototype.send = send;
				this.close(4000);
			}
		};
		return true;
	})()`)
	ada.say("once")
	bob.untilEqual(texts, []string{"once"})
	ada.until(notices + `.includes("You are connected again.")`)
	ada.untilEqual(texts, []string{"once"})
	ada.untilEqual(`[document.querySelector("#text").value, document.querySelectorAll(".message.mine").length]`, []any{"", 1})

	// The message does not arrive.
	eval[bool](ada, `(() => {
		WebSocket.prototype.send = function (data) {
			if (data.includes('"say"')) {
				WebSocket.prototype.send = send;
				return this.close(4000);
			}
			send.call(this, data);
		};
		return true;
	})()`)
	ada.say("not yet")
	ada.untilEqual(`document.querySelector("#text").value`, "not yet")
	ada.until(`document.querySelector("#problem").textContent !== ""`)
	ada.say("") // Enter sends what is in the field again
	bob.untilEqual(texts, []string{"once", "not yet"})
	ada.untilEqual(texts, []string{"once", "not yet"})
}

func TestComingBack(t *testing.T) {
	server := start(t)
	p := newBrowser(t).open("start page", "http://"+server.addr+"/")
	call := func(js string) string { return `import("/assets/socket.js").then((m) => ` + js + `)` }

	for attempt, most := range []float64{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000} {
		if got := eval[float64](p, call(fmt.Sprintf("m.delay(%d, () => 1)", attempt))); got != most {
			t.Errorf("attempt %d waits %v ms at most, want %v", attempt, got, most)
		}
		if got := eval[float64](p, call(fmt.Sprintf("m.delay(%d, () => 0)", attempt))); got != 0 {
			t.Errorf("attempt %d waits %v ms at least, want 0: full jitter", attempt, got)
		}
	}
	for code, want := range map[int]map[string]any{
		1000: {"stop": true},
		1008: {"stop": true},
		1012: {"attempt": 0.0},
		1013: {"attempt": 3.0},
		1006: {"attempt": 1.0},
		1011: {"attempt": 1.0},
	} {
		got := eval[map[string]any](p, call(fmt.Sprintf(`m.after(%d, "", 1)`, code)))
		if why, _ := got["why"].(string); why == "" {
			t.Errorf("nobody is told why after %d", code)
		}
		delete(got, "why")
		if !maps.Equal(got, want) {
			t.Errorf("after %d: %v, want %v", code, got, want)
		}
	}
}

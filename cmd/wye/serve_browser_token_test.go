package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// giveToken answers the page's question for a token.
func (p *tab) giveToken(token string) {
	p.t.Helper()
	p.until(`document.querySelector("#token").open`)
	p.do(chromedp.SendKeys(chromedp.CSS("#token-text"), token+"\r"))
}

// A page cannot send Authorization on a WebSocket. It asks for a token, and
// opens each connection with a ticket.
func TestPagesAskForATokenInChromium(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte("ada:correct-horse-battery\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := start(t, "--token-file", tokens, "--drain", "0s", "-v")
	b := newBrowser(t)
	p := b.open("Ada", server.url+"/chat.html")

	// A room whose name has to be escaped: a ticket is for the path as the
	// server reads it.
	p.fill("Ada", "a b/ü?")
	p.until(`document.querySelector("#token").open && document.querySelector("#token-why").hidden`)
	p.picture("token", look{width: 1200, height: 800})
	p.giveToken("wrong")
	p.untilEqual(`document.querySelector("#token-why").textContent`, "The server does not know this token.")
	p.untilEqual(`sessionStorage.getItem("token")`, nil)
	p.picture("token-phone-dark", look{width: 390, height: 844, phone: true, dark: true})
	p.giveToken("correct-horse-battery")
	p.untilEqual(here, []string{"Ada"})
	p.until(`!document.querySelector("#token").open && document.querySelector("#token-text").value === ""`)
	p.say("I am in.")
	p.untilEqual(texts, []string{"I am in."})

	// The tab keeps the token, over a loss of the connection, a loading of the
	// page and other pages, and nothing else does.
	eval[bool](p, `(() => {
		const send = WebSocket.prototype.send;
		WebSocket.prototype.send = function (data) {
			send.call(this, data);
			WebSocket.prototype.send = send;
			this.close(4000);
		};
		return true;
	})()`)
	p.say("Again.")
	p.until(notices + `.includes("You are connected again.")`)
	p.do(chromedp.Navigate(server.url + "/"))
	p.do(chromedp.SendKeys(chromedp.CSS("#try-text"), "with a ticket\r"))
	p.until(`document.querySelector("#try-log .pair:not(.waiting)")?.firstChild.textContent === "with a ticket"`)
	if got := eval[string](p, `JSON.stringify(localStorage) + document.cookie + location.href`); strings.Contains(got, "correct-horse") {
		t.Errorf("the token is kept for longer than the tab: %s", got)
	}
	if strings.Contains(server.log.String(), "correct-horse") {
		t.Error("the token is in the log")
	}

	// Who gives none is not asked again at once.
	q := b.open("Bob", server.url+"/chat.html")
	q.fill("Bob", "lobby")
	q.until(`document.querySelector("#token").open`)
	q.do(chromedp.Click(chromedp.CSS(`#token button[value="cancel"]`)))
	q.until(`!document.querySelector("#token").open && !document.querySelector("#entrance").hidden && !document.querySelector("#join-button").disabled`)
}

// Every page asks, and goes on with what it is for.
func TestEveryPageAsksForATokenInChromium(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte("ada:correct-horse-battery\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := start(t, "--token-file", tokens)
	b := newBrowser(t)
	for path, shows := range map[string]string{
		"/ticker.html":    followed + `.length > 0`,
		"/dashboard.html": `document.querySelector("#panels").childElementCount > 0`,
	} {
		p := b.open(path, server.url+path)
		p.giveToken("correct-horse-battery")
		p.until(`document.querySelector("#state").dataset.state === "open" && ` + shows)
	}
}

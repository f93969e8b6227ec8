package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/wye-org/wye/websocket"
)

// What the pages show, as JavaScript.
const (
	// total is the count behind a number of the dashboard.
	total = `(panel, i = 0) => Number(document.querySelectorAll("#" + panel + " dd")[i].dataset.total)`

	// drawn reports whether every canvas has pixels of the two colours that
	// the series are drawn in, or of the first at least.
	drawn = `[...document.querySelectorAll(".plot canvas")].every((canvas) => {
		const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
		const colours = new Set();
		for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 0) colours.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
		return colours.size > 3;
	})`

	paths   = `[...document.querySelectorAll("#connections tr td:first-child code")].map((e) => e.textContent)`
	reasons = `[...document.querySelectorAll("#refusals td:nth-child(3)")].map((e) => e.textContent)`
	outage  = `!document.querySelector("#outage").hidden`
)

// metric is the sum of the series of a name in /metrics, as far as their labels
// have what.
func metric(t testing.TB, url, name, what string) (sum float64) {
	t.Helper()
	for line := range strings.Lines(httpGet(t, url+"/metrics")) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, labels, _ := strings.Cut(series, "{"); n == name && strings.Contains(labels, what) {
			var v float64
			fmt.Sscan(value, &v)
			sum += v
		}
	}
	return sum
}

// busy has some connections to a server, over which something goes on until the
// test ends.
func busy(t *testing.T, server *running) (last *websocket.Conn) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{}, 8)
	n := 0
	for i, path := range []string{"/echo", "/ws/lobby", "/ws/lobby", "/ws/a-quiet-room", "/socket"} {
		c, _, err := websocket.Dial(t.Context(), "ws://"+server.addr+path, &websocket.DialOptions{
			Subprotocols: []string{"chat"}, Options: websocket.Options{Deflate: websocket.Deflate{Enabled: true}},
		})
		if err != nil {
			t.Fatal(err)
		}
		last = c
		n += 2
		go func() { // ends with the connection, received below
			for {
				if _, _, err := c.Read(ctx); err != nil {
					break
				}
			}
			ended <- struct{}{}
		}()
		go func() { // ends with ctx or the connection, received below
			beat := time.NewTicker(time.Duration(20+13*i) * time.Millisecond)
			defer beat.Stop()
			defer func() { ended <- struct{}{} }()
			for path != "/socket" {
				select {
				case <-beat.C:
				case <-ctx.Done():
					return
				}
				if c.Write(ctx, websocket.MessageText, []byte(strings.Repeat("words ", 20+7*i))) != nil {
					return
				}
			}
		}()
		t.Cleanup(func() { c.CloseNow() })
	}
	t.Cleanup(func() {
		cancel()
		for range n {
			<-ended
		}
	})
	return last
}

func TestDashboardInChromium(t *testing.T) {
	server := start(t, "--drain", "0s")
	url := "http://" + server.addr
	p := newBrowser(t).open("dashboard", url+"/dashboard.html")
	p.until(`document.body.dataset.time`)

	// Its numbers are the server's.
	echo, _, err := websocket.Dial(t.Context(), "ws://"+server.addr+"/echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 25 {
		echo.Write(t.Context(), websocket.MessageText, []byte("four"))
		echo.Read(t.Context())
	}
	server.answers(t, opening("/echo", "Origin: https://evil.example"))
	for _, want := range []struct {
		shown, name, labels string
	}{
		{`("connections")`, "wye_connections", ""},
		{`("messages")`, "wye_messages_received_total", ""},
		{`("bytes")`, "wye_received_bytes_total", ""},
		{`("handshakes")`, "wye_handshake_total", `"switched"`},
		{`("handshakes", 1)`, "wye_handshake_total", `"403"`},
	} {
		v := metric(t, url, want.name, want.labels)
		if v == 0 {
			t.Errorf("%s{%s} is 0", want.name, want.labels)
		}
		p.until(fmt.Sprintf("(%s)%s === %v", total, want.shown, v))
	}
	p.until(`[...document.querySelectorAll("#kinds tr")].map((r) => r.innerText.split(/\s+/).join(" ")).includes("/echo websocket h1 1")`)
	if shown, have := eval[float64](p, "("+total+`)("goroutines")`), metric(t, url, "go_goroutines", ""); shown < 1 || shown > 10*have {
		t.Errorf("%v goroutines show, the server has %v", shown, have)
	}
	if heap := eval[float64](p, "("+total+`)("heap")`); heap < 100_000 || heap > 4e9 {
		t.Errorf("a heap of %v bytes", heap)
	}
	p.until(drawn)

	// Arrow keys tell the numbers at a point in time.
	p.do(chromedp.SendKeys(chromedp.CSS("#messages .plot"), kb.ArrowLeft))
	p.until(`document.querySelector("#messages .pointed").textContent.includes("received")`)

	busy(t, server)
	p.until(`Number(document.querySelectorAll("#messages dd")[0].dataset.value) > 20`)
	p.do(chromedp.Click(chromedp.CSS(`#window [data-seconds="60"]`)))
	p.until(`document.querySelector('#window [data-seconds="60"]').getAttribute("aria-pressed") === "true"`)
	p.picture("dashboard", look{width: 1200, height: 1000})
	p.picture("dashboard-dark", look{width: 1200, height: 1000, dark: true})
	p.until(drawn)
	p.picture("dashboard-phone-dark", look{width: 390, height: 844, phone: true, dark: true})
	p.picture("dashboard-phone", look{width: 390, height: 844, phone: true})
	if wide := eval[int](p, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("the page is %d wide on a phone", wide)
	}

	// Another server takes the place of this one.
	server.stop()
	<-server.exit
	p.until(outage)
	again := start(t, "--drain", "0s", "--listen", server.addr)
	p.until(`document.querySelector("#outage").hidden && !document.querySelector(".stale") && (` + total + `)("messages") === 0`)
	again.answers(t, opening("/echo", "Origin: https://evil.example"))
	p.until("(" + total + `)("handshakes", 1) === 1`)
}

// A newcomer sees what was sampled before it came.
func TestTheDashboardHasAPast(t *testing.T) {
	server := start(t)
	b := newBrowser(t)
	first := b.open("first", "http://"+server.addr+"/dashboard.html")
	first.until(`document.body.dataset.time`)
	began := eval[string](first, `document.body.dataset.time`)
	first.until(`Number(document.body.dataset.time) > ` + began + ` + 2000`)
	second := b.open("second", "http://"+server.addr+"/dashboard.html")
	second.until(`document.body.dataset.time`)
	second.do(chromedp.SendKeys(chromedp.CSS("#heap .plot"), kb.Home))
	second.until(`document.querySelector("#heap .pointed").textContent.startsWith(new Date(` + began + `).toLocaleTimeString([], { hourCycle: "h23", hour: "2-digit", minute: "2-digit", second: "2-digit" }))`)
}

func TestTheDashboardShowsWhyItIsRefused(t *testing.T) {
	server := start(t, "--max-connections", "1")
	a, _ := server.answers(t, opening("/echo"))
	if a.status != "101 Switching Protocols" {
		t.Fatalf("got\n%v", a)
	}
	p := newBrowser(t).open("dashboard", "http://"+server.addr+"/dashboard.html")
	p.until(outage + ` && document.querySelector("#outage-why").textContent.includes("` + "connections" + `")`)
}

func TestInspectorInChromium(t *testing.T) {
	server := start(t, "--drain", "0s")
	url := "http://" + server.addr
	p := newBrowser(t).open("inspector", url+"/inspector.html")
	p.untilEqual(paths, []string{"/api/live-metrics", "/inspect/live"})

	// A live connection, its subprotocol and its messages.
	c, _, err := websocket.Dial(t.Context(), "ws://"+server.addr+"/ws/%3Cimg%20src=x%20onerror=alert(1)%3E", &websocket.DialOptions{Subprotocols: []string{"v1.example"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	c.Write(t.Context(), websocket.MessageText, []byte("one"))
	c.Write(t.Context(), websocket.MessageText, []byte("two"))
	p.until(paths + `[0] === "/ws/%3Cimg%20src=x%20onerror=alert(1)%3E"`)
	p.until(`document.querySelector("#connections tr").innerText.includes("6 B") && document.querySelector("#connections tr").innerText.includes("2 messages")`)
	p.until(`document.querySelector("#connections tr").innerText.includes("v1.example")`)
	if n := eval[int](p, `document.querySelectorAll("main img, main script").length`); n != 0 {
		t.Errorf("a path became %d elements", n)
	}

	// A refusal, with its reason, as text.
	server.answers(t, opening("/echo", "Origin: https://<script>alert(2)</script>.example"))
	server.answers(t, opening("/echo", "Sec-WebSocket-Key: short"))
	p.until(reasons + `[0]?.includes("Sec-WebSocket-Key")`)
	p.until(reasons + `[1]?.includes("Origin")`)
	p.until(`document.querySelector("#refusals .status").textContent === "400"`)

	// Searching.
	p.do(chromedp.SendKeys(chromedp.CSS("#q"), "V1.EX"))
	p.until(paths + `.length === 1 && document.querySelector("#matched").textContent === "1 of 3 open"`)

	// It is closed, with a code that the peer sees.
	ended := make(chan error, 1)
	go func() { // received below
		_, _, err := c.Read(t.Context())
		ended <- err
	}()
	eval[any](p, `document.querySelector("#connections button").click()`) // the row is a new one each second
	p.until(`document.querySelector("#detail").open && document.querySelector("#facts").innerText.includes("v1.example")`)
	p.picture("inspector-detail", look{width: 1200, height: 900})
	eval[string](p, `document.querySelector("#code").value = "4000"`)
	p.do(chromedp.SetValue(chromedp.CSS("#reason"), "closed by a test"), chromedp.Click(chromedp.CSS("#end-button")))
	p.until(`!document.querySelector("#ended").hidden`)
	var closed *websocket.CloseError
	if err := <-ended; websocket.CloseStatus(err) != 4000 || !strings.Contains(err.Error(), "closed by a test") {
		t.Errorf("the peer is told %v, %v", err, closed)
	}
	p.do(chromedp.Click(chromedp.CSS("#detail-close")))
	p.until(`document.querySelector("#none").textContent === "No connection matches."`)
	eval[bool](p, `document.querySelector("#q").value = "", document.querySelector("#q").dispatchEvent(new Event("input"))`)

	busy(t, server)
	p.until(paths + `.length === 7`)
	p.until(drawn)
	p.until(`Number(document.querySelector("#messages dd").textContent) > 20`)
	p.picture("inspector", look{width: 1200, height: 1000})
	p.picture("inspector-dark", look{width: 1200, height: 1000, dark: true})
	p.picture("inspector-phone-dark", look{width: 390, height: 844, phone: true, dark: true})
	p.picture("inspector-phone", look{width: 390, height: 844, phone: true})
	if wide := eval[int](p, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("the page is %d wide on a phone", wide)
	}

	server.stop()
	<-server.exit
	p.until(outage)
	start(t, "--drain", "0s", "--listen", server.addr)
	p.until(`document.querySelector("#outage").hidden && ` + paths + `.includes("/inspect/live") && !` + reasons + `.some((why) => why.includes("Sec-WebSocket-Key"))`)
}

// On the admin listener, with a token.
func TestTheInspectorAsksForAToken(t *testing.T) {
	server, admin := startAdmin(t, "--admin-token-file", tokenFile(t, "root:0pen"))
	p := newBrowser(t).open("inspector", "http://"+admin+"/")
	p.until(`location.pathname === "/inspector.html" && document.querySelector("#token").open`)
	p.do(chromedp.SetValue(chromedp.CSS("#token-text"), "0pen"), chromedp.Click(chromedp.CSS(`#token button[value="use"]`)))
	p.until(paths + `.includes("/inspect/live") && ` + paths + `.includes("/api/live-metrics")`)
	a, conn := server.answers(t, opening("/echo"))
	if a.status != "101 Switching Protocols" {
		t.Fatalf("got\n%v", a)
	}
	p.until(paths + `[0] === "/echo"`)
	eval[any](p, `document.querySelector("#connections button").click()`) // the row is a new one each second
	p.until(`document.querySelector("#detail").open`)
	p.do(chromedp.Click(chromedp.CSS("#end-button")))
	conn.gets("\x88\x02\x03\xf0") // 1008
	conn.send("\x88\x82\x00\x00\x00\x00\x03\xf0")
	p.until(`!document.querySelector("#ended").hidden`)
}

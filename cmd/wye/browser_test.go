package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/wye-org/wye/internal/needs"
)

// browserPatience is how long a page may take for anything. It is long because
// a busy machine is slow; nothing waits for it that succeeds.
const browserPatience = 30 * time.Second

// browser is a Chromium of the test's own.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// flags are further ones, which win.
func newBrowser(t *testing.T, flags ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	path := needs.Program(t, "chromium", "chromium-browser", "google-chrome")
	// Without a user-data-dir each browser has a fresh one.
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.WindowSize(1200, 800),
	)
	opts = append(opts, flags...)
	ctx, cancelAllocator := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		ending, ended := context.WithTimeout(ctx, browserPatience)
		defer ended()
		if err := chromedp.Cancel(ending); err != nil {
			t.Logf("ending the browser: %v", err)
		}
		cancel()
		cancelAllocator()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	return &browser{t, ctx}
}

// tab is a page, whose failures are the test's.
type tab struct {
	t    *testing.T
	ctx  context.Context
	name string
	// close closes it.
	close func()
}

// open opens a tab. A dialog, an exception, or a line in the console that says
// that the page broke its own security policy fails the test.
func (b *browser) open(name, url string) *tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	p := &tab{b.t, ctx, name, cancel}
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *page.EventJavascriptDialogOpening:
			b.t.Errorf("%s: a dialog opened: %q", name, e.Message)
		case *runtime.EventExceptionThrown:
			b.t.Errorf("%s: %v", name, e.ExceptionDetails)
		case *log.EventEntryAdded:
			if e.Entry.Source == log.EntrySourceSecurity || e.Entry.Source == log.EntrySourceViolation {
				b.t.Errorf("%s: %s", name, e.Entry.Text)
			}
		}
	})
	if err != nil {
		b.t.Fatalf("%s: %v", name, err)
	}
	p.do(chromedp.Navigate(url))
	return p
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, browserPatience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

// eval returns the value of a JavaScript expression.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, browserPatience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v in %s", p.name, err, expression)
	}
	return v
}

// until waits for a JavaScript condition: the page looks at it whenever
// something in it changes.
func (p *tab) until(condition string) {
	p.t.Helper()
	failure := eval[string](p, fmt.Sprintf(`new Promise((resolve) => {
		const check = () => { if (%s) end("") };
		const watch = new MutationObserver(check);
		watch.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
		const late = setTimeout(() => end("the page shows:\n" + document.body.innerText), %d);
		const end = (how) => { watch.disconnect(); clearTimeout(late); resolve(how) };
		check();
	})`, condition, (browserPatience*2/3).Milliseconds()))
	if failure != "" {
		p.t.Fatalf("%s: not so: %s; %s", p.name, condition, failure)
	}
}

// untilEqual waits until a JavaScript expression has the value want.
func (p *tab) untilEqual(expression string, want any) {
	p.t.Helper()
	text, err := json.Marshal(want)
	if err != nil {
		p.t.Fatal(err)
	}
	p.until(fmt.Sprintf("JSON.stringify(%s) === JSON.stringify(%s)", expression, text))
}

// look is a viewport and a colour scheme.
type look struct {
	width, height int64
	dark          bool
	phone         bool
}

// picture writes a screenshot into the test's artifacts. docs/chat.png is one:
//
//	go test -run Chromium -artifacts -outputdir /tmp/pictures
func (p *tab) picture(name string, l look) {
	p.t.Helper()
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	shape := []chromedp.EmulateViewportOption{}
	if l.phone {
		shape = append(shape, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
	}
	p.do(
		chromedp.EmulateViewport(l.width, l.height, shape...),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			return err
		}),
	)
	eval[bool](p, `new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))`)
	ctx, cancel := context.WithTimeout(p.ctx, browserPatience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	if err := os.WriteFile(filepath.Join(p.t.ArtifactDir(), name+".png"), png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

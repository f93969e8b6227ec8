// Package conformance holds a test: our client under every case of the suite.
// Our server's turn is in .ci/run, where the command tests `wye serve`.
package conformance

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wye-org/wye/conform"
	"github.com/wye-org/wye/websocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestClient(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cases := conform.Catalogue(conform.Client)
	verdicts := make(map[conform.Verdict]int)
	judged := make(chan struct{}, len(cases))
	suite := &conform.ClientRun{Cases: cases, Report: func(r conform.Result) {
		judged <- struct{}{}
		verdicts[r.Verdict]++
		switch r.Verdict {
		case conform.Pass, conform.Informational:
		case conform.Unimplemented:
			if r.Case.ID != "22.6.12" { // a window that was not offered: our client always offers it
				t.Errorf("%s does not apply: %s", r.Case.ID, r.Got)
			}
		default:
			t.Errorf("%s (%s): %s: want %s, got %s", r.Case.ID, r.Case.Section, r.Verdict, r.Expected, r.Got)
		}
	}}
	ctx, stop := context.WithCancel(t.Context())
	var served sync.WaitGroup
	served.Go(func() { // ends with ctx
		if err := suite.Serve(ctx, ln); err != nil {
			t.Error(err)
		}
	})

	url := fmt.Sprintf("ws://%s/runCase?agent=wye&case=", ln.Addr())
	drive(ctx, url, cases, 8, func(c *conform.Case) bool { return !c.Long })
	drive(ctx, url, cases, 1, func(c *conform.Case) bool { return c.Long })
	late := time.After(time.Minute) // our end has left the last ones, the suite's may not
	for n := range cases {
		select {
		case <-judged:
		case <-late:
			t.Fatalf("of %d cases %d were judged", len(cases), n)
		}
	}
	stop()
	served.Wait()

	t.Log(verdicts)
	if verdicts[conform.Pass] < 300 {
		t.Errorf("most cases should apply, got %v", verdicts)
	}
}

// drive runs those of the cases that it should, at most so many at once.
func drive(ctx context.Context, url string, cases []*conform.Case, atOnce int, should func(*conform.Case) bool) {
	var driven sync.WaitGroup
	ids := make(chan string)
	for range atOnce {
		driven.Go(func() { // ends with ids
			for id := range ids {
				echo(ctx, url+id, offers[id])
			}
		})
	}
	for _, c := range cases {
		if should(c) {
			ids <- c.ID
		}
	}
	close(ids)
	driven.Wait()
}

// offers are what a case needs to be asked for; the others take what comes.
var offers = map[string]websocket.Deflate{
	"22.6.13": {ServerNoTakeover: true},
	"22.6.14": {ServerMaxWindowBits: 10},
}

// echo sends every message back until the connection ends. How it ends, or that
// it does not begin, is for the suite to judge.
func echo(ctx context.Context, url string, deflate websocket.Deflate) {
	deflate.Enabled = true
	c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Options: websocket.Options{
		// The suite sends 16 MiB, and 4 MiB in frames of 64 bytes.
		MaxMessage: 32 << 20, MaxFragments: 1 << 20, WriteQueueBytes: 64 << 20,
		Deflate: deflate,
	}})
	if err != nil {
		return
	}
	defer c.CloseNow()
	for {
		typ, p, err := c.Read(ctx)
		if err != nil {
			return
		}
		if err := c.Write(ctx, typ, p); err != nil {
			return
		}
	}
}

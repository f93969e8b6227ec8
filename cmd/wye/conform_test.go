package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wye-org/wye/conform"
	"github.com/wye-org/wye/websocket"
)

// conforms runs `wye conform` and returns its exit code and what it printed.
func conforms(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"conform"}, args...), stdio{strings.NewReader(""), &out, &errs})
	return code, out.String(), errs.String()
}

// lines reads `wye conform --json`: the results and, last, their summary.
func readLines(t *testing.T, out string) (ids []string, verdicts map[string]string, summary map[string]int) {
	t.Helper()
	verdicts = map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			ID, Section, Verdict string
			Expected, Got        *string
			Summary              map[string]int
		}
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&line); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		if line.Summary != nil {
			summary = line.Summary
			continue
		}
		if summary != nil || line.ID == "" || line.Section == "" || line.Expected == nil || line.Got == nil {
			t.Errorf("unexpected line %s", lines.Text())
		}
		ids = append(ids, line.ID)
		verdicts[line.ID] = line.Verdict
	}
	return ids, verdicts, summary
}

func TestConformPrintsALineForEveryCase(t *testing.T) {
	s := start(t)
	dir := filepath.Join(t.TempDir(), "new", "report")
	code, out, errs := conforms(t, "ws://"+s.addr+"/echo", "--json", "--case", "1", "--case", "7.9", "--exclude", "1.3", "--out", dir)
	if code != exitOK {
		t.Errorf("exit code %d: %s", code, errs)
	}
	ids, verdicts, summary := readLines(t, out)
	if len(ids) != 34 || ids[0] != "1.1.1" || ids[len(ids)-1] != "7.9.10" {
		t.Errorf("%d cases: %q", len(ids), ids)
	}
	for id, v := range verdicts {
		if v != "pass" {
			t.Errorf("%s: %s", id, v)
		}
	}
	if len(summary) != 6 || summary["cases"] != 34 || summary["pass"] != 34 {
		t.Errorf("summary %v", summary)
	}

	jsonl, err := os.ReadFile(filepath.Join(dir, "report.jsonl"))
	if err != nil || string(jsonl) != out {
		t.Errorf("report.jsonl is not what was printed: %v", err)
	}
	var junit struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
	}
	b, err := os.ReadFile(filepath.Join(dir, "junit.xml"))
	if err == nil {
		err = xml.Unmarshal(b, &junit)
	}
	if err != nil || junit.Tests != 34 || junit.Failures != 0 {
		t.Errorf("junit.xml: %+v, %v", junit, err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil || !bytes.Contains(page, []byte(`id="case-7.9.10"`)) {
		t.Errorf("report.html lacks a case: %v", err)
	}
	for _, fetch := range []string{"<script", "<link", "<img", "src=", "@import", "url("} {
		if bytes.Contains(page, []byte(fetch)) {
			t.Errorf("report.html has %s: it is to stand alone", fetch)
		}
	}
}

// deafServer switches and never says a word.
func deafServer(t *testing.T) string {
	srv := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		for {
			if _, _, err := c.Read(ctx); err != nil {
				return err
			}
		}
	}, nil))
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

func TestConformExitCodes(t *testing.T) {
	deaf := deafServer(t)
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a case fails":         {[]string{deaf, "--case", "1.1.1"}, 9, "1 of 1 cases fail"},
		"nobody is there":      {[]string{strings.Replace(gone.URL, "http", "ws", 1)}, 9, "no case ran: the server cannot be reached"},
		"no echo is there":     {[]string{strings.Replace(plain.URL, "http", "ws", 1)}, 9, "is there an echo endpoint at this path?"},
		"no case is left":      {[]string{deaf, "--case", "9.9", "--quick"}, 9, "no case is left to run"},
		"no target":            {nil, 2, "nothing to test"},
		"two targets":          {[]string{deaf, "--listen", "127.0.0.1:0"}, 2, "not both"},
		"an unknown case":      {[]string{deaf, "--case", "99"}, 2, `no case matches "99"`},
		"a broken pattern":     {[]string{deaf, "--case", "[1"}, 2, "cannot be read"},
		"another scheme":       {[]string{"ftp://127.0.0.1/"}, 9, "needs the scheme ws or wss"},
		"somebody else's host": {[]string{"ws://203.0.113.9/echo"}, 2, "--authorized 203.0.113.9"},
		"a broken header":      {[]string{deaf, "--header", "no colon"}, 2, "Name: value"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := conforms(t, c.args...)
			if code != c.code || !strings.Contains(errs, c.says) {
				t.Errorf("exit code %d, want %d; said %q, want %q\n%s", code, c.code, errs, c.says, out)
			}
		})
	}
}

func TestConformLists(t *testing.T) {
	code, out, _ := conforms(t, "--list", "--case", "6.4")
	if code != exitOK || !strings.Contains(out, "6 UTF-8") || strings.Count(out, "\n  6.4.") != 10 {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// A signal ends the run; what ran is told all the same.
func TestConformEndsWithASignal(t *testing.T) {
	deaf := deafServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	var errs bytes.Buffer
	exit := make(chan int, 1)
	go func() { // received below
		exit <- run(ctx, []string{"conform", deaf, "--json", "--parallel", "1", "--case", "1"}, stdio{strings.NewReader(""), w, &errs})
		w.Close()
	}()
	out := bufio.NewReader(r)
	first, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	cancel() // as Ctrl-C does
	rest, _ := io.ReadAll(out)
	code := <-exit
	ids, _, summary := readLines(t, first+string(rest))
	if len(ids) == 0 || len(ids) == 32 || summary["cases"] != len(ids) {
		t.Errorf("%d cases and the summary %v", len(ids), summary)
	}
	if code != exitNonconforming || !strings.Contains(errs.String(), "cases fail") {
		t.Errorf("exit code %d, said %q", code, &errs)
	}
}

// A driver as people have them for the well-known suite: ask for the number of
// cases, run each, ask for the report, stop the server.
func TestConformListen(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	r, w := io.Pipe()
	var out bytes.Buffer
	exit := make(chan int, 1)
	go func() { // received below
		exit <- run(ctx, []string{"conform", "--listen", "127.0.0.1:0", "--json", "--case", "1.1", "--case", "7.1.1", "--out", dir}, stdio{strings.NewReader(""), &out, w})
		w.Close()
	}()
	said := bufio.NewReader(r)
	line, err := said.ReadString('\n')
	base, ok := strings.CutPrefix(strings.TrimSpace(line), "waiting for clients on ")
	if err != nil || !ok {
		t.Fatalf("it began with %q, %v", line, err)
	}
	go io.Copy(io.Discard, said) // ends with the command

	// ask reads the one message of an endpoint, or none.
	ask := func(path string) string {
		t.Helper()
		c, _, err := websocket.Dial(ctx, base+path, nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		defer c.Close(ctx, websocket.StatusNormalClosure, "")
		_, p, err := c.Read(ctx)
		if err != nil && websocket.CloseStatus(err) != websocket.StatusNormalClosure {
			t.Errorf("%s: %v", path, err)
		}
		return string(p)
	}
	if got := ask("/getCaseCount"); got != "9" {
		t.Errorf("getCaseCount says %q", got)
	}
	if got := ask("/getCaseInfo?case=9"); !strings.Contains(got, `"id":"7.1.1"`) || !strings.Contains(got, `"description":"`) {
		t.Errorf("getCaseInfo says %q", got)
	}
	if got := ask("/getCaseStatus?case=1&agent=a"); got != `{"behavior":"UNKNOWN"}` {
		t.Errorf("getCaseStatus says %q before the case ran", got)
	}
	for _, id := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "7.1.1"} {
		echoUntilClosed(ctx, base+"/runCase?agent=a&case="+id)
	}
	if got := ask("/getCaseStatus?case=1&agent=a"); got != `{"behavior":"OK"}` {
		t.Errorf("getCaseStatus says %q", got)
	}
	ask("/updateReports?agent=a")
	if b, err := os.ReadFile(filepath.Join(dir, "report.jsonl")); err != nil || bytes.Count(b, []byte("\n")) != 10 {
		t.Errorf("updateReports wrote %q, %v", b, err)
	}
	ask("/stopServer")
	if code := <-exit; code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if ids, _, summary := readLines(t, out.String()); len(ids) != 9 || summary["pass"] != 9 {
		t.Errorf("%q, %v", ids, summary)
	}
}

// echoUntilClosed is a client under test. How it ends is the suite's to judge.
func echoUntilClosed(ctx context.Context, url string) {
	c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Options: websocket.Options{MaxMessage: 32 << 20}})
	if err != nil {
		return
	}
	defer c.Close(ctx, websocket.StatusNormalClosure, "")
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

// The library's two entries, as users' tests call them, against our own ends.
func TestConformInATest(t *testing.T) {
	s := start(t)
	got := conform.TestServer(t, "ws://"+s.addr+"/echo", conform.Strict(), conform.Only("2", "27"))
	if len(got) < 20 {
		t.Errorf("%d results of a server", len(got))
	}
	got = conform.TestClient(t, func(url string) error {
		echoUntilClosed(t.Context(), url)
		return nil
	}, conform.Strict(), conform.Only("2", "27", "20.6"))
	if len(got) < 20 {
		t.Errorf("%d results of a client", len(got))
	}
}

package metrics_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/wye-org/wye/cmd/wye/metrics"
)

// busy is a meter that has counted some of everything.
func busy() *metrics.Meter {
	m := metrics.NewMeter()
	ws := metrics.Kind{Carrier: "h1", Token: "websocket", Endpoint: "/ws/{room}"}
	for range 3 {
		m.Handshake(metrics.Switched)
	}
	m.Opened(ws)
	m.Closed(m.Opened(ws))
	m.Opened(metrics.Kind{Carrier: "h2", Token: "example/1", Endpoint: "/"})
	m.Handshake(401)
	m.Handshake(401)
	m.Handshake(0)
	m.ReceivedMessage(false, 10)
	m.ReceivedMessage(true, 7)
	m.ReceivedMessage(true, 0)
	m.ReceivedBytes(100)
	m.SentMessage(false, 20)
	m.SentMessage(false, 2)
	m.SentMessage(true, 3)
	m.SentBytes(1000)
	for _, d := range []time.Duration{time.Microsecond, 500 * time.Microsecond, 501 * time.Microsecond, time.Second, time.Minute, -1} {
		m.RoundTrip(d)
	}
	m.LookAt(func() metrics.Live {
		return metrics.Live{Queued: 4321, RTT: []time.Duration{40 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond}}
	})
	return m
}

func exposition(t testing.TB, m *metrics.Meter) string {
	t.Helper()
	w := httptest.NewRecorder()
	metrics.Handler(slog.New(slog.DiscardHandler), m).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestExposition(t *testing.T) {
	text := exposition(t, busy())
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for _, want := range []string{
		`wye_connections{carrier="h1",endpoint="/ws/{room}",token="websocket"} 1`,
		`wye_connections{carrier="h2",endpoint="/",token="example/1"} 1`,
		`wye_connections_opened_total{carrier="h1",endpoint="/ws/{room}",token="websocket"} 2`,
		`wye_handshake_total{result="switched"} 3`,
		`wye_handshake_total{result="401"} 2`,
		`wye_handshake_total{result="other"} 1`,
		`wye_messages_received_total{type="text"} 1`,
		`wye_messages_received_total{type="binary"} 2`,
		`wye_messages_sent_total{type="text"} 2`,
		`wye_messages_sent_total{type="binary"} 1`,
		`wye_received_bytes_total 117`,
		`wye_sent_bytes_total 1025`,
		`wye_queue_bytes 4321`,
		// "le" is: less than or equal.
		`wye_rtt_seconds_bucket{le="0.0005"} 3`,
		`wye_rtt_seconds_bucket{le="0.001"} 4`,
		`wye_rtt_seconds_bucket{le="1"} 5`,
		`wye_rtt_seconds_bucket{le="5"} 5`,
		`wye_rtt_seconds_bucket{le="+Inf"} 6`,
		`wye_rtt_seconds_count 6`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("there is no %s in\n%s", want, grep(text, "wye_"))
		}
	}
	if sum := families["wye_rtt_seconds"].GetMetric()[0].GetHistogram().GetSampleSum(); sum < 61 || sum > 61.01 {
		t.Errorf("the round-trip times add up to %v, want 61.001002", sum)
	}
	for name, typ := range map[string]dto.MetricType{
		"wye_connections": dto.MetricType_GAUGE, "wye_handshake_total": dto.MetricType_COUNTER, "wye_rtt_seconds": dto.MetricType_HISTOGRAM,
		"go_goroutines": dto.MetricType_GAUGE, "go_sched_pauses_total_gc_seconds": dto.MetricType_HISTOGRAM,
	} {
		if families[name] == nil || families[name].GetType() != typ {
			t.Errorf("%s is %v, want a %v", name, families[name], typ)
		}
	}
	if runtime.GOOS == "linux" && families["process_resident_memory_bytes"] == nil {
		t.Error("nothing is told of the process")
	}
	lint(t, text)
}

// lint wants names that keep the conventions. What the Go runtime is told by has
// names that come from its own.
func lint(t *testing.T, text string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if !strings.HasPrefix(p.Metric, "go_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func grep(text, what string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, what) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// A server that nothing has happened to has its series already.
func TestExpositionOfNothing(t *testing.T) {
	text := exposition(t, metrics.NewMeter())
	for _, want := range []string{`wye_handshake_total{result="switched"} 0`, `wye_queue_bytes 0`, `wye_rtt_seconds_count 0`} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("there is no %s in\n%s", want, grep(text, "wye_"))
		}
	}
}

func TestHandlerAnswers(t *testing.T) {
	h := metrics.Handler(slog.New(slog.DiscardHandler), metrics.NewMeter())
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "DELETE": 405} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/metrics", nil))
		body, _ := io.ReadAll(w.Body)
		if w.Code != want || (method == "HEAD") != (len(body) == 0) || want == 405 && w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d with %d bytes, %v", method, w.Code, len(body), w.Header())
		}
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", method, w.Header())
		}
	}
}

// A client that finds new values for a label makes no series of its own.
func TestSeriesAreBounded(t *testing.T) {
	m := metrics.NewMeter()
	var kinds []metrics.Kind
	for i := range 1000 {
		kinds = append(kinds, m.Opened(metrics.Kind{Carrier: "h1", Token: fmt.Sprint("token/", i), Endpoint: "/"}))
		m.Handshake(1000 + i)
	}
	text := exposition(t, m)
	if n := strings.Count(text, "\nwye_connections{"); n > 201 {
		t.Errorf("there are %d series of connections", n)
	}
	if n := strings.Count(text, "\nwye_handshake_total{"); n > 102 {
		t.Errorf("there are %d series of handshakes", n)
	}
	if !strings.Contains(text, `wye_connections{carrier="other",endpoint="other",token="other"} 800`) {
		t.Errorf("where are the others in\n%s", grep(text, "other"))
	}
	for _, k := range kinds {
		m.Closed(k)
	}
	if s := metrics.NewSampler(m, time.Now()).Take(); s.Open != 0 || len(s.Connections) != 0 {
		t.Errorf("all are closed, and %d are open", s.Open)
	}
}

func TestSample(t *testing.T) {
	sampler := metrics.NewSampler(busy(), time.Now().Add(-time.Minute))
	runtime.GC()
	s := sampler.Take()
	if s.Type != "sample" || s.Open != 2 || len(s.Connections) != 2 || s.Connections[0] != (metrics.KindConns{Carrier: "h2", Token: "example/1", Endpoint: "/", Open: 1}) {
		t.Errorf("connections: %+v", s)
	}
	if s.Received != (metrics.Traffic{Messages: 3, Bytes: 117}) || s.Sent != (metrics.Traffic{Messages: 3, Bytes: 1025}) || s.Queue != 4321 {
		t.Errorf("traffic: %+v", s)
	}
	if s.Handshakes["switched"] != 3 || s.Handshakes["401"] != 2 || s.Handshakes["other"] != 1 {
		t.Errorf("handshakes: %+v", s.Handshakes)
	}
	if s.RTT != (metrics.RTT{Known: 3, Median: 0.02, P95: 0.02, Max: 0.04}) {
		t.Errorf("round-trip times: %+v", s.RTT)
	}
	if s.Uptime < 60 || s.Uptime > 3600 || time.Since(time.UnixMilli(s.Time)).Abs() > time.Minute {
		t.Errorf("time: %v, %v", s.Uptime, s.Time)
	}
	if s.Heap == 0 || s.Memory < s.Heap || s.Goroutines == 0 || s.GC.Cycles == 0 || s.GC.Pauses == 0 || s.GC.MaxPause <= 0 || s.GC.MaxPause > 100 {
		t.Errorf("runtime: %+v", s)
	}
	if _, err := json.Marshal(s); err != nil {
		t.Error(err)
	}
	// Nothing is there: empty, not null.
	p, err := json.Marshal(metrics.NewSampler(metrics.NewMeter(), time.Now()).Take())
	if err != nil || !strings.Contains(string(p), `"connections":[]`) || !strings.Contains(string(p), `"handshakes":{"switched":0}`) || !strings.Contains(string(p), `"rtt":{"known":0,`) {
		t.Errorf("%s, %v", p, err)
	}
}

// Counting costs nothing that a message would notice.
func TestMessagesAreCountedWithoutAllocation(t *testing.T) {
	m := metrics.NewMeter()
	if n := testing.AllocsPerRun(100, func() {
		m.ReceivedMessage(true, 5)
		m.SentMessage(false, 5)
		m.ReceivedBytes(1)
		m.SentBytes(1)
		m.RoundTrip(time.Millisecond)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCountingConcurrently(t *testing.T) {
	m := metrics.NewMeter()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 200 {
				k := m.Opened(metrics.Kind{Carrier: "h1", Token: fmt.Sprint(i % 3), Endpoint: "/"})
				m.ReceivedMessage(i%2 == 0, 3)
				m.Handshake(400 + i)
				m.RoundTrip(time.Duration(i) * time.Millisecond)
				m.Closed(k)
			}
			exposition(t, m)
		})
	}
	all.Wait()
	if s := metrics.NewSampler(m, time.Now()).Take(); s.Open != 0 || s.Received.Messages != 1600 || s.Received.Bytes != 4800 {
		t.Errorf("%+v", s)
	}
}

func BenchmarkReceivedMessage(b *testing.B) {
	m := metrics.NewMeter()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.ReceivedMessage(false, 64)
		}
	})
}

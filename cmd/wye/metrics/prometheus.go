package metrics

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The descriptions, in the order of docs/metrics.md.
var (
	descConnections = prometheus.NewDesc("wye_connections",
		"Connections that were switched and are open.", []string{"carrier", "token", "endpoint"}, nil)
	descOpened = prometheus.NewDesc("wye_connections_opened_total",
		"Connections that were switched since the start.", []string{"carrier", "token", "endpoint"}, nil)
	descHandshakes = prometheus.NewDesc("wye_handshake_total",
		"Requests to switch, by how they were answered: switched, or the status of the refusal.", []string{"result"}, nil)
	descReceived = prometheus.NewDesc("wye_messages_received_total",
		"WebSocket messages that were received.", []string{"type"}, nil)
	descSent = prometheus.NewDesc("wye_messages_sent_total",
		"WebSocket messages that were queued to be sent.", []string{"type"}, nil)
	descReceivedBytes = prometheus.NewDesc("wye_received_bytes_total",
		"Payload of the messages received, inflated, and all bytes of connections that are no WebSocket.", nil, nil)
	descSentBytes = prometheus.NewDesc("wye_sent_bytes_total",
		"Payload of the messages sent, before compression, and all bytes of connections that are no WebSocket.", nil, nil)
	descTrips = prometheus.NewDesc("wye_rtt_seconds",
		"Round-trip times of pings.", nil, nil)
	descQueue = prometheus.NewDesc("wye_queue_bytes",
		"Bytes that wait in the write queues of all connections.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (m *Meter) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descConnections, descOpened, descHandshakes, descReceived, descSent,
		descReceivedBytes, descSentBytes, descTrips, descQueue,
	} {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *Meter) Collect(out chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge := func(d *prometheus.Desc, v int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	kinds, handshakes := m.counts()
	for _, k := range kinds {
		gauge(descConnections, k.open, k.Carrier, k.Token, k.Endpoint)
		counter(descOpened, k.opened, k.Carrier, k.Token, k.Endpoint)
	}
	if _, ok := handshakes[Switched]; !ok {
		counter(descHandshakes, 0, "switched") // a series that is there from the start has a rate
	}
	for status, n := range handshakes {
		counter(descHandshakes, n, result(status))
	}
	counter(descReceived, m.received.text.Load(), "text")
	counter(descReceived, m.received.binary.Load(), "binary")
	counter(descSent, m.sent.text.Load(), "text")
	counter(descSent, m.sent.binary.Load(), "binary")
	counter(descReceivedBytes, m.received.bytes.Load())
	counter(descSentBytes, m.sent.bytes.Load())
	count, seconds, classes := m.trips.cumulative()
	out <- prometheus.MustNewConstHistogram(descTrips, count, seconds, classes)
	gauge(descQueue, m.look().Queued)
}

// result names how a handshake was answered.
func result(status int) string {
	switch status {
	case Switched:
		return "switched"
	case 0:
		return "other"
	}
	return strconv.Itoa(status)
}

// Handler tells what of them there is, the Go runtime and the process to Prometheus.
// It answers GET and HEAD.
func Handler(log *slog.Logger, of ...prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(of...)
	registry.MustRegister(
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsGC, collectors.MetricsScheduler)),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	tell := promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:            errorLog{log},
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 4,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "These are metrics: GET or HEAD them", http.StatusMethodNotAllowed)
			return
		}
		if r.Method == http.MethodHead {
			w = headOnly{w}
		}
		tell.ServeHTTP(w, r)
	})
}

// headOnly drops a body: promhttp writes one to everybody.
type headOnly struct{ http.ResponseWriter }

func (headOnly) Write(p []byte) (int, error) { return io.Discard.Write(p) }

// errorLog is the log that promhttp writes to.
type errorLog struct{ log *slog.Logger }

func (l errorLog) Println(v ...any) { l.log.Error("metrics", "err", fmt.Sprint(v...)) }

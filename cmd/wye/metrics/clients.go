package metrics

import (
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wye-org/wye/hub/server"
)

// Clients counts what happens to the clients of a hub: those of the client protocol,
// those who read events, and the programs that call the API. It is a
// [prometheus.Collector].
type Clients struct {
	connections *prometheus.GaugeVec
	opened      *prometheus.CounterVec
	ended       *prometheus.CounterVec
	commands    *prometheus.CounterVec
	recoveries  *prometheus.CounterVec
	recovered   *prometheus.CounterVec
	calls       *prometheus.CounterVec
}

// NewClients returns one at zero.
func NewClients() *Clients {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &Clients{
		connections: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "wye_client_connections",
			Help: "Connections of the hub's client protocol, and streams of events, that are open.",
		}, []string{"transport"}),
		opened:     counter("wye_client_connections_opened_total", "Those since the start.", "transport"),
		ended:      counter("wye_client_disconnects_total", "Those that have ended, by the code.", "transport", "code"),
		commands:   counter("wye_client_commands_total", "Commands of the client protocol, by the code of the error they were answered with, or 0.", "command", "code"),
		recoveries: counter("wye_client_recoveries_total", "Clients that came back with a position: whether they were told all they had missed.", "transport", "result"),
		recovered:  counter("wye_client_recovered_messages_total", "Messages that these were told.", "transport"),
		calls:      counter("wye_api_calls_total", "Calls of the HTTP API, by the code of the error they were answered with, or 0.", "method", "code"),
	}
}

func (c *Clients) all() []prometheus.Collector {
	return []prometheus.Collector{c.connections, c.opened, c.ended, c.commands, c.recoveries, c.recovered, c.calls}
}

// Describe implements [prometheus.Collector].
func (c *Clients) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.all() {
		m.Describe(out)
	}
}

// Collect implements [prometheus.Collector].
func (c *Clients) Collect(out chan<- prometheus.Metric) {
	for _, m := range c.all() {
		m.Collect(out)
	}
}

// Hooks are for a server.
func (c *Clients) Hooks() server.Hooks {
	return server.Hooks{
		Opened: func(t server.Transport) {
			c.connections.WithLabelValues(string(t)).Inc()
			c.opened.WithLabelValues(string(t)).Inc()
		},
		Closed: func(t server.Transport, code int) {
			c.connections.WithLabelValues(string(t)).Dec()
			c.ended.WithLabelValues(string(t), closeCode(code)).Inc()
		},
		Command: func(name string, code int) {
			c.commands.WithLabelValues(name, strconv.Itoa(code)).Inc()
		},
		Recovered: func(t server.Transport, ok bool, messages int) {
			result := "not_recovered"
			if ok {
				result = "recovered"
				c.recovered.WithLabelValues(string(t)).Add(float64(messages))
			}
			c.recoveries.WithLabelValues(string(t), result).Inc()
		},
	}
}

// Called is for the API.
func (c *Clients) Called(method string, code int) {
	c.calls.WithLabelValues(method, strconv.Itoa(code)).Inc()
}

// closeCodes are those that make a series of their own. A client may send any code, and
// each would be one.
var closeCodes = []int{
	0, 1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
	server.UnsubscribeServer, server.UnsubscribeExpired,
	server.DisconnectShutdown, server.DisconnectServerError, server.DisconnectExpired, server.DisconnectSlow,
	server.DisconnectWriteError, server.DisconnectInsufficientState, server.DisconnectNoPong,
	server.DisconnectInvalidToken, server.DisconnectBadRequest, server.DisconnectStale, server.DisconnectForced,
	server.DisconnectNotAvailable,
}

func closeCode(code int) string {
	if slices.Contains(closeCodes, code) {
		return strconv.Itoa(code)
	}
	return "other"
}

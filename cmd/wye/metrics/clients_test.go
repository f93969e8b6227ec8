package metrics_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wye-org/wye/cmd/wye/metrics"
	"github.com/wye-org/wye/hub/server"
)

func TestClients(t *testing.T) {
	c := metrics.NewClients()
	hooks := c.Hooks()
	hooks.Opened(server.WebSocket)
	hooks.Opened(server.WebSocket)
	hooks.Opened(server.Events)
	hooks.Closed(server.WebSocket, server.DisconnectSlow)
	hooks.Closed(server.Events, 0)
	hooks.Command("subscribe", 0)
	hooks.Command("subscribe", server.ErrorPermissionDenied)
	hooks.Recovered(server.WebSocket, true, 5)
	hooks.Recovered(server.WebSocket, false, 9)
	c.Called("publish", 0)
	for code := range 5000 { // whatever clients send
		hooks.Opened(server.WebSocket)
		hooks.Closed(server.WebSocket, code)
	}
	w := httptest.NewRecorder()
	metrics.Handler(slog.New(slog.DiscardHandler), c).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text := w.Body.String()
	for _, want := range []string{
		`wye_client_connections{transport="websocket"} 1`,
		`wye_client_connections{transport="sse"} 0`,
		`wye_client_connections_opened_total{transport="sse"} 1`,
		`wye_client_disconnects_total{code="3008",transport="websocket"} 2`,
		`wye_client_disconnects_total{code="0",transport="sse"} 1`,
		`wye_client_commands_total{code="0",command="subscribe"} 1`,
		`wye_client_commands_total{code="103",command="subscribe"} 1`,
		`wye_client_recoveries_total{result="recovered",transport="websocket"} 1`,
		`wye_client_recoveries_total{result="not_recovered",transport="websocket"} 1`,
		`wye_client_recovered_messages_total{transport="websocket"} 5`,
		`wye_api_calls_total{code="0",method="publish"} 1`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("there is no %s in\n%s", want, grep(text, "wye_client"))
		}
	}
	if n := strings.Count(text, "\nwye_client_disconnects_total{"); n > 40 {
		t.Errorf("the codes that clients send make %d series", n)
	}
	lint(t, text)
}

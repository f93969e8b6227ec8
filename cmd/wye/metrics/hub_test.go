package metrics_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wye-org/wye/cmd/wye/metrics"
	"github.com/wye-org/wye/hub"
)

func hubExposition(t *testing.T, stats func() hub.Stats) string {
	t.Helper()
	w := httptest.NewRecorder()
	metrics.Handler(slog.New(slog.DiscardHandler), metrics.Hub{Stats: stats}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// Each number has a name, and no name two.
func TestHub(t *testing.T) {
	text := hubExposition(t, func() hub.Stats {
		return hub.Stats{
			Clients: 2, Channels: 3, Members: 4,
			Published: 5, PublishedBytes: 6, Unpublished: 7,
			Publishing: hub.Durations{Count: 8, Sum: 9 * time.Second, Buckets: []hub.Bucket{{Most: time.Millisecond, N: 3}, {Most: time.Second, N: 4}}},
			Offered:    10, Delivered: 11, DroppedNewest: 12, DroppedOldest: 13, Conflated: 14, Abandoned: 15,
			DeliveredBytes: 16,
			Lag:            hub.Durations{Count: 17, Sum: 18 * time.Millisecond, Buckets: []hub.Bucket{{Most: time.Millisecond, N: 3}}},
			Disconnected:   19, Dismissed: 20, Recovered: 21, Unrecovered: 22, Checked: 43, Behind: 20, Mended: 25, Lost: 26, Epochs: 27,
			Away: true, Outages: 28,
		}
	})
	for _, want := range []string{
		`wye_hub_clients 2`, `wye_hub_channels 3`, `wye_hub_subscriptions 4`,
		`wye_hub_published_total 5`, `wye_hub_published_bytes_total 6`, `wye_hub_publish_errors_total 7`,
		`wye_hub_publish_seconds_bucket{le="0.001"} 3`, `wye_hub_publish_seconds_bucket{le="1"} 4`,
		`wye_hub_publish_seconds_bucket{le="+Inf"} 8`, `wye_hub_publish_seconds_sum 9`,
		`wye_hub_offered_total 10`, `wye_hub_delivered_total 11`, `wye_hub_delivered_bytes_total 16`,
		`wye_hub_dropped_total{policy="drop_newest"} 12`, `wye_hub_dropped_total{policy="drop_oldest"} 13`,
		`wye_hub_dropped_total{policy="conflate"} 14`, `wye_hub_abandoned_total 15`,
		`wye_hub_delivery_lag_seconds_count 17`, `wye_hub_delivery_lag_seconds_sum 0.018`,
		`wye_hub_ended_total{reason="slow"} 19`, `wye_hub_ended_total{reason="program"} 20`,
		`wye_hub_recoveries_total{result="recovered"} 21`, `wye_hub_recoveries_total{result="not_recovered"} 22`,
		`wye_hub_position_checks_total{result="same"} 23`, `wye_hub_position_checks_total{result="behind"} 20`,
		`wye_hub_gaps_total{result="filled"} 25`, `wye_hub_gaps_total{result="lost"} 26`,
		`wye_hub_epoch_changes_total 27`, `wye_hub_engine_up 0`, `wye_hub_engine_outages_total 28`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("there is no %s in\n%s", want, grep(text, "wye_hub"))
		}
	}
	lint(t, text)
}

// However many channels there are, and whoever is in them, there are as many series.
func TestSeriesDoNotGrowWithChannels(t *testing.T) {
	h, err := hub.New(hub.Options{
		Namespaces: []hub.Namespace{
			{Name: "live", MaySubscribe: hub.Anyone, Presence: hub.Presence{TTL: time.Minute}},
			{Name: "log", History: hub.History{Size: 3, TTL: time.Hour}, MaySubscribe: hub.Anyone},
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	series := func() (n int) {
		for line := range strings.Lines(hubExposition(t, h.Stats)) {
			if strings.HasPrefix(line, "wye_") {
				n++
			}
		}
		return n
	}
	before := series()
	if before < 60 {
		t.Errorf("there are %d series", before)
	}
	for i := range 500 {
		client, err := h.Connect(nothing{}, &hub.ClientOptions{Principal: fmt.Sprint("p", i)})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		for _, channel := range []string{"live:", "log:"} {
			channel = fmt.Sprint(channel, i)
			if _, err := client.Join(t.Context(), channel, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Publish(t.Context(), channel, []byte("x"), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if after := series(); after != before {
		t.Errorf("%d series became %d", before, after)
	}
	if text := hubExposition(t, h.Stats); !strings.Contains(text, "\nwye_hub_channels 1000\n") || !strings.Contains(text, "\nwye_hub_published_total 1000\n") || !strings.Contains(text, "\nwye_hub_engine_up 1\n") {
		t.Error(grep(text, "wye_hub"))
	}
}

// nothing is an outlet that takes everything.
type nothing struct{}

func (nothing) TrySend(batch []*hub.Message) (int, error)                 { return len(batch), nil }
func (nothing) Send(_ context.Context, batch []*hub.Message) (int, error) { return len(batch), nil }
func (nothing) Close(error)                                               {}

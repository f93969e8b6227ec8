package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wye-org/wye/hub"
)

// The descriptions, in the order of docs/hub.md. None has a label whose values are
// somebody else's: a channel's name, or who is in it.
var (
	descHubClients = prometheus.NewDesc("wye_hub_clients",
		"Clients of the hub: connections that may be in channels.", nil, nil)
	descHubChannels = prometheus.NewDesc("wye_hub_channels",
		"Channels that have members on this node.", nil, nil)
	descHubMembers = prometheus.NewDesc("wye_hub_subscriptions",
		"Members of all these channels.", nil, nil)

	descHubPublished = prometheus.NewDesc("wye_hub_published_total",
		"Messages that were published on this node and taken by the engine.", nil, nil)
	descHubPublishedBytes = prometheus.NewDesc("wye_hub_published_bytes_total",
		"Their bytes.", nil, nil)
	descHubUnpublished = prometheus.NewDesc("wye_hub_publish_errors_total",
		"Messages that the engine did not take.", nil, nil)
	descHubPublishing = prometheus.NewDesc("wye_hub_publish_seconds",
		"How long the engine took for a message that it took.", nil, nil)

	descHubOffered = prometheus.NewDesc("wye_hub_offered_total",
		"Messages for each client they were for: delivered, dropped, abandoned, or waiting.", nil, nil)
	descHubDelivered = prometheus.NewDesc("wye_hub_delivered_total",
		"Messages that connections have taken.", nil, nil)
	descHubDeliveredBytes = prometheus.NewDesc("wye_hub_delivered_bytes_total",
		"Their bytes.", nil, nil)
	descHubLag = prometheus.NewDesc("wye_hub_delivery_lag_seconds",
		"From when the engine took a message until a connection that was ready did.", nil, nil)
	descHubDropped = prometheus.NewDesc("wye_hub_dropped_total",
		"Messages that slow clients did not get, by what the channel's policy did.", []string{"policy"}, nil)
	descHubAbandoned = prometheus.NewDesc("wye_hub_abandoned_total",
		"Messages that waited for a client that has left or ended.", nil, nil)
	descHubEnded = prometheus.NewDesc("wye_hub_ended_total",
		"Clients that the hub has ended: they were too slow, or the program said so.", []string{"reason"}, nil)

	descHubRecoveries = prometheus.NewDesc("wye_hub_recoveries_total",
		"Clients that came back with a position: whether all they had missed was there.", []string{"result"}, nil)
	descHubGaps = prometheus.NewDesc("wye_hub_gaps_total",
		"Gaps in what came from the engine: filled from the history, or lost.", []string{"result"}, nil)
	descHubChecks = prometheus.NewDesc("wye_hub_position_checks_total",
		"Positions of channels that were compared with the engine's.", []string{"result"}, nil)
	descHubEpochs = prometheus.NewDesc("wye_hub_epoch_changes_total",
		"Histories that the engine has lost and begun anew, while they had members here.", nil, nil)
	descHubUp = prometheus.NewDesc("wye_hub_engine_up",
		"Whether the engine can be reached.", nil, nil)
	descHubOutages = prometheus.NewDesc("wye_hub_engine_outages_total",
		"How often it could not be reached any more.", nil, nil)
)

// Hub tells of a hub. It is a [prometheus.Collector].
type Hub struct{ Stats func() hub.Stats }

// Describe implements [prometheus.Collector].
func (h Hub) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(h, out) }

// Collect implements [prometheus.Collector].
func (h Hub) Collect(out chan<- prometheus.Metric) {
	s := h.Stats()
	gauge := func(d *prometheus.Desc, v int) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(descHubClients, s.Clients)
	gauge(descHubChannels, s.Channels)
	gauge(descHubMembers, s.Members)

	counter(descHubPublished, s.Published)
	counter(descHubPublishedBytes, s.PublishedBytes)
	counter(descHubUnpublished, s.Unpublished)
	out <- histogram(descHubPublishing, s.Publishing)

	counter(descHubOffered, s.Offered)
	counter(descHubDelivered, s.Delivered)
	counter(descHubDeliveredBytes, s.DeliveredBytes)
	out <- histogram(descHubLag, s.Lag)
	counter(descHubDropped, s.DroppedNewest, "drop_newest")
	counter(descHubDropped, s.DroppedOldest, "drop_oldest")
	counter(descHubDropped, s.Conflated, "conflate")
	counter(descHubAbandoned, s.Abandoned)
	counter(descHubEnded, s.Disconnected, "slow")
	counter(descHubEnded, s.Dismissed, "program")

	counter(descHubRecoveries, s.Recovered, "recovered")
	counter(descHubRecoveries, s.Unrecovered, "not_recovered")
	counter(descHubGaps, s.Mended, "filled")
	counter(descHubGaps, s.Lost, "lost")
	counter(descHubChecks, s.Checked-min(s.Behind, s.Checked), "same")
	counter(descHubChecks, s.Behind, "behind")
	counter(descHubEpochs, s.Epochs)
	up := 1
	if s.Away {
		up = 0
	}
	gauge(descHubUp, up)
	counter(descHubOutages, s.Outages)
}

// histogram is d in Prometheus' words.
func histogram(desc *prometheus.Desc, d hub.Durations) prometheus.Metric {
	buckets := make(map[float64]uint64, len(d.Buckets))
	for _, b := range d.Buckets {
		buckets[seconds(b.Most)] = b.N
	}
	return prometheus.MustNewConstHistogram(desc, d.Count, seconds(d.Sum), buckets)
}

func seconds(d time.Duration) float64 { return d.Seconds() }

package metrics_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wye-org/wye/cmd/wye/metrics"
	"github.com/wye-org/wye/hub"
)

// docs/hub.md has every metric of the hub, and no other.
func TestTheDocumentHasEveryMetric(t *testing.T) {
	text, err := os.ReadFile("../../../docs/hub.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, name := range regexp.MustCompile("`(wye_[a-z_]+)`").FindAllStringSubmatch(string(text), -1) {
		documented[name[1]] = true
	}
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	described := map[string]bool{}
	for _, c := range []prometheus.Collector{metrics.Hub{Stats: func() hub.Stats { return hub.Stats{} }}, metrics.NewClients()} {
		descs := make(chan *prometheus.Desc, 100)
		c.Describe(descs)
		close(descs)
		for d := range descs {
			described[name.FindStringSubmatch(d.String())[1]] = true
		}
	}
	if len(described) < 25 {
		t.Fatalf("there are %d metrics", len(described))
	}
	for name := range described {
		if !documented[name] {
			t.Errorf("docs/hub.md lacks %s", name)
		}
	}
	for name := range documented {
		if !described[name] && !strings.HasSuffix(name, "_bucket") {
			t.Errorf("docs/hub.md has %s, which there is not", name)
		}
	}
}

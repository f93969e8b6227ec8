package inspect

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wye-org/wye/cmd/wye/metrics"
	"github.com/wye-org/wye/websocket"
)

// A Connection is one that is open.
type Connection struct {
	ID uint64 `json:"id"`
	about
	Opened   int64           `json:"opened"` // milliseconds since 1970
	Age      float64         `json:"age"`    // seconds
	RTT      float64         `json:"rtt"`    // seconds; 0: not known
	Received metrics.Traffic `json:"received"`
	Sent     metrics.Traffic `json:"sent"`
	Queue    int             `json:"queue"` // bytes
}

// A Page is a part of a list.
type Page struct {
	Total       int          `json:"total"`   // connections that are open
	Matched     int          `json:"matched"` // of these, those that were searched for
	Offset      int          `json:"offset"`  // of the first one here among these
	Connections []Connection `json:"connections"`
}

// A Query says which connections to list, and how. The zero value lists the
// newest.
type Query struct {
	Search string `json:"q"`      // words that all have to be somewhere in what is shown, in any case
	Sort   string `json:"sort"`   // one of the orders, with - before it the other way round; empty: -opened
	Offset int    `json:"offset"` // too large a one means the last page
	Limit  int    `json:"limit"`  // 0: 50
}

// Bounds of a query.
const (
	defaultLimit = 50
	maxLimit     = 200
	maxSearch    = 200 // bytes
)

// row is a connection on its way into a list.
type row struct {
	*entry
	websocket.Stats
	rtt time.Duration
}

// orders are what can be sorted by.
var orders = map[string]func(a, b *row) int{
	"opened":   func(a, b *row) int { return 0 }, // the ID decides
	"client":   func(a, b *row) int { return cmp.Compare(a.about.Client, b.about.Client) },
	"path":     func(a, b *row) int { return cmp.Compare(a.about.Path, b.about.Path) },
	"rtt":      func(a, b *row) int { return cmp.Compare(a.rtt, b.rtt) },
	"received": func(a, b *row) int { return cmp.Compare(a.BytesReceived, b.BytesReceived) },
	"sent":     func(a, b *row) int { return cmp.Compare(a.BytesSent, b.BytesSent) },
	"queue":    func(a, b *row) int { return cmp.Compare(a.Queued, b.Queued) },
}

// parseQuery reads the parameters of a URL.
func parseQuery(v url.Values) (q Query, err error) {
	q.Search, q.Sort = v.Get("q"), v.Get("sort")
	for name, to := range map[string]*int{"offset": &q.Offset, "limit": &q.Limit} {
		if s := v.Get(name); s != "" {
			if *to, err = strconv.Atoi(s); err != nil {
				return q, fmt.Errorf("%s is no number", name)
			}
		}
	}
	return q, q.validate()
}

// validate says what is wrong with q, and fills in what it leaves open.
func (q *Query) validate() error {
	if q.Limit == 0 {
		q.Limit = defaultLimit
	}
	if q.Sort == "" {
		q.Sort = "-opened"
	}
	switch {
	case q.Limit < 1 || q.Limit > maxLimit:
		return fmt.Errorf("limit is %d, want 1 to %d", q.Limit, maxLimit)
	case q.Offset < 0:
		return fmt.Errorf("offset is %d, want at least 0", q.Offset)
	case len(q.Search) > maxSearch:
		return fmt.Errorf("q has %d bytes, want at most %d", len(q.Search), maxSearch)
	case orders[strings.TrimPrefix(q.Sort, "-")] == nil:
		return fmt.Errorf("sort is none of opened, client, path, rtt, received, sent, queue")
	}
	return nil
}

// List returns a page of the connections. An invalid q is an error.
func (reg *Registry) List(q Query) (Page, error) {
	if err := q.validate(); err != nil {
		return Page{}, err
	}
	all := reg.entries()
	rows := make([]row, 0, len(all))
	words := strings.Fields(strings.ToLower(q.Search))
	for _, e := range all {
		if e.matches(words) {
			rows = append(rows, row{e, e.live.Stats(), e.live.RTT()})
		}
	}
	name, down := strings.CutPrefix(q.Sort, "-")
	order := orders[name]
	slices.SortFunc(rows, func(a, b row) int {
		n := cmp.Or(order(&a, &b), cmp.Compare(a.id, b.id))
		if down {
			return -n
		}
		return n
	})

	page := Page{Total: len(all), Matched: len(rows), Offset: q.Offset, Connections: []Connection{}}
	if page.Offset >= len(rows) {
		page.Offset = max(len(rows)-1, 0) / q.Limit * q.Limit
	}
	now := time.Now()
	for _, r := range rows[page.Offset:min(page.Offset+q.Limit, len(rows))] {
		page.Connections = append(page.Connections, r.connection(now))
	}
	return page, nil
}

func (r *row) connection(now time.Time) Connection {
	return Connection{
		ID:       r.id,
		about:    r.about,
		Opened:   r.began.UnixMilli(),
		Age:      now.Sub(r.began).Seconds(),
		RTT:      r.rtt.Seconds(),
		Received: metrics.Traffic{Messages: r.MessagesReceived, Bytes: r.BytesReceived},
		Sent:     metrics.Traffic{Messages: r.MessagesSent, Bytes: r.BytesSent},
		Queue:    r.Queued,
	}
}

// matches reports whether every word, in lower case, is in what is shown of e.
func (e *entry) matches(words []string) bool {
	if len(words) == 0 {
		return true
	}
	a := &e.about
	text := strings.ToLower(strings.Join([]string{
		a.Carrier, a.Token, a.Endpoint, a.Path, a.Subprotocol, a.Extensions, a.Principal, a.Client,
	}, "\n"))
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
}

package server

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// reply is the answer to a command. Subscribe and History are written by
// [subscribeResult] and [historyResult]: what was published is in them as it
// is shared by all clients.
type reply struct {
	ID            uint32               `json:"id,omitempty"`
	Error         *replyError          `json:"error,omitempty"`
	Connect       *connectResult       `json:"connect,omitempty"`
	Unsubscribe   *struct{}            `json:"unsubscribe,omitempty"`
	Publish       *struct{}            `json:"publish,omitempty"`
	Presence      *presenceResult      `json:"presence,omitempty"`
	PresenceStats *presenceStatsResult `json:"presence_stats,omitempty"`
	Ping          *struct{}            `json:"ping,omitempty"`
	Refresh       *refreshResult       `json:"refresh,omitempty"`
	SubRefresh    *refreshResult       `json:"sub_refresh,omitempty"`

	subscribe *subscribeResult
	history   *historyResult
}

type connectResult struct {
	Client  string `json:"client"`
	Version string `json:"version"`
	refreshed
	Ping uint32                     `json:"ping,omitempty"`
	Pong bool                       `json:"pong,omitempty"`
	Subs map[string]json.RawMessage `json:"subs,omitempty"`
}

// refreshed says until when the client need not refresh a token.
type refreshed struct {
	Expires bool   `json:"expires,omitempty"`
	TTL     uint32 `json:"ttl,omitempty"` // seconds
}

type refreshResult struct {
	Client string `json:"client,omitempty"`
	refreshed
}

type presenceResult struct {
	Presence map[string]clientInfo `json:"presence"`
}

type presenceStatsResult struct {
	Clients int `json:"num_clients"`
	Users   int `json:"num_users"`
}

type subscribeResult struct {
	refreshed
	stores       bool // the channel has a history, so the client may recover
	wasRecovered bool
	recovering   bool
	position     hub.Position
	messages     []*hub.Message
	following    int // messages that are told after the answer
}

type historyResult struct {
	top      hub.Position
	messages []*hub.Message
}

// encode makes the line of r.
func (r *reply) encode() []byte {
	switch {
	case r.subscribe != nil:
		b := append(strconv.AppendUint([]byte(`{"id":`), uint64(r.ID), 10), `,"subscribe":`...)
		return append(r.subscribe.append(b), '}')
	case r.history != nil:
		b := append(strconv.AppendUint([]byte(`{"id":`), uint64(r.ID), 10), `,"history":{`...)
		b = appendPublications(b, r.history.messages)
		if len(r.history.messages) == 0 {
			b = append(b, `"publications":[]`...)
		}
		b = appendPosition(b, r.history.top)
		return append(b, '}', '}')
	}
	return mustMarshal(r)
}

// append writes r as an object.
func (r *subscribeResult) append(b []byte) []byte {
	b = append(b, '{')
	b = appendPublications(b, r.messages)
	b = appendPosition(b, r.position)
	for _, flag := range [...]struct {
		set  bool
		text string
	}{
		{r.stores, `,"recoverable":true,"positioned":true`},
		{r.recovering, `,"was_recovering":true`},
		{r.wasRecovered, `,"recovered":true`},
		{r.Expires, `,"expires":true,"ttl":` + strconv.Itoa(int(r.TTL))},
	} {
		if flag.set {
			b = append(b, flag.text...)
		}
	}
	b = append(b, '}')
	return b
}

// appendPublications writes the member "publications", if there are some. The comma is
// that of what follows.
func appendPublications(b []byte, messages []*hub.Message) []byte {
	for i, m := range messages {
		if i == 0 {
			b = append(b, `"publications":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(b, pushOf(m).pub...)
	}
	if len(messages) > 0 {
		b = append(b, ']')
	}
	return b
}

// appendPosition writes the members "epoch" and "offset".
func appendPosition(b []byte, p hub.Position) []byte {
	if last := b[len(b)-1]; last != '{' {
		b = append(b, ',')
	}
	b = append(append(b, `"epoch":`...), quote(p.Epoch)...)
	return strconv.AppendUint(append(b, `,"offset":`...), p.Offset, 10)
}

// push is a message as clients get it, for all of them the same.
type push struct {
	frame *websocket.Prepared // nil: it is not for clients
	pub   []byte              // the publication within, as recovery and history have it
}

type pushKey struct{}

func pushOf(m *hub.Message) push { return m.Form(pushKey{}, makePush).(push) }

func makePush(m *hub.Message) any {
	b := append(append([]byte(`{"push":{"channel":`), quote(m.Channel)...), ',')
	var from, to int
	switch m.Kind {
	case hub.Data:
		b = append(b, `"pub":`...)
		from = len(b)
		b = AppendPublication(b, m)
		to = len(b)
	case hub.Joined, hub.Left:
		name := `"join"`
		if m.Kind == hub.Left {
			name = `"leave"`
		}
		b = append(append(b, name...), `:{"info":`...)
		b = append(append(b, mustMarshal(infoOf(m.From))...), '}')
	case hub.Removed:
		return push{frame: websocket.Prepare(websocket.MessageText, removed(m.Channel))}
	default:
		return push{}
	}
	frame := websocket.Prepare(websocket.MessageText, append(b, '}', '}'))
	return push{frame, frame.Payload()[from:to]}
}

// AppendPublication appends to dst what was published as the protocol's publication,
// one line of JSON: data, offset if it is stored, and info if a client published it.
// Data that is JSON is there as it is, another text as a string, and other bytes as
// a string in base64.
func AppendPublication(dst []byte, m *hub.Message) []byte {
	b := append(dst, `{"data":`...)
	b = appendData(b, m)
	if m.From != nil {
		b = append(append(b, `,"info":`...), mustMarshal(infoOf(m.From))...)
	}
	if m.Offset != 0 {
		b = strconv.AppendUint(append(b, `,"offset":`...), m.Offset, 10)
	}
	return append(b, '}')
}

// appendData writes what was published as one line of JSON: as it is, if it is that;
// a text as a string, and other bytes as one in base64.
func appendData(b []byte, m *hub.Message) []byte {
	switch {
	case !m.Binary && json.Valid(m.Data):
		if bytes.IndexByte(m.Data, '\n') < 0 {
			return append(b, m.Data...)
		}
		var line bytes.Buffer
		json.Compact(&line, m.Data) // which is valid
		return append(b, line.Bytes()...)
	case !m.Binary && utf8.Valid(m.Data):
		return append(b, quote(string(m.Data))...)
	}
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, m.Data)
	return append(b, '"')
}

// clientInfo is a member as others see it.
type clientInfo struct {
	User     string          `json:"user"`
	Client   string          `json:"client"`
	ConnInfo json.RawMessage `json:"conn_info,omitempty"`
	ChanInfo json.RawMessage `json:"chan_info,omitempty"`
}

func infoOf(m *hub.Member) clientInfo {
	info := clientInfo{User: m.Principal, Client: m.ID}
	info.ConnInfo, info.ChanInfo = Info(m)
	return info
}

// Info is what others are told of a member: of its connection, and of its part in
// the channel. nil: nothing. Where the hub's Info was not written by a Server it is
// the connection's, as a string if it is not JSON.
func Info(m *hub.Member) (connection, channel json.RawMessage) {
	if len(m.Info) == 0 {
		return nil, nil
	}
	if m.Info[0] != infoMark {
		return infoJSON(m.Info), nil
	}
	conn, in, _ := bytes.Cut(m.Info[1:], []byte{infoMark})
	return infoJSON(conn), infoJSON(in)
}

// infoMark begins a member's Info that has two parts, and stands between them. No
// JSON has it.
const infoMark = 0

// joinInfo makes a member's Info of two parts.
func joinInfo(connection, channel []byte) []byte {
	if len(channel) == 0 {
		return connection
	}
	b := append([]byte{infoMark}, connection...)
	return append(append(b, infoMark), channel...)
}

func infoJSON(p []byte) json.RawMessage {
	switch {
	case len(p) == 0:
		return nil
	case json.Valid(p):
		return json.RawMessage(p)
	case utf8.Valid(p):
		return quote(string(p))
	}
	return quote(base64.StdEncoding.EncodeToString(p))
}

func quote(s string) []byte { return mustMarshal(s) }

// mustMarshal is for what cannot fail: strings, numbers and valid JSON.
func mustMarshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return b
}

package layering

import (
	"slices"

	"github.com/wye-org/wye/internal/golist"
)

// rule says what a package may know. Whatever it does not name is forbidden,
// but for the standard library, of which it names what is.
type rule struct {
	why   string   // in a sentence, for whoever breaks the rule
	own   []string // packages of this module that it may import, directly or through others
	third []string // likewise, import paths beyond this module and the standard library; one that ends in /... stands for all below
	noStd []string // packages of the standard library that neither it nor what it has of our own may import directly
}

// root is the module, and its package at the top.
const root = golist.Root

// idna is the part of x/net for host names, and what that needs of x/text.
var idna = []string{"golang.org/x/net/idna", "golang.org/x/text/..."}

// socks is the part of x/net that dials through SOCKS proxies.
var socks = []string{"golang.org/x/net/proxy", "golang.org/x/net/internal/socks"}

// quic is quic-go, and what that needs.
var quic = []string{
	"github.com/quic-go/quic-go/...", "github.com/quic-go/quic-go", "github.com/quic-go/qpack",
	"golang.org/x/crypto/...", "golang.org/x/net/...", "golang.org/x/sys/...",
}

// natsClient is nats.go, and what that needs; natsServer what a server needs besides.
var (
	natsClient = []string{
		"github.com/nats-io/nats.go", "github.com/nats-io/nats.go/...", "github.com/nats-io/nkeys", "github.com/nats-io/nuid",
		"github.com/klauspost/compress/...", "golang.org/x/crypto/...", "golang.org/x/sys/...",
	}
	natsServer = []string{
		"github.com/nats-io/nats-server/v2/...", "github.com/nats-io/jwt/v2", "github.com/minio/highwayhash", "github.com/google/go-tpm/...",
		"github.com/antithesishq/antithesis-sdk-go/...", "golang.org/x/time/rate",
	}
)

// rules has a row for every package of the module, by its path below root.
var rules = map[string]rule{
	"": {
		why:   "the root package is the Upgrade mechanism and does not know what is switched to",
		own:   []string{"internal/deadline"},
		third: append(socks, idna...), // of the host in a URL to dial, and of the way there
	},
	"gate": {
		why:   "gate is a leaf: it judges a request and does not know what for",
		third: append([]string{"golang.org/x/time/rate"}, idna...),
	},
	"websocket": {
		why:   "websocket joins wye, gate and wire",
		own:   []string{"", "internal/deadline", "internal/handoff", "gate", "websocket/wire", "websocket/wire/internal/deflate"},
		third: slices.Concat([]string{"golang.org/x/time/rate"}, idna, socks), // rate is gate's
	},
	"websocket/wire": {
		why:   "wire is RFC 6455 without input or output: it is handed the bytes and the time",
		own:   []string{"websocket/wire/internal/deflate"},
		noStd: []string{"net", "net/http", "os", "time", "context"},
	},
	"websocket/wire/internal/deflate": {
		why:   "deflate is RFC 1951 over slices, and knows no protocol",
		noStd: []string{"net", "net/http", "os", "time", "context", "io"},
	},
	"hub": {
		why:   "hub gathers members and passes messages on: it never touches a socket",
		noStd: []string{"net", "net/http", "os"},
	},
	"hub/enginetest": {
		why:   "enginetest is what every engine of a hub has to do, as tests",
		own:   []string{"hub"},
		noStd: []string{"net", "net/http"},
	},
	"hub/hubws": {
		why:   "hubws is where a hub meets WebSocket, so that hub need not know it",
		own:   []string{"", "internal/deadline", "internal/handoff", "gate", "hub", "websocket", "websocket/wire", "websocket/wire/internal/deflate"},
		third: slices.Concat([]string{"golang.org/x/time/rate"}, idna, socks), // websocket's
	},
	"hub/nats": {
		why:   "hub/nats is an engine: it joins hub and a client of NATS, and links no server",
		own:   []string{"hub"},
		third: natsClient,
	},
	"hub/nats/embedded": {
		why:   "embedded is a NATS server, for who wants one in the process",
		own:   []string{"hub", "hub/nats"},
		third: slices.Concat(natsClient, natsServer),
	},
	"hub/nats/natstest": {
		why:   "natstest is NATS servers for tests, here and in other modules",
		own:   []string{"hub", "hub/nats", "hub/nats/embedded"},
		third: slices.Concat(natsClient, natsServer),
	},
	"hub/server": {
		why:   "hub/server is where a hub meets clients of others: it knows no engine, and no kind of token",
		own:   []string{"", "internal/deadline", "internal/handoff", "gate", "hub", "websocket", "websocket/wire", "websocket/wire/internal/deflate"},
		third: slices.Concat([]string{"golang.org/x/time/rate"}, idna, socks), // websocket's
	},
	"hub/server/jwt": {
		why:   "jwt is one kind of token, so that hub/server need not know any",
		own:   []string{"", "internal/deadline", "internal/handoff", "gate", "hub", "hub/server", "websocket", "websocket/wire", "websocket/wire/internal/deflate"},
		third: slices.Concat([]string{"github.com/golang-jwt/jwt/v5", "golang.org/x/time/rate"}, idna, socks),
	},
	"hub/server/api": {
		why:   "api is a hub's door for the programs behind it, in HTTP alone",
		own:   []string{"", "internal/deadline", "internal/handoff", "gate", "hub", "hub/server", "websocket", "websocket/wire", "websocket/wire/internal/deflate"},
		third: slices.Concat([]string{"golang.org/x/time/rate"}, idna, socks), // hub/server's
	},
	"hub/server/servertest": {
		why: "servertest is what a server of hubs has to do, as tests with the SDKs of others",
		own: []string{"", "internal/deadline", "internal/handoff", "internal/needs", "gate", "hub", "hub/server", "websocket", "websocket/wire", "websocket/wire/internal/deflate"},
		third: slices.Concat([]string{
			"github.com/centrifugal/centrifuge-go", "github.com/centrifugal/protocol", // and what these need:
			"github.com/gorilla/websocket", "github.com/jpillora/backoff", "github.com/josharian/intern", "github.com/mailru/easyjson", "github.com/mailru/easyjson/...",
			"github.com/planetscale/vtprotobuf/...", "github.com/segmentio/asm/...", "github.com/segmentio/encoding/...",
			"github.com/shadowspore/fossil-delta", "github.com/valyala/bytebufferpool", "google.golang.org/protobuf/...",
			"golang.org/x/time/rate", "golang.org/x/sys/cpu",
		}, idna, socks),
	},
	"h2c": {
		why:   "h2c is HTTP/2 after an upgrade, by what the standard library speaks of it",
		own:   []string{"", "internal/deadline", "internal/handoff", "internal/exchange"},
		third: slices.Concat(idna, socks), // the root's
	},
	"tlsupgrade": {
		why:   "tlsupgrade is HTTP/1.1 over TLS after an upgrade",
		own:   []string{"", "internal/deadline", "internal/handoff", "internal/exchange"},
		third: slices.Concat(idna, socks), // the root's
	},
	"internal/handoff": {
		why:   "handoff gives connections back to net/http, whatever was switched to",
		own:   []string{"", "internal/deadline"},
		third: slices.Concat(idna, socks),
	},
	"internal/exchange": {
		why:   "exchange is a client's part of an upgrade to what is HTTP again",
		own:   []string{"", "internal/deadline", "internal/handoff"},
		third: slices.Concat(idna, socks),
	},
	"internal/interop": {
		why:   "interop is conversations with programs of others, for tests and for peers",
		own:   []string{"", "gate", "h2", "h2/announce", "websocket", "websocket/wire", "websocket/wire/internal/deflate", "internal/deadline", "h2c", "tlsupgrade", "internal/handoff", "internal/exchange"},
		third: slices.Concat([]string{"golang.org/x/time/rate", "golang.org/x/net/http2", "golang.org/x/net/http2/hpack", "golang.org/x/net/http/httpguts", "golang.org/x/net/internal/httpcommon", "golang.org/x/net/internal/httpsfv"}, idna, socks),
	},
	"internal/talk": {why: "it serves tests alone"},
	"h3": {
		why:   "h3 is a carrier: it joins wye and quic-go, and knows no protocol above",
		own:   []string{"", "internal/deadline"},
		third: slices.Concat(idna, socks, quic),
	},
	"conform": {
		why: "conform is the independent judge: it shares no code with what it judges",
	},
	"conform/internal/faulty": {
		why: "faulty is an endpoint to be broken, for conform's own tests: it stands as alone as conform",
	},
	"h2": {
		why:   "h2 is a carrier: it knows streams, and not what is spoken on them",
		own:   []string{"", "internal/deadline"},
		third: slices.Concat([]string{"golang.org/x/net/http2", "golang.org/x/net/http2/hpack", "golang.org/x/net/http/httpguts", "golang.org/x/net/internal/httpcommon", "golang.org/x/net/internal/httpsfv"}, idna, socks),
	},
	"h2/announce": {
		why:   "announce is imported for its effect, which has to come before net/http's initialisation",
		noStd: []string{"net", "net/http", "context", "log", "fmt"},
	},
	"internal/deadline": {
		why:   "deadline gives any stream deadlines, and knows no protocol",
		noStd: []string{"net/http"},
	},
	"internal/connsuite": {
		why:   "connsuite is the tests of a websocket.Conn over any carrier",
		own:   []string{"", "internal/deadline", "internal/handoff", "gate", "websocket", "websocket/wire", "websocket/wire/internal/deflate"},
		third: slices.Concat([]string{"golang.org/x/time/rate"}, idna, socks),
	},
	"internal/conformance": {why: "it is a test without a package"},
	"internal/docs":        {why: "it is a test without a package"},
	"internal/needs":       {why: "it serves tests alone"},
	"internal/golist":      {why: "it serves tests alone"},
	"internal/invert":      {why: "it is a program that breaks the source and wants tests to notice"},
	"internal/leaks":       {why: "it is a test without a package"},
	"internal/api":         {why: "it is a test without a package"},
	"internal/layering":    {why: "it is a test without a package"},
}

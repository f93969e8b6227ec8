package inspect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/site"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket"
)

// An Inspector answers who runs the server. Make one with [NewInspector].
type Inspector struct {
	registry *Registry
	gate     *gate.Gate
	accept   websocket.AcceptOptions
	sites    *http.CrossOriginProtection
	mux      *http.ServeMux
}

// NewInspector returns an inspector of what reg knows. The gate of accept judges
// each of its requests; nil: pages of other hosts are refused.
func NewInspector(reg *Registry, accept websocket.AcceptOptions) *Inspector {
	accept.Subprotocols = []string{Subprotocol}
	accept.MaxMessage = 4 << 10
	accept.MessageRate = 10
	// A viewer that is slow sees fewer states, not older ones.
	accept.WriteQueueMessages = 2
	in := &Inspector{reg, accept.Gate, accept, http.NewCrossOriginProtection(), http.NewServeMux()}
	handle := func(path, method string, serve func(http.ResponseWriter, *http.Request) error) {
		in.mux.Handle(path, in.Guard(answering(method, serve)))
	}
	handle("/inspect/connections", http.MethodGet, in.connections)
	handle("/inspect/refusals", http.MethodGet, in.refusals)
	handle("/inspect/connections/{id}/close", http.MethodPost, in.close)
	in.mux.Handle("/inspect/live", websocket.Handler(in.watch, &in.accept))
	return in
}

// ServeHTTP answers below /inspect/, as docs/inspector.md describes.
func (in *Inspector) ServeHTTP(w http.ResponseWriter, r *http.Request) { in.mux.ServeHTTP(w, r) }

// Guard has next answer who may see what it has: the inspector's gate says who
// that is. Nothing keeps what it answers.
func (in *Inspector) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site.Protect(w.Header())
		w.Header().Set("Cache-Control", "no-store")
		pass, err := in.gate.Check(r)
		if err != nil {
			wye.Answer(w, err)
			return
		}
		defer pass.Release()
		next.ServeHTTP(w, r)
	})
}

// answering is serve for one method; for GET, HEAD comes with it.
func answering(method string, serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method && (r.Method != http.MethodHead || method != http.MethodGet) {
			wye.Answer(w, &wye.Refusal{Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {method}}, Text: "This is for " + method})
			return
		}
		if err := serve(w, r); err != nil {
			wye.Answer(w, err)
		}
	})
}

func badRequest(err error) error {
	return &wye.Refusal{Status: http.StatusBadRequest, Text: err.Error(), Err: err}
}

func (in *Inspector) connections(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r.URL.Query())
	if err != nil {
		return badRequest(err)
	}
	page, err := in.registry.List(q)
	if err != nil {
		return badRequest(err)
	}
	return answerJSON(w, page)
}

// refused is the last refusals.
type refused struct {
	Total    uint64    `json:"total"` // since the start
	Refusals []Refusal `json:"refusals"`
}

func (reg *Registry) refused() refused {
	list, n := reg.refusals.newest()
	return refused{n, list}
}

func (in *Inspector) refusals(w http.ResponseWriter, _ *http.Request) error {
	return answerJSON(w, in.registry.refused())
}

func answerJSON(w http.ResponseWriter, v any) error {
	p, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(p, '\n'))
	return nil
}

// maxClose bounds the body of a request to close.
const maxClose = 1 << 10

// closing is what a request to close a connection says.
type closing struct {
	Code   websocket.StatusCode `json:"code"`
	Reason string               `json:"reason"`
}

// close ends a connection. Another site's page cannot make its visitor's browser
// ask for that: the browser says that the request crosses sites, and one that
// does not say so asks first whether it may send such a Content-Type.
func (in *Inspector) close(w http.ResponseWriter, r *http.Request) error {
	if err := in.sites.Check(r); err != nil {
		return &wye.Refusal{Status: http.StatusForbidden, Text: "This is for pages of this server", Err: err}
	}
	if typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || typ != "application/json" {
		return &wye.Refusal{Status: http.StatusUnsupportedMediaType, Text: "Want Content-Type: application/json"}
	}
	want := closing{Code: websocket.StatusNormalClosure}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxClose))
	if err != nil {
		return badRequest(fmt.Errorf("the body could not be read: %w", err))
	}
	if err := json.Unmarshal(body, &want); err != nil {
		return badRequest(errors.New(`want a body like {"code":1008,"reason":"…"}`))
	}
	if err := want.validate(); err != nil {
		return badRequest(err)
	}
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		return badRequest(errors.New("the ID is no number"))
	}
	return in.registry.end(w, r, id, want)
}

// validate leaves the codes that an endpoint may send and that are no lie from
// a server's operator. RFC 6455 §7.4.
func (c closing) validate() error {
	switch {
	case c.Code >= 3000 && c.Code <= 4999:
	case c.Code == websocket.StatusNormalClosure, c.Code == websocket.StatusGoingAway, c.Code == websocket.StatusPolicyViolation,
		c.Code == websocket.StatusInternalError, c.Code == websocket.StatusServiceRestart, c.Code == websocket.StatusTryAgainLater:
	default:
		return fmt.Errorf("code is %d, want 1000, 1001, 1008, 1011, 1012, 1013, or 3000 to 4999", c.Code)
	}
	if len(c.Reason) > maxReason {
		return fmt.Errorf("reason has %d bytes, want at most %d", len(c.Reason), maxReason)
	}
	return nil
}

// maxReason: "All control frames MUST have a payload length of 125 bytes or less",
// two of which are the code. RFC 6455 §5.5.
const maxReason = 123

// end closes a connection and says how that went. It waits for as long as the
// connection's own CloseTimeout allows.
func (reg *Registry) end(w http.ResponseWriter, r *http.Request, id uint64, how closing) error {
	reg.mu.Lock()
	e := reg.byID[id]
	reg.mu.Unlock()
	if e == nil {
		return &wye.Refusal{Status: http.StatusNotFound, Text: "No such connection: it may have ended"}
	}
	began := time.Now()
	done := struct {
		ID      uint64  `json:"id"`
		Clean   bool    `json:"clean"` // the closing handshake was completed
		Seconds float64 `json:"seconds"`
	}{ID: id}
	done.Clean = e.live.end(r.Context(), how.Code, how.Reason) == nil
	done.Seconds = time.Since(began).Seconds()
	return answerJSON(w, done)
}

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/server"
)

// MaxBody bounds the body of a request, in bytes.
const MaxBody = 1 << 20

// Options are a handler's.
type Options struct {
	Hub  *hub.Hub // is needed
	Keys *Keys    // are needed: who has none does nothing

	// MaxHistory and MaxChannels bound the publications of one answer, and the
	// channels of one broadcast. 0: 1,000 each.
	MaxHistory, MaxChannels int

	// Timeout bounds a call, among it the time that other nodes have to answer.
	// 0: 5 seconds.
	Timeout time.Duration

	// Logger gets what was refused, and what failed. nil: [slog.Default].
	Logger *slog.Logger

	// Called is told of each call, with the code of its fault or 0. Methods are
	// those of the API; what is none is "unknown". nil: nobody is interested.
	Called func(method string, code int)
}

// Handler is the API.
type Handler struct{ opt Options }

// NewHandler returns the API of a hub. It is to be mounted at a pattern such as
// "/api/{method}".
func NewHandler(opts Options) (*Handler, error) {
	if opts.Hub == nil {
		return nil, errors.New("api: Options.Hub is missing")
	}
	if opts.Keys == nil || opts.Keys.Len() == 0 {
		return nil, errors.New("api: there is no key, so nobody could use it")
	}
	if opts.MaxHistory <= 0 {
		opts.MaxHistory = 1000
	}
	if opts.MaxChannels <= 0 {
		opts.MaxChannels = 1000
	}
	if opts.Timeout <= 0 {
		opts.Timeout = 5 * time.Second
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Called == nil {
		opts.Called = func(string, int) {}
	}
	return &Handler{opts}, nil
}

// A method carries out one call: what it returns is the result.
type method func(h *Handler, ctx context.Context, body []byte) (any, error)

var methods = map[string]method{
	"publish":        call((*Handler).publish),
	"broadcast":      call((*Handler).broadcast),
	"presence":       call((*Handler).presence),
	"presence_stats": call((*Handler).presenceStats),
	"history":        call((*Handler).history),
	"disconnect":     call((*Handler).disconnect),
	"unsubscribe":    call((*Handler).unsubscribe),
	"channels":       call((*Handler).channels),
	"info":           call((*Handler).info),
	"nodes":          call((*Handler).info),
}

// call makes a method of a function that takes its request decoded.
func call[Q any](f func(*Handler, context.Context, *Q) (any, error)) method {
	return func(h *Handler, ctx context.Context, body []byte) (any, error) {
		q := new(Q)
		if err := decode(body, q); err != nil {
			return nil, err
		}
		return f(h, ctx, q)
	}
}

// decode reads the one JSON object that a body is. A member that is not known may be
// one that was to make a difference, so it is refused.
func decode(body []byte, q any) error {
	if !utf8.Valid(body) {
		return badRequest("want UTF-8, as RFC 8259 has it")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(q); err != nil {
		return badRequest("want a JSON object: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return badRequest("want one JSON object, and nothing after it")
	}
	return nil
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("method")
	result, err := h.serve(w, r, name)
	if methods[name] == nil {
		name = "unknown"
	}
	if err == nil {
		h.opt.Called(name, 0)
		answer(w, http.StatusOK, struct {
			Result any `json:"result"`
		}{result})
		return
	}
	fault := h.faultOf(r.Context(), name, err)
	if fault.status == http.StatusUnauthorized {
		h.opt.Logger.WarnContext(r.Context(), "api: refused", "path", gate.RedactURL(r.URL.Path), "remote", r.RemoteAddr, "err", fault.Message)
	}
	h.opt.Called(name, fault.Code)
	if fault.Temporary {
		w.Header().Set("Retry-After", "1")
	}
	answer(w, fault.status, struct {
		Error *Fault `json:"error"`
	}{fault})
}

// serve judges a request and carries it out.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, name string) (any, error) {
	key, err := given(r)
	if err == nil && !h.opt.Keys.has(key) {
		err = errBadKey
	}
	if err != nil {
		w.Header().Set("WWW-Authenticate", `apikey realm="hub"`)
		return nil, &Fault{Code: server.ErrorUnauthorized, Message: err.Error(), status: http.StatusUnauthorized}
	}
	do := methods[name]
	switch typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); {
	case do == nil:
		return nil, &Fault{Code: server.ErrorMethodNotFound, Message: "no such method", status: http.StatusNotFound}
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		return nil, &Fault{Code: server.ErrorBadRequest, Message: "want POST", status: http.StatusMethodNotAllowed}
	case err != nil || typ != "application/json":
		return nil, &Fault{Code: server.ErrorBadRequest, Message: "want Content-Type: application/json", status: http.StatusUnsupportedMediaType}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return nil, &Fault{Code: server.ErrorLimitExceeded, Message: fmt.Sprintf("the body is longer than %d bytes", MaxBody), status: http.StatusRequestEntityTooLarge}
	}
	if err != nil {
		return nil, badRequest("the body could not be read")
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.opt.Timeout)
	defer cancel()
	return do(h, ctx, body)
}

func answer(w http.ResponseWriter, status int, v any) {
	p, err := json.Marshal(v)
	if err != nil { // none of it can fail
		status, p = http.StatusInternalServerError, []byte(`{"error":{"code":100,"message":"internal error"}}`)
	}
	head := w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(append(p, '\n'))
}

package inspect

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/gate"
)

// A Refusal is a request that was not switched, and why. It is redacted.
type Refusal struct {
	ID      uint64 `json:"id"` // counts up
	Time    int64  `json:"time"`
	Status  int    `json:"status"` // 0: there was nobody to answer any more
	Carrier string `json:"carrier"`
	Token   string `json:"token"` // what was asked for
	Path    string `json:"path"`
	Host    string `json:"host"`
	Origin  string `json:"origin"`
	Client  string `json:"client"`
	Reason  string `json:"reason"` // for who runs the server: it may say more than the client was told
}

// keptRefusals is how many are remembered.
const keptRefusals = 200

// refusals are the last ones. The zero value is ready.
type refusals struct {
	mu   sync.Mutex
	ring [keptRefusals]Refusal
	n    uint64 // how many there ever were
}

func (l *refusals) add(r Refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.ID = l.n + 1
	l.ring[l.n%keptRefusals] = r
	l.n++
}

// newest are those that are remembered, the last one first, and how many there
// ever were.
func (l *refusals) newest() (list []Refusal, n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list = make([]Refusal, 0, min(l.n, keptRefusals))
	for i := l.n; i > 0 && l.n-i < keptRefusals; i-- {
		list = append(list, l.ring[(i-1)%keptRefusals])
	}
	return list, l.n
}

// Observe wraps what answers requests: of those that ask to be switched and are
// refused, whoever does that, the registry gets to know.
func (reg *Registry) Observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !asksToSwitch(r) {
			next.ServeHTTP(w, r)
			return
		}
		a, why := &answer{ResponseWriter: w}, new(reason)
		next.ServeHTTP(a, r.WithContext(context.WithValue(r.Context(), reasonKey{}, why)))
		switch {
		case why.err != nil:
			reg.refuse(r, a.status, why.err.Error())
		case a.status >= 400:
			reg.refuse(r, a.status, strings.TrimSpace(string(a.text)))
		}
	})
}

// asksToSwitch also finds a handshake whose Upgrade got lost on its way.
func asksToSwitch(r *http.Request) bool {
	return r.Method == http.MethodConnect || len(r.Header["Upgrade"]) > 0 || len(r.Header["Sec-Websocket-Version"]) > 0
}

// reason is where who refuses a request says why, below Observe.
type reason struct{ err error }

type reasonKey struct{}

// Refused is told of a refusal, and why. Under [Registry.Observe] the status is
// that which is sent.
func (reg *Registry) Refused(r *http.Request, err error) {
	if why, ok := r.Context().Value(reasonKey{}).(*reason); ok {
		why.err = err
		return
	}
	status := http.StatusInternalServerError
	var a wye.Answerer
	if errors.As(err, &a) {
		status, _, _ = a.Answer()
	}
	reg.refuse(r, status, err.Error())
}

func (reg *Registry) refuse(r *http.Request, status int, why string) {
	var tokens []string
	for _, t := range wye.Requested(r) {
		tokens = append(tokens, t.String())
	}
	reg.meter.Handshake(status)
	reg.refusals.add(Refusal{
		Time:    time.Now().UnixMilli(),
		Status:  status,
		Carrier: carrier(r),
		Token:   clean(gate.RedactField("Upgrade", strings.Join(tokens, ", "))),
		Path:    clean(gate.RedactText(gate.RedactURL(r.URL.EscapedPath()))),
		Host:    clean(gate.RedactField("Host", r.Host)),
		Origin:  clean(gate.RedactField("Origin", strings.Join(r.Header["Origin"], ", "))),
		Client:  reg.clientOf(r),
		Reason:  clean(gate.RedactText(why)),
	})
}

// answer notes how a request is answered.
type answer struct {
	http.ResponseWriter
	status int    // the final one; 0: none yet
	text   []byte // the beginning of a refusal's
}

func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.status >= 400 {
		a.text = append(a.text, p[:min(len(p), longest-len(a.text))]...)
	}
	return a.ResponseWriter.Write(p)
}

// Flush is found by assertion.
func (a *answer) Flush() { http.NewResponseController(a.ResponseWriter).Flush() }

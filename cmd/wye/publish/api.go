// Package publish publishes into a hub's channels from outside: by its HTTP API, with a
// key, or as a client of its client protocol.
package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/wye-org/wye/cmd/wye/pace"
)

// A Message is what to publish.
type Message struct {
	Channel        string
	Text           string
	IdempotencyKey string // "": none
}

// A Receipt is what the server says of it.
type Receipt struct {
	Offset    uint64 `json:"offset,omitempty"`
	Epoch     string `json:"epoch,omitempty"`
	Duplicate bool   `json:"duplicate,omitempty"`
}

// Refused says why the server did not publish.
type Refused struct {
	Status    int // of HTTP; 0: it is the client protocol
	Code      int // of the API and the client protocol
	Message   string
	Temporary bool
}

func (e *Refused) Error() string {
	switch {
	case e.Code != 0:
		return fmt.Sprintf("refused: %s (%d)", e.Message, e.Code)
	case e.Message == "":
		return fmt.Sprintf("refused: %d %s", e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("refused: %d %s: %s", e.Status, http.StatusText(e.Status), e.Message)
}

// An API publishes with a key.
type API struct {
	Client *http.Client
	Server *url.URL // the API is at its path and /api/
	Key    string
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

// Publish publishes m. With an idempotency key it tries again, until ctx ends, if it is
// not known whether it was published, or it may be later.
func (a *API) Publish(ctx context.Context, m Message) (Receipt, error) {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		r, err := a.once(ctx, m)
		var refused *Refused
		again := err != nil && (!errors.As(err, &refused) || refused.Temporary)
		if !again || m.IdempotencyKey == "" || ctx.Err() != nil {
			return r, err
		}
		if pace.Sleep(ctx, wait) != nil {
			return r, err
		}
	}
}

func (a *API) once(ctx context.Context, m Message) (Receipt, error) {
	body, err := json.Marshal(struct {
		Channel        string `json:"channel"`
		Text           string `json:"text"`
		IdempotencyKey string `json:"idempotency_key,omitempty"`
	}{m.Channel, m.Text, m.IdempotencyKey})
	if err != nil {
		return Receipt{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.Server.JoinPath("api", "publish").String(), bytes.NewReader(body))
	if err != nil {
		return Receipt{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-API-Key", a.Key)
	resp, err := a.Client.Do(r)
	if err != nil {
		return Receipt{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Receipt{}, err
	}
	return receipt(resp, text)
}

// receipt reads an answer.
func receipt(resp *http.Response, text []byte) (Receipt, error) {
	var told struct {
		Result *Receipt `json:"result"`
		Error  *struct {
			Code      int    `json:"code"`
			Message   string `json:"message"`
			Temporary bool   `json:"temporary"`
		} `json:"error"`
	}
	err := json.Unmarshal(text, &told)
	switch {
	case err == nil && told.Error != nil:
		return Receipt{}, &Refused{resp.StatusCode, told.Error.Code, told.Error.Message, told.Error.Temporary}
	case err == nil && told.Result != nil && resp.StatusCode == http.StatusOK:
		return *told.Result, nil
	case resp.StatusCode == http.StatusOK:
		return Receipt{}, &Refused{Status: resp.StatusCode, Message: "the answer is not the API's; is --server right?"}
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text[:min(len(text), 200)])), "\n")
	return Receipt{}, &Refused{Status: resp.StatusCode, Message: line, Temporary: resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests}
}

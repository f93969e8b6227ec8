package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/wye-org/wye/websocket"
)

// A Client publishes as a client of the hub, into channels that let clients do so.
type Client struct {
	server *url.URL
	token  string
	opts   *websocket.DialOptions

	conn *websocket.Conn // nil: there is none
	id   uint32          // of the last command
	used time.Time       // when that was answered
}

// idleMost is how long a connection is used again after the last command: a server asks
// now and then whether its client is there, and nobody answers between commands.
const idleMost = 5 * time.Second

// ErrNoKey: an idempotency key is for the API.
var ErrNoKey = errors.New("clients publish without idempotency keys")

// NewClient publishes by the hub's client protocol, which is at the server's path and
// /connection/websocket. token is a JSON Web Token; "": none. The caller closes the
// Client.
func NewClient(server *url.URL, token string, opts *websocket.DialOptions) *Client {
	u := server.JoinPath("connection", "websocket")
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	return &Client{server: u, token: token, opts: opts}
}

// connect has a connection that is good.
func (c *Client) connect(ctx context.Context) error {
	if c.conn != nil && time.Since(c.used) < idleMost {
		return nil
	}
	c.Close(ctx)
	conn, _, err := websocket.Dial(ctx, c.server.String(), c.opts)
	if err != nil {
		return err
	}
	c.conn = conn
	return c.ask(ctx, "connect", struct {
		Token string `json:"token,omitempty"`
		Name  string `json:"name"`
	}{c.token, "wye publish"})
}

// Publish publishes m. Where that is stored, clients are not told.
func (c *Client) Publish(ctx context.Context, m Message) (Receipt, error) {
	if m.IdempotencyKey != "" {
		return Receipt{}, ErrNoKey
	}
	data := json.RawMessage(m.Text)
	if !json.Valid(data) {
		var err error
		if data, err = json.Marshal(m.Text); err != nil {
			return Receipt{}, err
		}
	}
	if err := c.connect(ctx); err != nil {
		return Receipt{}, err
	}
	return Receipt{}, c.ask(ctx, "publish", struct {
		Channel string          `json:"channel"`
		Data    json.RawMessage `json:"data"`
	}{m.Channel, data})
}

// ask sends a command and waits for its reply. What comes otherwise it passes over.
func (c *Client) ask(ctx context.Context, command string, params any) error {
	c.id++
	p, err := json.Marshal(map[string]any{"id": c.id, command: params})
	if err != nil {
		return err
	}
	if err := c.conn.Write(ctx, websocket.MessageText, p); err != nil {
		return err
	}
	for {
		_, message, err := c.conn.Read(ctx)
		if err != nil {
			return err
		}
		for line := range bytes.Lines(message) {
			done, err := c.hear(ctx, line)
			if done || err != nil {
				c.used = time.Now()
				return err
			}
		}
	}
}

// hear takes in one line, and reports whether it was the reply to the last command.
func (c *Client) hear(ctx context.Context, line []byte) (done bool, err error) {
	var r struct {
		ID    uint32 `json:"id"`
		Push  any    `json:"push"`
		Error *struct {
			Code      int    `json:"code"`
			Message   string `json:"message"`
			Temporary bool   `json:"temporary"`
		} `json:"error"`
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return false, fmt.Errorf("the server does not speak the client protocol: %w", err)
	}
	switch {
	case r.ID == 0 && r.Push == nil:
		return false, c.conn.Write(ctx, websocket.MessageText, []byte("{}")) // a ping
	case r.ID != c.id:
		return false, nil
	case r.Error != nil:
		return true, &Refused{Code: r.Error.Code, Message: r.Error.Message, Temporary: r.Error.Temporary}
	}
	return true, nil
}

// Close says goodbye.
func (c *Client) Close(ctx context.Context) error {
	if c.conn == nil {
		return nil
	}
	defer func() { c.conn = nil }()
	return c.conn.Close(ctx, websocket.StatusNormalClosure, "")
}

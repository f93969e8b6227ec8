package websocket

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
)

// encodings are the buffers of WriteJSON.
var encodings = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// WriteJSON is [Conn.Write] of v as JSON, in a text message. What encoding/json
// cannot encode is an error that sends nothing.
func (c *Conn) WriteJSON(ctx context.Context, v any) error {
	b := encodings.Get().(*bytes.Buffer)
	defer func() {
		if b.Cap() <= 64<<10 {
			b.Reset()
			encodings.Put(b)
		}
	}()
	if err := json.NewEncoder(b).Encode(v); err != nil {
		return fmt.Errorf("websocket: WriteJSON: %w", err)
	}
	return c.Write(ctx, MessageText, bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// ReadJSON reads the next message, text or binary, and decodes its JSON into v,
// a pointer. A message that is no JSON, or none for v, is an error of
// encoding/json; the message is gone then, and the connection as usable as it
// was.
func (c *Conn) ReadJSON(ctx context.Context, v any) error {
	m, err := c.ReadPooled(ctx)
	if err != nil {
		return err
	}
	defer m.Release()
	if err := json.Unmarshal(m.Data, v); err != nil {
		return fmt.Errorf("websocket: ReadJSON: %w", err)
	}
	return nil
}

package server

// Hooks are for metrics, beside [hub.Stats]. Each may be nil. They are called concurrently, and must
// not block.
type Hooks struct {
	// Opened and Closed: a connection came and went. code is that of the close,
	// of WebSocket's or this protocol's; for events 0, or one of the Disconnect
	// codes where the server ended them.
	Opened func(transport Transport)
	Closed func(transport Transport, code int)

	// Command: a command of this name was answered, with the code of an error
	// or 0. Names are the protocol's; what is not one is "unknown".
	Command func(name string, code int)

	// Recovered: a client came back with a position. Whether what it missed
	// could be told, and how many messages that were.
	Recovered func(transport Transport, ok bool, messages int)
}

// Transport is how a client is connected.
type Transport string

// The transports.
const (
	WebSocket Transport = "websocket"
	Events    Transport = "sse"
)

func (h *Hooks) opened(t Transport) {
	if h.Opened != nil {
		h.Opened(t)
	}
}

func (h *Hooks) closed(t Transport, code int) {
	if h.Closed != nil {
		h.Closed(t, code)
	}
}

func (h *Hooks) command(name string, code int) {
	if h.Command != nil {
		h.Command(name, code)
	}
}

func (h *Hooks) recovered(t Transport, ok bool, messages int) {
	if h.Recovered != nil {
		h.Recovered(t, ok, messages)
	}
}

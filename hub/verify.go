package hub

// receiver is a hub as its engine sees it.
type receiver struct{ hub *Hub }

// Receive implements [Receiver].
func (r receiver) Receive(m *Message) {
	if room := r.hub.rooms.get(m.Channel); room != nil {
		room.line.receive(m)
	}
}

// Away implements [Receiver].
func (r receiver) Away(err error) { r.hub.opt.Logger.Warn("hub: the engine is away", "err", err) }

// Back implements [Receiver].
func (r receiver) Back() {}

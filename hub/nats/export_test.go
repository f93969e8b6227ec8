package nats

import "github.com/wye-org/wye/hub"

// Kill ends a link as the death of its process would.
func Kill(k hub.Link) { k.(*link).end() }

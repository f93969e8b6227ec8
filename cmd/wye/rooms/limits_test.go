package rooms_test

import (
	"errors"
	"testing"

	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/hub"
)

func TestFull(t *testing.T) {
	other := errors.New("something else")
	if err := rooms.Full("a", other); err != other {
		t.Errorf("another error became %v", err)
	}
	for what, room := range map[string]string{hub.Members: "a", hub.Channels: "", hub.ChannelsOfNamespace: ""} {
		var full *rooms.FullError
		if err := rooms.Full("a", &hub.FullError{What: what, Limit: 7}); !errors.As(err, &full) || full.Limit != 7 || full.Room != room {
			t.Errorf("no more %s: %v", what, err)
			continue
		}
		if status, header, text := full.Answer(); status != 503 || header.Get("Retry-After") == "" || text == "" {
			t.Errorf("answered with %d %v %q, want 503 and when to come back", status, header, text)
		}
	}
}

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/wye-org/wye/cmd/wye/site"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/server/api"
)

var aboutAPI = site.Endpoint{
	Paths: []string{"/api/{method}"},
	Text:  "The hub for programs that have a key: publish, broadcast, presence, presence_stats, history, disconnect, unsubscribe, channels, info.",
	Lines: []site.Line{
		{Tool: "wye", Text: `wye publish --server http://HOST --api-key-file FILE demo:lobby hello`},
		{Tool: "curl", Text: `curl -H "X-API-Key: $WYE_API_KEY" --json '{"channel":"demo:lobby","text":"hello"}' http://HOST/api/publish`},
	},
}

// apiKeyVar is where a key may be, instead of a file.
const apiKeyVar = "WYE_API_KEY"

// apiKeys are nil where there are none: then there is no API.
func (o serveOptions) apiKeys() (*api.Keys, error) {
	if o.apiKeyFile == "" {
		if key := os.Getenv(apiKeyVar); key != "" {
			keys, err := api.NewKeys(strings.TrimSpace(key))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", apiKeyVar, err)
			}
			return keys, nil
		}
		return nil, nil
	}
	f, err := os.Open(o.apiKeyFile)
	if err != nil {
		return nil, fmt.Errorf("--api-key-file: %w", err)
	}
	defer f.Close()
	keys, err := api.ReadKeys(f)
	if err != nil {
		return nil, fmt.Errorf("--api-key-file %s: %w", o.apiKeyFile, err)
	}
	if keys.Len() == 0 {
		return nil, fmt.Errorf("--api-key-file %s: it has no keys: write one in a line, such as what openssl rand -hex 32 prints", o.apiKeyFile)
	}
	return keys, nil
}

// enableAPI puts the API among the endpoints of who runs the server, if there is a key.
// local says that the main listener has those.
func (ob *observed) enableAPI(o serveOptions, local bool, h *hub.Hub, log *slog.Logger) error {
	keys, err := o.apiKeys()
	if keys == nil || err != nil {
		return err
	}
	if o.admin == "" && !local {
		if o.apiKeyFile == "" {
			return nil // the variable is for wye publish, perhaps
		}
		return errors.New("--api-key-file is for the API, which is on the listener of --admin: add that, such as --admin 127.0.0.1:9090")
	}
	handler, err := api.NewHandler(api.Options{Hub: h, Keys: keys, Logger: log, Called: ob.clients.Called})
	if err != nil {
		return err
	}
	ob.api = handler
	return nil
}

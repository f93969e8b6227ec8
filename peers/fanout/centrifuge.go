package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/centrifugal/centrifuge"
)

// channel is where everything is published.
const channel = "bench:x"

// subscribing is what a client of centrifuge's protocol sends to get there, and
// joined what is in the answer when it has.
const (
	subscribing = `{"id":1,"connect":{}}` + "\n" + `{"id":2,"subscribe":{"channel":"` + channel + `"}}`
	joined      = `"subscribe":{`
)

type peer struct {
	http.Handler
	node *centrifuge.Node
}

// never is a ping interval that no measurement lives to see.
var never = centrifuge.PingPongConfig{PingInterval: time.Hour, PongTimeout: time.Minute}

func newCentrifuge() (hub, error) {
	node, err := centrifuge.New(centrifuge.Config{LogLevel: centrifuge.LogLevelNone})
	if err != nil {
		return nil, err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}, nil
	})
	node.OnConnect(func(c *centrifuge.Client) {
		c.OnSubscribe(func(_ centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
			done(centrifuge.SubscribeReply{}, nil)
		})
	})
	if err := node.Run(); err != nil {
		return nil, err
	}
	return &peer{centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		UseWriteBufferPool: true,
		PingPongConfig:     never,
		CheckOrigin:        func(*http.Request) bool { return true },
	}), node}, nil
}

func (p *peer) member() error {
	c, _, err := centrifuge.NewClient(context.Background(), p.node, transport{})
	if err != nil {
		return err
	}
	centrifuge.HandleReadFrame(c, strings.NewReader(subscribing))
	return nil
}

func (p *peer) publish(b []byte) error {
	_, err := p.node.Publish(channel, b)
	return err
}

// transport counts.
type transport struct{}

func (transport) Name() string                                { return "counter" }
func (transport) AcceptProtocol() string                      { return "" }
func (transport) Protocol() centrifuge.ProtocolType           { return centrifuge.ProtocolTypeJSON }
func (transport) ProtocolVersion() centrifuge.ProtocolVersion { return centrifuge.ProtocolVersion2 }
func (transport) Unidirectional() bool                        { return false }
func (transport) Emulation() bool                             { return false }
func (transport) DisabledPushFlags() uint64                   { return 0 }
func (transport) PingPongConfig() centrifuge.PingPongConfig   { return never }
func (transport) Close(centrifuge.Disconnect) error           { return nil }

func (transport) Write(b []byte) error {
	if strings.IndexByte(string(b[max(0, len(b)-8):]), mark) >= 0 {
		delivered.Add(1)
	}
	return nil
}

func (t transport) WriteMany(many ...[]byte) error {
	for _, b := range many {
		if err := t.Write(b); err != nil {
			return err
		}
	}
	return nil
}

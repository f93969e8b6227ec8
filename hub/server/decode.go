package server

import (
	"bytes"
	"encoding/json"
	"errors"
)

// command is what a client asks for: one of the requests. What else a client may
// put into it is ignored, as it is by the server that the protocol comes from.
type command struct {
	ID            uint32             `json:"id"`
	Connect       *connectRequest    `json:"connect"`
	Subscribe     *subscribeRequest  `json:"subscribe"`
	Unsubscribe   *channelRequest    `json:"unsubscribe"`
	Publish       *publishRequest    `json:"publish"`
	Presence      *channelRequest    `json:"presence"`
	PresenceStats *channelRequest    `json:"presence_stats"`
	History       *historyRequest    `json:"history"`
	Ping          *struct{}          `json:"ping"`
	Send          *struct{}          `json:"send"`
	RPC           *struct{}          `json:"rpc"`
	Refresh       *refreshRequest    `json:"refresh"`
	SubRefresh    *subRefreshRequest `json:"sub_refresh"`
}

type connectRequest struct {
	Token string                      `json:"token"`
	Subs  map[string]subscribeRequest `json:"subs"`
}

type subscribeRequest struct {
	Channel   string          `json:"channel"`
	Token     string          `json:"token"`
	Recover   bool            `json:"recover"`
	Epoch     string          `json:"epoch"`
	Offset    uint64          `json:"offset"`
	JoinLeave bool            `json:"join_leave"`
	Filter    json.RawMessage `json:"tf"`
	Flag      int64           `json:"flag"`
}

// rejectUnrecovered is a bit of a subscribe request's Flag: who cannot be told
// what was missed does not want to join.
const rejectUnrecovered = 2

type channelRequest struct {
	Channel string `json:"channel"`
}

type publishRequest struct {
	Channel string          `json:"channel"`
	Data    json.RawMessage `json:"data"`
}

type historyRequest struct {
	Channel string `json:"channel"`
	Limit   int32  `json:"limit"`
	Since   *struct {
		Offset uint64 `json:"offset"`
		Epoch  string `json:"epoch"`
	} `json:"since"`
	Reverse bool `json:"reverse"`
}

type refreshRequest struct {
	Token string `json:"token"`
}

type subRefreshRequest struct {
	Channel string `json:"channel"`
	Token   string `json:"token"`
}

// method is one of the protocol's.
type method string

// The methods. There are some that nobody answers: send and rpc are for programs
// behind the server.
const (
	none          method = "none" // there is no request: a pong, if there is no ID either
	several       method = "several"
	connect       method = "connect"
	subscribe     method = "subscribe"
	unsubscribe   method = "unsubscribe"
	publish       method = "publish"
	presence      method = "presence"
	presenceStats method = "presence_stats"
	history       method = "history"
	ping          method = "ping"
	send          method = "send"
	rpc           method = "rpc"
	refresh       method = "refresh"
	subRefresh    method = "sub_refresh"
)

// method says which request there is.
func (c *command) method() method {
	is := none
	for _, m := range [...]struct {
		there bool
		method
	}{
		{c.Connect != nil, connect},
		{c.Subscribe != nil, subscribe},
		{c.Unsubscribe != nil, unsubscribe},
		{c.Publish != nil, publish},
		{c.Presence != nil, presence},
		{c.PresenceStats != nil, presenceStats},
		{c.History != nil, history},
		{c.Ping != nil, ping},
		{c.Send != nil, send},
		{c.RPC != nil, rpc},
		{c.Refresh != nil, refresh},
		{c.SubRefresh != nil, subRefresh},
	} {
		switch {
		case !m.there:
		case is == none:
			is = m.method
		default:
			return several
		}
	}
	return is
}

var errTooMany = errors.New("server: too many commands in one message")

// decode splits a message into commands, of which each is a line. It stops at the
// first that is none; the commands before it are returned too.
func decode(p []byte, most int) (commands []command, err error) {
	for line := range bytes.SplitSeq(p, []byte{'\n'}) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if len(commands) == most {
			return commands, errTooMany
		}
		var c command
		if err := json.Unmarshal(line, &c); err != nil {
			return commands, err
		}
		commands = append(commands, c)
	}
	return commands, nil
}

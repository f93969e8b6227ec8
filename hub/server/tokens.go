package server

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Tokens judges the tokens that clients come with. Package jwt has one. Its methods
// may be called concurrently; ctx has a deadline.
//
// An error that is [ErrTokenExpired] has the client ask for a new token, one that
// is [ErrTokensAway] has it try again later. With any other it is turned away.
type Tokens interface {
	// Connection judges a token that says who a client is.
	Connection(ctx context.Context, token string) (*Connection, error)

	// Subscription judges a token that lets a client join a channel.
	Subscription(ctx context.Context, token string) (*Subscription, error)
}

// Faults of tokens.
var (
	ErrTokenExpired = errors.New("server: the token has expired")
	ErrTokensAway   = errors.New("server: tokens cannot be judged for now")
)

// A Connection is what a connection token says.
type Connection struct {
	Principal  string          // who the client is; empty: nobody known
	Expires    time.Time       // until then the token is good; zero: for ever
	Info       json.RawMessage // what others are told of the client; nil: nothing
	Namespaces []string        // that the client may use, as they themselves let it
	Channels   []string        // that the client is in from the start
}

// A Subscription is what a subscription token says.
type Subscription struct {
	Principal string          // who may join: the connection's
	Channel   string          // and which channel
	Client    string          // the one client, by its ID, that may; empty: any of Principal's
	Expires   time.Time       // until then the token is good; zero: for ever
	Info      json.RawMessage // what the channel's members are told besides the connection's; nil: nothing
}

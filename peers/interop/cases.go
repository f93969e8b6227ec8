package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// patience bounds each step of a case.
const patience = 10 * time.Second

// A testCase is one connection. The clients in other languages have cases of
// the same names, which do the same.
type testCase struct {
	name  string // in an id, and in what a client reports
	title string // in the table
	mode  deflateMode
	run   func(ctx context.Context, s session) error
}

var cases = []testCase{
	{"text", "text", noDeflate, exchange(message{true, []byte("héllo ☃ 𝄞")})},
	{"binary", "binary", noDeflate, exchange(message{false, everyByte()})},
	{"empty", "empty", noDeflate, exchange(message{true, nil}, message{false, nil})},
	{"large", "1 MiB", noDeflate, exchange(message{false, bytes.Repeat(everyByte(), 4096)})},
	{"client-fragments", "fragments sent", noDeflate, clientFragments},
	{"server-fragments", "fragments received", noDeflate, serverFragments},
	{"client-ping", "ping sent", noDeflate, clientPing},
	{"server-ping", "ping received", noDeflate, serverPing},
	{"client-close", "close sent", noDeflate, clientClose},
	{"server-close", "close received", noDeflate, serverClose},
	{"subprotocol", "subprotocol", noDeflate, subprotocol},
	{"takeover", "deflate, takeover", takeover, compressible},
	{"no-takeover", "deflate, no takeover", noTakeover, compressible},
	{"bits9", "deflate, 9 bits", bits9, compressible},
}

// A text that begins so is a command; the servers send all else back.
const (
	askFragments = "!fragments" // send fragmentParts as one message
	askPing      = "!ping"      // ping, and send afterPong when the pong has come
	askClose     = "!close"     // close with serverCode and serverReason
	afterPong    = "pong"
	cannot       = "!cannot" // is the answer of a server that cannot
)

const (
	clientCode, clientReason = 4001, "bye from the client"
	serverCode, serverReason = 4002, "bye from the server"
)

// fragmentParts are long enough for libraries that fragment by size.
func fragmentParts() [][]byte {
	return [][]byte{
		bytes.Repeat([]byte("a"), 100_000), bytes.Repeat([]byte("b"), 100_000), bytes.Repeat([]byte("c"), 100_000),
	}
}

func everyByte() []byte {
	p := make([]byte, 256)
	for i := range p {
		p[i] = byte(i)
	}
	return p
}

// exchange sends messages and wants each back.
func exchange(messages ...message) func(context.Context, session) error {
	return func(ctx context.Context, s session) error {
		for _, m := range messages {
			if err := s.send(ctx, m); err != nil {
				return err
			}
			if err := want(ctx, s, m); err != nil {
				return err
			}
		}
		return nil
	}
}

func want(ctx context.Context, s session, want message) error {
	got, err := s.receive(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("want %v, got: %w", want, err)
	case got.text && bytes.HasPrefix(got.data, []byte(cannot)):
		return errCannot
	case got.text != want.text || !bytes.Equal(got.data, want.data):
		return fmt.Errorf("want %v, got %v", want, got)
	}
	return nil
}

// compressible repeats what lies 1 KiB back: further than a window of 512 bytes
// reaches, so that who keeps to it has to compress otherwise.
func compressible(ctx context.Context, s session) error {
	block := make([]byte, 1024)
	for i, x := 0, uint32(1); i < len(block); i++ {
		x = x*1664525 + 1013904223
		block[i] = 'a' + byte(x>>24)%16
	}
	again := slices.Repeat([]message{{true, block}}, 40)
	return exchange(append(again, message{true, bytes.Repeat(block, 20)}, message{false, bytes.Repeat(block, 1024)})...)(ctx, s)
}

// compressiblePayload is what compressible sends, in bytes. Without takeover
// each text of 1 KiB needs a half at least, for its letters are 16; with it and
// with a window that reaches so far, all but the first need a few bytes.
const (
	compressiblePayload = 40*1024 + 20*1024 + 1<<20
	withTakeover        = 40 * 1024 / 2
)

func clientFragments(ctx context.Context, s session) error {
	parts := fragmentParts()
	if err := s.sendFragments(ctx, parts); err != nil {
		return err
	}
	return want(ctx, s, message{true, bytes.Join(parts, nil)})
}

func serverFragments(ctx context.Context, s session) error {
	if err := s.send(ctx, message{true, []byte(askFragments)}); err != nil {
		return err
	}
	return want(ctx, s, message{true, bytes.Join(fragmentParts(), nil)})
}

func clientPing(ctx context.Context, s session) error {
	done := make(chan error, 1)
	go func() { done <- pingThenSend(ctx, s) }() // ends with ctx; awaited below
	err := want(ctx, s, message{true, []byte(afterPong)})
	return errors.Join(err, <-done)
}

// pingThenSend sends afterPong once the pong has come.
func pingThenSend(ctx context.Context, s session) error {
	if err := s.ping(ctx); err != nil {
		return fmt.Errorf("no pong: %w", err)
	}
	return s.send(ctx, message{true, []byte(afterPong)})
}

func serverPing(ctx context.Context, s session) error {
	if err := s.send(ctx, message{true, []byte(askPing)}); err != nil {
		return err
	}
	return want(ctx, s, message{true, []byte(afterPong)})
}

// clientClose is the client's half; what the server saw is asked after.
func clientClose(ctx context.Context, s session) error {
	got, err := s.close(ctx, clientCode, clientReason)
	if err == nil && got != clientCode {
		err = fmt.Errorf("closed with %d, and the server answered %d", clientCode, got)
	}
	return err
}

func serverClose(ctx context.Context, s session) error {
	if err := s.send(ctx, message{true, []byte(askClose)}); err != nil {
		return err
	}
	_, err := s.receive(ctx)
	var c *closeFrame
	if !errors.As(err, &c) || c.code != serverCode || c.reason != serverReason {
		return fmt.Errorf("want closed with %d %q, got: %w", serverCode, serverReason, err)
	}
	return nil
}

func subprotocol(_ context.Context, s session) error {
	if got := s.subprotocol(); got != sharedSubprotocol {
		return fmt.Errorf("want the subprotocol %q, got %q", sharedSubprotocol, got)
	}
	return nil
}

// serve is a server's half of every case. It returns what the client's Close
// frame said, or another reason for the end.
func serve(s session) error {
	defer s.abort()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	pings := make(chan error, 1)
	for {
		m, err := s.receive(ctx)
		if err != nil {
			return err
		}
		command := ""
		if m.text && len(m.data) < 20 {
			command = string(m.data)
		}
		switch command {
		case askFragments:
			err = s.sendFragments(ctx, fragmentParts())
		case askPing:
			go func() { pings <- pingThenSend(ctx, s) }() // ends with ctx; a case asks once
		case askClose:
			_, err = s.close(ctx, serverCode, serverReason)
			return err
		default:
			err = s.send(ctx, m)
		}
		if err != nil {
			return err
		}
	}
}

// A verdict is a cell of the table.
type verdict struct {
	kind kind
	note string // what failed, or was agreed on otherwise
}

type kind int

const (
	pass      kind = iota
	otherwise      // it works, but the peer agreed on something else
	unable         // the peer's library has no way to do it
	known          // it fails, for the peer breaks a rule: see knownFaults
	fail
)

func failed(format string, args ...any) verdict { return verdict{fail, fmt.Sprintf(format, args...)} }

// A meeting is what a case is judged by.
type meeting struct {
	peer    string
	weServe bool
	err     error      // what the client reports
	seen    closeFrame // what the server saw; of the case client-close alone
	wire    wireTap    // at our end
}

// knownFault is a rule that a peer breaks so that it and wye cannot agree.
type knownFault struct {
	peer    string
	weServe bool
	testCase,
	text string // is in the error
}

var knownFaults = []knownFault{
	{"gorilla", false, "bits9", "server_max_window_bits: was offered and is missing in the answer (RFC 7692 §7.1)"},
}

// judge decides on a case. A known fault that is gone is a failure too, so that
// the list stays true.
func judge(c testCase, m meeting) verdict {
	v := judgeByItself(c, m)
	for _, k := range knownFaults {
		if k.peer != m.peer || k.weServe != m.weServe || k.testCase != c.name {
			continue
		}
		if v.kind != fail || !strings.Contains(v.note, k.text) {
			return failed("want the known fault %q, got %+v", k.text, v)
		}
		return verdict{known, k.text}
	}
	return v
}

func judgeByItself(c testCase, m meeting) verdict {
	if errors.Is(m.err, errCannot) {
		return verdict{kind: unable}
	}
	if m.err != nil {
		return verdict{fail, m.err.Error()}
	}
	const fin = 0x80
	switch {
	case c.name == "client-close" && m.seen != closeFrame{clientCode, clientReason}:
		return failed("the server saw the end %d %q", m.seen.code, m.seen.reason)
	case c.name == "client-fragments" && m.wire.fromClient.first&fin != 0,
		c.name == "server-fragments" && m.wire.fromServer.first&fin != 0:
		return failed("the message was not fragmented")
	case c.mode == noDeflate && m.wire.extensions != "":
		return failed("an extension that nobody asked for was agreed on: %s", m.wire.extensions)
	case c.mode == noDeflate:
		return verdict{}
	}
	return judgeDeflate(c.mode, m)
}

func judgeDeflate(mode deflateMode, m meeting) verdict {
	ours, theirs, agreed := m.wire.fromClient, m.wire.fromServer, m.wire.extensions
	if m.weServe {
		ours, theirs = theirs, ours
	}
	switch {
	case agreed == "":
		return verdict{otherwise, "no compression"}
	case !ours.compressed():
		return failed("%s was agreed on, and wye compressed nothing", agreed)
	case !theirs.compressed():
		// Each message may be sent without: RFC 7692 §6.
		return verdict{otherwise, agreed + ", and the peer sends without compression"}
	}
	for _, param := range agreedParams[mode] {
		if !strings.Contains(agreed, param) {
			return verdict{otherwise, agreed}
		}
	}
	switch {
	case mode != takeover:
		return verdict{}
	case strings.Contains(agreed, "no_context_takeover"):
		return verdict{otherwise, agreed}
	case ours.bytes > withTakeover:
		return failed("%s was agreed on, and wye took nothing over: it sent %d bytes", agreed, ours.bytes)
	case theirs.bytes > withTakeover:
		return verdict{otherwise, agreed + ", and the peer takes nothing over"}
	}
	return verdict{}
}

// compressed reports whether the first message of compressible was marked as
// compressed, and a tenth of all was saved at least.
func (t traffic) compressed() bool {
	const rsv1 = 0x40
	return t.first&rsv1 != 0 && t.bytes < compressiblePayload*9/10
}

// agreedParams are what a server must answer when both ends can do it.
var agreedParams = map[deflateMode][]string{
	noTakeover: {"server_no_context_takeover", "client_no_context_takeover"},
	bits9:      {"server_max_window_bits=9", "client_max_window_bits=9"},
}

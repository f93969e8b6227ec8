package connect

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/wye-org/wye/cmd/wye/connect/show"
	"github.com/wye-org/wye/websocket"
)

// commandHelp is what /help shows.
const commandHelp = `A line is sent as a message. A line that begins with / is a command:
  /ping                  send a ping, and show how long the pong takes
  /close [CODE [REASON]] close the connection; the code is 1000 unless given
  /binary BYTES          send a binary message; \x00, \n and \\ stand for bytes
  /text TEXT             send a text message whatever it begins with; //… too
  /help                  this
Up and down go through what was typed before. Ctrl-D closes, Ctrl-C interrupts.`

// errHelp asks for commandHelp.
var errHelp = errors.New("help was asked for")

// parseLine reads what a person typed. Errors say what can be typed instead.
func parseLine(line string, e Encoding) (request, error) {
	if !strings.HasPrefix(line, "/") {
		return message(line, e)
	}
	if strings.HasPrefix(line, "//") {
		return message(line[1:], e)
	}
	command, rest, _ := strings.Cut(line, " ")
	switch command {
	case "/ping":
		if strings.TrimSpace(rest) != "" {
			return request{}, errors.New("/ping has nothing behind it")
		}
		return request{op: opPing}, nil
	case "/close":
		return parseClose(rest)
	case "/binary":
		p, err := show.Unescape(rest)
		return request{typ: websocket.MessageBinary, payload: p}, err
	case "/text":
		return message(rest, Text)
	case "/help", "/?":
		return request{}, errHelp
	}
	return request{}, fmt.Errorf("%q is no command: /help lists them, and a message that begins with / is written //", command)
}

func message(line string, e Encoding) (request, error) {
	typ, payload, err := e.decode([]byte(line))
	if err != nil {
		return request{}, fmt.Errorf("the line %w", err)
	}
	return request{typ: typ, payload: payload}, nil
}

// parseClose reads CODE REASON, both of which may be missing.
func parseClose(rest string) (request, error) {
	digits, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if digits == "" {
		return request{op: opClose, code: websocket.StatusNormalClosure}, nil
	}
	code, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || code < 1000 || code > 4999 {
		return request{}, fmt.Errorf("%q is no close code: want one from 1000 to 4999, as in /close 1000 bye", digits)
	}
	return request{op: opClose, code: websocket.StatusCode(code), reason: strings.TrimSpace(reason)}, nil
}

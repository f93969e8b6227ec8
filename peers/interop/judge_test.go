package main

import (
	"errors"
	"strings"
	"testing"
)

// caseNamed also says that the tests below are of cases there are.
func caseNamed(t *testing.T, name string) testCase {
	t.Helper()
	for _, c := range cases {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("there is no case %q", name)
	return testCase{}
}

func TestJudge(t *testing.T) {
	const (
		plain      = 0x81 // FIN, text
		first      = 0x01 // text, more comes
		compressed = 0xc1 // FIN, RSV1, text
		few        = 1000
	)
	wire := func(extensions string, client, server byte, bytes int) wireTap {
		return wireTap{extensions, traffic{client, bytes}, traffic{server, bytes}}
	}
	both := "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	nine := "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9"
	for _, test := range []struct {
		what    string
		name    string
		meeting meeting
		want    kind
		note    string // is in the verdict's
	}{
		{"a report of success", "text", meeting{wire: wire("", plain, plain, few)}, pass, ""},
		{"a report of failure", "text", meeting{err: errors.New("want text")}, fail, "want text"},
		{"a library that cannot", "client-ping", meeting{err: errCannot}, unable, ""},
		{"compression out of nothing", "text", meeting{wire: wire("permessage-deflate", plain, plain, few)}, fail, "nobody asked"},

		{"a close that arrived", "client-close", meeting{seen: closeFrame{clientCode, clientReason}}, pass, ""},
		{"a close with another code", "client-close", meeting{seen: closeFrame{1000, clientReason}}, fail, "1000"},
		{"a close that never came", "client-close", meeting{}, fail, "saw the end 0"},

		{"fragments", "client-fragments", meeting{wire: wire("", first, plain, few)}, pass, ""},
		{"one frame of a client", "client-fragments", meeting{wire: wire("", plain, first, few)}, fail, "not fragmented"},
		{"one frame of a server", "server-fragments", meeting{wire: wire("", first, plain, few)}, fail, "not fragmented"},

		{"takeover", "takeover", meeting{wire: wire("permessage-deflate", compressed, compressed, few)}, pass, ""},
		{"takeover of one end", "takeover", meeting{wire: wire(both, compressed, compressed, few)}, otherwise, both},
		{"no takeover", "no-takeover", meeting{wire: wire(both, compressed, compressed, few)}, pass, ""},
		{"no takeover that is one", "no-takeover", meeting{wire: wire("permessage-deflate", compressed, compressed, few)}, otherwise, "permessage-deflate"},
		{"nine bits", "bits9", meeting{wire: wire(nine, compressed, compressed, few)}, pass, ""},
		{"nine bits one way", "bits9", meeting{wire: wire("permessage-deflate; server_max_window_bits=9", compressed, compressed, few)}, otherwise, "=9"},
		{"a refusal to compress", "bits9", meeting{wire: wire("", plain, plain, few)}, otherwise, "no compression"},

		{"our client that does not compress", "takeover", meeting{wire: wire("permessage-deflate", plain, compressed, few)}, fail, "wye compressed nothing"},
		{"our server that does not compress", "takeover", meeting{weServe: true, wire: wire("permessage-deflate", compressed, plain, few)}, fail, "wye compressed nothing"},
		{"a client that does not compress", "takeover", meeting{weServe: true, wire: wire("permessage-deflate", plain, compressed, few)}, otherwise, "the peer sends without"},
		{"our client that takes nothing over", "takeover", meeting{wire: wireTap{"permessage-deflate", traffic{compressed, withTakeover + 1}, traffic{compressed, few}}}, fail, "wye took nothing over"},
		{"a server that takes nothing over", "takeover", meeting{wire: wireTap{"permessage-deflate", traffic{compressed, few}, traffic{compressed, withTakeover + 1}}}, otherwise, "the peer takes nothing over"},
		{"a mark on what is not compressed", "takeover", meeting{wire: wire("permessage-deflate", compressed, compressed, compressiblePayload)}, fail, "wye compressed nothing"},

		{"a known fault", "bits9", meeting{peer: "gorilla", err: errors.New("x: " + knownFaults[0].text)}, known, "§7.1"},
		{"another failure where one is known", "bits9", meeting{peer: "gorilla", err: errors.New("no route")}, fail, "no route"},
		{"a known fault that is gone", "bits9", meeting{peer: "gorilla", wire: wire(nine, compressed, compressed, few)}, fail, "want the known fault"},
		{"a fault that is known of the other end", "bits9", meeting{peer: "gorilla", weServe: true, err: errors.New(knownFaults[0].text)}, fail, "§7.1"},
	} {
		t.Run(test.what, func(t *testing.T) {
			got := judge(caseNamed(t, test.name), test.meeting)
			if got.kind != test.want || !strings.Contains(got.note, test.note) {
				t.Errorf("the verdict is %+v, want %v with %q", got, test.want, test.note)
			}
		})
	}
}

func TestTap(t *testing.T) {
	var log tap
	log.sent.add([]byte("GET / HTTP/1.1\r\nSec-WebSocket-Extensions: an offer\r\n\r"))
	log.sent.add([]byte("\n\x01\x80masked"))
	log.received.add([]byte("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-extensions:  agreed; on\r\n\r\n\xc1"))
	log.received.add(make([]byte, 2*tapBytes))
	want := wireTap{"agreed; on", traffic{0x01, 8}, traffic{0xc1, 1 + 2*tapBytes}}
	if got := log.look(false); got != want {
		t.Errorf("a client's tap has %+v, want %+v", got, want)
	}
	if len(log.received.begin) != tapBytes {
		t.Errorf("the tap keeps %d bytes, want %d", len(log.received.begin), tapBytes)
	}
	if got := log.look(true).extensions; got != "an offer" {
		t.Errorf("a server's tap takes its answer from what was received: %q", got)
	}
}

func TestNotesAreNumberedOnce(t *testing.T) {
	var notes []string
	var numbers [4]int
	for i, note := range []string{"permessage-deflate; x, and more", "no compression", "permessage-deflate; x, and more", "third"} {
		numbers[i], notes = numbered(notes, note)
		notes = append(notes, "- FAIL: between them")
	}
	if numbers != [4]int{1, 2, 1, 3} {
		t.Errorf("the numbers are %v in %q", numbers, notes)
	}
	if notes[0] != "- 1: `permessage-deflate; x`, and more" {
		t.Errorf("the first note is %q", notes[0])
	}
}

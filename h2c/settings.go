package h2c

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/wye-org/wye"
)

// setting is one parameter of a SETTINGS frame. RFC 9113 §6.5.1.
type setting struct {
	id    uint16
	value uint32
}

// Identifiers of settings with values that are not legal. RFC 9113 §6.5.2,
// RFC 8441 §3.
const (
	enablePush            = 0x2
	initialWindowSize     = 0x4
	maxFrameSize          = 0x5
	enableConnectProtocol = 0x8
)

const (
	settingSize = 6  // bytes of a setting
	maxSettings = 32 // in a request; a handful is defined
)

// settingsOf reads the HTTP2-Settings of an upgrade request.
func settingsOf(h http.Header) ([]setting, error) {
	lines := h["Http2-Settings"]
	if len(lines) != 1 {
		// "A server MUST NOT upgrade the connection to HTTP/2 if this header
		// field is not present or if more than one is present." RFC 7540 §3.2.1
		return nil, fmt.Errorf("%d HTTP2-Settings fields, want one", len(lines))
	}
	if !wye.HasToken(h["Connection"], "HTTP2-Settings") {
		// "…a client sending the HTTP2-Settings header field MUST also send
		// "HTTP2-Settings" as a connection option in the Connection header
		// field to prevent it from being forwarded…" RFC 7540 §3.2.1. What
		// lacks it may have been forwarded: golang/go#80416.
		return nil, errors.New("HTTP2-Settings is not listed in Connection")
	}
	return parseSettings(lines[0])
}

// parseSettings reads a field value: "…the payload of a SETTINGS frame, encoded
// as a base64url string…" RFC 7540 §3.2.1. It is never padded, for a setting is
// two times three bytes.
func parseSettings(value string) ([]setting, error) {
	payload, err := base64.RawURLEncoding.Strict().DecodeString(value)
	switch {
	case err != nil:
		return nil, fmt.Errorf("HTTP2-Settings: %w", err)
	case strings.ContainsAny(value, "\r\n"):
		return nil, errors.New("HTTP2-Settings has more than one line") // the decoder passes over line ends
	case len(payload) == 0 || len(payload)%settingSize != 0:
		return nil, fmt.Errorf("HTTP2-Settings has %d bytes, want a multiple of %d", len(payload), settingSize)
	case len(payload) > maxSettings*settingSize:
		return nil, fmt.Errorf("HTTP2-Settings has over %d settings", maxSettings)
	}
	settings := decodeSettings(payload)
	for _, s := range settings {
		if err := s.check(); err != nil {
			return nil, err
		}
	}
	return settings, nil
}

func (s setting) check() error {
	legal := true
	switch s.id {
	case enablePush, enableConnectProtocol:
		legal = s.value <= 1
	case initialWindowSize:
		legal = s.value < 1<<31
	case maxFrameSize:
		legal = s.value >= 1<<14 && s.value < 1<<24
	}
	if !legal {
		return fmt.Errorf("HTTP2-Settings: setting %d cannot be %d", s.id, s.value)
	}
	return nil
}

// decodeSettings reads a payload whose length is a multiple of settingSize.
func decodeSettings(payload []byte) (settings []setting) {
	for ; len(payload) >= settingSize; payload = payload[settingSize:] {
		settings = append(settings, setting{binary.BigEndian.Uint16(payload), binary.BigEndian.Uint32(payload[2:])})
	}
	return settings
}

func appendSettings(dst []byte, settings []setting) []byte {
	for _, s := range settings {
		dst = binary.BigEndian.AppendUint16(dst, s.id)
		dst = binary.BigEndian.AppendUint32(dst, s.value)
	}
	return dst
}

// override returns what is in force after first and then the frame's settings,
// each once: net/http takes a frame that has one twice for an error. The frame's
// own come as they are.
func override(first, frame []setting) []setting {
	var merged []setting
	for i, s := range first {
		again := func(t setting) bool { return t.id == s.id }
		if !slices.ContainsFunc(first[i+1:], again) && !slices.ContainsFunc(frame, again) {
			merged = append(merged, s)
		}
	}
	return append(merged, frame...)
}

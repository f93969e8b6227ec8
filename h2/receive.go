package h2

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/net/http2"
)

// read takes the server's frames until the connection ends.
func (c *conn) read() {
	err := c.readFrames()
	c.fail(codeOf(err), err)
	<-c.closed
	c.t.forget(c)
	close(c.done)
}

// readFrames returns why there are no more frames.
func (c *conn) readFrames() error {
	for {
		c.take.left = maxBlock
		f, err := c.fr.ReadFrame()
		var bad http2.StreamError
		switch {
		case errors.As(err, &bad):
			err = c.streamFailed(bad)
		case err == nil:
			err = c.handle(f)
		default:
			err = c.explain(err)
		}
		if err != nil {
			return err
		}
	}
}

// explain is err of the framer, in words.
func (c *conn) explain(err error) error {
	var broken http2.ConnectionError
	switch {
	case errors.As(err, &broken):
		why := "the server broke the rules of HTTP/2"
		if detail := c.fr.ErrorDetail(); detail != nil {
			why = detail.Error()
		}
		return &connError{http2.ErrCode(broken), why}
	case errors.Is(err, http2.ErrFrameTooLarge):
		// "An endpoint MUST send an error code of FRAME_SIZE_ERROR if a frame
		// exceeds the size defined in SETTINGS_MAX_FRAME_SIZE". RFC 9113 §4.2
		return &connError{http2.ErrCodeFrameSize, "a frame is over 16 KiB"}
	case errors.Is(err, errFlood):
		return &connError{http2.ErrCodeEnhanceYourCalm, "a header block is over 64 KiB"}
	case errors.Is(err, io.EOF):
		return fmt.Errorf("h2: the server closed the connection: %w", io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("h2: %w", err)
}

func codeOf(err error) http2.ErrCode {
	var wrong *connError
	if errors.As(err, &wrong) {
		return wrong.code
	}
	return http2.ErrCodeNo
}

// handle does what a frame asks for. An error is one of the connection.
func (c *conn) handle(f http2.Frame) error {
	c.mu.Lock()
	defer c.unlock()
	if c.err != nil {
		return c.err
	}
	settings, first := f.(*http2.SettingsFrame)
	if !c.peer.known && (!first || settings.IsAck()) {
		// "The server connection preface consists of a potentially empty
		// SETTINGS frame … that MUST be the first frame". RFC 9113 §3.4
		return protocolError("the first frame is %v, want SETTINGS", f.Header().Type)
	}
	switch f := f.(type) {
	case *http2.SettingsFrame:
		return c.settingsLocked(f)
	case *http2.PingFrame:
		if !f.IsAck() { // "…MUST send a PING frame with the ACK flag set in response". RFC 9113 §6.7
			c.fr.WritePing(true, f.Data)
			c.owedLocked()
		}
	case *http2.GoAwayFrame:
		return c.goAwayLocked(f)
	case *http2.WindowUpdateFrame:
		return c.windowUpdateLocked(f)
	case *http2.MetaHeadersFrame:
		return c.headersLocked(f)
	case *http2.DataFrame:
		return c.dataLocked(f)
	case *http2.RSTStreamFrame:
		return c.resetReceivedLocked(f)
	case *http2.PushPromiseFrame:
		// "A client that has set this parameter to 0 … MUST treat the receipt
		// of a PUSH_PROMISE frame as a connection error". RFC 9113 §6.6
		return protocolError("the server pushes, which we said not to")
	}
	return nil // PRIORITY, and what we do not know: "MUST ignore", RFC 9113 §4.1
}

// streamLocked returns the stream that a frame is of. nil: it has ended; what
// comes late for it is ignored, RFC 9113 §5.1. A stream that has not begun is
// an error.
func (c *conn) streamLocked(f http2.Frame) (*stream, error) {
	id := f.Header().StreamID
	if id%2 == 0 || id >= c.nextID {
		return nil, protocolError("%v for stream %d, which we have not opened", f.Header().Type, id)
	}
	return c.streams[id], nil
}

// settingsLocked takes the server's settings. RFC 9113 §6.5
func (c *conn) settingsLocked(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if f.NumSettings() > maxSettings {
		return &connError{http2.ErrCodeEnhanceYourCalm, "a SETTINGS frame with very many settings"}
	}
	if err := f.ForeachSetting(c.settingLocked); err != nil {
		return err
	}
	if !c.peer.known {
		c.peer.known = true
		close(c.ready)
	}
	c.freed = true // there may be more streams now
	c.fr.WriteSettingsAck()
	c.owedLocked()
	return nil
}

// maxSettings is how many settings a frame may have: there are not that many.
const maxSettings = 256

func (c *conn) settingLocked(s http2.Setting) error {
	if err := s.Valid(); err != nil {
		var code http2.ConnectionError
		errors.As(err, &code)
		return &connError{http2.ErrCode(code), "invalid setting " + s.String()}
	}
	switch s.ID {
	case http2.SettingHeaderTableSize:
		// Ours stays at 4,096 at the most: the server only says what it can.
		c.encoder.SetMaxDynamicTableSizeLimit(min(s.Val, 4096))
		c.encoder.SetMaxDynamicTableSize(min(s.Val, 4096))
	case http2.SettingEnablePush:
		if s.Val != 0 {
			// "A client MUST treat receipt of a SETTINGS frame with
			// SETTINGS_ENABLE_PUSH set to 1 as a connection error".
			// RFC 9113 §6.5.2
			return protocolError("the server sets ENABLE_PUSH")
		}
	case http2.SettingMaxConcurrentStreams:
		c.peer.maxStreams = s.Val
	case http2.SettingInitialWindowSize:
		return c.initialWindowLocked(int64(s.Val))
	case http2.SettingMaxFrameSize:
		c.peer.maxFrame = min(int(s.Val), maxFrame)
	case http2.SettingMaxHeaderListSize:
		c.peer.maxHead = int64(s.Val)
	case http2.SettingEnableConnectProtocol:
		if c.peer.connect && s.Val == 0 {
			// "A sender MUST NOT send a SETTINGS_ENABLE_CONNECT_PROTOCOL
			// parameter with the value of 0 after previously sending a value
			// of 1." RFC 8441 §3
			return protocolError("the server takes ENABLE_CONNECT_PROTOCOL back")
		}
		c.peer.connect = s.Val == 1
	}
	return nil
}

// initialWindowLocked: "…a receiver MUST adjust the size of all stream
// flow-control windows that it maintains by the difference between the new value
// and the old value." RFC 9113 §6.9.2: so one may become negative.
func (c *conn) initialWindowLocked(size int64) error {
	by := size - c.peer.initialWindow
	c.peer.initialWindow = size
	for _, s := range c.streams {
		if s.sendWindow+by > maxWindow {
			return &connError{http2.ErrCodeFlowControl, "INITIAL_WINDOW_SIZE makes a window overflow"}
		}
		s.sendWindow += by
		notify(s.writable)
	}
	return nil
}

// windowUpdateLocked: "A sender MUST NOT allow a flow-control window to exceed
// 2^31-1 octets. If a sender receives a WINDOW_UPDATE that causes a flow-control
// window to exceed this maximum, it MUST terminate either the stream or the
// connection". RFC 9113 §6.9.1
func (c *conn) windowUpdateLocked(f *http2.WindowUpdateFrame) error {
	by := int64(f.Increment)
	if f.StreamID == 0 {
		if c.sendWindow += by; c.sendWindow > maxWindow {
			return &connError{http2.ErrCodeFlowControl, "the connection's window overflows"}
		}
		c.wakeWritersLocked()
		return nil
	}
	s, err := c.streamLocked(f)
	if s == nil {
		return err
	}
	if s.sendWindow += by; s.sendWindow > maxWindow {
		s.resetLocked(http2.ErrCodeFlowControl, errors.New("h2: the stream's window overflows"))
	}
	notify(s.writable)
	return nil
}

// goAwayLocked: streams above the last one that the server has looked at may be
// asked for again elsewhere, the others go on. RFC 9113 §6.8
func (c *conn) goAwayLocked(f *http2.GoAwayFrame) error {
	c.leaving = true
	c.freed = true
	for id, s := range c.streams {
		if id > f.LastStreamID {
			s.endLocked(errUnprocessed)
			delete(c.streams, id)
		}
	}
	c.emptiedLocked()
	return nil
}

// errUnprocessed says that the server has not acted on a request.
var errUnprocessed = errors.New("h2: the server has not processed the request")

// resetReceivedLocked takes a RST_STREAM. RFC 9113 §6.4
func (c *conn) resetReceivedLocked(f *http2.RSTStreamFrame) error {
	s, err := c.streamLocked(f)
	if s == nil {
		return err
	}
	if f.ErrCode == http2.ErrCodeRefusedStream {
		s.endLocked(errUnprocessed)
	} else {
		// With NO_ERROR the server only says that it reads no further, RFC 9113
		// §8.1: what came before, and its end, are still there to be read.
		s.endLocked(&ResetError{Code: uint32(f.ErrCode)})
	}
	c.removeLocked(s)
	return nil
}

// streamFailed answers a stream error that the framer found.
func (c *conn) streamFailed(bad http2.StreamError) error {
	c.mu.Lock()
	defer c.unlock()
	if c.err != nil {
		return c.err
	}
	if s := c.streams[bad.StreamID]; s != nil {
		s.resetLocked(bad.Code, fmt.Errorf("h2: the server's frame is malformed: %w", bad))
		return nil
	}
	if bad.StreamID%2 == 0 || bad.StreamID >= c.nextID {
		return protocolError("a malformed frame for stream %d, which we have not opened", bad.StreamID)
	}
	return nil
}

// dataLocked takes a DATA frame. RFC 9113 §6.1
func (c *conn) dataLocked(f *http2.DataFrame) error {
	s, err := c.streamLocked(f)
	if err != nil {
		return err
	}
	// The connection's window is granted anew at once: what is held is bounded
	// by the streams' windows, and one that is not read holds up no other.
	size := int(f.Length) // with padding, RFC 9113 §6.9.1
	if c.received += size; c.received > connWindow {
		return &connError{http2.ErrCodeFlowControl, "more DATA than the connection's window"}
	}
	if c.received >= connWindow/2 {
		c.fr.WriteWindowUpdate(0, uint32(c.received))
		c.received = 0
		c.owedLocked()
	}
	if s == nil {
		return nil
	}
	return s.dataLocked(f, size)
}

// ResetError is a stream that the server reset.
type ResetError struct {
	Code uint32 // RFC 9113 section 7
}

func (e *ResetError) Error() string {
	return "h2: the server reset the stream: " + http2.ErrCode(e.Code).String()
}

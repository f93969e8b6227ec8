package main

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
)

// gobwasMessage echoes one message, or answers one control frame.
func gobwasMessage(c net.Conn, rd *wsutil.Reader, control wsutil.FrameHandlerFunc, message *wsflate.MessageState) error {
	h, err := rd.NextFrame()
	if err != nil {
		return err
	}
	if h.OpCode.IsControl() {
		return control(h, rd)
	}
	p, err := io.ReadAll(io.LimitReader(rd, maxMessage))
	if err != nil {
		return err
	}
	f := ws.NewFrame(h.OpCode, true, p)
	if message.IsCompressed() {
		f.Header.Rsv = ws.Rsv(true, false, false)
		if f, err = wsflate.DecompressFrame(f); err != nil {
			return err
		}
		if f, err = wsflate.CompressFrame(f); err != nil {
			return err
		}
	}
	return ws.WriteFrame(c, f)
}

// gobwasFail does what the library's own example does on a bad message.
func gobwasFail(c net.Conn, err error) {
	var protocol ws.ProtocolError
	switch {
	case errors.Is(err, wsutil.ErrInvalidUTF8):
		_ = ws.WriteFrame(c, ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusInvalidFramePayloadData, "")))
	case errors.As(err, &protocol):
		_, _ = c.Write(ws.CompiledCloseProtocolError)
	default:
		return
	}
	if tcp, ok := c.(interface{ CloseWrite() error }); ok {
		_ = tcp.CloseWrite()
	}
	_ = c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	_, _ = io.Copy(io.Discard, c)
}

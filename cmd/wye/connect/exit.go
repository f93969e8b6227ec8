package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/connect/show"
	"github.com/wye-org/wye/cmd/wye/connect/target"
	"github.com/wye-org/wye/websocket"
)

// Exit codes. 0 is a clean close.
const (
	ExitLocal     = 1 // standard input or output failed
	ExitUsage     = 2
	ExitConnect   = 3 // DNS, or the transport connection
	ExitTLS       = 4
	ExitRefused   = 5 // the server answered and did not switch
	ExitErrorCode = 6 // closed with a code that says that something is wrong
	ExitAbnormal  = 7 // ended without a closing handshake, or against the protocol
	ExitTimeOut   = 8
	ExitInterrupt = 130 // SIGINT; other signals: 128 and their number
)

// Failure is an end that is not clean. Its text is fit to be printed: control
// characters are escaped, and there are no credentials in it.
type Failure struct {
	Code int   // one of the Exit codes
	Err  error // why
	text string
}

func (f *Failure) Error() string { return f.text }

// Unwrap returns what made the conversation fail.
func (f *Failure) Unwrap() error { return f.Err }

func fail(code int, err error, format string, args ...any) *Failure {
	return &Failure{code, err, show.Text(fmt.Sprintf(format, args...))}
}

// Interrupted is the cause of a context that a signal ended.
type Interrupted struct {
	Code int // the exit code
}

func (e *Interrupted) Error() string { return "interrupted" }

// interruptedBy returns the failure that the end of ctx is; nil if ctx did not end.
func interruptedBy(ctx context.Context) *Failure {
	if ctx.Err() == nil {
		return nil
	}
	code := ExitInterrupt
	var by *Interrupted
	if errors.As(context.Cause(ctx), &by) {
		code = by.Code
	}
	return &Failure{code, context.Cause(ctx), "interrupted"}
}

// timedOut does not take the system's own patience with a TCP handshake for a
// time-out: that is an address that nobody answers at.
func timedOut(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, websocket.ErrPongTimeout) || errors.Is(err, websocket.ErrCloseTimeout)
}

// dialFailure says why there is no connection. resp is what the server answered,
// if it did.
func dialFailure(err error, resp *http.Response, o *Options) *Failure {
	var refused *wye.RefusedError
	if errors.As(err, &refused) {
		return refusal(refused, o)
	}
	var de *wye.DialError
	if !errors.As(err, &de) {
		return fail(ExitAbnormal, err, "%v", err)
	}
	why := o.redacted(de.Err.Error())
	switch {
	case de.Stage == wye.StageRequest && resp != nil:
		return fail(ExitRefused, err, "the server answered %s, and %s", resp.Status, why)
	case de.Stage == wye.StageRequest:
		return fail(ExitUsage, err, "%s", why)
	case timedOut(err):
		return fail(ExitTimeOut, err, "time-out in the stage %q: %s (--timeout sets the bound)", de.Stage, why)
	case de.Stage == wye.StageConnect:
		return fail(ExitConnect, err, "cannot connect: %s", why)
	case de.Stage == wye.StageTLS:
		return fail(ExitTLS, err, "TLS: %s%s", why, tlsAdvice(de.Err))
	default:
		return fail(ExitAbnormal, err, "handshake: %s%s", why, handshakeAdvice(de.Err, o))
	}
}

// refusal shows the status, its reason and the first line of the body, and what
// to try.
func refusal(refused *wye.RefusedError, o *Options) *Failure {
	resp := refused.Response
	text := "refused: " + resp.Status
	if line := firstLine(resp, refused.Body); line != "" {
		text += ": " + o.redacted(line)
	}
	advice := ""
	switch location := resp.Header.Get("Location"); {
	case resp.StatusCode/100 == 3 && location != "":
		advice = "it redirects to " + o.redacted(location) + "; --max-redirects 1 follows"
	case resp.StatusCode/100 == 2:
		advice = "the server did not switch protocols: is the path right?"
	case resp.StatusCode == http.StatusUnauthorized:
		advice = "credentials come from --token-file or --header-file"
	case resp.StatusCode == http.StatusForbidden:
		advice = "--origin sends an Origin that the server may want"
	case resp.StatusCode == http.StatusUpgradeRequired && resp.Header.Get("Upgrade") != "":
		advice = "it offers " + resp.Header.Get("Upgrade")
	}
	if advice != "" {
		text += " (" + advice + ")"
	}
	return fail(ExitRefused, refused, "%s", text)
}

func tlsAdvice(err error) string {
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return "; the server seems to speak no TLS: try ws:// instead of wss://"
	}
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) && len(verification.UnverifiedCertificates) > 0 {
		pin := target.PinOf(verification.UnverifiedCertificates[0])
		var hostname x509.HostnameError
		if errors.As(err, &hostname) {
			return "; --server-name names another host"
		}
		return fmt.Sprintf("; if you know this certificate: --ca-file FILE, or --insecure --pin-sha256 %s", pin)
	}
	return ""
}

func handshakeAdvice(err error, o *Options) string {
	if !target.Secure(o.URL) && !errors.As(err, new(*net.OpError)) && !errors.As(err, new(*wye.HandshakeError)) {
		return "; if the server speaks TLS: wss:// instead of ws://"
	}
	return ""
}

// endFailure says how a WebSocket connection ended; nil: cleanly.
func endFailure(err error) *Failure {
	var ce *websocket.CloseError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &ce):
		return fail(ExitAbnormal, err, "%v", err)
	case timedOut(ce.Err):
		return fail(ExitTimeOut, err, "time-out: %v", ce.Err)
	case !ce.Remote && ce.Code == websocket.StatusMessageTooBig && ce.Err != nil:
		return fail(ExitAbnormal, err, "the connection ended abnormally: %v; --max-message raises it", ce.Err)
	case ce.Err != nil || ce.Code == websocket.StatusAbnormalClosure:
		return fail(ExitAbnormal, err, "the connection ended abnormally: %v", abnormal(ce))
	case !ce.Remote || cleanCode(ce.Code):
		return nil
	}
	text := fmt.Sprintf("the server closed with %d (%v)", uint16(ce.Code), ce.Code)
	if ce.Reason != "" {
		text += ": " + ce.Reason
	}
	return fail(ExitErrorCode, err, "%s", text)
}

func abnormal(ce *websocket.CloseError) error {
	if ce.Err == nil {
		return errors.New("no Close frame came")
	}
	return ce.Err
}

// cleanCode reports whether a peer that closes with code says that all is well:
// its purpose was fulfilled, it goes away, or it gave no code. RFC 6455 section
// 7.4.1.
func cleanCode(code websocket.StatusCode) bool {
	return code == websocket.StatusNormalClosure || code == websocket.StatusGoingAway || code == websocket.StatusNoStatusRcvd
}

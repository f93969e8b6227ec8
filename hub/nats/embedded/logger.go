package embedded

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// logger passes on what the server logs.
type logger struct {
	to *slog.Logger

	mu   sync.Mutex // guards dead
	dead string     // why the server cannot go on
}

func (l *logger) Noticef(format string, v ...any) { l.to.Debug("nats: " + fmt.Sprintf(format, v...)) }
func (l *logger) Errorf(format string, v ...any)  { l.to.Error("nats: " + fmt.Sprintf(format, v...)) }
func (l *logger) Debugf(string, ...any)           {}
func (l *logger) Tracef(string, ...any)           {}

// Warnf leaves one warning out: it is of InsecureSkipVerify and does not know that
// transport has certificates verified in another way.
func (l *logger) Warnf(format string, v ...any) {
	if !strings.HasPrefix(format, "TLS certificate chain and hostname of solicited routes will not be verified") {
		l.to.Warn("nats: " + fmt.Sprintf(format, v...))
	}
}

// Fatalf is told what the server cannot do without. A server of a process ends
// there; one in another's must not.
func (l *logger) Fatalf(format string, v ...any) {
	why := fmt.Sprintf(format, v...)
	l.to.Error("nats: " + why)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = why
}

func (l *logger) fatal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

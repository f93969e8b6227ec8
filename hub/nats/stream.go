package nats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/wye-org/wye/hub"
)

// A stream is one bucket of a namespace's history, as a node knows it.
type stream struct {
	name   string
	prefix string // of what is stored, up to the channel's token
	live   string // of what is passed on
	epochs string // the subject of epoch messages
	claims string
	maxAge time.Duration

	high atomic.Uint64 // the highest sequence seen in this epoch

	mu    sync.Mutex // guards what is below
	epoch epoch
	past  []string // epochs that have ended, the last ones
}

// pastMost bounds past.
const pastMost = 16

func (s *stream) current() epoch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

// ended reports whether an epoch is known to have ended.
func (s *stream) ended(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.past, id)
}

// saw notes that the stream has had a sequence.
func (s *stream) saw(seq uint64) {
	for {
		high := s.high.Load()
		if seq <= high || s.high.CompareAndSwap(high, seq) {
			return
		}
	}
}

// keyWindow is how long JetStream has to know messages by their ID. It does not
// keep messages for less, so channels of a shorter TTL hide them.
const keyWindow = hub.IdempotencyWindow

func (o *Options) stream(ns *hub.Namespace, bucket int) *stream {
	n, b := "n"+ns.Name, strconv.Itoa(bucket)
	return &stream{
		name:   o.Prefix + "-" + ns.Name + "-" + b,
		prefix: o.Prefix + ".h." + n + "." + b + ".",
		live:   o.Prefix + ".l." + n + "." + b + ".",
		epochs: o.Prefix + ".e." + n + "." + b + ".epoch",
		claims: o.Prefix + ".e." + n + "." + b + ".claim",
		maxAge: max(ns.History.TTL, keyWindow),
	}
}

// bucketsKey is what the number of a namespace's buckets is called in a stream's
// metadata.
const bucketsKey = "wye-buckets"

// config is what the stream has to be. It keeps one message more of a channel than
// is given out: its place is where the oldest that is given out follows.
func (o *Options) config(s *stream, ns *hub.Namespace) jetstream.StreamConfig {
	cfg := jetstream.StreamConfig{
		Name:              s.name,
		Description:       "what channels of a wye hub have stored",
		Subjects:          []string{s.prefix + ">", s.epochs, s.claims},
		Replicas:          o.Replicas,
		MaxMsgsPerSubject: int64(ns.History.Size) + 1,
		MaxAge:            s.maxAge,
		MaxBytes:          -1,
		MaxMsgs:           -1,
		MaxConsumers:      -1,
		MaxMsgSize:        -1,
		Duplicates:        keyWindow,
		Discard:           jetstream.DiscardNew,
		AllowDirect:       true,
		AllowMsgTTL:       true,
		RePublish:         &jetstream.RePublish{Source: s.prefix + ">", Destination: s.live + ">"},
		Metadata:          map[string]string{bucketsKey: strconv.Itoa(o.Buckets)},
	}
	if o.Memory {
		cfg.Storage = jetstream.MemoryStorage
	}
	if o.StreamBytes > 0 {
		cfg.MaxBytes = o.StreamBytes
	}
	return cfg
}

// ensure sees to it that there is such a stream. Several nodes may do so at once.
func ensure(ctx context.Context, js jetstream.JetStream, cfg jetstream.StreamConfig) error {
	_, err := js.CreateStream(ctx, cfg) // no error if there is the same
	if codeOf(err) != jetstream.JSErrCodeStreamNameInUse {
		return err
	}
	is, err := js.Stream(ctx, cfg.Name)
	if err != nil {
		return err
	}
	was := is.CachedInfo().Config
	if has, want := was.Metadata[bucketsKey], cfg.Metadata[bucketsKey]; has != want {
		return &driftError{cfg.Name, fmt.Sprintf("belongs to a namespace of %s buckets, and Options.Buckets is %s", has, want)}
	}
	if was.Storage != cfg.Storage {
		return &driftError{cfg.Name, fmt.Sprintf("is kept in %v storage, and Options.Memory is %v", was.Storage, cfg.Storage == jetstream.MemoryStorage)}
	}
	_, err = js.UpdateStream(ctx, cfg)
	var api *jetstream.APIError
	if errors.As(err, &api) && api.Code == 400 {
		return &driftError{cfg.Name, "cannot become what Options say: " + api.Description}
	}
	return err
}

// driftError says that a stream is not what Options say, and cannot become it.
type driftError struct{ stream, how string }

func (e *driftError) Error() string {
	return fmt.Sprintf("hub/nats: the stream %s %s: change the options, or remove the stream and what it stores (nats stream rm %s)", e.stream, e.how, e.stream)
}

// await repeats f until it succeeds, fails for good, or ctx ends.
func (l *link) await(ctx context.Context, f func(context.Context) error) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		try, cancel := context.WithTimeout(ctx, l.opt.Timeout)
		err := f(try)
		cancel()
		if err == nil || !passes(err) {
			return explain(err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return explain(err)
		}
	}
}

// passes reports whether an error goes by itself.
func passes(err error) bool {
	var drift *driftError
	if errors.As(err, &drift) {
		return false
	}
	return errors.Is(explain(err), hub.ErrUnavailable)
}

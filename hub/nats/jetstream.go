package nats

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// whileOnline calls f with a context that ends with the connection, and after
// Options.Timeout, and explains its error.
func (l *link) whileOnline(ctx context.Context, f func(context.Context) error) error {
	online, err := l.online()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, l.opt.Timeout)
	defer cancel()
	defer context.AfterFunc(online, cancel)() // stopped on return
	if err = f(ctx); err != nil && online.Err() != nil {
		return away("the connection to NATS was lost")
	}
	return explain(err)
}

// request asks NATS and waits for one answer.
func (l *link) request(ctx context.Context, m *natsgo.Msg) (answer *natsgo.Msg, err error) {
	err = l.whileOnline(ctx, func(ctx context.Context) (err error) {
		answer, err = l.nc.RequestMsgWithContext(ctx, m)
		return err
	})
	return answer, err
}

// api calls JetStream: the leader of the stream answers.
func (l *link) api(ctx context.Context, call string, ask, answer any) error {
	p, err := json.Marshal(ask)
	if err != nil {
		return explain(err)
	}
	m, err := l.request(ctx, &natsgo.Msg{Subject: "$JS.API." + call, Data: p})
	if err != nil {
		return err
	}
	var failed struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &failed); err != nil {
		return away("JetStream's answer is not understood: " + err.Error())
	}
	if failed.Error != nil {
		return failed.Error
	}
	if err := json.Unmarshal(m.Data, answer); err != nil {
		return away("JetStream's answer is not understood: " + err.Error())
	}
	return nil
}

// codeOf is the code of an error of JetStream's, or 0.
func codeOf(err error) jetstream.ErrorCode {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode
	}
	return 0
}

// record is a message in a stream.
type record struct {
	seq     uint64 // 0: there is none
	at      time.Time
	data    []byte
	subject string // if it is the leader's answer
}

type getRequest struct {
	Seq     uint64 `json:"seq,omitempty"`
	LastFor string `json:"last_by_subj,omitempty"`
	NextFor string `json:"next_by_subj,omitempty"`
	Batch   int    `json:"batch,omitempty"`
}

// get asks the leader for a message; what it answers is not older than the call. An
// error may be JetStream's own.
func (l *link) get(ctx context.Context, s *stream, q getRequest) (record, error) {
	var answer struct {
		Message struct {
			Subject string    `json:"subject"`
			Seq     uint64    `json:"seq"`
			Data    string    `json:"data"`
			Time    time.Time `json:"time"`
		} `json:"message"`
	}
	err := l.api(ctx, "STREAM.MSG.GET."+s.name, q, &answer)
	switch {
	case codeOf(err) == codeNotFound:
		return record{}, nil
	case err != nil:
		return record{}, err
	}
	data, err := base64.StdEncoding.DecodeString(answer.Message.Data)
	if err != nil {
		return record{}, away("JetStream's answer is not understood: " + err.Error())
	}
	return record{answer.Message.Seq, answer.Message.Time, data, answer.Message.Subject}, nil
}

// lastSeq is the sequence of the last message that the stream has had. An error is
// JetStream's own.
func (l *link) lastSeq(ctx context.Context, s *stream) (uint64, error) {
	var answer struct {
		State struct {
			LastSeq uint64 `json:"last_seq"`
		} `json:"state"`
	}
	err := l.api(ctx, "STREAM.INFO."+s.name, struct{}{}, &answer)
	return answer.State.LastSeq, err
}

// batchMost is how many messages are asked for at a time.
const batchMost = 1024

// readAll reads the messages of a subject from a sequence on, up to one at least.
// Any of the servers that have the stream may answer, and one may be behind: then
// it is asked again, and the leader at last.
func (l *link) readAll(ctx context.Context, s *stream, subject string, from, upTo uint64) ([]record, error) {
	var all []record
	for tries := 0; from <= upTo; {
		got, err := l.readBatch(ctx, s, getRequest{Seq: from, NextFor: subject, Batch: batchMost})
		if err != nil {
			return nil, err
		}
		if len(got) > 0 {
			all = append(all, got...)
			from = got[len(got)-1].seq + 1
			continue
		}
		if tries++; tries <= 5 {
			select {
			case <-time.After(time.Duration(tries) * 5 * time.Millisecond):
			case <-ctx.Done():
				return nil, explain(ctx.Err())
			}
			continue
		}
		r, err := l.get(ctx, s, getRequest{Seq: from, NextFor: subject})
		if err != nil {
			return nil, explain(err)
		}
		if r.seq == 0 {
			break // it has grown old meanwhile
		}
		all = append(all, r)
		from = r.seq + 1
	}
	return all, nil
}

// readBatch asks one of the servers that have the stream.
func (l *link) readBatch(ctx context.Context, s *stream, q getRequest) (all []record, err error) {
	err = l.whileOnline(ctx, func(ctx context.Context) (err error) {
		all, err = l.readBatchNow(ctx, s, q)
		return err
	})
	return all, err
}

func (l *link) readBatchNow(ctx context.Context, s *stream, q getRequest) ([]record, error) {
	p, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	inbox := l.nc.NewInbox()
	sub, err := l.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer sub.Unsubscribe()
	sub.SetPendingLimits(-1, -1) // what was asked for is bounded
	if err := l.nc.PublishRequest("$JS.API.DIRECT.GET."+s.name, inbox, p); err != nil {
		return nil, err
	}
	var all []record
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, err
		}
		switch status := m.Header.Get("Status"); status {
		case "":
			r, err := recordOf(m)
			if err != nil {
				return nil, err
			}
			all = append(all, r)
		case "204", "404":
			return all, nil
		case "503":
			return nil, natsgo.ErrNoResponders
		default:
			return nil, away("JetStream answers " + status + " " + m.Header.Get("Description"))
		}
	}
}

// recordOf reads what JetStream adds to a message.
func recordOf(m *natsgo.Msg) (record, error) {
	seq, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return record{}, errEnvelope
	}
	at, err := time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp"))
	if err != nil {
		return record{}, errEnvelope
	}
	return record{seq: seq, at: at, data: m.Data}, nil
}

// pubAck is JetStream's answer to a publication.
type pubAck struct {
	Seq       uint64              `json:"seq"`
	Duplicate bool                `json:"duplicate"`
	Error     *jetstream.APIError `json:"error"`
}

// store publishes into a stream and waits until it is stored.
func (l *link) store(ctx context.Context, m *natsgo.Msg) (pubAck, error) {
	answer, err := l.request(ctx, m)
	if err != nil {
		return pubAck{}, err
	}
	var ack pubAck
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		return pubAck{}, away("JetStream's answer is not understood: " + strings.ToValidUTF8(err.Error(), ""))
	}
	if ack.Error != nil {
		return pubAck{}, ack.Error
	}
	return ack, nil
}

package gateway

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"vision/internal/outcome"
	"vision/internal/relay"
)

// quiet is a ResponseWriter that keeps nothing.
type quiet struct{ header http.Header }

func (q *quiet) Header() http.Header              { return q.header }
func (q *quiet) Write(p []byte) (int, error)      { return len(p), nil }
func (q *quiet) WriteHeader(int)                  {}
func (q *quiet) FlushError() error                { return nil }
func (q *quiet) SetReadDeadline(time.Time) error  { return nil }
func (q *quiet) SetWriteDeadline(time.Time) error { return nil }

type forgetful struct{ *fakeStore }

func (forgetful) Record(context.Context, ...outcome.Entry) error { return nil }

type instant struct {
	relay.Attempter
	do step
}

func (i instant) Do(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
	a := i.do(ctx, c, s)
	a.Outcome.Task, a.Outcome.Miner = c.Task.Name, c.Peer.Miner
	return a
}

// BenchmarkHandler is all that the gateway does for a request but the relay
// and the recorder: authentication, limits, parsing, picking, answering.
func BenchmarkHandler(b *testing.B) {
	one := chunk("word ", "")
	tokens := func(n int) step {
		return func(_ context.Context, _ relay.Call, s relay.Sink) relay.Answer {
			for range n {
				s.Events(one)
			}
			return relay.Answer{Started: true}
		}
	}
	answer := bytes.Repeat([]byte("x"), 1024)
	for _, c := range []struct {
		name, body string
		do         step
	}{
		{"whole", chatBody, func(context.Context, relay.Call, relay.Sink) relay.Answer { return relay.Answer{Body: answer} }},
		{"stream of 1", streamed, tokens(1)},
		{"stream of 1000", streamed, tokens(1000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := newFixture(b, func(config *Config) {
				config.Relay = instant{config.Relay, c.do}
				config.Recorder = forgetful{}
				config.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
				config.Sampler = nil
			})
			f.store.keys[0].PerMinute = 1e9
			f.readKeys(b.Context())
			in := bytes.NewReader(nil)
			r := httptest.NewRequest("POST", chatPath, nil)
			r.Header.Set("Authorization", "Bearer "+secret)
			w := &quiet{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				in.Reset([]byte(c.body))
				r.Body, r.ContentLength = io.NopCloser(in), int64(len(c.body))
				clear(w.header)
				f.ServeHTTP(w, r)
			}
		})
	}
}

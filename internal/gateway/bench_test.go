package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"vision/internal/outcome"
	"vision/internal/period"
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

// BenchmarkRouting is BenchmarkHandler's stream of one token with what routing
// can do besides: a preferred miner, and a second one where the first is late,
// which none is.
func BenchmarkRouting(b *testing.B) {
	for _, c := range []struct {
		name    string
		routing Routing
	}{{"plain", Routing{}}, {"affinity", Routing{Affinity: []byte("secret")}}, {"hedging", Routing{Hedge: 0.05}}} {
		b.Run(c.name, func(b *testing.B) {
			one := chunk("word ", "")
			f := racing(b, func(config *Config) {
				config.Relay = instant{config.Relay, func(_ context.Context, _ relay.Call, s relay.Sink) relay.Answer {
					s.Events(one)
					return relay.Answer{Started: true}
				}}
				config.Recorder = forgetful{}
				config.Log = slog.New(slog.DiscardHandler)
				config.Sampler = nil
				config.Routing = c.routing
			})
			in := bytes.NewReader(nil)
			r := httptest.NewRequest("POST", chatPath, nil)
			r.Header.Set("Authorization", "Bearer "+secret)
			w := &quiet{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				in.Reset([]byte(streamed))
				r.Body, r.ContentLength = io.NopCloser(in), int64(len(streamed))
				clear(w.header)
				f.ServeHTTP(w, r)
			}
		})
	}
}

// BenchmarkIdleStream reports the memory that a stream takes while its miner
// says nothing, the kernel's part left out.
func BenchmarkIdleStream(b *testing.B) {
	const streams = 1000
	var sum float64
	for b.Loop() {
		f := newFixture(b, func(c *Config) {
			c.Relay = instant{c.Relay, hanging(1)}
			c.Sampler = nil
			short(b, c, time.Hour, time.Hour)
		})
		f.store.contenders = f.store.contenders[:0]
		for n := range 4 {
			f.store.contenders = append(f.store.contenders, period.Contender{Miner: miner(n), Task: "talker-8b", Addr: "192.0.2.1:1", Capacity: 1e9})
		}
		f.store.period.ID++
		f.readPeriod(b.Context())
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		s := NewServer(f.Gateway)
		go s.Serve(f.Listener(l))
		before := memory()
		conns := make([]net.Conn, streams)
		reply := make([]byte, 4096)
		for i := range conns {
			if conns[i], err = net.Dial("tcp", l.Addr().String()); err != nil {
				b.Fatal(err)
			}
			fmt.Fprintf(conns[i], "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", chatPath, secret, len(streamed), streamed)
			for got := 0; !bytes.Contains(reply[:got], []byte("w0")); {
				n, err := conns[i].Read(reply[got:])
				if err != nil {
					b.Fatal(err)
				}
				got += n
			}
		}
		sum += float64(memory()-before) / streams
		for _, c := range conns {
			c.Close()
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		f.Stop(ctx)
		cancel()
		s.Close()
	}
	b.ReportMetric(sum/float64(b.N), "B/stream")
}

func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

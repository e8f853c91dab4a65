package relay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/task"
)

// certificate is a throw-away one.
func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// secure dials TLS 1.3 with a certificate of ours.
type secure struct{ config *tls.Config }

func (s secure) Dial(ctx context.Context, addr string, _ hotkey.ID) (net.Conn, error) {
	return (&tls.Dialer{Config: s.config}).DialContext(ctx, "tcp", addr)
}

// mutual gives a listener and a dialer that ask each other for certificates.
func mutual(t testing.TB) (net.Listener, Dialer) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cert := certificate(t)
	server := &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS13}
	client := &tls.Config{Certificates: []tls.Certificate{cert}, InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}
	return tls.NewListener(l, server), secure{client}
}

// upstreamServer is net/http's server, streaming tokens with a flush for each.
func upstreamServer(t testing.TB, l net.Listener, tokens int) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !bytes.Contains(body, []byte(`"stream":true`)) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, answer)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		f := w.(http.Flusher)
		for range tokens {
			io.WriteString(w, token)
			f.Flush()
		}
		io.WriteString(w, last)
		f.Flush()
		io.WriteString(w, closed)
	}))
	if l != nil {
		s.Listener.Close()
		s.Listener = l
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestNoStreamBreaks(t *testing.T) {
	const each, tokens = 125, 5
	for _, name := range []string{"TCP", "TLS"} {
		t.Run(name, func(t *testing.T) {
			var l net.Listener
			var d Dialer = &plain{}
			if name == "TLS" {
				l, d = mutual(t)
			}
			addr := upstreamServer(t, l, tokens)
			c := newClient(t, func(c *Config) { c.Dialer = d })
			want := bytes.Repeat([]byte(seenToken), tokens)
			want = append(want, last...)
			var wg sync.WaitGroup
			for range 16 {
				wg.Go(func() {
					for i := range each {
						call := newCall(t, c, addr, i%5 != 0)
						var s shown
						a := c.Do(t.Context(), call, &s)
						if a.Outcome.Status != outcome.OK {
							t.Errorf("%v %q %v", a.Outcome.Status, a.Outcome.Reason, a.Err)
							return
						}
						if call.Request.Stream() && (!bytes.Equal(s.Bytes(), want) || a.Work.Units != tokens) {
							t.Errorf("shown %q, %d tokens", s.String(), a.Work.Units)
							return
						}
						if !call.Request.Stream() && string(a.Body) != seenAnswer {
							t.Errorf("answer %q", a.Body)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// FuzzResponse feeds any bytes as a response: one outcome, in time, and
// nothing shown but whole events.
func FuzzResponse(f *testing.F) {
	f.Add([]byte(goodStream), true)
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\n"+goodStream), true)
	f.Add([]byte("HTTP/1.1 200 OK\r\n"+sized(answer)), false)
	f.Add([]byte("HTTP/1.1 429 Busy\r\nRetry-After: 3\r\n"+chunked("x")), false)
	f.Fuzz(func(t *testing.T, in []byte, stream bool) {
		ours, theirs := net.Pipe()
		c := newClient(t, func(c *Config) { c.Dialer = dialFunc(func() (net.Conn, error) { return ours, nil }) })
		call := newCall(t, c, "a:1", stream)
		done := make(chan bool)
		go func() {
			defer close(done)
			request(bufio.NewReader(theirs))
			theirs.Write(in)
			theirs.Close()
		}()
		var s shown
		a := c.Do(t.Context(), call, &s)
		c.Close()
		<-done
		switch o := a.Outcome; {
		case o.Status == outcome.Ours, o.Status == outcome.Canceled:
			t.Fatalf("%v %q: not the miner's fault?", o.Status, o.Reason)
		case (o.Status == outcome.OK) != (a.Err == nil), (o.Reason == "") != (a.Err == nil):
			t.Fatalf("%v %q with error %v", o.Status, o.Reason, a.Err)
		case o.Status == outcome.OK && stream && !bytes.HasSuffix(s.Bytes(), []byte("\n\n")):
			t.Fatalf("shown %q", s.String())
		case o.Status == outcome.OK && !stream && len(a.Body) == 0:
			t.Fatal("an empty body is OK")
		case o.Work < 0 || o.Work > call.Request.Work() || o.FirstOutput < 0 || o.FirstOutput > o.Total:
			t.Fatalf("outcome %+v", o)
		case a.Started != (s.Len() > 0), bytes.Contains(s.Bytes(), []byte("[DONE]\n")):
			t.Fatalf("started %v, shown %q", a.Started, s.String())
		}
	})
}

type discard struct{}

func (discard) Events([]byte) error { return nil }

// rawUpstream answers without parsing, so that benchmarks measure us.
func rawUpstream(b *testing.B, l net.Listener, response func(w io.Writer)) string {
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				buf := make([]byte, 16<<10)
				for {
					if _, err := c.Read(buf); err != nil {
						return
					}
					response(c)
				}
			})
		}
	})
	b.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

func BenchmarkDo(b *testing.B) {
	const tokens = 1000
	frame := func(s string) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n", len(s), s) }
	one := frame(token)
	head := []byte(eventStream + "Transfer-Encoding: chunked\r\n\r\n")
	tail := append(append(frame(last), frame(closed)...), "0\r\n\r\n"...)
	whole := []byte("HTTP/1.1 200 OK\r\n" + sized(answer))
	for _, transport := range []string{"TCP", "TLS"} {
		for _, stream := range []bool{false, true} {
			name := transport + "/whole"
			if stream {
				name = transport + "/stream_of_1000"
			}
			b.Run(name, func(b *testing.B) {
				var l net.Listener
				var d Dialer = &plain{}
				if transport == "TLS" {
					l, d = mutual(b)
				} else {
					l, _ = net.Listen("tcp", "127.0.0.1:0")
				}
				addr := rawUpstream(b, l, func(w io.Writer) {
					if !stream {
						w.Write(whole)
						return
					}
					w.Write(head)
					for range tokens {
						w.Write(one)
					}
					w.Write(tail)
				})
				c := newClient(b, func(c *Config) { c.Dialer = d })
				b.Cleanup(c.Close)
				call := newCall(b, c, addr, stream)
				if stream {
					call.Request = longRequest(b, tokens)
				}
				b.ReportAllocs()
				for b.Loop() {
					call.By = time.Now().Add(10 * time.Second)
					call.FirstBy = call.By
					call.Keep = false
					a := c.Do(context.Background(), call, discard{})
					if a.Outcome.Status != outcome.OK {
						b.Fatal(a.Outcome.Status, a.Outcome.Reason)
					}
				}
			})
		}
	}
}

// longRequest is a streamed chat of at most so many tokens.
func longRequest(t testing.TB, tokens int) task.Request {
	long := *chatTask
	long.Limits.Output = tokens
	r, err := task.Chat{}.Parse([]byte(`{"messages":[{"role":"user","content":"hi"}],"stream":true}`), &long)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// BenchmarkIdleStreams reports the memory that an open stream takes while
// nothing comes: our side's, and for TLS the miner's connection too, which is
// in the same process.
func BenchmarkIdleStreams(b *testing.B) {
	const streams = 1000
	for _, transport := range []string{"TCP", "TLS"} {
		b.Run(transport, func(b *testing.B) {
			for b.Loop() {
				var d Dialer = &plain{}
				l, _ := net.Listen("tcp", "127.0.0.1:0")
				if transport == "TLS" {
					l.Close()
					l, d = mutual(b)
				}
				c := newClient(b, func(c *Config) { c.Dialer, c.DialTimeout = d, time.Minute })
				var held []net.Conn
				var serving, open sync.WaitGroup
				serving.Go(func() {
					buf := make([]byte, 16<<10)
					for range streams {
						nc, err := l.Accept()
						if err != nil {
							return
						}
						held = append(held, nc)
						nc.Read(buf)
						io.WriteString(nc, eventStream+"\r\n"+token)
					}
				})
				ctx, cancel := context.WithCancel(context.Background())
				before := inUse()
				seen := make(chan bool, streams)
				for range streams {
					open.Go(func() {
						call := newCall(b, c, l.Addr().String(), true)
						call.By = time.Now().Add(time.Minute)
						call.FirstBy, call.Keep = call.By, false
						c.Do(ctx, call, events(func() { seen <- true }))
					})
				}
				for range streams {
					<-seen
				}
				serving.Wait()
				after := inUse()
				b.ReportMetric((after[0]-before[0])/streams, "heap-B/stream")
				b.ReportMetric((after[1]-before[1])/streams, "stack-B/stream")
				cancel()
				open.Wait()
				for _, nc := range held {
					nc.Close()
				}
				l.Close()
			}
		})
	}
}

type events func()

func (f events) Events([]byte) error { f(); return nil }

// inUse gives the bytes of heap and of stacks.
func inUse() [2]float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return [2]float64{float64(m.HeapInuse), float64(m.StackInuse)}
}

package relay

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/pipes"
	"vision/internal/proto"
	"vision/internal/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var chatTask = &task.Task{
	Name: "m", Kind: "chat",
	Timeouts: task.Timeouts{First: 30 * time.Second, Gap: 30 * time.Second, Total: time.Minute}, // more than a busy machine takes
	Limits:   task.Limits{Output: 100},
	Model:    task.Model{SeedBits: 32},
}

var miner = hotkey.ID{1}

// plain dials without TLS.
type plain struct{ net.Dialer }

func (d *plain) Dial(ctx context.Context, addr string, _ hotkey.ID) (net.Conn, error) {
	return d.DialContext(ctx, "tcp", addr)
}

func newClient(t testing.TB, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{Dialer: &plain{}, Secret: []byte("a secret of 23 letters.")}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// newCall is a streamed or whole chat at a miner.
func newCall(t testing.TB, c *Client, addr string, stream bool) Call {
	t.Helper()
	body := fmt.Sprintf(`{"messages":[{"role":"user","content":"hi"}],"stream":%v}`, stream)
	r, err := task.Chat{}.Parse([]byte(body), chatTask)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	return Call{
		ID: "req-1", Task: chatTask, Kind: task.Chat{}, Request: r, Payload: c.Payload("req-1", r, chatTask),
		Peer: Peer{Miner: miner, Addr: addr}, FirstBy: now.Add(30 * time.Second), By: now.Add(time.Minute), Keep: true,
	}
}

// shown is a Sink that remembers.
type shown struct {
	bytes.Buffer
	writes int
	err    error
	after  func()
}

func (s *shown) Events(p []byte) error {
	s.writes++
	s.Write(p)
	if s.after != nil {
		s.after()
	}
	return s.err
}

// serve answers each connection by a script, given its number and a reader
// after which a whole request has been read if the script calls request.
func serve(t testing.TB, script func(n int, c net.Conn, r *bufio.Reader)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveAt(t, l, script)
	return l.Addr().String()
}

// serveAt is the same for any listener.
func serveAt(t testing.TB, l net.Listener, script func(n int, c net.Conn, r *bufio.Reader)) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				script(n, c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
}

// piped is a network within the process, for bubbles whose time is the test's
// own.
type piped struct{ pipes.Net }

func (p *piped) client(t testing.TB, change ...func(*Config)) *Client {
	t.Helper()
	return newClient(t, append([]func(*Config){func(c *Config) { c.Dialer = p }}, change...)...)
}

func (p *piped) serve(t testing.TB, script func(n int, c net.Conn, r *bufio.Reader)) (addr string) {
	l := p.Listen()
	serveAt(t, l, script)
	return l.Addr().String()
}

// request reads one request; nil at the connection's end.
func request(r *bufio.Reader) *http.Request {
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	return req
}

const (
	token  = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"token_ids\":[7]}]}\n\n"
	last   = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
	closed = "data: [DONE]\n\n"

	seenToken = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n"
	seen      = seenToken + seenToken + last

	answer     = `{"model":"x","choices":[{"message":{"content":"hello"},"finish_reason":"stop","token_ids":[1,2]}],"usage":{"completion_tokens":99},"prompt_token_ids":[1,2,3]}`
	seenAnswer = `{"model":"m","choices":[{"message":{"content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`

	eventStream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
)

func sized(s string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(s), s) }

// chunked frames parts as chunks.
func chunked(parts ...string) string {
	var b strings.Builder
	b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	for _, p := range parts {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(p), p)
	}
	b.WriteString("0\r\n\r\n")
	return b.String()
}

var goodStream = eventStream + chunked(token, token, last, closed)

// TestAnswers says how every kind of response ends.
func TestAnswers(t *testing.T) {
	big := strings.Repeat("x", 40<<10)
	tests := []struct {
		name   string
		stream bool
		in     string // what the miner says, then it closes the connection
		status outcome.Status
		reason string
		seen   string
	}{
		{"stream in chunks", true, goodStream, outcome.OK, "", seen},
		{"stream of known length", true, eventStream + sized(token+token+last+closed), outcome.OK, "", seen},
		{"stream to the end", true, eventStream + "\r\n" + token + token + last + closed, outcome.OK, "", seen},
		{"one chunk", true, eventStream + chunked(token+token+last+closed), outcome.OK, "", seen},
		{"chunks across events", true, eventStream + chunked(token[:9], token[9:]+token[:30], token[30:]+last, closed[:3], closed[3:]), outcome.OK, "", seen},
		{"chunk extension and trailer", true, eventStream + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%X;a=b\r\n", len(token+token+last+closed)) + token + token + last + closed + "\r\n0\r\nX-T: 1\r\n\r\n", outcome.OK, "", seen},
		{"continue first", true, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + goodStream, outcome.OK, "", seen},
		{"odd letters in the head", true, "HTTP/1.1 200\r\ncontent-TYPE:text/event-stream\r\nTRANSFER-encoding:\tchunked \r\n\r\n" + strings.SplitN(goodStream, "\r\n\r\n", 2)[1], outcome.OK, "", seen},
		{"no closing chunk", true, strings.TrimSuffix(goodStream, "0\r\n\r\n"), outcome.OK, "", seen},
		{"no done", true, eventStream + chunked(token, token, last), outcome.Failed, "truncated", ""},
		{"cut off", true, eventStream + "Transfer-Encoding: chunked\r\n\r\n5\r\ndat", outcome.Failed, "truncated", ""},
		{"too short a length", true, eventStream + "Content-Length: 20\r\n\r\n" + token + token + last + closed, outcome.Failed, "empty", ""},
		{"too long a length", true, eventStream + "Content-Length: 2000\r\n\r\n" + token + last, outcome.Failed, "truncated", ""},
		{"bad chunk size", true, eventStream + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", outcome.Failed, "malformed_http", ""},
		{"huge chunk size", true, eventStream + "Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n", outcome.Failed, "malformed_http", ""},
		{"endless extension", true, eventStream + "Transfer-Encoding: chunked\r\n\r\n1;" + big, outcome.Failed, "malformed_http", ""},
		{"not a stream", true, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + sized(answer), outcome.Failed, "not_a_stream", ""},
		{"upstream error", true, eventStream + chunked("data: {\"error\":{}}\n\n"), outcome.Failed, "upstream_error", ""},
		{"empty stream", true, eventStream + chunked(last, closed), outcome.Failed, "empty", ""},
		{"too many tokens", true, eventStream + chunked(strings.Repeat(token, 101), last, closed), outcome.Failed, "too_many_tokens", ""},
		{"nothing", true, "", outcome.Failed, "no_response", ""},
		{"half a head", true, "HTTP/1.1 200 OK\r\nContent-", outcome.Failed, "truncated", ""},
		{"garbage", true, "SSH-2.0-OpenSSH_9.6\r\n\r\n", outcome.Failed, "malformed_http", ""},
		{"a space in a name", true, "HTTP/1.1 200 OK\r\nContent-Type : x\r\n\r\n", outcome.Failed, "malformed_http", ""},
		{"two lengths", true, eventStream + "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", outcome.Failed, "malformed_http", ""},
		{"length and chunks", true, eventStream + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", outcome.Failed, "malformed_http", ""},
		{"negative length", true, eventStream + "Content-Length: -3\r\n\r\n", outcome.Failed, "malformed_http", ""},
		{"gzip", true, eventStream + "Content-Encoding: gzip\r\n\r\n", outcome.Failed, "malformed_http", ""},
		{"switching protocols", true, "HTTP/1.1 101 Switching Protocols\r\n\r\n", outcome.Failed, "malformed_http", ""},
		{"informed for ever", true, strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 50), outcome.Failed, "malformed_http", ""},
		{"large head", true, "HTTP/1.1 200 OK\r\nX: " + big + "\r\n\r\n", outcome.Failed, "head_too_large", ""},
		{"server error", true, "HTTP/1.1 500 Oops\r\n" + sized("no"), outcome.Failed, "http_500", ""},
		{"no content", false, "HTTP/1.1 204 No Content\r\n\r\n", outcome.Failed, "http_204", ""},
		{"redirect", false, "HTTP/1.1 302 Found\r\nLocation: /x\r\n" + sized(""), outcome.Failed, "http_302", ""},
		{"busy", true, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n" + sized("no"), outcome.RateLimited, "http_429", ""},
		{"whole answer", false, "HTTP/1.1 200 OK\r\n" + sized(answer), outcome.OK, "", seenAnswer},
		{"whole answer in chunks", false, "HTTP/1.1 200 OK\r\n" + chunked(answer[:10], answer[10:]), outcome.OK, "", seenAnswer},
		{"whole answer to the end", false, "HTTP/1.0 200 OK\r\n\r\n" + answer, outcome.OK, "", seenAnswer},
		{"large answer", false, "HTTP/1.1 200 OK\r\n" + sized(strings.Replace(answer, "hello", big, 1)), outcome.OK, "", strings.Replace(seenAnswer, "hello", big, 1)},
		{"cut answer", false, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + answer, outcome.Failed, "truncated", ""},
		{"cut JSON", false, "HTTP/1.1 200 OK\r\n" + sized(answer[:50]), outcome.Failed, "malformed_answer", ""},
		{"no JSON", false, "HTTP/1.1 200 OK\r\n" + sized("<html>"), outcome.Failed, "malformed_answer", ""},
		{"claimed too large", false, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + answer, outcome.Failed, "too_large", ""},
		{"too large in chunks", false, "HTTP/1.1 200 OK\r\n" + chunked(big, big, big), outcome.Failed, "too_large", ""},
	}
	for _, tt := range tests {
		for _, bytewise := range []bool{false, true} {
			if bytewise && len(tt.in) > 4<<10 {
				continue
			}
			t.Run(fmt.Sprintf("%s/bytewise=%v", tt.name, bytewise), func(t *testing.T) {
				addr := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
					if request(r) == nil {
						return
					}
					if !bytewise {
						io.WriteString(c, tt.in)
						return
					}
					for i := range len(tt.in) {
						if _, err := c.Write([]byte(tt.in[i : i+1])); err != nil {
							return
						}
					}
				})
				c := newClient(t, func(c *Config) { c.MaxResponse = 100 << 10 })
				var sink shown
				a := c.Do(t.Context(), newCall(t, c, addr, tt.stream), &sink)
				o := a.Outcome
				if o.Status != tt.status || o.Reason != tt.reason {
					t.Fatalf("%v %q (%v), want %v %q", o.Status, o.Reason, a.Err, tt.status, tt.reason)
				}
				if (a.Err == nil) != (o.Status == outcome.OK) {
					t.Errorf("error %v", a.Err)
				}
				got := sink.String() + string(a.Body)
				// Where the mistake comes in a read of its own, what was before it is seen.
				if got != tt.seen && !(tt.status != outcome.OK && a.Started && strings.HasPrefix(got, seenToken)) {
					t.Errorf("shown %q\nwant %q", got, tt.seen)
				}
				if a.Started != (sink.Len() > 0) {
					t.Errorf("started %v, shown %q", a.Started, sink.String())
				}
				if o.Status == outcome.OK {
					if o.Work != 2 || a.Work.Units != 2 || o.FirstOutput <= 0 || o.FirstOutput > o.Total || o.Arrivals.Chunks < 1 || len(a.Kept) == 0 {
						t.Errorf("outcome %+v, kept %d bytes", o, len(a.Kept))
					}
					if tt.stream && a.Finish != "stop" {
						t.Errorf("finish %q", a.Finish)
					}
				}
				if tt.status == outcome.RateLimited && a.RetryAfter != 7*time.Second {
					t.Errorf("retry after %v", a.RetryAfter)
				}
			})
		}
	}
}

func TestTheMinerSeesOneFormOfRequest(t *testing.T) {
	heads := make(chan string, 1)
	addr := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		var head strings.Builder
		for {
			line, err := r.ReadString('\n')
			if err != nil || line == "\r\n" {
				break
			}
			head.WriteString(line)
		}
		heads <- head.String()
		io.WriteString(c, goodStream)
	})
	c := newClient(t)
	call := newCall(t, c, addr, true)
	c.Do(t.Context(), call, &shown{})
	want := "POST /v1/chat/completions HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: vision\r\nContent-Type: application/json\r\n" +
		"Accept: text/event-stream\r\nX-Request-Id: " + c.wireID(&call) + "\r\nContent-Length: " + fmt.Sprint(len(call.Payload)) + "\r\n"
	if got := <-heads; got != want {
		t.Errorf("head\n%s\nwant\n%s", got, want)
	}
}

// TestMinersSeeAnIDOfTheAttemptOnly checks what a miner could tell requests
// apart by: when they arrived, who asks, and whether they failed elsewhere.
func TestMinersSeeAnIDOfTheAttemptOnly(t *testing.T) {
	ids := make(chan string, 10)
	addr := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for req := request(r); req != nil; req = request(r) {
			ids <- req.Header.Get(proto.RequestIDHeader)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n"+sized(answer))
		}
	})
	c := newClient(t)
	form := regexp.MustCompile(`^req-[0-9a-v]{26}$`)
	now := time.Now()
	first, next := outcome.NewID(now, 1, 1), outcome.NewID(now, 1, 2)
	seen := map[string]bool{}
	var last string
	for _, try := range []Call{
		{ID: first}, {ID: first, Try: 1}, {ID: next}, {ID: next, Try: 1}, {ID: next, Try: 1, Source: outcome.Synthetic},
	} {
		call := newCall(t, c, addr, false)
		call.ID, call.Try, call.Source = try.ID, try.Try, try.Source
		if o := c.Do(t.Context(), call, &shown{}).Outcome; o.Status != outcome.OK || o.Request != try.ID {
			t.Fatalf("%+v", o)
		}
		last = <-ids
		if !form.MatchString(last) || last[:14] == try.ID[:14] {
			t.Errorf("the miner sees %q for %q", last, try.ID)
		}
		seen[last] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d different ids, want 4: one for each try of each request, whoever asks", len(seen))
	}
	if other := newClient(t, func(c *Config) { c.Secret = []byte("another secret of 26 letters") }); other.wireID(&Call{ID: next, Try: 1}) == last {
		t.Error("the id does not depend on the secret")
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	conns := make(chan int, 100)
	addr := serve(t, func(n int, c net.Conn, r *bufio.Reader) {
		conns <- n
		for i := 0; request(r) != nil; i++ {
			switch i {
			case 0:
				io.WriteString(c, goodStream)
			case 1:
				io.WriteString(c, "HTTP/1.1 200 OK\r\n"+sized(answer))
			case 2:
				io.WriteString(c, "HTTP/1.1 429 Busy\r\n"+chunked("wait"))
			case 3:
				io.WriteString(c, "HTTP/1.1 503 Busy\r\nRetry-After: 3\r\n"+sized(""))
			case 4:
				io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n"+sized(answer))
			}
		}
	})
	c := newClient(t)
	want := []outcome.Status{outcome.OK, outcome.OK, outcome.RateLimited, outcome.Failed, outcome.OK, outcome.OK}
	for i, status := range want {
		a := c.Do(t.Context(), newCall(t, c, addr, i == 0 || i == 5), &shown{})
		if a.Outcome.Status != status {
			t.Fatalf("request %d: %v %q", i, a.Outcome.Status, a.Outcome.Reason)
		}
	}
	if n := len(conns); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// deaf pretends that every connection is of no known kind, so that whether it
// is alive shows only when it is used.
type deaf struct{ plain }

func (d *deaf) Dial(ctx context.Context, addr string, id hotkey.ID) (net.Conn, error) {
	c, err := d.plain.Dial(ctx, addr, id)
	if err != nil {
		return nil, err
	}
	return struct{ net.Conn }{c}, nil
}

func TestADeadIdleConnectionCostsTheMinerNothing(t *testing.T) {
	for name, dialer := range map[string]Dialer{"noticed before": &plain{}, "noticed in use": &deaf{}} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan bool, 10)
			addr := serve(t, func(n int, c net.Conn, r *bufio.Reader) {
				request(r)
				io.WriteString(c, "HTTP/1.1 200 OK\r\n"+sized(answer))
				c.Close()
				gone <- true
			})
			still := time.Now() // the clock does not move, so that death always shows at once
			c := newClient(t, func(c *Config) { c.Dialer, c.Now = dialer, func() time.Time { return still } })
			for i := range 5 {
				if a := c.Do(t.Context(), newCall(t, c, addr, false), &shown{}); a.Outcome.Status != outcome.OK {
					t.Fatalf("request %d: %v %q", i, a.Outcome.Status, a.Outcome.Reason)
				}
				<-gone
			}
		})
	}
}

func TestAFreshConnectionThatDiesIsTheMinersFailure(t *testing.T) {
	dials := make(chan int, 10)
	addr := serve(t, func(n int, c net.Conn, r *bufio.Reader) {
		dials <- n
		request(r)
		c.(*net.TCPConn).SetLinger(0) // a reset
	})
	c := newClient(t)
	a := c.Do(t.Context(), newCall(t, c, addr, true), &shown{})
	if a.Outcome.Status != outcome.Failed || a.Outcome.Reason != "no_response" || len(dials) != 1 {
		t.Errorf("%v %q after %d connections", a.Outcome.Status, a.Outcome.Reason, len(dials))
	}
}

// TestHangingUpBuysNoTime has a miner take a request on an idle connection,
// think, and hang up, in the hope of being sent it again.
func TestHangingUpBuysNoTime(t *testing.T) {
	tests := []struct {
		name   string
		thinks time.Duration // before it hangs up
		status outcome.Status
		reason string
		conns  int
	}{
		{"the connection was dead", 30 * time.Millisecond, outcome.OK, "", 2},
		{"the miner worked and hung up", 2 * time.Second, outcome.Failed, "no_response", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var network piped
				var passed atomic.Int64 // the clock's, beside the bubble's
				var conns atomic.Int32
				addr := network.serve(t, func(n int, c net.Conn, r *bufio.Reader) {
					conns.Add(1)
					for request(r) != nil {
						io.WriteString(c, "HTTP/1.1 200 OK\r\n"+sized(answer))
						if n == 0 {
							request(r)
							passed.Add(int64(tt.thinks))
							return
						}
					}
				})
				c := network.client(t, func(c *Config) {
					c.Now = func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
				})
				if a := c.Do(t.Context(), newCall(t, c, addr, false), &shown{}); a.Outcome.Status != outcome.OK {
					t.Fatalf("%v %q", a.Outcome.Status, a.Outcome.Reason)
				}
				before := time.Now()
				o := c.Do(t.Context(), newCall(t, c, addr, false), &shown{}).Outcome
				if o.Status != tt.status || o.Reason != tt.reason || int(conns.Load()) != tt.conns {
					t.Errorf("%v %q after %d connections, want %v %q after %d", o.Status, o.Reason, conns.Load(), tt.status, tt.reason, tt.conns)
				}
				if o.Total < tt.thinks || o.Status == outcome.OK && o.FirstOutput < tt.thinks || o.Start.After(before.Add(tt.thinks)) {
					t.Errorf("the time thought is not counted: %+v", o)
				}
			})
		})
	}
}

func TestACallersTimeIsNotTheMiners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var passed atomic.Int64
		var network piped
		addr := network.serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
			request(r)
			time.Sleep(10 * time.Millisecond)
			io.WriteString(c, goodStream)
		})
		c := network.client(t, func(c *Config) {
			c.Now = func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
		})
		s := shown{after: func() { passed.Add(int64(4 * time.Second)) }}
		begun := time.Now()
		o := c.Do(t.Context(), newCall(t, c, addr, true), &s).Outcome
		now := time.Now().Add(time.Duration(passed.Load()))
		if o.Status != outcome.OK || s.writes == 0 {
			t.Fatalf("%v %q after %d writes", o.Status, o.Reason, s.writes)
		}
		if o.Total > 2*time.Second || o.Arrivals.Longest > 2*time.Second || o.FirstOutput > o.Total {
			t.Errorf("the miner is charged what its caller took: %+v", o)
		}
		if took := time.Duration(s.writes) * 4 * time.Second; o.Blocked < took || o.Blocked > took+time.Second {
			t.Errorf("the caller took %v, of which %v are noted", took, o.Blocked)
		}
		if o.End().After(now) || o.End().Before(begun.Add(o.Blocked)) {
			t.Errorf("it ended at %v, between %v and %v", o.End(), begun.Add(o.Blocked), now)
		}
	})
}

func TestDeadlines(t *testing.T) {
	role := "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n"
	tests := []struct {
		name, before string
		stream       bool
		first, gap   time.Duration
		total        time.Duration
		reason       string
	}{
		{"no head", "", true, 50 * time.Millisecond, time.Hour, time.Hour, "first_token_timeout"},
		{"no token", eventStream + "\r\n" + role, true, 50 * time.Millisecond, time.Hour, time.Hour, "first_token_timeout"},
		{"no next token", eventStream + "\r\n" + token, true, time.Hour, 50 * time.Millisecond, time.Hour, "gap_timeout"},
		{"no end", eventStream + "\r\n" + token, true, time.Hour, time.Hour, 50 * time.Millisecond, "total_timeout"},
		{"no answer", "HTTP/1.1 200 OK\r\n", false, time.Millisecond, time.Hour, 50 * time.Millisecond, "total_timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var a Answer
			synctest.Test(t, func(t *testing.T) {
				var network piped
				c := network.client(t)
				call := newCall(t, c, network.serve(t, stalling(tt.before)), tt.stream)
				changed := *chatTask
				changed.Timeouts.Gap = tt.gap
				call.Task = &changed
				call.FirstBy, call.By = time.Now().Add(tt.first), time.Now().Add(tt.total)
				a = c.Do(t.Context(), call, &shown{})
			})
			if a.Outcome.Status != outcome.Failed || a.Outcome.Reason != tt.reason || fault.KindOf(a.Err) != fault.Timeout {
				t.Errorf("%v %q %v", a.Outcome.Status, a.Outcome.Reason, a.Err)
			}
			if a.Outcome.Total != 50*time.Millisecond {
				t.Errorf("took %v", a.Outcome.Total)
			}
			if strings.HasSuffix(tt.before, token) && (!a.Started || a.Outcome.Work != 1 || a.Outcome.FirstOutput == 0) {
				t.Errorf("a token went unnoticed: %+v", a.Outcome)
			}
		})
	}
}

// stalling says something and then no more.
func stalling(before string) func(int, net.Conn, *bufio.Reader) {
	return func(_ int, c net.Conn, r *bufio.Reader) {
		request(r)
		io.WriteString(c, before)
		io.Copy(io.Discard, r)
	}
}

// Deadlines hold on a real socket.
func TestDeadlinesOfSockets(t *testing.T) {
	c := newClient(t)
	call := newCall(t, c, serve(t, stalling(eventStream+"\r\n"+token)), true)
	changed := *chatTask
	changed.Timeouts.Gap = 50 * time.Millisecond
	call.Task = &changed
	call.FirstBy, call.By = time.Now().Add(time.Hour), time.Now().Add(time.Hour)
	a := c.Do(t.Context(), call, &shown{})
	if a.Outcome.Status != outcome.Failed || a.Outcome.Reason != "gap_timeout" || a.Outcome.Total < changed.Timeouts.Gap || a.Outcome.Work != 1 {
		t.Errorf("%v, took %v: %+v", a.Err, a.Outcome.Total, a.Outcome)
	}
}

func TestTheGapIsFromTokenToToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const gap = 150 * time.Millisecond
		var network piped
		addr := network.serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
			request(r)
			io.WriteString(c, eventStream+"\r\n")
			tick := time.NewTicker(gap / 3)
			defer tick.Stop()
			for range 9 { // three times the gap in all
				io.WriteString(c, token)
				<-tick.C
			}
			io.WriteString(c, last+closed)
		})
		c := network.client(t)
		call := newCall(t, c, addr, true)
		changed := *chatTask
		changed.Timeouts.Gap = gap
		call.Task = &changed
		if a := c.Do(t.Context(), call, &shown{}); a.Outcome.Status != outcome.OK || a.Outcome.Work != 9 {
			t.Errorf("%v %q %+v", a.Outcome.Status, a.Outcome.Reason, a.Outcome)
		}
	})
}

func TestWhoseFault(t *testing.T) {
	started := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		request(r)
		io.WriteString(c, eventStream+"\r\n"+token)
		io.Copy(io.Discard, r)
	})
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	nobody := l.Addr().String()
	l.Close()
	failing := func(err error) func(*Config) {
		return func(c *Config) {
			c.Dialer = dialFunc(func() (net.Conn, error) { return nil, fmt.Errorf("dial: %w", err) })
			c.DialReason = func(err error) string {
				if errors.Is(err, errOther) {
					return "wrong_hotkey"
				}
				return ""
			}
		}
	}
	tests := []struct {
		name   string
		addr   string
		change func(*Config)
		act    func(c *Client, call *Call, s *shown, cancel context.CancelCauseFunc)
		status outcome.Status
		reason string
	}{
		{"refused", nobody, nil, nil, outcome.Failed, "connect_refused"},
		{"no host", "no such host:1", nil, nil, outcome.Failed, "bad_address"},
		{"no file descriptors", nobody, failing(syscall.EMFILE), nil, outcome.Ours, "local_resources"},
		{"another hotkey", nobody, failing(errOther), nil, outcome.Failed, "wrong_hotkey"},
		{"dial timeout", nobody, failing(context.DeadlineExceeded), nil, outcome.Failed, "connect_timeout"},
		{"caller gone before", started, nil, func(_ *Client, _ *Call, _ *shown, cancel context.CancelCauseFunc) { cancel(nil) }, outcome.Canceled, "caller_gone"},
		{"caller gone while streaming", started, nil, func(_ *Client, _ *Call, s *shown, cancel context.CancelCauseFunc) {
			s.after = func() { cancel(nil) }
		}, outcome.Canceled, "caller_gone"},
		{"caller refuses", started, nil, func(_ *Client, _ *Call, s *shown, _ context.CancelCauseFunc) {
			s.err = errors.New("broken pipe")
		}, outcome.Canceled, "caller_gone"},
		{"caller reads slowly", started, nil, func(c *Client, call *Call, s *shown, _ context.CancelCauseFunc) {
			var passed atomic.Int64
			c.cfg.Now = func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
			s.after = func() { passed.Store(int64(time.Until(call.By) + time.Second)) }
		}, outcome.Canceled, "caller_slow"},
		{"shutdown", started, nil, func(_ *Client, _ *Call, s *shown, cancel context.CancelCauseFunc) {
			s.after = func() { cancel(ErrShutdown) }
		}, outcome.Ours, "shutdown"},
		{"closed", started, nil, func(c *Client, _ *Call, _ *shown, _ context.CancelCauseFunc) { c.Close(); c.Close() }, outcome.Ours, "shutdown"},
		{"a request larger than miners take", started, nil, func(_ *Client, call *Call, _ *shown, _ context.CancelCauseFunc) {
			call.Payload = make([]byte, proto.MaxRequest+1)
		}, outcome.Ours, "request_too_large"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var change []func(*Config)
			if tt.change != nil {
				change = append(change, tt.change)
			}
			c := newClient(t, change...)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			call := newCall(t, c, tt.addr, true)
			var s shown
			if tt.act != nil {
				tt.act(c, &call, &s, cancel)
			}
			a := c.Do(ctx, call, &s)
			if a.Outcome.Status != tt.status || a.Outcome.Reason != tt.reason || a.Err == nil {
				t.Errorf("%v %q (%v), want %v %q", a.Outcome.Status, a.Outcome.Reason, a.Err, tt.status, tt.reason)
			}
		})
	}
}

var errOther = errors.New("another hotkey")

type dialFunc func() (net.Conn, error)

func (f dialFunc) Dial(context.Context, string, hotkey.ID) (net.Conn, error) { return f() }

// TestAnswersBeforeTheRequestWasRead sends more than sockets hold.
func TestAnswersBeforeTheRequestWasRead(t *testing.T) {
	addr := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for {
			if _, err := r.Peek(1); err != nil {
				return
			}
			io.WriteString(c, "HTTP/1.1 429 Busy\r\nRetry-After: 2\r\n"+sized(""))
			if request(r) == nil {
				return
			}
		}
	})
	c := newClient(t)
	call := newCall(t, c, addr, true)
	call.Payload = bytes.Repeat([]byte(" "), 7<<20)
	for range 10 {
		call.FirstBy, call.By = time.Now().Add(time.Minute), time.Now().Add(time.Minute)
		if a := c.Do(t.Context(), call, &shown{}); a.Outcome.Status != outcome.RateLimited {
			t.Fatalf("%v %q", a.Outcome.Status, a.Outcome.Reason)
		}
	}
}

func TestLargeRequestsArriveWhole(t *testing.T) {
	sizes := make(chan int, 2)
	addr := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for req := request(r); req != nil; req = request(r) {
			b, _ := io.ReadAll(req.Body)
			sizes <- len(b)
			io.WriteString(c, goodStream)
		}
	})
	c := newClient(t)
	call := newCall(t, c, addr, true)
	call.Payload = bytes.Repeat([]byte(" "), 5<<20)
	for range 2 {
		if a := c.Do(t.Context(), call, &shown{}); a.Outcome.Status != outcome.OK || <-sizes != 5<<20 {
			t.Fatalf("%v %q", a.Outcome.Status, a.Outcome.Reason)
		}
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan bool, 10)
		var network piped
		addr := network.serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
			for request(r) != nil {
				io.WriteString(c, goodStream)
			}
			ended <- true
		})
		c := network.client(t, func(c *Config) { c.IdleTimeout = 20 * time.Millisecond })
		c.Do(t.Context(), newCall(t, c, addr, true), &shown{})
		time.Sleep(5 * time.Second)
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Error("an idle connection stays open")
		}
	})
}

func TestSeedsAndDraws(t *testing.T) {
	c := newClient(t)
	other := newClient(t, func(c *Config) { c.Secret = []byte("another secret of 26 letters") })
	parse := func(body string) task.Request {
		r, err := task.Chat{}.Parse([]byte(body), chatTask)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := parse(`{"messages":[{"role":"user","content":"hi"}]}`)
	p := string(c.Payload("a", r, chatTask))
	if p != string(c.Payload("a", r, chatTask)) || p == string(c.Payload("b", r, chatTask)) || p == string(other.Payload("a", r, chatTask)) {
		t.Error("the seed does not follow from the id and the secret alone")
	}
	own := parse(`{"messages":[{"role":"user","content":"hi"}],"seed":5}`)
	if p := string(c.Payload("a", own, chatTask)); !strings.Contains(p, `"seed":5,`) {
		t.Errorf("the caller's seed is not in %s", p)
	}
	var sum float64
	for i := range 1000 {
		d := c.Draw(fmt.Sprint(i))
		if d < 0 || d >= 1 || d != c.Draw(fmt.Sprint(i)) {
			t.Fatalf("draw %v", d)
		}
		sum += d
	}
	if sum < 450 || sum > 550 {
		t.Errorf("1000 draws sum to %v", sum)
	}
}

// The caller pays for what it got. What could not be passed on is the miner's
// work all the same.
func TestOutputThatDoesNotReachTheCaller(t *testing.T) {
	addr := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		request(r)
		io.WriteString(c, eventStream+"\r\n"+token)
		r.ReadByte() // until the caller is gone
	})
	for name, want := range map[string]struct {
		refuse error
		units  int64
	}{"taken": {nil, 1}, "refused": {errors.New("broken pipe"), 0}} {
		c := newClient(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		s := shown{err: want.refuse, after: func() { cancel(nil) }}
		a := c.Do(ctx, newCall(t, c, addr, true), &s)
		if a.Outcome.Status != outcome.Canceled || a.Work.Units != want.units || a.Outcome.Work != 1 {
			t.Errorf("%s: %v, %d units of %d, want %d", name, a.Outcome.Status, a.Work.Units, a.Outcome.Work, want.units)
		}
	}
}

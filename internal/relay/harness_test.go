package relay

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vision/internal/hotkey"
	"vision/internal/pipes"
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

type dialFunc func() (net.Conn, error)

func (f dialFunc) Dial(context.Context, string, hotkey.ID) (net.Conn, error) { return f() }

package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"vision/internal/outcome"
	"vision/internal/relay"
)

// What a customer sees does not depend on whether streams are detached. These
// ran before on connections from which they are.
func TestWithoutDetaching(t *testing.T) {
	byListener = false
	defer func() { byListener = true }()
	for name, test := range map[string]func(*testing.T){
		"Stream": TestStream, "UsageOnlyIfAsked": TestUsageOnlyIfAsked, "EveryKind": TestEveryKindTakesTheSamePath,
		"NothingIsHeldBack": TestNothingIsHeldBack, "RecorderFails": TestRecorderFails, "CustomerHangsUp": TestCustomerHangsUp,
		"FailureAfterTheFirstOutput": TestFailureAfterTheFirstOutput, "SilentMiner": TestSilentMinerLeavesTimeForAnother,
		"LateMiners": TestLateMiners, "StopWaits": TestStopWaitsForStreams, "StopCancels": TestStopCancelsAtTheDeadline,
		"TooManyAtOnce": TestTooManyAtOnce, "Errors": TestErrors, "KeyLimit": TestKeyLimit, "SlowBody": TestSlowBody,
		"DeadlinesDoNotLinger": TestDeadlinesDoNotLinger, "CustomerReadsNothing": TestCustomerReadsNothing, "Panic": TestPanicOfAStream,
		"ManyStreams": TestManyStreamsAtOnce, "SDKChatStream": TestSDKChatStream, "SDKBrokenStream": TestSDKBrokenStream, "SDKCancel": TestSDKCancel,
		"OneConnection": TestOneConnectionManyRequests, "Pipelined": TestPipelinedRequests, "EmptyLines": TestEmptyLinesAfterABody, "ExpectContinue": TestExpectContinue,
	} {
		t.Run(name, test)
	}
}

// customer is one connection of somebody who writes requests by hand.
type customer struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, f *fixture) *customer {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return &customer{t, c, bufio.NewReader(c)}
}

// raw is a request's bytes.
func raw(version, body string, header ...string) string {
	return fmt.Sprintf("POST %s %s\r\nHost: x\r\nAuthorization: Bearer %s\r\n%sContent-Length: %d\r\n\r\n%s",
		chatPath, version, secret, strings.Join(header, ""), len(body), body)
}

func (c *customer) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// hears reads a response to its end.
func (c *customer) hears(status int, end string) *http.Response {
	c.t.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status || !strings.HasSuffix(string(body), end) {
		c.t.Fatalf("status %d, %v, want %d and the end %q:\n%s", resp.StatusCode, err, status, end, body)
	}
	return resp
}

const done = "[DONE]\n\n"

func TestWhatIsDetached(t *testing.T) {
	for _, c := range []struct {
		name, request string
		listener      bool
		detached      bool
		closes        bool
	}{
		{"stream", raw("HTTP/1.1", streamed), true, true, false},
		{"answer", raw("HTTP/1.1", chatBody), true, false, false},
		{"last of its connection", raw("HTTP/1.1", streamed, "Connection: close\r\n"), true, false, true},
		{"of HTTP/1.0", raw("HTTP/1.0", streamed), true, false, true},
		{"somebody else's listener", raw("HTTP/1.1", streamed), false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			byListener = c.listener
			defer func() { byListener = true }()
			stack := make(chan string, 1)
			f := serve(t, nil, func(ctx context.Context, call relay.Call, s relay.Sink) relay.Answer {
				stack <- string(debug.Stack())
				return ok(3)(ctx, call, s)
			})
			u := dial(t, f)
			u.say(c.request)
			end := done
			if strings.Contains(c.request, chatBody) {
				end = "}"
			}
			resp := u.hears(200, end)
			if _, err := http.ParseTime(resp.Header.Get("Date")); err != nil || resp.Header.Get("X-Request-Id") == "" {
				t.Errorf("header %v", resp.Header)
			}
			s := <-stack
			if strings.Contains(s, "finishDetached") != c.detached || strings.Contains(s, "net/http") == c.detached {
				t.Errorf("detached should be %v; the attempt's stack is\n%s", c.detached, s)
			}
			if c.closes {
				if _, err := u.in.ReadByte(); err != io.EOF {
					t.Errorf("the connection is not closed: %v", err)
				}
			}
		})
	}
}

func TestOneConnectionManyRequests(t *testing.T) {
	f := serve(t, nil, ok(3), failing(outcome.Failed, 0, badGateway), failing(outcome.Failed, 0, badGateway),
		failing(outcome.Failed, 0, badGateway), ok(3), ok(3), failing(outcome.Failed, 2, truncated), ok(2))
	c := dial(t, f)
	c.say(raw("HTTP/1.1", streamed))
	c.hears(200, done)
	c.say(raw("HTTP/1.1", streamed)) // three miners fail
	if r := c.hears(502, "}"); r.ContentLength <= 0 || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("X-Vision-Tries") != "3" {
		t.Errorf("header %v", r.Header)
	}
	c.say(raw("HTTP/1.1", streamed))
	c.hears(200, done)
	c.say(raw("HTTP/1.1", chatBody))
	c.hears(200, "}")
	c.say(raw("HTTP/1.1", streamed)) // breaks off, and its end is told
	c.hears(200, "}\n\n")
	c.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	c.hears(404, "}")
	c.say(raw("HTTP/1.1", streamed, "Connection: close\r\n"))
	c.hears(200, done)
	if _, err := c.in.ReadByte(); err != io.EOF {
		t.Errorf("after a last request: %v", err)
	}
	stop(t, f)
	if n := strings.Count(f.log.String(), "msg=request"); n != 7 {
		t.Errorf("%d requests are in the log, want 7:\n%s", n, f.log)
	}
}

// Some clients end a body with an empty line. It is left out, wherever it is cut,
// and whoever has the connection when it comes (RFC 9112, 2.2).
func TestEmptyLinesAfterABody(t *testing.T) {
	bodies := map[string]struct{ body, end string }{"stream": {streamed, done}, "whole": {chatBody, "}"}}
	for first, a := range bodies {
		for second, b := range bodies {
			for name, x := range map[string]struct{ with, after, before string }{ // the body, the response, the next request
				"with the body":           {"\r\n", "", ""},
				"a bare line feed":        {"\n", "", ""},
				"two":                     {"\r\n\r\n", "", ""},
				"after the response":      {"", "\r\n", ""},
				"before the next request": {"", "", "\r\n"},
				"cut":                     {"\r", "\n", ""},
				"cut twice":               {"\r\n\r", "", "\n"},
			} {
				t.Run(first+" "+second+" "+name, func(t *testing.T) {
					f := serve(t, nil, ok(2))
					c := dial(t, f)
					for range 2 { // each request has empty lines of its own
						c.say(raw("HTTP/1.1", a.body) + x.with)
						c.hears(200, a.end)
						if x.after != "" {
							c.say(x.after)
						}
						c.say(x.before + raw("HTTP/1.1", b.body) + x.with)
						c.hears(200, b.end)
						if x.after != "" {
							c.say(x.after)
						}
						if x.before != "" {
							c.say(x.before)
						}
					}
					c.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
					c.hears(404, "}")
				})
			}
		}
		t.Run(first+", too many", func(t *testing.T) {
			f := serve(t, nil, ok(2))
			c := dial(t, f)
			c.say(raw("HTTP/1.1", a.body) + strings.Repeat("\r\n", 3))
			c.hears(200, a.end)
			c.hears(400, "Bad Request") // nothing more is said: the server may close before it has read it, and reset the connection
		})
	}
}

// Requests that come early are answered in turn, however they are cut.
func TestPipelinedRequests(t *testing.T) {
	f := serve(t, nil, ok(3))
	c := dial(t, f)
	c.say(strings.Repeat(raw("HTTP/1.1", streamed), 30) + raw("HTTP/1.1", chatBody)) // more than a buffer of the server's
	for range 30 {
		c.hears(200, done)
	}
	c.hears(200, "}")

	goOn := make(chan struct{})
	f = serve(t, nil, func(ctx context.Context, call relay.Call, s relay.Sink) relay.Answer {
		s.Events(chunk("first", ""))
		<-goOn
		return ok(1)(ctx, call, s)
	})
	for _, early := range []int{1, 2, 100} {
		c = dial(t, f)
		c.say(raw("HTTP/1.1", streamed))
		if _, err := c.in.Peek(300); err != nil { // the stream has begun
			t.Fatal(err)
		}
		next := raw("HTTP/1.1", streamed)
		c.say(next[:early])
		goOn <- struct{}{}
		c.hears(200, done)
		c.say(next[early:])
		goOn <- struct{}{}
		c.hears(200, done)
	}
}

func TestExpectContinue(t *testing.T) {
	f := serve(t, nil, ok(3))
	c := dial(t, f)
	head, body, _ := strings.Cut(raw("HTTP/1.1", streamed, "Expect: 100-continue\r\n"), "\r\n\r\n")
	c.say(head + "\r\n\r\n")
	if line, err := c.in.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	c.in.ReadString('\n')
	c.say(body)
	c.hears(200, done)
	c.say(raw("HTTP/1.1", chatBody))
	c.hears(200, "}")
}

// A customer that reads nothing is given up, and so is its miner.
func TestCustomerReadsNothing(t *testing.T) {
	f := serve(t, func(c *Config) { c.Limits.Write = 100 * time.Millisecond }, func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		a := relay.Answer{Started: true}
		a.Outcome.Status, a.Outcome.Reason = outcome.Canceled, "caller_gone"
		for much := bytes.Repeat([]byte("x"), 1<<20); s.Events(much) == nil; {
		}
		return a
	})
	written := make(chan []outcome.Entry, 1)
	f.store.written = func(e []outcome.Entry) { written <- e }
	c := dial(t, f)
	c.say(raw("HTTP/1.1", streamed))
	select {
	case e := <-written:
		if len(e) != 1 || e[0].Outcome.Status != outcome.Canceled {
			t.Errorf("recorded %+v", e)
		}
	case <-time.After(patience):
		t.Fatal("a customer that reads nothing is waited for")
	}
	stop(t, f)
	if _, err := io.Copy(io.Discard, c.in); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("its connection was not closed")
	}
}

// Who leaves before the first output is noticed too.
func TestCustomerLeavesEarly(t *testing.T) {
	asked := make(chan struct{})
	f := serve(t, func(c *Config) { short(t, c, time.Hour, time.Hour) }, func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		close(asked)
		return hanging(0)(ctx, c, s)
	})
	c := dial(t, f)
	c.say(raw("HTTP/1.1", streamed))
	<-asked
	c.Close()
	stop(t, f) // long before the miner's time is over
	if e := f.store.recorded(); len(e) != 1 || e[0].Outcome.Status != outcome.Canceled || e[0].Outcome.Reason != "canceled" {
		t.Errorf("recorded %+v", e)
	}
}

func TestPanicOfAStream(t *testing.T) {
	for n := range 2 {
		f := serve(t, nil, func(_ context.Context, _ relay.Call, s relay.Sink) relay.Answer {
			send(s, n)
			panic("a bug")
		})
		c := dial(t, f)
		c.say(raw("HTTP/1.1", streamed))
		c.hears([]int{500, 200}[n], []string{"}", "}\n\n"}[n])
		stop(t, f)
		if !strings.Contains(f.log.String(), "level=ERROR") || f.Active() != 0 {
			t.Errorf("%d under way; the log is\n%s", f.Active(), f.log)
		}
	}
}

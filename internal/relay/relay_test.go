package relay

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/task"
)

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

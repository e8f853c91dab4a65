package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/relay"
	"vision/internal/task"
)

// honest is a miner that serves what it declared: one slot. It refuses what
// its model server would, and whatever is too much for it.
type honest struct {
	slot  chan struct{} // holds a token for the request under way
	asked chan struct{} // gets one for each request that holds the slot
	goOn  chan struct{} // closed to let what waits end
	spent bool          // its volume is used up
}

func (m *honest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	for _, status := range []int{400, 413, 422} {
		if bytes.Contains(body, fmt.Appendf(nil, "odd %d", status)) {
			w.WriteHeader(status)
			return
		}
	}
	select {
	case m.slot <- struct{}{}:
		defer func() { <-m.slot }()
	default:
		w.WriteHeader(429)
		return
	}
	if m.spent {
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(429)
		return
	}
	m.asked <- struct{}{}
	out := http.NewResponseController(w)
	n, word := 10, "word "
	wait := func() {
		select {
		case <-m.goOn:
		case <-r.Context().Done():
		}
	}
	switch {
	case bytes.Contains(body, []byte("wait first")):
		wait()
	case bytes.Contains(body, []byte("a lot")):
		n, word = 8000, strings.Repeat("word ", 600)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for i := range n {
		finish := "null"
		if i == n-1 {
			finish = `"stop"`
		}
		_, err := fmt.Fprintf(w, `data: {"id":"c","object":"chat.completion.chunk","created":5,"model":"x","choices":[{"index":0,"delta":{"content":%q},"finish_reason":%s,"token_ids":[%d]}]}`+"\n\n", word, finish, i)
		if err != nil || out.Flush() != nil {
			return
		}
		if i == 0 && bytes.Contains(body, []byte("wait then")) {
			wait()
		}
	}
	io.WriteString(w, "data: [DONE]\n\n")
}

// honestWorld is a gateway with the real relay and one honest miner.
type honestWorld struct {
	*fixture
	*honest
	written chan []outcome.Entry // one group a request
}

func newHonestWorld(t *testing.T, capacity int64) *honestWorld {
	t.Helper()
	m := &honest{slot: make(chan struct{}, 1), asked: make(chan struct{}, 16), goOn: make(chan struct{})}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	client, err := relay.New(relay.Config{Dialer: plainDialer{}, Secret: []byte("a secret of the tests")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	w := &honestWorld{honest: m, written: make(chan []outcome.Entry, 16)}
	w.fixture = serve(t, func(c *Config) {
		list := tasks()
		for i := range list {
			list[i].Limits.Output, list[i].Model.Context = 8192, 1<<16
			list[i].Timeouts = task.Timeouts{First: 20 * time.Second, Gap: 20 * time.Second, Total: 20 * time.Second}
		}
		catalogue, err := task.NewCatalogue(list)
		if err != nil {
			t.Fatal(err)
		}
		c.Catalogue = func() *task.Catalogue { return catalogue }
		c.Relay = client
	})
	w.store.written = func(e []outcome.Entry) { w.written <- append([]outcome.Entry(nil), e...) }
	w.Board.Set(period.Period{ID: 2, Start: time.Now().Add(-time.Minute)}, []period.Contender{
		{Period: 2, Miner: miner(0), Task: "talker-8b", Addr: server.Listener.Addr().String(), Capacity: capacity, Slots: 1}})
	w.store.period.ID = 2
	return w
}

func saying(text string) string {
	return fmt.Sprintf(`{"model":"talker-8b","messages":[{"role":"user","content":%q}],"stream":true,"max_tokens":8192}`, text)
}

// leave sends a request and hangs up once the miner has been asked and, if
// told so, once its first output has come.
func (w *honestWorld) leave(t *testing.T, text string, afterOutput bool) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "POST", w.url+chatPath, strings.NewReader(saying(text)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	done := make(chan struct{})
	go func() {
		defer close(done)
		resp, err := w.http.Do(r)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		_, _ = resp.Body.Read(make([]byte, 10))
		cancel()
	}()
	<-w.asked
	if !afterOutput {
		cancel()
	}
	<-done
}

// Whatever customers and the validator do, an honest miner is charged nothing.
func TestHonestMinerOddCustomerOrValidator(t *testing.T) {
	for name, c := range map[string]struct {
		capacity int64
		odd      func(t *testing.T, w *honestWorld)
		want     string // status and reason of each attempt recorded
	}{
		"a request that the model refuses": {1e9, func(t *testing.T, w *honestWorld) {
			for _, status := range []string{"odd 400", "odd 413", "odd 422"} {
				if r := w.do(t, "POST", chatPath, saying(status)); r.status != 400 || r.failure(t).Code != "request_refused" {
					t.Errorf("%s: the customer got %d %s", status, r.status, r.body)
				}
			}
		}, "canceled refused, canceled refused, canceled refused"},
		"a customer that leaves before the first output": {1e9, func(t *testing.T, w *honestWorld) {
			w.leave(t, "wait first", false)
		}, "canceled caller_gone"},
		"a customer that leaves amid a stream": {1e9, func(t *testing.T, w *honestWorld) {
			w.leave(t, "wait then", true)
		}, "canceled caller_gone"},
		"a customer that reads nothing": {1e9, func(t *testing.T, w *honestWorld) {
			w.Limits.Write = 200 * time.Millisecond
			conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.(*net.TCPConn).SetReadBuffer(4096)
			body := saying("a lot")
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", chatPath, secret, len(body), body)
			w.written <- <-w.written // until it is given up
		}, "canceled caller_gone"},
		"more customers than slots": {1e9, func(t *testing.T, w *honestWorld) {
			first := make(chan reply)
			go func() { first <- w.do(t, "POST", chatPath, saying("wait first")) }()
			<-w.asked
			if r := w.do(t, "POST", chatPath, saying("me too")); r.status != 503 {
				t.Errorf("the second customer got %d %s", r.status, r.body)
			}
			if _, ok := w.Board.TryBegin("talker-8b", miner(0), false); ok {
				t.Error("a probe would go to a miner whose slot a customer's request takes")
			}
			close(w.goOn)
			if r := <-first; r.status != 200 || !strings.HasSuffix(r.body, "[DONE]\n\n") {
				t.Errorf("the first customer got %d %s", r.status, r.body)
			}
		}, "ok "},
		"more work than its capacity": {10, func(t *testing.T, w *honestWorld) {
			if r := w.do(t, "POST", chatPath, saying("words")); r.status != 200 {
				t.Errorf("within the capacity: %d %s", r.status, r.body)
			}
			w.slot <- struct{}{} // its handler has returned
			w.spent = true
			<-w.slot
			if r := w.do(t, "POST", chatPath, saying("more words")); r.status != 503 || r.failure(t).Code != "miners_busy" || r.header.Get("Retry-After") != "2" {
				t.Errorf("beyond it: %d %v %s", r.status, r.header, r.body)
			}
		}, "ok , canceled our_overload"},
		"a validator that is stopped": {1e9, func(t *testing.T, w *honestWorld) {
			first := make(chan reply)
			go func() { first <- w.do(t, "POST", chatPath, saying("wait first")) }()
			<-w.asked
			over, cancel := context.WithCancel(context.Background())
			cancel()
			if err := w.Stop(over); err != nil {
				t.Error(err)
			}
			if r := <-first; r.status != 503 {
				t.Errorf("its customer got %d %s", r.status, r.body)
			}
		}, "ours shutdown"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHonestWorld(t, c.capacity)
			c.odd(t, w)
			var got []string
			for range strings.Split(c.want, ", ") {
				select {
				case entries := <-w.written:
					for _, e := range entries {
						got = append(got, e.Outcome.Status.String()+" "+e.Outcome.Reason)
					}
				case <-time.After(patience):
					t.Fatalf("recorded %q, want %q", got, c.want)
				}
			}
			if s := strings.Join(got, ", "); s != c.want {
				t.Errorf("recorded %q, want %q", s, c.want)
			}
		})
	}
}

package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vision/internal/apikey"
	"vision/internal/dispatch"
	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/openai"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/pipes"
	"vision/internal/relay"
	"vision/internal/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "sk-the-customer-of-the-tests"

func miner(n int) (id hotkey.ID) { id[31] = byte(n + 1); return }

func tasks() []task.Task {
	base := task.Task{
		Weight: 1, Capacity: 1e12, Typical: 10,
		Timeouts: task.Timeouts{First: 20 * time.Second, Gap: 20 * time.Second, Total: time.Minute}, // more than a busy machine takes
		Speed:    task.Speed{Overhead: 0.1, Mean: 0.01, Steepness: 1},
		Model:    task.Model{Name: "m", Context: 4096, EndTokens: []int{0}, Template: "chatml", Revision: "1", Quantisation: "none"},
		Limits:   task.Limits{Output: 256, Steps: 10, Images: 4, Items: 16, Sizes: []string{"64x64"}},
		Price:    task.Price{Prompt: 1, Output: 2},
	}
	chat, text, image, vector := base, base, base, base
	chat.Name, chat.Kind = "talker-8b", "chat"
	text.Name, text.Kind = "writer-8b", "completion"
	text.Model.Template = ""
	image.Name, image.Kind = "painter", "text-to-image"
	vector.Name, vector.Kind = "embedder", "embedding"
	return []task.Task{chat, text, image, vector}
}

// A script is how the fake relay's attempts go, in turn; the last goes on for ever.
type step func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer

// fakeRelay makes no attempt but plays a script. It keeps what it was asked.
type fakeRelay struct {
	mu    sync.Mutex
	steps []step
	calls []relay.Call
}

func (f *fakeRelay) Payload(id string, r task.Request, t *task.Task) []byte { return r.Payload(42) }

func (f *fakeRelay) Do(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
	f.mu.Lock()
	next := f.steps[min(len(f.calls), len(f.steps)-1)]
	f.calls = append(f.calls, c)
	f.mu.Unlock()
	begun := time.Now()
	a := next(ctx, c, s)
	a.Outcome.Request, a.Outcome.Try, a.Outcome.Last, a.Outcome.Key = c.ID, c.Try, c.Last, c.Key
	a.Outcome.Source, a.Outcome.Task, a.Outcome.Miner = c.Source, c.Task.Name, c.Peer.Miner
	a.Outcome.Stream, a.Outcome.Start, a.Outcome.Total = c.Request.Stream(), begun, time.Since(begun)
	a.Outcome.Work, a.Outcome.PromptWork = a.Work.Units, a.Work.Prompt
	return a
}

func (f *fakeRelay) called() []relay.Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]relay.Call(nil), f.calls...)
}

func chunk(text, finish string) []byte {
	reason := "null"
	if finish != "" {
		reason = `"` + finish + `"`
	}
	return fmt.Appendf(nil, `data: {"id":"c1","object":"chat.completion.chunk","created":7,"model":"talker-8b","choices":[{"index":0,"delta":{"content":%q},"finish_reason":%s}]}`+"\n\n", text, reason)
}

// send passes n chunks on, and says whether the customer took them all.
func send(s relay.Sink, n int) bool {
	for i := range n {
		if s.Events(chunk(fmt.Sprintf("w%d ", i), "")) != nil {
			return false
		}
	}
	return true
}

// ok is a good answer of n tokens.
func ok(n int) step {
	return func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		a := relay.Answer{Work: task.Work{Units: int64(n), Prompt: 3}, Kept: []byte("kept"), Finish: "stop",
			Meta: openai.Meta{ID: "c1", Created: 7, Object: "chat.completion.chunk", Model: "talker-8b"}}
		if !c.Request.Stream() {
			a.Body = fmt.Appendf(nil, `{"id":"c1","object":"chat.completion","created":7,"model":%q,"choices":[{"index":0,"message":{"role":"assistant","content":"good"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":%d,"total_tokens":%d}}`, c.Task.Name, n, n+3)
			return a
		}
		a.Started = true
		if !send(s, n-1) || s.Events(chunk("end", "stop")) != nil {
			a.Outcome.Status, a.Outcome.Reason = outcome.Canceled, "client_gone"
		}
		a.Outcome.FirstOutput = time.Millisecond
		return a
	}
}

// failing ends without a good answer, after n chunks of a stream.
func failing(status outcome.Status, n int, err *fault.Error) step {
	return func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		a := relay.Answer{Err: err, Outcome: outcome.Outcome{Status: status, Reason: err.Code}}
		if n > 0 && c.Request.Stream() {
			a.Started = true
			a.Work.Units = int64(n)
			send(s, n)
		}
		return a
	}
}

var (
	badGateway = fault.New(fault.Upstream, "http_500", "The miner answered 500.")
	truncated  = fault.New(fault.Upstream, "truncated", "The answer ended before it was whole.")
	internal   = fault.New(fault.Internal, "no_descriptors", "secret detail")
)

// refusing answers with a status as the relay reports it.
func refusing(status int) step {
	return failing(outcome.Failed, 0, fault.New(fault.Upstream, fmt.Sprintf("http_%d", status), "The miner answered with status %d.", status))
}

func busy(after time.Duration) step {
	return func(context.Context, relay.Call, relay.Sink) relay.Answer {
		return relay.Answer{Outcome: outcome.Outcome{Status: outcome.RateLimited, Reason: "http_429"}, RetryAfter: after,
			Err: fault.New(fault.RateLimited, "http_429", "The miner answered 429.")}
	}
}

// hanging waits as a miner does that says nothing, or nothing more after n chunks.
func hanging(n int) step {
	return func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		a := relay.Answer{Started: n > 0, Work: task.Work{Units: int64(n)}}
		by := c.FirstBy
		if n > 0 {
			send(s, n)
			by = c.By
			a.Outcome.FirstOutput = time.Millisecond
		}
		timer := time.NewTimer(time.Until(by))
		defer timer.Stop()
		select {
		case <-ctx.Done():
			a.Outcome.Status, a.Outcome.Reason = outcome.Canceled, "canceled"
			a.Err = fault.New(fault.Canceled, "canceled", "The customer went away.")
		case <-timer.C:
			a.Outcome.Status, a.Outcome.Reason = outcome.Failed, "timeout"
			a.Err = fault.New(fault.Timeout, "first_token_timeout", "The miner did not answer in time.")
		}
		return a
	}
}

// fakeStore is the gateway's view of a store.
type fakeStore struct {
	mu         sync.Mutex
	keys       []apikey.Key
	period     period.Period
	contenders []period.Contender
	entries    []outcome.Entry
	groups     int

	lost    error                 // Record does nothing and reports this
	unsure  error                 // Record writes and reports this all the same
	written func([]outcome.Entry) // called by Record before it returns
	down    error                 // all reads fail with this
}

func (f *fakeStore) Keys(context.Context) ([]apikey.Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]apikey.Key(nil), f.keys...), f.down
}

func (f *fakeStore) LastPeriod(context.Context) (period.Period, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.period, f.down
}

func (f *fakeStore) Contenders(_ context.Context, id int64) ([]period.Contender, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.contenders, f.down
}

func (f *fakeStore) Record(ctx context.Context, entries ...outcome.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.written != nil {
		f.written(entries)
	}
	if f.lost != nil {
		return f.lost
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f.entries = append(f.entries, entries...)
	f.groups++
	return f.unsure
}

// fails says what Record reports from now on; a request that has been answered
// may still be at it.
func (f *fakeStore) fails(lost, unsure error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost, f.unsure = lost, unsure
}

func (f *fakeStore) recorded() []outcome.Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]outcome.Entry(nil), f.entries...)
}

type fixture struct {
	*Gateway
	store *fakeStore
	relay *fakeRelay
	log   *logged
	url   string
	http  *http.Client
}

// logged is a log that may be read while it is written to.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

type sampleAll struct{}

func (sampleAll) Keep(string, string, hotkey.ID) bool { return true }

// newFixture makes a gateway with 4 miners in every task, without a listener.
func newFixture(t testing.TB, change func(*Config), steps ...step) *fixture {
	t.Helper()
	c, err := task.NewCatalogue(tasks())
	if err != nil {
		t.Fatal(err)
	}
	store := &fakeStore{period: period.Period{ID: 1, Start: time.Now().Add(-time.Minute)}}
	store.keys = []apikey.Key{{ID: 7, Name: "tests", Hash: apikey.HashOf(secret)}}
	for _, task := range c.Tasks() {
		for n := range 4 {
			store.contenders = append(store.contenders, period.Contender{Period: 1, Miner: miner(n), Task: task.Name, UID: uint16(n),
				Addr: "192.0.2.1:1", Capacity: 1e9, Slots: 64})
		}
	}
	f := &fixture{store: store, relay: &fakeRelay{steps: steps}, log: &logged{}}
	config := Config{
		Catalogue: func() *task.Catalogue { return c }, Board: dispatch.NewBoard(), Relay: f.relay, Keys: store, Periods: store,
		Recorder: store, Sampler: sampleAll{}, Log: slog.New(slog.NewTextHandler(f.log, nil)),
	}
	if change != nil {
		change(&config)
	}
	if f.Gateway, err = New(config); err != nil {
		t.Fatal(err)
	}
	if err := f.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return f
}

// byListener says whether fixtures that listen can detach streams.
var byListener = true

// serve makes a fixture that listens on loopback.
func serve(t testing.TB, change func(*Config), steps ...step) *fixture {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, change, steps...)
	f.listen(t, l, new(net.Dialer).DialContext)
	return f
}

// servePiped makes one that listens within the process, in a bubble whose time
// is the test's own.
func servePiped(t testing.TB, change func(*Config), steps ...step) *fixture {
	t.Helper()
	var network pipes.Net
	f := newFixture(t, change, steps...)
	f.listen(t, network.Listen(), network.DialContext)
	return f
}

// listen serves l until the test ends; f.http dials it.
func (f *fixture) listen(t testing.TB, l net.Listener, dial func(context.Context, string, string) (net.Conn, error)) {
	s := &httptest.Server{Listener: l, Config: NewServer(f.Gateway)}
	if byListener {
		s.Listener = f.Listener(l)
	}
	s.Start()
	f.url, f.http = s.URL, &http.Client{Transport: &http.Transport{DialContext: dial}}
	t.Cleanup(func() {
		f.http.CloseIdleConnections()
		s.Close()
		stop(t, f) // streams may outlive the server
		f.idleBoard(t)
	})
}

// idleBoard checks that no slot was kept.
func (f *fixture) idleBoard(t testing.TB) {
	t.Helper()
	for _, task := range f.Catalogue().Tasks() {
		f.Board.Seats(task.Name, func(s *dispatch.Seat) {
			if s.InFlight() != 0 {
				t.Errorf("miner %d still has %d requests in flight in %s", s.UID, s.InFlight(), task.Name)
			}
		})
	}
}

// reply is a response, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
	broken bool  // the body ended before its end
}

// failure reads an error as clients do.
func (r reply) failure(t testing.TB) (e struct{ Message, Type, Param, Code string }) {
	t.Helper()
	var outer struct{ Error *json.RawMessage }
	if err := json.Unmarshal([]byte(r.body), &outer); err != nil || outer.Error == nil {
		t.Fatalf("status %d, and the body is no error: %s", r.status, r.body)
	}
	if err := json.Unmarshal(*outer.Error, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func (f *fixture) do(t testing.TB, method, path, body string, header ...string) reply {
	t.Helper()
	r, err := http.NewRequest(method, f.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := f.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(bufio.NewReader(resp.Body))
	return reply{status: resp.StatusCode, header: resp.Header, body: string(data), err: err, broken: errors.Is(err, io.ErrUnexpectedEOF)}
}

const (
	chatPath = "/v1/chat/completions"
	chatBody = `{"model":"talker-8b","messages":[{"role":"user","content":"a private matter"}]}`
	streamed = `{"model":"talker-8b","messages":[{"role":"user","content":"a private matter"}],"stream":true,"stream_options":{"include_usage":true}}`
)

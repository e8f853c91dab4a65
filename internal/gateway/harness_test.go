package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/pipes"
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

// patience is how long a test waits for what is sure to come, however slow the
// machine, before it calls that lost.
const patience = 4 * time.Minute

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

package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/apikey"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/relay"
	"vision/internal/task"
)

func TestStopWaitsForStreams(t *testing.T) {
	goOn := make(chan struct{})
	f := serve(t, nil, func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		s.Events(chunk("first", ""))
		<-goOn
		return ok(2)(ctx, c, s)
	})
	in, closeBody := open(t, f)
	defer closeBody()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop(t, f)
	}()
	for !f.draining.Load() {
		runtime.Gosched()
	}
	r := f.do(t, "POST", chatPath, chatBody)
	if e := r.failure(t); r.status != 503 || e.Code != "stopping" || r.header.Get("Retry-After") != "1" {
		t.Errorf("a new request while stopping: %d %s", r.status, r.body)
	}
	select {
	case <-stopped:
		t.Error("Stop did not wait")
	default:
	}
	close(goOn)
	var rest bytes.Buffer
	rest.ReadFrom(in)
	if !strings.HasSuffix(rest.String(), "[DONE]\n\n") {
		t.Errorf("the stream under way ended with %q", rest.String())
	}
	<-stopped
	stop(t, f) // again does nothing
}

// Nor does Stop return, after which connections are closed, before a whole answer is sent.
func TestStopWaitsForAnswersToBeSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servePiped(t, nil, ok(2))
		conn, err := f.http.Transport.(*http.Transport).DialContext(t.Context(), "tcp", strings.TrimPrefix(f.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", chatPath, secret, len(chatBody), chatBody)
		synctest.Wait() // the answer is there, and nobody has read it
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			stop(t, f)
		}()
		synctest.Wait()
		select {
		case <-stopped:
			t.Error("Stop did not wait")
		default:
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		if _, err := body.ReadFrom(resp.Body); err != nil || resp.StatusCode != 200 || !strings.Contains(body.String(), "chat.completion") {
			t.Errorf("%d %s %v", resp.StatusCode, body.String(), err)
		}
		<-stopped
	})
}

// open begins a stream and reads its first line.
func open(t *testing.T, f *fixture) (*bufio.Reader, func() error) {
	t.Helper()
	req, _ := http.NewRequest("POST", f.url+chatPath, strings.NewReader(streamed))
	req.Header.Set("Authorization", "Bearer "+secret)
	resp, err := f.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(resp.Body)
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return in, resp.Body.Close
}

// At its deadline Stop ends what is left, and no miner is blamed.
func TestStopCancelsAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servePiped(t, func(c *Config) { short(t, c, time.Minute, time.Minute) }, hanging(1))
		in, closeBody := open(t, f)
		defer closeBody()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var rest bytes.Buffer
		read := make(chan struct{})
		go func() {
			defer close(read)
			rest.ReadFrom(in)
		}()
		begun := time.Now()
		if err := f.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took != 4*time.Second { // Stop leaves one to those who are told
			t.Errorf("Stop took %v", took)
		}
		<-read
		if strings.Contains(rest.String(), "[DONE]") || !strings.Contains(rest.String(), `"code":"stopping"`) {
			t.Errorf("the customer got %q", rest.String())
		}
		if e := f.store.recorded(); len(e) != 1 || e[0].Outcome.Status != outcome.Ours {
			t.Errorf("recorded %+v", e)
		}
	})
}

func TestTooManyAtOnce(t *testing.T) {
	goOn := make(chan struct{})
	f := serve(t, func(c *Config) { c.Limits.Requests = 1 }, func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		s.Events(chunk("first", ""))
		<-goOn
		return ok(1)(ctx, c, s)
	}, ok(1))
	in, closeBody := open(t, f)
	defer closeBody()
	if r := f.do(t, "POST", chatPath, chatBody); r.status != 503 || r.failure(t).Code != "overloaded" {
		t.Errorf("%d %s", r.status, r.body)
	}
	close(goOn)
	new(bytes.Buffer).ReadFrom(in)
	stop(t, f)
}

// Serve takes up keys and periods as they change, and goes on with what it
// knows while they cannot be read.
func TestServeFollowsTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil, ok(1))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { f.Serve(ctx) })
		get := func(key string) int {
			w := httptest.NewRecorder()
			r := request(chatBody)
			r.Header.Set("Authorization", "Bearer "+key)
			f.ServeHTTP(w, r)
			return w.Code
		}
		change := func(g func()) {
			f.store.mu.Lock()
			g()
			f.store.mu.Unlock()
			time.Sleep(1500 * time.Millisecond)
			synctest.Wait()
		}
		if get("sk-new") != 401 {
			t.Error("a key that does not exist is good")
		}
		change(func() {
			f.store.keys = append(f.store.keys, apikey.Key{ID: 9, Hash: apikey.HashOf("sk-new")})
			f.store.period = period.Period{ID: 2}
			f.store.contenders = f.store.contenders[:1]
		})
		if get("sk-new") != 200 || f.Board.Period() != 2 || f.Board.Supply("talker-8b", time.Now()).Miners != 1 {
			t.Errorf("a second later the new key or period is not known")
		}
		change(func() { f.store.down = errors.New("no database") })
		change(func() {})
		if get("sk-new") != 200 {
			t.Error("without a database known keys are not good any more")
		}
		change(func() { f.store.down = nil })
		if n := strings.Count(f.log.String(), "no database"); n != 2 { // keys and contenders, once each
			t.Errorf("the failure was logged %d times:\n%s", n, f.log)
		}
		if n := strings.Count(f.log.String(), " again"); n != 2 {
			t.Errorf("that it works again was logged %d times", n)
		}
		cancel()
		wg.Wait()
	})
}

func TestStartWithoutPeriod(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Periods = &fakeStore{down: errors.New("none yet")} }, ok(1))
	w := httptest.NewRecorder()
	f.ServeHTTP(w, request(chatBody))
	if w.Code != 503 {
		t.Errorf("before the first period: %d, want 503", w.Code)
	}
}

// past is the outcomes of an earlier run.
type past []outcome.Numbered

func (p past) SeqBefore(context.Context, time.Time) (int64, error) { return 1, nil }
func (p past) OutcomesAfter(_ context.Context, after int64, limit int) ([]outcome.Numbered, error) {
	var list []outcome.Numbered
	for _, n := range p {
		if n.Seq > after && len(list) < limit {
			list = append(list, n)
		}
	}
	return list, nil
}

func TestStartRemembersThePeriod(t *testing.T) {
	var p past
	for i := range int64(9000) {
		p = append(p, outcome.Numbered{Seq: i + 1, Outcome: outcome.Outcome{Task: "talker-8b", Miner: miner(0), Start: time.Now(), Work: 10}})
	}
	f := newFixture(t, func(c *Config) { c.Past = p }, ok(1))
	s := f.Board.Supply("talker-8b", time.Now())
	if used := s.Capacity - s.Left; used != 10*8999 {
		t.Errorf("%d units are counted as used after a restart, want those of all but the first outcome", used)
	}
}

func TestModels(t *testing.T) {
	f := serve(t, nil, ok(5))
	f.do(t, "POST", chatPath, streamed)
	r := f.do(t, "GET", "/v1/models", "")
	var list struct {
		Object string
		Data   []model
	}
	if err := json.Unmarshal([]byte(r.body), &list); err != nil || r.status != 200 || list.Object != "list" {
		t.Fatalf("%d %s %v", r.status, r.body, err)
	}
	var names []string
	for _, m := range list.Data {
		names = append(names, m.ID)
	}
	if strings.Join(names, " ") != "talker-8b writer-8b painter embedder" {
		t.Errorf("models in the order %v, want the catalogue's", names)
	}
	chat := list.Data[0]
	if chat.Kind != "chat" || chat.ContextLength != 4096 || chat.Price != (price{1, 2}) || chat.Object != "model" || chat.OwnedBy == "" ||
		chat.Capacity != (modelCapacity{Miners: 4, Available: 4, Slots: 4 * 64, UnitsFree: 4e9 - 5, UnitsTotal: 4e9}) ||
		chat.Speed.FirstOutput == nil || chat.Speed.UnitsPerSecond == nil || list.Data[2].Speed.FirstOutput != nil {
		t.Errorf("%+v", chat)
	}
	if chat.Pricing["prompt"] != "0.000000001" || chat.Pricing["completion"] != "0.000000002" || list.Data[2].Pricing["step"] != "0.000000002" ||
		chat.Architecture.Modality != "text->text" || list.Data[2].Architecture.Modality != "text->image" ||
		*chat.TopProvider.Context != 4096 || *chat.TopProvider.MaxOutput != 256 || list.Data[2].TopProvider.MaxOutput != nil ||
		!slices.Contains(chat.Parameters, "tools") || slices.Contains(list.Data[1].Parameters, "tools") || chat.Weights.Revision != "1" {
		t.Errorf("%+v", chat)
	}
	r = f.do(t, "GET", "/v1/models/embedder", "")
	var one model
	if err := json.Unmarshal([]byte(r.body), &one); err != nil || r.status != 200 || one.ID != "embedder" || one.Unit != task.Item {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestCredits(t *testing.T) {
	for in, want := range map[int64]string{0: "0", 1: "0.000000001", 150: "0.00000015", 1_000_000_000: "1", 2_500_000_000: "2.5", -1: "0"} {
		if got := credits(in); got != want {
			t.Errorf("%d: %s, want %s", in, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	f := newFixture(t, nil, ok(1))
	for name, want := range map[string]string{
		"talker-8c":                `"talker-8b"`,
		"Talker-8B":                `"talker-8b"`,
		"talker":                   `"talker-8b"`,
		"openai/embedder":          `"embedder"`,
		"gpt-4o":                   "",
		strings.Repeat("x", 10000): "",
	} {
		if got := strings.Join(nearest(f.Catalogue(), name, ""), " "); got != want && !strings.HasPrefix(got, want+" ") {
			t.Errorf("%.20q: %s, want %s", name, got, want)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	_, err := New(Config{Limits: Limits{Tries: 9, Body: -1}})
	if err == nil {
		t.Fatal("an empty config was taken")
	}
	for _, want := range []string{"Catalogue", "Board", "Relay", "Keys", "Periods", "Recorder", "tries is 9", "negative"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}

package gateway

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"vision/internal/apikey"
	"vision/internal/outcome"
	"vision/internal/relay"
	"vision/internal/store"
)

// fakeClaims keep what the store keeps, and the answers that its Record got.
type fakeClaims struct {
	store *fakeStore
	mu    sync.Mutex
	all   map[string]store.Claim
	down  error // of every Claim
}

func (f *fakeClaims) Claim(_ context.Context, c store.Claim) (store.Claim, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return store.Claim{}, false, f.down
	}
	earlier, known := f.all[c.Name]
	if !known {
		f.all[c.Name] = c
		return store.Claim{}, false, nil
	}
	for _, e := range f.store.recorded() {
		if a := e.Answer; a != nil && a.Name == c.Name && a.Request == earlier.Request {
			earlier.Answered, earlier.Dropped, earlier.Status, earlier.ContentType, earlier.Body = true, a.Dropped, a.Status, a.ContentType, a.Body
		}
	}
	return earlier, true, nil
}

func (f *fakeClaims) Unclaim(_ context.Context, key int64, name, request string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all[name].Request != request {
		return errors.New("there is none")
	}
	delete(f.all, name)
	return nil
}

func claiming(t testing.TB, steps ...step) *bank {
	b := prepaid(t, 1_000_000, nil, steps...)
	b.Claims = &fakeClaims{store: b.store, all: map[string]store.Claim{}}
	return b
}

func TestAskedTwice(t *testing.T) {
	responses := `{"model":"talker-8b","input":"hello"`
	for name, ask := range map[string][2]string{
		"whole": {chatPath, chatBody}, "streamed": {chatPath, streamed},
		"a response": {responsesPath, responses + "}"}, "a streamed response": {responsesPath, responses + `,"stream":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			b := claiming(t, ok(4))
			first := b.do(t, "POST", ask[0], ask[1], idempotencyHeader, "order-1")
			again := b.do(t, "POST", ask[0], ask[1], idempotencyHeader, "order-1")
			if first.status != 200 || again.status != 200 || first.body != again.body || first.header.Get("Content-Type") != again.header.Get("Content-Type") {
				t.Errorf("%d %v %s\nand again\n%d %v %s", first.status, first.header, first.body, again.status, again.header, again.body)
			}
			if first.header.Get("X-Idempotent-Replay") != "" || again.header.Get("X-Idempotent-Replay") != "true" {
				t.Error("the replay is not marked as one, or the first answer is")
			}
			if len(b.receipts()) != 1 || len(b.relay.called()) != 1 {
				t.Errorf("%d receipts, %d attempts", len(b.receipts()), len(b.relay.called()))
			}
			if other := b.do(t, "POST", ask[0], ask[1], idempotencyHeader, "order-2"); other.status != 200 || len(b.receipts()) != 2 {
				t.Errorf("with another key: %d, %d receipts", other.status, len(b.receipts()))
			}
		})
	}
}

func TestIdempotencyKeyOfAnotherRequest(t *testing.T) {
	b := claiming(t, ok(4))
	b.do(t, "POST", chatPath, chatBody, idempotencyHeader, "order-1")
	r := b.do(t, "POST", chatPath, streamed, idempotencyHeader, "order-1")
	if e := r.failure(t); r.status != 422 || e.Code != "idempotency_key_reused" {
		t.Errorf("%d %s", r.status, r.body)
	}
	two, err := http.NewRequest("POST", b.url+chatPath, strings.NewReader(chatBody))
	if err != nil {
		t.Fatal(err)
	}
	two.Header = http.Header{"Authorization": {"Bearer " + secret}, idempotencyHeader: {"one", "another"}}
	resp, err := b.http.Do(two)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 400 {
		t.Errorf("two idempotency keys: %d", resp.StatusCode)
	}
	if hashOf("/v1/a", []byte("b")) == hashOf("/v1/", []byte("ab")) || hashOf("/v1/a", nil) == hashOf("/v1/b", nil) {
		t.Error("requests for different paths count as the same")
	}
	for _, name := range []string{"", strings.Repeat("x", 256)} {
		if r := b.do(t, "POST", chatPath, chatBody, idempotencyHeader, name); r.status != 400 || r.failure(t).Code != "invalid_idempotency_key" {
			t.Errorf("a key of %d bytes: %d %s", len(name), r.status, r.body)
		}
	}
}

// What came to nothing may be tried anew with the same key.
func TestTriedAnew(t *testing.T) {
	b := claiming(t, failing(outcome.Failed, 0, badGateway), failing(outcome.Failed, 0, badGateway), failing(outcome.Failed, 0, badGateway), ok(4))
	if r := b.do(t, "POST", chatPath, chatBody, idempotencyHeader, "order-1"); r.status != 502 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := b.do(t, "POST", chatPath, chatBody, idempotencyHeader, "order-1"); r.status != 200 || len(b.receipts()) != 1 {
		t.Fatalf("%d %s, %d receipts", r.status, r.body, len(b.receipts()))
	}
}

func TestStillUnderWay(t *testing.T) {
	at, leave := make(chan struct{}), make(chan struct{})
	b := claiming(t, func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		close(at)
		<-leave
		return ok(4)(ctx, c, s)
	})
	var wg sync.WaitGroup
	wg.Go(func() { b.do(t, "POST", chatPath, chatBody, idempotencyHeader, "order-1") })
	<-at
	r := b.do(t, "POST", chatPath, chatBody, idempotencyHeader, "order-1")
	if e := r.failure(t); r.status != 409 || e.Code != "idempotency_in_progress" || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", r.status, r.header, r.body)
	}
	close(leave)
	wg.Wait()
}

// A customer whose connection breaks asks again and finds the whole answer.
func TestGoesOnWithoutItsCustomer(t *testing.T) {
	gone, done := make(chan struct{}), make(chan error, 1)
	b := claiming(t, func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		send(s, 1)
		<-gone
		a := ok(40)(ctx, c, s)
		done <- ctx.Err()
		return a
	})
	r, _ := http.NewRequest("POST", b.url+chatPath, strings.NewReader(streamed))
	r.Header.Set("Authorization", "Bearer "+secret)
	r.Header.Set(idempotencyHeader, "order-1")
	resp, err := b.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close() // hangs up
	close(gone)
	if err := <-done; err != nil {
		t.Errorf("the attempt was cancelled: %v", err)
	}
	var again reply
	for again.status != 200 { // 409 until it is recorded
		again = b.do(t, "POST", chatPath, streamed, idempotencyHeader, "order-1")
	}
	if !strings.Contains(again.body, "w38") || !strings.HasSuffix(again.body, "data: [DONE]\n\n") || len(b.receipts()) != 1 {
		t.Errorf("%d receipts, and the answer is %s", len(b.receipts()), again.body)
	}
}

func TestAnswerTooLongToKeep(t *testing.T) {
	b := claiming(t, func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		a := ok(4)(ctx, c, s)
		a.Body = []byte(`{"x":"` + strings.Repeat("y", store.MaxAnswer) + `"}`)
		return a
	})
	if r := b.do(t, "POST", chatPath, chatBody, idempotencyHeader, "order-1"); r.status != 200 {
		t.Fatalf("%d", r.status)
	}
	r := b.do(t, "POST", chatPath, chatBody, idempotencyHeader, "order-1")
	if e := r.failure(t); r.status != 409 || e.Code != "idempotency_answer_dropped" || len(b.receipts()) != 1 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// While it cannot be known whether a request was asked before, its customer is told when to try again.
func TestClaimsAreDown(t *testing.T) {
	b := claiming(t, ok(4))
	claims := b.Claims.(*fakeClaims)
	claims.down = errors.New("no database")
	r := b.do(t, "POST", chatPath, chatBody, idempotencyHeader, "order-1")
	if e := r.failure(t); r.status != 503 || e.Code != "idempotency_unavailable" || r.header.Get("Retry-After") != "1" || len(b.relay.called()) != 0 {
		t.Errorf("%d %v %s", r.status, r.header, r.body)
	}
}

// Without anything to keep answers in, the header is passed over.
func TestNoClaims(t *testing.T) {
	f := serve(t, func(c *Config) { c.Keys.(*fakeStore).keys[0].Name = apikey.Prefix }, ok(4))
	for range 2 {
		if r := f.do(t, "POST", chatPath, chatBody, idempotencyHeader, "order-1"); r.status != 200 {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if n := len(f.relay.called()); n != 2 {
		t.Errorf("%d attempts", n)
	}
}

package gateway

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/apikey"
	"vision/internal/outcome"
	"vision/internal/relay"
)

func TestTokenLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := prepaidPiped(t, 1_000_000, func(k *apikey.Key) { k.TokensPerMinute = 300 }, ok(4))
		r := b.do(t, "POST", chatPath, chatBody) // may take 256 and some 4
		if r.status != 200 || r.header.Get("X-Ratelimit-Limit-Tokens") != "300" || r.header.Get("X-Ratelimit-Remaining-Tokens") != "40" {
			t.Fatalf("%d %v", r.status, r.header)
		}
		// It took 7: there is room for another.
		if r = b.do(t, "POST", chatPath, chatBody); r.status != 200 {
			t.Fatalf("what was not used did not come back: %d %s", r.status, r.body)
		}
		failed := b.relay
		failed.mu.Lock()
		failed.steps = []step{failing(outcome.Failed, 0, badGateway)}
		failed.mu.Unlock()
		for range 3 {
			if r = b.do(t, "POST", chatPath, chatBody); r.status != 502 {
				t.Fatalf("a failure was counted: %d %s", r.status, r.body)
			}
		}
		b.keys.find(apikey.HashOf(secret)).tokens.TakeN(time.Now(), 200)
		r = b.do(t, "POST", chatPath, chatBody)
		if e := r.failure(t); r.status != 429 || e.Code != "rate_limit_exceeded" || r.header.Get("Retry-After") == "" {
			t.Errorf("%d %v %s", r.status, r.header, r.body)
		}
	})
}

func TestConcurrencyLimit(t *testing.T) {
	at, leave := make(chan struct{}, 2), make(chan struct{})
	b := prepaid(t, 1_000_000, func(k *apikey.Key) { k.Concurrent = 2 }, func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		at <- struct{}{}
		<-leave
		return ok(4)(ctx, c, s)
	})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if r := b.do(t, "POST", chatPath, streamed); r.status != 200 {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
		<-at
	}
	r := b.do(t, "POST", chatPath, chatBody)
	if e := r.failure(t); r.status != 429 || e.Code != "concurrency_limit_exceeded" {
		t.Errorf("a third request: %d %s", r.status, r.body)
	}
	close(leave)
	wg.Wait()
	if r := b.do(t, "POST", chatPath, chatBody); r.status != 200 {
		t.Errorf("after the two: %d %s", r.status, r.body)
	}
}

// A key made in another's place has no limits of its own, and several gateways
// share a key's limits.
func TestLimitsAreShared(t *testing.T) {
	const other = "sk-the-key-in-the-first-ones-place"
	b := prepaid(t, 1_000_000, func(k *apikey.Key) { k.PerMinute = 4 }, ok(4))
	b.books.alive = 2
	b.store.mu.Lock()
	next := b.store.keys[0]
	next.ID, next.RotatedFrom, next.Hash = 8, 7, apikey.HashOf(other)
	b.store.keys[0].Revoked = time.Now().Add(time.Hour)
	b.store.keys = append(b.store.keys, next)
	b.store.mu.Unlock()
	if err := b.readKeys(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := b.do(t, "POST", chatPath, chatBody); r.status != 200 || r.header.Get("X-Ratelimit-Limit-Requests") != "2" {
		t.Fatalf("%d %v", r.status, r.header)
	}
	for i, want := range []int{200, 429} {
		if r := b.do(t, "POST", chatPath, chatBody, "Authorization", "Bearer "+other); r.status != want {
			t.Errorf("request %d of the new key: %d, want %d", i, r.status, want)
		}
	}
}

// What was used of a minute's tokens stays used.
func TestTokensAreUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := prepaidPiped(t, 1_000_000, func(k *apikey.Key) { k.TokensPerMinute = 140 }, ok(50))
		body := strings.Replace(chatBody, "{", `{"max_tokens":50,`, 1)
		for i, want := range []int{200, 200, 429} {
			if r := b.do(t, "POST", chatPath, body); r.status != want {
				t.Errorf("request %d: %d %s, want %d", i, r.status, r.body, want)
			}
		}
	})
}

// Who takes long to send a request gets no tokens back for it.
func TestSlowRequestsForgiveNoTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := prepaidPiped(t, 1_000_000, func(k *apikey.Key) { k.TokensPerMinute = 140 }, ok(50))
		b.Limits.BodyRead = time.Hour
		body := strings.Replace(chatBody, "{", `{"max_tokens":50,`, 1)
		slow, rest := io.Pipe()
		go func() {
			io.WriteString(rest, body[:10])
			time.Sleep(5 * time.Minute)
			b.keys.find(apikey.HashOf(secret)).tokens.TakeN(time.Now(), 140)
			io.WriteString(rest, body[10:])
			rest.Close()
		}()
		req, _ := http.NewRequest("POST", b.url+chatPath, slow)
		req.Header.Set("Authorization", "Bearer "+secret)
		resp, err := b.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 429 {
			t.Errorf("the slow one: %d", resp.StatusCode)
		}
		if r := b.do(t, "POST", chatPath, body); r.status != 429 {
			t.Errorf("the one after it: %d %s", r.status, r.body)
		}
	})
}

// Gateways that serve together allow together what a key may have under way.
func TestGatewaysShareWhatIsUnderWay(t *testing.T) {
	b := prepaid(t, 1_000_000, func(k *apikey.Key) { k.Concurrent = 2 }, ok(4))
	h := b.keys.find(apikey.HashOf(secret))
	h.use.underWay.Add(1)
	defer h.use.underWay.Add(-1)
	for _, c := range []struct {
		alive  int64
		status int
	}{{1, 200}, {2, 429}, {5, 429}} {
		b.keys.alive.Store(c.alive)
		if r := b.do(t, "POST", chatPath, chatBody); r.status != c.status {
			t.Errorf("one of %d gateways: %d %s, want %d", c.alive, r.status, r.body, c.status)
		}
	}
}

package gateway

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/apikey"
	"vision/internal/ledger"
	"vision/internal/outcome"
	"vision/internal/relay"
	"vision/internal/store"
	"vision/internal/task"
)

// Who reads a stream so slowly that its time runs out has had it, and pays for
// it as who hangs up.
func TestSlowReadersPay(t *testing.T) {
	b := prepaid(t, 1_000_000, nil, func(_ context.Context, _ relay.Call, s relay.Sink) relay.Answer {
		send(s, 5)
		return relay.Answer{Started: true, Work: task.Work{Units: 5, Prompt: 3},
			Outcome: outcome.Outcome{Status: outcome.Canceled, Reason: outcome.CallerSlow}}
	})
	r := b.do(t, "POST", chatPath, streamed)
	if list := b.receipts(); len(list) != 1 || list[0].Class != ledger.Partial || list[0].Charged != 13 || strings.Contains(r.body, "[DONE]") {
		t.Errorf("%+v for %s", list, r.body)
	}
}

// A request that was refused for others under way is not under way itself.
func TestRefusedRequestsAreNotUnderWay(t *testing.T) {
	b := prepaid(t, 1_000_000, func(k *apikey.Key) { k.Concurrent = 1 }, ok(4))
	talker, _ := b.Catalogue().Lookup("talker-8b")
	req, err := task.Chat{}.Parse([]byte(chatBody), talker)
	if err != nil {
		t.Fatal(err)
	}
	reserve := func() (*exchange, error) {
		r, _ := http.NewRequest("POST", chatPath, nil)
		x := &exchange{g: b.Gateway, r: r, arrived: time.Now(), holder: b.keys.find(apikey.HashOf(secret))}
		return x, x.reserve(talker, req)
	}
	first, err := reserve()
	if err != nil {
		t.Fatal(err)
	}
	refused, err := reserve() // and its customer takes its time to read that
	if err == nil {
		t.Error("two requests are under way")
	}
	first.release()
	second, err := reserve()
	if err != nil {
		t.Errorf("with none under way: %v", err)
	}
	second.release()
	refused.release()
	if n := b.keys.find(apikey.HashOf(secret)).use.underWay.Load(); n != 0 {
		t.Errorf("%d are still under way", n)
	}
}

// Who leaves while the money is waited for has not met a fault of ours.
func TestLeavingBeforeTheMoneyIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leave := make(chan struct{})
		b := prepaidPiped(t, 700, nil, func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
			<-leave
			return ok(4)(ctx, c, s)
		})
		done := make(chan reply)
		go func() { done <- b.do(t, "POST", chatPath, chatBody) }() // holds nearly all
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		r, _ := http.NewRequestWithContext(ctx, "POST", b.url+chatPath, strings.NewReader(chatBody))
		r.Header.Set("Authorization", "Bearer "+secret)
		left := make(chan error)
		go func() {
			resp, err := b.http.Do(r)
			if err == nil {
				resp.Body.Close()
			}
			left <- err
		}()
		synctest.Wait()
		if n := b.Active(); n != 2 {
			t.Errorf("%d requests are under way, want one and one that waits for its money", n)
		}
		cancel()
		if err := <-left; err == nil {
			t.Error("it was answered")
		}
		synctest.Wait()
		if n := b.Active(); n != 1 {
			t.Errorf("%d requests are under way after one was left", n)
		}
		if log := b.log.String(); strings.Contains(log, "internal_error") || !strings.Contains(log, "code=canceled") {
			t.Error(log)
		}
		close(leave)
		if r := <-done; r.status != 200 {
			t.Errorf("the other request: %d %s", r.status, r.body)
		}
	})
}

// A customer who has changed to a new key may ask again with it.
func TestAskedAgainWithTheNextKey(t *testing.T) {
	const other = "sk-the-key-in-the-first-ones-place"
	b := claiming(t, ok(4))
	b.Claims = perKey{b.Claims.(*fakeClaims)}
	b.store.mu.Lock()
	next := b.store.keys[0]
	next.ID, next.RotatedFrom, next.Hash = 8, 7, apikey.HashOf(other)
	b.store.keys = append(b.store.keys, next)
	b.store.mu.Unlock()
	if err := b.readKeys(context.Background()); err != nil {
		t.Fatal(err)
	}
	first := b.do(t, "POST", chatPath, chatBody, idempotencyHeader, "order-1")
	again := b.do(t, "POST", chatPath, chatBody, idempotencyHeader, "order-1", "Authorization", "Bearer "+other)
	if again.header.Get("X-Idempotent-Replay") != "true" || again.body != first.body || len(b.receipts()) != 1 {
		t.Errorf("%d receipts; %d %v %s", len(b.receipts()), again.status, again.header, again.body)
	}
}

// perKey keeps the claims of different keys apart, as a store does.
type perKey struct{ *fakeClaims }

func (p perKey) Claim(ctx context.Context, c store.Claim) (store.Claim, bool, error) {
	if c.Key != 7 {
		c.Name = "another key's " + c.Name
	}
	return p.fakeClaims.Claim(ctx, c)
}

// Answers that are sent again take no more memory than bodies may.
func TestReplaysAreBounded(t *testing.T) {
	b := claiming(t, func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		a := ok(4)(ctx, c, s)
		a.Body = []byte(`{"x":"` + strings.Repeat("y", 1<<20) + `"}`)
		return a
	})
	if r := b.do(t, "POST", chatPath, chatBody, idempotencyHeader, "order-1"); r.status != 200 {
		t.Fatalf("%d", r.status)
	}
	if r := b.do(t, "POST", chatPath, chatBody, idempotencyHeader, "order-1"); r.status != 200 || len(r.body) < 1<<20 {
		t.Errorf("a replay: %d, %d bytes", r.status, len(r.body))
	}
	for b.bodies.held.Load() != 0 { // the replay's handler has not returned yet
		runtime.Gosched()
	}
	most := b.bodies.most
	b.bodies.held.Store(most - 1<<20) // others' large bodies
	r := b.do(t, "POST", chatPath, chatBody, idempotencyHeader, "order-1")
	if r.status != 503 || r.failure(t).Code != "overloaded" {
		t.Errorf("a replay without memory: %d, %d bytes", r.status, len(r.body))
	}
	if held := b.bodies.held.Load(); held != most-1<<20 {
		t.Errorf("%d bytes were not given back", held-(most-1<<20))
	}
	if b.bodies.held.Store(0); len(b.receipts()) != 1 {
		t.Errorf("%d receipts", len(b.receipts()))
	}
}

// Of several answers, those that are cancelled for another's sake are no sign
// that the customer has left.
func TestWhyOneOfSeveralEnded(t *testing.T) {
	for name, test := range map[string]struct {
		reason string
		units  int64
	}{"cut short": {outcome.CutShort, 0}, "read slowly": {outcome.CallerSlow, 7}} {
		t.Run(name, func(t *testing.T) {
			b := prepaid(t, 1_000_000, nil, onlyOne(func(_ context.Context, _ relay.Call, s relay.Sink) relay.Answer {
				send(s, 5)
				return relay.Answer{Started: true, Work: task.Work{Units: 5, Prompt: 3}, Err: truncated,
					Outcome: outcome.Outcome{Status: outcome.Canceled, Reason: test.reason}}
			}))
			b.do(t, "POST", chatPath, severalOf(3, streamed))
			var units int64
			for _, r := range b.receipts() {
				units += r.Work.Units
			}
			if units > test.units || test.units > 0 && units < 5 {
				t.Errorf("%d units are charged, want %d: %+v", units, test.units, b.receipts())
			}
		})
	}
}

// A revoked key is refused though the database takes no writes.
func TestRevokedWhileNothingIsWritten(t *testing.T) {
	b := prepaid(t, 1_000_000, nil, ok(4))
	b.Books = readable{b.books}
	b.store.mu.Lock()
	b.store.keys[0].Revoked = time.Now().Add(-time.Second)
	b.store.mu.Unlock()
	if err := b.readKeys(context.Background()); err == nil {
		t.Error("that nothing was written is not told")
	}
	if r := b.do(t, "POST", chatPath, chatBody); r.status != 401 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// readable is a database that takes no writes.
type readable struct{ *fakeBooks }

func (readable) Beat(context.Context, time.Time, time.Time) (int, error) {
	return 0, errors.New("the disk is full")
}

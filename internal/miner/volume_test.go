package miner

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/hotkey"
	"vision/internal/proto"
)

func TestVolumeIsSplitByStake(t *testing.T) {
	// 1000 units an hour: 250 of them are bob's, 750 alice's. Two periods'
	// shares may be used at once: so a full share is there at the start of a
	// validator's period even if it used the last one's late. A request reserves
	// what is usual, 10, though it may use 100: reserving 100 refused a
	// validator that still had a third of its volume.
	r := newRig(t, speak(10, true), nil)
	served := func(who hotkey.ID) (n int, last *httptest.ResponseRecorder) {
		for {
			w := r.ask(who, chatPath, fmt.Sprintf(chatBody, true))
			if w.Code != 200 {
				return n, w
			}
			n++
		}
	}
	n, refused := served(bob)
	if n != 50 {
		t.Errorf("bob was served %d times, want 50: two shares of 250, 10 at a time", n)
	}
	if refused.Code != http.StatusTooManyRequests {
		t.Fatalf("beyond the volume: %d, want 429", refused.Code)
	}
	if after := refused.Header().Get("Retry-After"); after != "144" { // 10 units at 250 an hour
		t.Errorf("Retry-After %q s, want 144", after)
	}
	r.now = r.now.Add(144 * time.Second)
	if w := r.ask(bob, chatPath, fmt.Sprintf(chatBody, true)); w.Code != 200 {
		t.Errorf("after Retry-After: %d, want 200", w.Code)
	}
	if n, _ := served(alice); n != 150 {
		t.Errorf("alice was served %d times, want 150", n)
	}
	r.now = r.now.Add(time.Hour)
	if n, _ := served(bob); n != 25 {
		t.Errorf("a period later bob was served %d times, want his share, 25 times 10", n)
	}
}

// A validator that uses at most its share in each of its periods is never
// refused, whenever they begin and however it spreads its requests.
func TestVolumeFitsAnyPeriod(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const share, usual = 1000, 10
		var v volumes
		who := account{alice, "chat"}
		start := time.Unix(1_700_000_000, 0).Add(-time.Duration(rapid.Int64Range(0, int64(time.Hour)-1).Draw(t, "into the first")))
		now := time.Unix(1_700_000_000, 0)
		for range 6 {
			ends := start.Add(time.Hour)
			for used := int64(0); ; {
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Minute)).Draw(t, "pause")))
				work := rapid.Int64Range(0, 400).Draw(t, "work")
				if !now.Before(ends) || used+max(work, usual) > share {
					break
				}
				if wait, ok := v.take(who, usual, share, time.Hour, now); !ok {
					t.Fatalf("refused for %v, %v into a period with %d of %d used", wait, now.Sub(start), used, share)
				}
				v.settle(who, usual, work, share)
				used += work
			}
			if start = ends; now.Before(start) {
				now = start
			}
			for !now.Before(start.Add(time.Hour)) {
				start = start.Add(time.Hour)
			}
		}
	})
}

// Answers longer than usual overdraw a volume, by a bounded amount.
func TestOverdraftIsBounded(t *testing.T) {
	var v volumes
	now := time.Unix(1_700_000_000, 0)
	who := account{alice, "chat"}
	n := 0
	for ; n < 1000; n++ { // all at once, so that none is settled before the others are let in
		if _, ok := v.take(who, 10, 100, time.Hour, now); !ok {
			break
		}
	}
	if n != 20 {
		t.Errorf("%d requests of 10 were let in, want two shares of 100", n)
	}
	for range n {
		v.settle(who, 10, 100, 100)
	}
	if left := v.buckets[who].left; left != -200 {
		t.Errorf("%v left, want an overdraft of a share and a request", left)
	}
	if wait, ok := v.take(who, 10, 100, time.Hour, now); ok || wait != time.Hour {
		t.Errorf("overdrawn: %v, %v", wait, ok)
	}
	if _, ok := v.take(who, 10, 100, time.Hour, now.Add(3*time.Hour)); !ok {
		t.Error("still refused three periods later")
	}
	if _, ok := v.take(account{bob, "chat"}, 1000, 100, time.Hour, now); !ok {
		t.Error("a request larger than the share can never be served")
	}
}

func TestGroupIsALimitSharedAndShedsAtOnce(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	r := newRig(t, func(w http.ResponseWriter, q *http.Request) {
		started <- struct{}{}
		<-release
		speak(1, true)(w, q)
	}, func(c *Config) { c.Tasks[1].Group = "gpu0"; c.Groups[0].Slots = 1 })
	first := make(chan int)
	go func() { first <- r.ask(alice, chatPath, fmt.Sprintf(chatBody, true)).Code }()
	<-started
	w := r.ask(alice, "/v1/embeddings", `{"model":"embed","input":"x"}`)
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("another task of the busy GPU: %d, Retry-After %q, want 429 at once", w.Code, w.Header().Get("Retry-After"))
	}
	close(release)
	if code := <-first; code != 200 {
		t.Errorf("the running request: %d, want 200", code)
	}
	go func() { <-started }()
	if w := r.ask(alice, chatPath, fmt.Sprintf(chatBody, true)); w.Code != 200 {
		t.Errorf("the slot was not freed: %d", w.Code)
	}
}

func TestDeclaredCapacities(t *testing.T) {
	r := newRig(t, speak(1, true), nil)
	w := httptest.NewRecorder()
	req := httptest.NewRequest("GET", proto.CapacityPath, nil)
	req.Header.Set("Test-Caller", bob.String())
	r.ServeHTTP(w, req)
	var got proto.Capacities
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if err := got.Validate(); err != nil {
		t.Fatal(err)
	}
	if got.Period != time.Hour || len(got.Tasks) != 2 {
		t.Fatalf("declares %+v", got)
	}
	want := proto.Capacity{Task: "chat", Units: 1000, Slots: 2, Spec: proto.Spec{Engine: "vllm", Quantisation: "none", TokenIDs: true}}
	if got.Tasks[0] != want { // 4 slots, but the group has only 2
		t.Errorf("got %+v, want %+v", got.Tasks[0], want)
	}
}

package scorer

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"vision/internal/hotkey"
)

// What a probe is like went to another miner, is no other probe's, and is seldom what it sets out with.
func TestProbesAreLikeEarlierRequests(t *testing.T) {
	var m mixing
	r := rand.New(rand.NewPCG(1, 2))
	miners := []hotkey.ID{key("a").ID(), key("b").ID(), key("c").ID()}
	drawn := map[int64]bool{}
	lags, n := 0, 3000
	for i := range n {
		to, other := miners[i%3], miners[(i+1+r.IntN(2))%3]
		got, ok := m.swap(r, "chat", to, like{miner: other, key: int64(i), body: []byte(fmt.Sprint(i))})
		if ok != (i >= mixedAmong) {
			t.Fatalf("probe %d: drawn %t", i, ok)
		}
		if !ok {
			continue
		}
		if got.miner == to || drawn[got.key] || got.key >= int64(i) || string(got.body) != fmt.Sprint(got.key) {
			t.Fatalf("probe %d to %s is like %+v", i, to.Short(), got)
		}
		drawn[got.key] = true
		lags += i - int(got.key)
	}
	if mean := float64(lags) / float64(n); mean < 0.8*mixedAmong || mean > 1.2*mixedAmong {
		t.Errorf("a probe is like a request %.1f before it, on average", mean)
	}
	if len(m.tasks["chat"]) != mixedAmong {
		t.Errorf("%d are held", len(m.tasks["chat"]))
	}
	m.forget(func(key int64) bool { return key%2 == 0 })
	for _, one := range m.tasks["chat"] {
		if (one.body != nil) != (one.key%2 == 0) {
			t.Errorf("after the odd ones were forgotten %d has %q", one.key, one.body)
		}
	}
	// Of one miner's requests alone it is given none.
	var own mixing
	for range 2 * mixedAmong {
		if got, ok := own.swap(r, "chat", miners[0], like{miner: miners[0]}); ok {
			t.Fatalf("a probe is like %+v of its own miner's", got)
		}
	}
}

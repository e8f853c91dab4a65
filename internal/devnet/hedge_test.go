package devnet

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"vision/internal/outcome"
)

// stall is how long the miner named stalling says nothing, once each time that
// stalls is set.
const stall = 2 * time.Second

var stalls atomic.Bool

func init() {
	cheats = append(cheats, cheat{
		name: "stalling", about: "says nothing for a while, when a test wants it",
		crooked: func(honest http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if stalls.CompareAndSwap(true, false) {
					wait := time.NewTimer(stall)
					defer wait.Stop()
					select {
					case <-wait.C:
					case <-r.Context().Done():
						return
					}
				}
				honest.ServeHTTP(w, r)
			})
		},
	})
}

// TestHedgingCutsTheTail runs a network in which one miner stalls now and then,
// without and with hedging, and looks at the requests that met it.
func TestHedgingCutsTheTail(t *testing.T) {
	t.Parallel() // it waits most of the time
	const rounds = 2
	asked := 0
	// first asks for a stream and says when its first output came. Each asks
	// for something else, so that no miner is preferred for its cache.
	first := func(n *running) (took time.Duration, id string) {
		var answer *http.Response
		asked++
		begun := time.Now()
		s := n.Chat.Completions.NewStreaming(t.Context(), openai.ChatCompletionNewParams{
			Model: chatModel, MaxCompletionTokens: openai.Int(2),
			Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(fmt.Sprintf("Tell me about river %d.", asked))},
		}, option.WithResponseInto(&answer))
		for s.Next() {
			if took == 0 {
				took = time.Since(begun)
			}
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
		return took, answer.Header.Get("X-Request-Id")
	}
	measure := func(hedge float64) time.Duration {
		stalls.Store(false)
		data := filepath.Join(t.TempDir(), "data")
		catalogueOf(t, data, map[string]int64{"chat": 2000})
		n := begin(t, Options{Data: data, Period: time.Minute, Miners: 2, Cheats: []string{"stalling"}, Listen: "127.0.0.1:0", Hedge: hedge})
		defer func() { n.cancel(); n.log.tail(t) }()
		for range 80 { // after which it is known what is late
			if hedge > 0 {
				first(n)
			}
		}
		var met []time.Duration
		for tries := 0; len(met) < rounds; tries++ {
			if tries == 400 {
				t.Fatalf("only %d of 400 requests met the miner that stalls", len(met))
			}
			stalls.Store(true)
			took, id := first(n)
			if stalls.Load() {
				continue // it was not asked
			}
			for _, o := range n.outcomes(t, id) {
				switch {
				case o.Reason == outcome.Hedged && n.Names()[o.Miner] == "stalling":
					if o.Status != outcome.Canceled || o.Last {
						t.Errorf("outrun, and recorded as %+v", o)
					}
					met = append(met, took)
				case o.Status == outcome.OK && o.FirstOutput >= stall:
					met = append(met, took)
				}
			}
		}
		n.stop(t)
		slices.Sort(met)
		return met[len(met)-1]
	}
	without, with := measure(0), measure(0.25)
	t.Logf("the slowest of the requests that met a stall of %v: %v without hedging, %v with", stall, without, with)
	if without < stall || with > without/2 {
		t.Errorf("the slowest took %v without hedging, %v with: want the stall's %v, and less than half of that", without, with, stall)
	}
}

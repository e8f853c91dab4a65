package devnet

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"vision/internal/outcome"
)

// A miner named stalling says nothing, once each time that stalls is set: for
// stall, or as long as it is asked if that is 0.
var stall atomic.Int64 // nanoseconds

var stalls atomic.Bool

func init() {
	cheats = append(cheats, cheat{
		name: "stalling", about: "says nothing for a while, when a test wants it",
		crooked: func(honest http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if stalls.CompareAndSwap(true, false) {
					body, _ := io.ReadAll(r.Body) // only then is it noticed that the caller is gone
					r.Body = io.NopCloser(bytes.NewReader(body))
					var over <-chan time.Time
					if d := time.Duration(stall.Load()); d > 0 {
						wait := time.NewTimer(d)
						defer wait.Stop()
						over = wait.C
					}
					select {
					case <-over:
					case <-r.Context().Done():
						return
					}
				}
				honest.ServeHTTP(w, r)
			})
		},
	})
}

// TestHedgingCutsTheTail runs a network in which one miner stalls now and then.
// Without hedging the request that meets it waits for it; with hedging one is
// answered by another miner though the stall has no end.
func TestHedgingCutsTheTail(t *testing.T) {
	t.Parallel() // it waits most of the time
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
	// meet asks until a request met the miner that stalls, and says how it
	// went: how long it waited, and whether another miner spoke first.
	meet := func(n *running) (took time.Duration, outrun bool) {
		for range 400 {
			stalls.Store(true)
			took, id := first(n)
			if stalls.Load() {
				continue // it was not asked
			}
			for _, o := range n.outcomes(t, id) {
				if n.Names()[o.Miner] != "stalling" {
					continue
				}
				if o.Reason == outcome.Hedged && (o.Status != outcome.Canceled || o.Last) {
					t.Errorf("outrun, and recorded as %+v", o)
				}
				return took, o.Reason == outcome.Hedged
			}
		}
		t.Fatal("none of 400 requests met the miner that stalls")
		return 0, false
	}
	network := func(hedge float64) *running {
		stalls.Store(false)
		data := filepath.Join(t.TempDir(), "data")
		catalogueOf(t, data, map[string]int64{"chat": 2000})
		return begin(t, Options{Data: data, Period: time.Minute, Miners: 2, Cheats: []string{"stalling"}, Listen: "127.0.0.1:0", Hedge: hedge})
	}

	n := network(0)
	stall.Store(int64(time.Second))
	if took, outrun := meet(n); outrun || took < time.Second {
		t.Errorf("without hedging: answered after %v, outrun %v; want the stall's second, by the miner itself", took, outrun)
	}
	n.stop(t)

	n = network(0.25)
	defer func() { n.cancel(); n.log.tail(t) }()
	for range 80 { // after which it is known what is late
		first(n)
	}
	stall.Store(0)
	// Whether there is capacity to spare is chance, so not every one is hedged;
	// the others end when the miner is given up, and another asked.
	for range 5 {
		took, outrun := meet(n)
		t.Logf("a request that met an endless stall: first output after %v, outrun %v", took, outrun)
		if outrun {
			n.stop(t)
			return
		}
	}
	t.Error("none of 5 requests that met an endless stall was answered by a second miner beside it")
}

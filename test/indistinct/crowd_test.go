package indistinct

import (
	"bytes"
	"context"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crowd is the customers.
type crowd struct {
	url, key string
	client   *http.Client
	asked    atomic.Uint64
}

// request asks once, and says whether it was answered.
func (c *crowd) request(ctx context.Context, g *generator) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(g.next(model)))
	if err != nil {
		return false
	}
	r.Header.Set("Authorization", "Bearer "+c.key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := c.client.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err == nil && answer.StatusCode == http.StatusOK
}

// patience is how long a test waits for what is sure to come, however slow the
// machine, before it calls that lost.
const patience = 4 * time.Minute

// awaitMiners asks until somebody answers.
func (c *crowd) awaitMiners(ctx context.Context, t *testing.T) {
	t.Helper()
	g := &generator{mathrand.New(mathrand.NewPCG(5, 5))}
	for begun := time.Now(); !c.request(ctx, g); {
		if time.Since(begun) > patience {
			t.Fatal("no miner answers")
		}
		pause(ctx, 25*time.Millisecond)
	}
}

// ask asks n times, several at once, each pausing for about the given time.
func (c *crowd) ask(ctx context.Context, n int, think time.Duration, atOnce int) {
	var left atomic.Int64
	left.Store(int64(n))
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			g := c.generator()
			for left.Add(-1) >= 0 && ctx.Err() == nil {
				c.request(ctx, g)
				pause(ctx, time.Duration(g.ExpFloat64()*float64(think)))
			}
		})
	}
	all.Wait()
}

func (c *crowd) generator() *generator {
	return &generator{mathrand.New(mathrand.NewPCG(7, c.asked.Add(1)))}
}

// until has customers ask until done says so, two minutes at most: many who know
// nothing of one another, and, if bursts are wanted, a few programs besides that ask
// several times in a row.
func (c *crowd) until(ctx context.Context, bursts bool, done func() bool) {
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	var all sync.WaitGroup
	all.Go(func() {
		g := c.generator()
		for ctx.Err() == nil {
			all.Go(func() { c.request(ctx, c.generator()) })
			pause(ctx, time.Duration(g.ExpFloat64()*float64(7*time.Millisecond)))
		}
	})
	if bursts {
		for range 8 {
			all.Go(func() {
				g := c.generator()
				for ctx.Err() == nil {
					for range 1 + g.IntN(4) {
						c.request(ctx, g)
					}
					pause(ctx, time.Duration(g.ExpFloat64()*float64(240*time.Millisecond)))
				}
			})
		}
	}
	for !done() && ctx.Err() == nil {
		pause(ctx, 300*time.Millisecond)
	}
	stop()
	all.Wait()
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

package devnet

import (
	"context"
	"net/http"
	"sync"
)

// awaited is a handler whose requests can be waited for, which closing an
// http.Server does not do.
type awaited struct {
	http.Handler
	mu     sync.Mutex // guards closed, and busy's way up from zero
	closed bool
	busy   sync.WaitGroup
}

func (a *awaited) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return
	}
	a.busy.Add(1)
	a.mu.Unlock()
	defer a.busy.Done()
	a.Handler.ServeHTTP(w, r)
}

// wait refuses more requests and waits for those under way, until ctx ends.
func (a *awaited) wait(ctx context.Context) {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	ended := make(chan struct{})
	go func() { a.busy.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

package node

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"sync"
	"time"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/proto"
	"vision/internal/scorer"
)

// A validator that asks for receipts has pagesAtOnce pages for the asking and one more
// every pageEvery, one at a time. Saying that nothing has changed costs it none.
const (
	pagesAtOnce = 16
	pageEvery   = time.Second
)

// receiptPages serves this validator's receipts to other validators. All are read from one
// Shelf and written from its memory: callers cost neither the store nor memory by their number.
type receiptPages struct {
	shelf *scorer.Shelf
	admit func(*http.Request) (hotkey.ID, error) // who asks, if it may
	now   func() time.Time
	next  http.Handler

	mu      sync.Mutex // guards the rest
	callers map[hotkey.ID]*pageCaller
	shown   int64 // receipts
	pages   map[pageFate]int64
}

// pageCaller is a validator that asked lately.
type pageCaller struct {
	busy bool      // a page is being written
	full time.Time // when it has pagesAtOnce pages again
}

// pageFate is how a page was asked for.
type pageFate string

const (
	pageShown     pageFate = "shown"
	pageUnchanged pageFate = "unchanged" // since the caller's last
	pageLimited   pageFate = "limited"   // the caller asked too often, or for two at once
	pageForbidden pageFate = "forbidden" // to no validator
	pageFailed    pageFate = "failed"
)

// ServeHTTP implements http.Handler.
func (p *receiptPages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != proto.ReceiptsPath {
		p.next.ServeHTTP(w, r)
		return
	}
	fate, n := p.serve(w, r)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pages == nil {
		p.pages = map[pageFate]int64{}
	}
	p.pages[fate]++
	p.shown += int64(n)
}

// serve answers, and says how and with how many receipts.
func (p *receiptPages) serve(w http.ResponseWriter, r *http.Request) (fate pageFate, shown int) {
	caller, err := p.admit(r)
	if err != nil { // the requests in them are not for miners
		fail(w, fault.New(fault.NotFound, "not_found", "Receipts are for validators alone."))
		return pageForbidden, 0
	}
	before := p.now()
	if text := r.URL.Query().Get("before"); text != "" {
		if before, err = time.Parse(time.RFC3339Nano, text); err != nil {
			fail(w, fault.New(fault.Invalid, "invalid_time", "before is no time."))
			return pageFailed, 0
		}
	}
	if wait := p.enter(caller); wait > 0 {
		limited := fault.New(fault.RateLimited, "too_many_pages", "Receipts were asked for too often: one page at a time, and few in a row.")
		limited.RetryAfter = wait
		fail(w, limited)
		return pageLimited, 0
	}
	written := false
	defer func() { p.leave(caller, written) }()
	page, err := p.shelf.Page(r.Context(), before)
	if err != nil {
		fail(w, err)
		return pageFailed, 0
	}
	tag := `"` + page.Tag + `"`
	w.Header().Set("Etag", tag)
	w.Header().Set("Cache-Control", "no-cache")
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return pageUnchanged, 0
	}
	written = true
	w.Header().Set("Content-Type", "application/json")
	writePage(w, page)
	return pageShown, len(page.Bodies)
}

// writePage writes a receiptPage without a copy of what is in it.
func writePage(w http.ResponseWriter, page scorer.ReceiptPage) {
	_, err := w.Write([]byte(`{"receipts":[`))
	for i, body := range page.Bodies {
		if i > 0 && err == nil {
			_, err = w.Write([]byte{','})
		}
		if err == nil {
			_, err = w.Write(bytes.TrimSpace(body))
		}
	}
	if err != nil {
		return // it went away
	}
	end := []byte("]}\n")
	if !page.Next.IsZero() {
		next, _ := json.Marshal(page.Next)
		end = append(append([]byte(`],"before":`), next...), "}\n"...)
	}
	_, _ = w.Write(end)
}

// enter begins a page for a caller, or says how long it has to wait.
func (p *receiptPages) enter(id hotkey.ID) (wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	c := p.callers[id]
	if c == nil {
		maps.DeleteFunc(p.callers, func(_ hotkey.ID, c *pageCaller) bool { return !c.busy && !now.Before(c.full) })
		if p.callers == nil {
			p.callers = map[hotkey.ID]*pageCaller{}
		}
		c = &pageCaller{full: now}
		p.callers[id] = c
	}
	if c.busy {
		return pageEvery
	}
	if late := c.full.Sub(now) - (pagesAtOnce-1)*pageEvery; late > 0 {
		return late
	}
	c.busy = true
	return 0
}

// leave ends it; written pages count.
func (p *receiptPages) leave(id hotkey.ID, written bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, now := p.callers[id], p.now()
	c.busy = false
	if written {
		if c.full.Before(now) {
			c.full = now
		}
		c.full = c.full.Add(pageEvery)
	}
}

package scorer

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"vision/internal/outcome"
	"vision/internal/task"
)

// page is how many outcomes are read at once.
const page = 2000

// tail follows the store's outcomes, whoever wrote them, and counts each in
// the book of the period in which it ended.
type tail struct {
	s *Scorer

	mu    sync.Mutex // guards the rest, and lets one read at a time
	began bool       // after is set
	after int64      // the last outcome read
	books []*book
	ahead []outcome.Outcome // ended after every book's end: for a book to come. At most about a quarter of a period's.
}

// attach begins to count for b. from is since when attempts may have started
// that end in it; it matters for the first book only.
func (t *tail) attach(ctx context.Context, b *book, from time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.began {
		after, err := t.s.c.Store.SeqBefore(ctx, from)
		if err != nil {
			return fmt.Errorf("find where the period's outcomes begin: %w", err)
		}
		t.after, t.began = after, true
	}
	t.books = append(t.books, b)
	waiting := t.ahead
	t.ahead = nil
	for i := range waiting {
		t.count(&waiting[i])
	}
	return nil
}

// detach ends counting for b.
func (t *tail) detach(b *book) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.books = slices.DeleteFunc(t.books, func(x *book) bool { return x == b })
}

// read counts all that is in the store now.
func (t *tail) read(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.began {
		return nil
	}
	for {
		list, err := t.s.c.Store.OutcomesAfter(ctx, t.after, page)
		if err != nil {
			return fmt.Errorf("read outcomes: %w", err)
		}
		for i := range list {
			t.count(&list[i].Outcome)
			t.after = list[i].Seq
		}
		if len(list) < page {
			return nil
		}
	}
}

// count is called with mu held.
func (t *tail) count(o *outcome.Outcome) {
	t.s.watched.see(o)
	if t.s.c.Apart && t.s.c.Board != nil && o.Source == outcome.Organic {
		t.s.c.Board.Replay(*o) // what they used up
	}
	end := o.End()
	later := true
	var last time.Time // the end of the newest book
	for _, b := range t.books {
		if b.covers(end) {
			if err := b.count(o); err != nil {
				t.s.log.Error("outcome cannot be counted", "request", o.Request, "err", err)
			}
			return
		}
		b.see(o)
		later = later && !end.Before(b.End)
		if b.End.After(last) {
			last = b.End
		}
	}
	// After a long downtime the next book begins now: what ended before is in
	// none, and may be a great deal.
	if later && len(t.books) > 0 && !end.Before(t.s.startAfter(last, t.s.c.Now())) {
		t.ahead = append(t.ahead, *o)
	}
}

// follow reads the store again and again until ctx ends.
func (t *tail) follow(ctx context.Context) error {
	var tries backoff
	for {
		wait := t.s.c.Poll
		if err := t.read(ctx); err != nil && ctx.Err() == nil {
			wait = tries.next(t.s.c.Poll, time.Minute)
			t.s.log.Warn("outcomes are not counted for now", "err", err, "retry", wait)
		} else {
			tries = 0
		}
		if !sleep(ctx, wait) {
			return nil
		}
	}
}

// longest is for longer than any attempt can take: attempts that ended in a
// period began no earlier than this before it.
func longest(c *task.Catalogue) time.Duration {
	d := time.Minute
	for _, t := range c.Tasks() {
		d = max(d, 2*t.Timeouts.Total)
	}
	return d
}

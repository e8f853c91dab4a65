package scorer

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"vision/internal/chain"
	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/period"
)

// periods runs one period after the other until ctx ends. Whatever fails is
// tried again; what is under way when ctx ends goes on from the store later.
func (s *Scorer) periods(ctx context.Context) error {
	now, err := s.resume(ctx)
	if err != nil {
		return quiet(ctx, err)
	}
	for {
		over := now
		if over != nil && !sleep(ctx, s.until(over.End, s.c.Period+s.c.Period/4)) {
			return nil
		}
		if now, err = s.begin(ctx, over); err != nil {
			return quiet(ctx, err)
		}
		if over != nil {
			if err := s.finish(ctx, over); err != nil {
				return quiet(ctx, err)
			}
			now.found(*s.known.Load())
		}
		if err := s.keep(ctx, now); err != nil {
			return quiet(ctx, err)
		}
	}
}

// quiet leaves out the error that ctx's end caused.
func quiet(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// resume goes on where the last run stopped: it gives the period that was
// running, or nil, and weighs one that was scored but not weighed.
func (s *Scorer) resume(ctx context.Context) (*book, error) {
	var last period.Period
	var contenders []period.Contender
	err := s.insist(ctx, "read the last period", func(ctx context.Context) (err error) {
		if last, err = s.c.Store.LastPeriod(ctx); err == nil {
			contenders, err = s.c.Store.Contenders(ctx, last.ID)
		} else if fault.KindOf(err) == fault.NotFound {
			last, err = period.Period{Phase: period.Weighted}, nil
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	}
	if err := s.insist(ctx, "read what is remembered of contenders", func(ctx context.Context) error {
		k, _, err := recall(ctx, s.c.Store, s.c.Mechanism)
		s.known.Store(&k)
		return err
	}); err != nil {
		return nil, err
	}
	switch {
	case last.Phase == period.Weighted:
		return nil, nil
	case last.Phase == period.Scored:
		return nil, s.weigh(ctx, last.ID)
	}
	now := s.clock()
	if length := last.End.Sub(last.Start); last.End.Sub(now) > length { // the clock was set back
		last.Start, last.End = now.Add(-length), now
	}
	b := newBook(last, s.c.Secret, s.c.Mechanism)
	b.found(*s.known.Load())
	close(b.kept)
	b.add(now, contenders...)
	if err := s.insist(ctx, "read what came of the period's beacons", func(ctx context.Context) error {
		bursts, err := s.c.Store.Bursts(ctx, b.ID)
		if err == nil {
			b.shown(bursts)
		}
		return err
	}); err != nil {
		return nil, err
	}
	if err := s.insist(ctx, "count the period's outcomes", func(ctx context.Context) error {
		if err := s.tail.attach(ctx, b, b.Start.Add(-longest(s.c.Catalogue()))); err != nil {
			return err
		}
		return s.tail.read(ctx)
	}); err != nil {
		return nil, err
	}
	s.log.Info("period resumed", "period", b.ID, "contenders", len(contenders), "left", b.End.Sub(now))
	s.running.Store(b)
	s.probes.Go(func() { s.probe(ctx, b) })
	s.probes.Go(func() {
		snap, err := s.neuronsNow(ctx)
		if err == nil {
			s.let(ctx, b, snap, false) // only to hear what the miners run
		}
		s.heardOnce.Do(func() { close(s.asked) })
		if err == nil {
			s.late(ctx, b, snap, b.strangers(snap))
		}
	})
	return b, nil
}

// begin starts the period that follows over (nil: none): its capacities are
// fetched and its probes sent from here on.
func (s *Scorer) begin(ctx context.Context, over *book) (*book, error) {
	snap, err := s.neuronsNow(ctx)
	if err != nil {
		return nil, err
	}
	start := s.clock()
	if over != nil {
		start = s.startAfter(over.End, start)
	}
	b := newBook(period.Period{Start: start, End: start.Add(s.c.Period)}, s.c.Secret, s.c.Mechanism)
	b.Seed = uint64(start.UnixNano())
	seed := b.seed("period", hotkey.ID{}, "", 0)
	b.Seed = binary.BigEndian.Uint64(seed[:])
	b.fetched = make(chan struct{})
	if b.recent = s.known.Load(); over == nil {
		b.found(*b.recent)
	}
	if err := s.insist(ctx, "count the period's outcomes", func(ctx context.Context) error {
		return s.tail.attach(ctx, b, start.Add(-time.Minute))
	}); err != nil {
		return nil, err
	}
	s.total.mu.Lock()
	if over != nil {
		over.mu.Lock()
		s.total.stats = s.total.stats.plus(over.stats)
		over.stats, over.after = Stats{}, &s.total
		over.mu.Unlock()
	}
	s.running.Store(b)
	s.total.mu.Unlock()

	s.probes.Go(func() { s.probe(ctx, b) })
	s.probes.Go(func() {
		within, cancel := context.WithTimeout(ctx, s.c.Period/2)
		defer cancel()
		silent := s.let(within, b, snap, true)
		s.heardOnce.Do(func() { close(s.asked) })
		close(b.fetched)
		s.late(ctx, b, snap, silent)
	})
	return b, nil
}

// startAfter is when the period begins that follows one that ended at end, if
// it is begun now: back to back, unless it is too late for that, or too soon, as where the clock was set back.
func (s *Scorer) startAfter(end, now time.Time) time.Time {
	if now.Sub(end).Abs() < s.c.Period/4 {
		return end
	}
	return now
}

// clock is the time as outcomes have it, who may be of other processes. It follows the clock when that is set, or when a machine
// slept, where the difference to an earlier time.Now would not.
func (s *Scorer) clock() time.Time { return s.c.Now().Round(0) }

// until is how long it is until a time, but never more than most, however the clock was set.
func (s *Scorer) until(t time.Time, most time.Duration) time.Duration {
	return min(t.Sub(s.clock()), most)
}

// keep writes the period down once it is known who contends.
func (s *Scorer) keep(ctx context.Context, b *book) error {
	select {
	case <-b.fetched:
	case <-ctx.Done():
		return ctx.Err()
	}
	contenders := b.listed()
	return s.insist(ctx, "write the new period down", func(ctx context.Context) error {
		// An earlier try may have taken effect though it reported an error.
		last, err := s.c.Store.LastPeriod(ctx)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		if err != nil || last.Seed != b.Seed || last.Phase != period.Running {
			if last, err = s.c.Store.StartPeriod(ctx, b.Period, contenders); err != nil {
				return err
			}
		}
		b.ID = last.ID
		close(b.kept)
		s.log.Info("period begun", "period", b.ID, "contenders", len(contenders), "end", b.End)
		return nil
	})
}

// finish waits for the last outcomes, keeps the results and weighs them.
func (s *Scorer) finish(ctx context.Context, b *book) error {
	if !sleep(ctx, s.until(b.End.Add(s.c.Grace), s.c.Grace)) {
		return ctx.Err()
	}
	if err := s.insist(ctx, "count the period's last outcomes", s.tail.read); err != nil {
		return err
	}
	s.tail.detach(b)
	// What comes of a beacon from here on belongs to the next period.
	if !s.keeping(ctx) {
		return ctx.Err()
	}
	<-s.kept
	var c period.Closing
	err := s.insist(ctx, "write the period's results down", func(ctx context.Context) error {
		var k known
		var err error
		if c, k, err = s.closing(ctx, b); err != nil {
			return err
		}
		err = s.c.Store.FinishPeriod(ctx, b.ID, c)
		if fault.KindOf(err) == fault.NotFound {
			// An earlier try took effect. The checks that it folded were not read
			// again, so that what it wrote is not what this one came to.
			k, _, err = recall(ctx, s.c.Store, s.c.Mechanism)
		}
		if err == nil {
			s.known.Store(&k)
		}
		return err
	})
	if err != nil {
		return err
	}
	results := c.Results
	requests, scored := 0, 0
	for _, r := range results {
		requests += r.Counts.Requests
		if r.Valid {
			scored++
		}
	}
	s.log.Info("period scored", "period", b.ID, "contenders", len(results), "scored", scored, "requests", requests)
	s.over.Store(b)
	return s.weigh(ctx, b.ID)
}

// neuronsNow looks at the ledger, and goes on with what it last said if it
// does not answer soon. Without anything it waits.
func (s *Scorer) neuronsNow(ctx context.Context) (*chain.Snapshot, error) {
	err := s.look(ctx, min(5*time.Second, s.c.Period/20))
	if snap := s.neurons.Load(); snap != nil {
		if err != nil && ctx.Err() == nil {
			s.log.Warn("the ledger is not answering: going on with an earlier snapshot", "err", err, "block", snap.Block)
		}
		return snap, ctx.Err()
	}
	err = s.insist(ctx, "read the ledger", func(ctx context.Context) error { return s.look(ctx, time.Minute) })
	return s.neurons.Load(), err
}

// look reads the ledger.
func (s *Scorer) look(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	snap, err := s.c.Ledger.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	s.neurons.Store(snap)
	return nil
}

// watching keeps the snapshot fresh, and notes who has moved.
func (s *Scorer) watching(ctx context.Context) error {
	every := min(time.Minute, s.c.Period/2)
	var tries backoff
	for sleep(ctx, every) {
		for err := s.look(ctx, time.Minute); err != nil && ctx.Err() == nil; err = s.look(ctx, time.Minute) {
			wait := tries.next(time.Second, time.Minute)
			s.log.Warn("the ledger is not answering", "err", err, "retry", wait)
			sleep(ctx, wait)
		}
		tries = 0
		if snap := s.neurons.Load(); snap != nil {
			s.moved(ctx, snap)
		}
	}
	return nil
}

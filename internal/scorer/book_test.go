package scorer

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/score"
	"vision/internal/task"

	"pgregory.net/rapid"
)

var dawn = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func bookOf(length time.Duration, contenders ...period.Contender) *book {
	b := newBook(period.Period{Start: dawn, End: dawn.Add(length), Seed: 5}, [32]byte{1}, score.Vision4{})
	b.add(dawn, contenders...)
	return b
}

func entrant(i int, probes int) period.Contender {
	var id hotkey.ID
	binary.BigEndian.PutUint32(id[:], uint32(i/8))
	return period.Contender{Miner: id, UID: uint16(i / 8), Task: fmt.Sprint("task-", i%8), Addr: "127.0.0.1:9000", Capacity: 1000, Share: 0.05, Probes: probes}
}

// drain plays a book from a moment on; each turn is taken at its instant.
func drain(b *book, now time.Time, late time.Duration) (turns []turn, at []time.Time) {
	for {
		t, wait, ok, over := b.next(now, late)
		switch {
		case over:
			return turns, at
		case ok:
			turns, at = append(turns, t), append(at, now)
		default:
			now = now.Add(wait)
		}
	}
}

func TestQueueGivesTheEarliest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var model []time.Duration
		for _, op := range rapid.SliceOfN(rapid.IntRange(0, 3), 1, 200).Draw(t, "operations") {
			d := time.Duration(rapid.IntRange(0, 50).Draw(t, "at"))
			switch {
			case op <= 1 || len(q) == 0:
				q.push(due{at: d})
				model = append(model, d)
			case op == 2:
				q.dropFirst()
				model = model[1:]
			default:
				q.replaceFirst(due{at: d})
				model[0] = d
			}
			slices.Sort(model)
			if len(q) != len(model) || len(q) > 0 && q[0].at != model[0] {
				t.Fatalf("the first of %d is %v, want that of %v", len(q), q, model)
			}
		}
	})
}

// TestEveryProbeHasItsTurn: each contender is asked as often as planned, in
// order of time, within the period.
func TestEveryProbeHasItsTurn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "contenders")
		var list []period.Contender
		want := 0
		for i := range n {
			probes := rapid.IntRange(0, 20).Draw(t, "probes")
			list, want = append(list, entrant(i, probes)), want+probes
		}
		turns, at := drain(bookOf(time.Hour, list...), dawn, time.Second)
		if len(turns) != want || !slices.IsSortedFunc(at, time.Time.Compare) {
			t.Fatalf("%d turns, want %d, in order", len(turns), want)
		}
		numbers := map[outcome.Pair]int{}
		for i, turn := range turns {
			pair := outcome.Pair{Miner: turn.Miner, Task: turn.Task}
			if numbers[pair]++; turn.Number != numbers[pair] {
				t.Fatalf("turn %d of %s is numbered %d", numbers[pair], turn.Task, turn.Number)
			}
			if at[i].Sub(dawn) > time.Hour*98/100 {
				t.Fatalf("a turn after %v", at[i].Sub(dawn))
			}
		}
	})
}

// TestLateTurnsAreLeftOut, whether we were stopped, asleep or let in late.
func TestLateTurnsAreLeftOut(t *testing.T) {
	_, whole := drain(bookOf(time.Hour, entrant(0, 60)), dawn, time.Second)
	rest := slices.DeleteFunc(slices.Clone(whole), func(at time.Time) bool { return at.Sub(dawn) < 30*time.Minute })

	asleep := bookOf(time.Hour, entrant(0, 60)) // for the first half hour
	if _, at := drain(asleep, dawn.Add(30*time.Minute), time.Second); !slices.Equal(at, rest) {
		t.Errorf("after sleeping: %d turns, want %d", len(at), len(rest))
	}
	if missed := asleep.stats.Missed; missed != int64(len(whole)-len(rest)) {
		t.Errorf("%d turns counted as missed, want %d", missed, len(whole)-len(rest))
	}
	joined := bookOf(time.Hour)
	joined.add(dawn.Add(30*time.Minute), entrant(0, 60))
	if _, at := drain(joined, dawn.Add(30*time.Minute), time.Hour); !slices.Equal(at, rest) {
		t.Errorf("let in at half time: %d turns, want %d", len(at), len(rest))
	}
	if joined.stats.Missed != 0 {
		t.Errorf("%d turns from before it was let in are counted as missed", joined.stats.Missed)
	}
}

// TestCountsBeforeTheContender: outcomes of a miner that is let in later count.
func TestCountsBeforeTheContender(t *testing.T) {
	b := bookOf(time.Hour)
	c := entrant(0, 3)
	for _, o := range []outcome.Outcome{
		{Status: outcome.OK, Work: 7}, {Status: outcome.Failed}, {Status: outcome.RateLimited}, {Status: outcome.Canceled, Work: 5}, {Status: outcome.Ours, Work: 9},
	} {
		o.Miner, o.Task = c.Miner, c.Task
		if err := b.count(&o); err != nil {
			t.Fatal(err)
		}
	}
	b.add(dawn, c, c)
	want := score.Counts{Requests: 3, OK: 1, Failed: 1, RateLimited: 1, Consumed: 12, Declared: 1000, Asked: 3, AskedFailed: 1, AskedRateLimited: 1}
	if r := b.results(); len(r) != 1 || r[0].Counts != want {
		t.Errorf("%+v, want one result with %+v", r, want)
	}
}

// TestRequestsCountByTheirVolume: who refuses the long ones alone refuses most of what is asked.
func TestRequestsCountByTheirVolume(t *testing.T) {
	b := bookOf(time.Hour)
	c := entrant(0, 3)
	c.Offer.PerRequest, c.Slots = 50, 2
	b.add(dawn, c)
	for _, o := range []outcome.Outcome{
		{Status: outcome.OK, Asked: 10, Work: 4},
		{Status: outcome.RateLimited, Asked: 100},
		{Status: outcome.RateLimited, Asked: 30, Source: outcome.Synthetic},      // known to be the miner's doing in the end
		{Status: outcome.Failed, Asked: 1 << 60},                                 // no more than four usual ones
		{Status: outcome.Failed},                                                 // of before it was kept: a usual one
		{Status: outcome.Ours, Asked: 40}, {Status: outcome.Canceled, Asked: 40}, // no request of any score
	} {
		o.Miner, o.Task, o.Start = c.Miner, c.Task, dawn
		if err := b.count(&o); err != nil {
			t.Fatal(err)
		}
	}
	want := score.Counts{Requests: 5, OK: 1, RateLimited: 2, Failed: 2, Consumed: 4, Declared: 1000, Asked: 390, AskedRateLimited: 130, AskedFailed: 250}
	if r := b.results(); len(r) != 1 || r[0].Counts != want {
		t.Errorf("%+v, want one result with %+v", r, want)
	}
}

// TestOutcomesAheadOfTheBook count once their period's book is there.
func TestOutcomesAheadOfTheBook(t *testing.T) {
	w := &world{store: newMemory()}
	now := dawn.Add(time.Hour + time.Minute)
	s := &Scorer{c: Config{Store: w.store, Period: time.Hour, Now: func() time.Time { return now }}}
	s.tail = &tail{s: s}
	c := entrant(0, 1)
	first := bookOf(time.Hour, c)
	next := newBook(period.Period{Start: first.End, End: first.End.Add(time.Hour)}, [32]byte{1}, score.Vision4{})
	next.add(next.Start, c)
	for _, end := range []time.Duration{-time.Second, 59 * time.Minute, time.Hour, 61 * time.Minute, 3 * time.Hour} {
		o := outcome.Outcome{Miner: c.Miner, Task: c.Task, Work: 1, Start: dawn.Add(end - 2*time.Second), Total: 2 * time.Second}
		if err := w.store.Record(t.Context(), outcome.Entry{Outcome: o}); err != nil {
			t.Fatal(err)
		}
	}
	// One that a customer read slowly, past the first period's end: written when
	// that period's book may be closed already.
	slow := outcome.Outcome{Miner: c.Miner, Task: c.Task, Work: 1, Start: first.End.Add(-30 * time.Second), Total: 2 * time.Second, Blocked: time.Minute}
	if err := s.tail.attach(t.Context(), first, dawn.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.tail.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.tail.detach(first)
	if err := s.tail.attach(t.Context(), next, dawn); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Record(t.Context(), outcome.Entry{Outcome: slow}); err != nil {
		t.Fatal(err)
	}
	if err := s.tail.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a, b := first.results()[0].Counts.OK, next.results()[0].Counts.OK; a != 1 || b != 3 {
		t.Errorf("%d outcomes in the first period and %d in the next, want 1 and 3: an attempt counts where it ended", a, b)
	}
}

// TestDowntimeIsNotHeldInMemory: outcomes of a long time without scorer belong
// to no period, and are dropped as they are read.
func TestDowntimeIsNotHeldInMemory(t *testing.T) {
	w := &world{store: newMemory()}
	now := dawn.Add(48 * time.Hour)
	s := &Scorer{c: Config{Store: w.store, Period: time.Hour, Now: func() time.Time { return now }}}
	s.tail = &tail{s: s}
	c := entrant(0, 1)
	first := bookOf(time.Hour, c)
	for i := range 48 * 60 {
		o := outcome.Outcome{Miner: c.Miner, Task: c.Task, Work: 1, Start: dawn.Add(time.Duration(i) * time.Minute), Total: time.Second}
		if err := w.store.Record(t.Context(), outcome.Entry{Outcome: o}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.tail.attach(t.Context(), first, dawn.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.tail.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(s.tail.ahead); n != 0 || first.results()[0].Counts.OK != 60 {
		t.Errorf("%d outcomes are held, %d counted; want none and the period's 60", n, first.results()[0].Counts.OK)
	}
}

const many = 65536

func manyContenders() []period.Contender {
	list := make([]period.Contender, many)
	tasks := [8]string{}
	for i := range tasks {
		tasks[i] = fmt.Sprint("task-", i)
	}
	for i := range list {
		list[i] = entrant(i, 1+i%50)
		list[i].Task = tasks[i%8]
	}
	return list
}

// TestManyContendersFitInMemory: a book of 65,536, half way through its
// period and with counts, takes less than 100 MB.
func TestManyContendersFitInMemory(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	b := bookOf(time.Hour, manyContenders()...)
	turns := 0
	for now := dawn; now.Before(dawn.Add(30 * time.Minute)); {
		next, wait, ok, _ := b.next(now, time.Second)
		if !ok {
			now = now.Add(wait)
			continue
		}
		turns++
		o := outcome.Outcome{Miner: next.Miner, Task: next.Task, Work: 1}
		if err := b.count(&o); err != nil {
			t.Fatal(err)
		}
	}
	used := heap() - before
	runtime.KeepAlive(b)
	t.Logf("%d contenders take %.1f MB after %d turns", many, float64(used)/1e6, turns)
	if used > 100e6 {
		t.Errorf("%d contenders take %d bytes, want less than 100 MB", many, used)
	}
}

// BenchmarkTurn is what one probe's turn costs among 65,536 contenders.
func BenchmarkTurn(b *testing.B) {
	list := manyContenders()
	for i := range list {
		list[i].Probes = 1 << 20
	}
	book := bookOf(1000000*time.Hour, list...)
	now := dawn
	for b.Loop() {
		if _, wait, ok, _ := book.next(now, time.Hour); !ok {
			now = now.Add(wait)
		}
	}
}

func TestShapeFollowsCustomers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	past := slices.Repeat([]task.Features{{Stream: true, Turns: 3, PromptBytes: 1000, Output: 77, Temperature: 0.3, TopP: -1}}, 50)
	s := shape{kinds: map[string][]task.Features{"chat": past}}
	for range 1000 {
		f := s.Draw(r, &task.Task{Name: "a", Kind: "chat"})
		if !f.Stream || f.Turns != 3 || f.Output != 77 || f.Temperature != 0.3 || f.PromptBytes < 900 || f.PromptBytes > 1100 {
			t.Fatalf("drew %+v where customers only sent %+v", f, past[0])
		}
	}
	// Options are lent to no other task: its servers may not know them.
	odd := task.Features{Turns: 1, PromptBytes: 100, Output: 20, Task: "a", Options: "top_k=40"}
	own := shape{kinds: map[string][]task.Features{"chat": slices.Repeat([]task.Features{odd}, 50)}, tasks: map[string][]task.Features{"a": slices.Repeat([]task.Features{odd}, 50)}}
	for name, want := range map[string]string{"a": "top_k=40", "b": ""} {
		if f := own.Draw(r, &task.Task{Name: name, Kind: "chat"}); f.Options != want {
			t.Errorf("a probe of task %s has options %q, want %q", name, f.Options, want)
		}
	}
	for _, kind := range []string{"chat", "completion", "embedding", "text-to-image", "something new"} {
		distinct := map[task.Features]bool{}
		for range 1000 {
			f := s.Draw(r, &task.Task{Name: "a", Kind: kind})
			if kind != "chat" && (f.PromptBytes < 1 || f.Output < 1 || f.Turns < 1) {
				t.Fatalf("%s: made up %+v", kind, f)
			}
			distinct[f] = true
		}
		if kind != "chat" && len(distinct) < 100 {
			t.Errorf("%s: only %d different requests of 1000 without history", kind, len(distinct))
		}
	}
}

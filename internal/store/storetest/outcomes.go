package storetest

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"vision/internal/outcome"
	"vision/internal/store"
	"vision/internal/task"
)

func testOutcomes(t *testing.T, db Database) {
	s := open(t, db)
	same(t, "outcomes of an empty store", s.outcomes(0, 10), []store.Numbered{})
	s.record()
	for n := range 10 {
		s.record(outcome.Entry{Outcome: attempt(n)}, outcome.Entry{Outcome: attempt(n + 100)})
	}
	all := s.outcomes(0, 100)
	if len(all) != 20 {
		t.Fatalf("%d outcomes, want 20", len(all))
	}
	for i, got := range all {
		want := attempt(i / 2)
		if i%2 == 1 {
			want = attempt(i/2 + 100)
		}
		same(t, "an outcome", got.Outcome, want)
		if i > 0 && got.Seq <= all[i-1].Seq {
			t.Errorf("sequence number %d follows %d", got.Seq, all[i-1].Seq)
		}
	}
	same(t, "outcomes after the 5th, at most 3", s.outcomes(all[4].Seq, 3), all[5:8])
	same(t, "outcomes after the last", s.outcomes(all[19].Seq, 3), []store.Numbered{})
}

func testOutcomeFields(t *testing.T, db Database) {
	s := open(t, db)
	extremes := []outcome.Outcome{
		{Task: "t", Start: t0},
		{Request: "with \x00 and \"quotes' and ü", Key: math.MaxInt64, Work: math.MaxInt64, PromptWork: math.MaxInt64,
			Task: "t", Reason: "r", Status: 255, Source: 255, Start: time.Date(2200, 1, 1, 0, 0, 0, 1, time.UTC),
			FirstOutput: math.MaxInt64, Arrivals: outcome.Arrivals{Longest: math.MaxInt64, Burst: math.SmallestNonzeroFloat64}},
		{Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("far", 9*3600)).UTC()},
	}
	for _, o := range extremes {
		s.record(outcome.Entry{Outcome: o})
	}
	for i, got := range s.outcomes(0, 10) {
		same(t, "an outcome with unusual fields", got.Outcome, extremes[i])
	}
}

func testRecordRefuses(t *testing.T, db Database) {
	s := open(t, db)
	good := outcome.Entry{Outcome: attempt(1)}
	nan, wordy, kindless, hot := good, good, good, good
	nan.Outcome.Arrivals.Burst = math.NaN()
	wordy.Outcome.Reason = strings.Repeat("x", 4097)
	kindless.Features = feature(1)
	hot.Kind, hot.Features = "chat", &task.Features{Temperature: math.NaN()}
	for name, bad := range map[string]outcome.Entry{"NaN": nan, "long texts": wordy, "features without a kind": kindless, "NaN in features": hot} {
		if err := s.Record(ctx, good, bad); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if got := s.outcomes(0, 10); len(got) > 0 {
		t.Errorf("%d outcomes of refused entries are kept", len(got))
	}
}

// testLargeSamples records the largest sample there can be, and larger ones.
func testLargeSamples(t *testing.T, db Database) {
	s := open(t, db)
	sized := func(i, size int) outcome.Entry {
		e := outcome.Entry{Outcome: attempt(i)}
		e.Sample = &outcome.Sample{Outcome: e.Outcome, Request: []byte("ask"), Response: bytes.Repeat([]byte("answer "), size/7+1)[:size-3]}
		return e
	}
	largest := sized(1, store.MaxSample)
	s.record(largest)
	s.record(sized(2, store.MaxSample+1))
	s.record(sized(3, store.MaxSample/2+1), sized(4, store.MaxSample/2+1), sized(5, 100))
	if got := s.outcomes(0, 10); len(got) != 5 {
		t.Errorf("%d of 5 outcomes are kept", len(got))
	}
	got, err := s.ClaimSamples(ctx, t0.Add(time.Hour), time.Hour, 10)
	if err != nil || len(got) != 3 {
		t.Fatalf("%d samples, want 3 (%v)", len(got), err)
	}
	for _, sample := range got {
		if sample.Outcome.Request == largest.Outcome.Request && !bytes.Equal(sample.Response, largest.Sample.Response) {
			t.Error("the largest sample comes back changed")
		}
	}
}

func testSeqBefore(t *testing.T, db Database) {
	s := open(t, db)
	before := func(at time.Time) int64 { t.Helper(); return must(s.SeqBefore(ctx, at))(t) }
	if got := before(t0); got != 0 {
		t.Errorf("before anything: %d, want 0", got)
	}
	for _, n := range []int{1, 5, 3, 9, 4} { // long attempts end late
		s.record(outcome.Entry{Outcome: attempt(n)})
	}
	all := s.outcomes(0, 10)
	for _, c := range []struct {
		second int
		want   int64
	}{{1, 0}, {2, all[0].Seq}, {4, all[2].Seq}, {5, all[4].Seq}, {100, all[4].Seq}} {
		if got := before(t0.Add(time.Duration(c.second) * time.Second)); got != c.want {
			t.Errorf("before second %d: %d, want %d", c.second, got, c.want)
		}
	}
}

func testFeatures(t *testing.T, db Database) {
	s := open(t, db)
	for n := range 6 {
		kind := "chat"
		if n%3 == 0 {
			kind = "embedding"
		}
		s.record(outcome.Entry{Outcome: attempt(n), Features: feature(n), Kind: kind}, outcome.Entry{Outcome: attempt(n)})
	}
	same(t, "chat", must(s.Features(ctx, "chat", 3))(t), []task.Features{*feature(5), *feature(4), *feature(2)})
	same(t, "embedding", must(s.Features(ctx, "embedding", 10))(t), []task.Features{*feature(3), *feature(0)})
	same(t, "unknown", must(s.Features(ctx, "avatar", 10))(t), []task.Features{})
}

func testSamples(t *testing.T, db Database) {
	s := open(t, db)
	large := sampled(2)
	large.Sample.Request = nil
	large.Sample.Response = bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	s.record(sampled(1), outcome.Entry{Outcome: attempt(3)}, large)
	if n := must(s.Pending(ctx))(t); n != 2 {
		t.Errorf("%d pending, want 2", n)
	}
	got := s.claim(t0, 10)
	if len(got) != 2 {
		t.Fatalf("claimed %d samples, want 2", len(got))
	}
	for i, want := range []*outcome.Sample{sampled(1).Sample, large.Sample} {
		if got[i].ID <= 0 {
			t.Errorf("sample has ID %d", got[i].ID)
		}
		if !bytes.Equal(got[i].Response, want.Response) {
			t.Errorf("the response of sample %d came back different", i)
		}
		got[i].Response, want.Response = nil, nil // too long to show
		want.ID = got[i].ID
		same(t, "a sample", got[i], *want)
	}
	if n := must(s.Pending(ctx))(t); n != 2 {
		t.Errorf("%d pending after a claim, want 2: they still wait for a check", n)
	}
}

func testSampleLeases(t *testing.T, db Database) {
	s := open(t, db)
	s.record(sampled(1), sampled(2), sampled(3))
	now := t0
	first := s.claim(now, 2)
	second := s.claim(now, 2)
	if len(first) != 2 || len(second) != 1 || second[0].ID == first[0].ID || second[0].ID == first[1].ID {
		t.Fatalf("claimed %v, then %v: want 2 and the third", ids(first), ids(second))
	}
	same(t, "claims just before the lease ends", ids(s.claim(now.Add(time.Minute-1), 9)), []int64{})
	if err := s.PostponeSample(ctx, first[0].ID, now.Add(time.Hour), "checker is down"); err != nil {
		t.Fatal(err)
	}
	same(t, "claims when the lease has ended", ids(s.claim(now.Add(time.Minute), 9)), []int64{first[1].ID, second[0].ID})
	same(t, "claims when the postponed one is due", ids(s.claim(now.Add(time.Hour), 1)), []int64{first[0].ID})
	s.record(sampled(4), sampled(5))
	others := must(s.ClaimSamples(ctx, t0, time.Minute, 9, "chat-0", "none"))(t)
	if len(others) != 1 || others[0].Outcome.Task != "chat-1" {
		t.Errorf("claimed %v but of chat-0, want the one of chat-1", ids(others))
	}
	same(t, "claims but of all tasks", ids(must(s.ClaimSamples(ctx, t0, time.Minute, 9, "chat-1", "chat-0"))(t)), []int64{})
	wantIs(t, "postpone a sample that is not there", s.PostponeSample(ctx, 999, now, ""), store.ErrNotFound)
}

func testSampleOrder(t *testing.T, db Database) {
	s := open(t, db)
	entry := func(m int, task string, second int) outcome.Entry {
		e := sampled(second)
		e.Outcome.Miner, e.Outcome.Task = miner(m), task
		e.Sample.Outcome = e.Outcome
		return e
	}
	check := func(sm outcome.Sample) {
		t.Helper()
		s.save(outcome.Check{Sample: sm.ID, Task: sm.Outcome.Task, Miner: sm.Outcome.Miner, At: t0, Quality: 1})
	}
	// Two checks of miner 1 in "a", one of miner 2 in "a".
	s.record(entry(1, "a", 1), entry(1, "a", 2), entry(2, "a", 3))
	for _, sm := range s.claim(t0, 3) {
		check(sm)
	}
	s.record(entry(1, "a", 10), entry(2, "a", 13), entry(2, "a", 12), entry(1, "b", 14), entry(3, "a", 15))
	order := func(samples []outcome.Sample) (starts []int) {
		for _, sm := range samples {
			starts = append(starts, int(sm.Outcome.Start.Sub(t0)/time.Second))
		}
		return starts
	}
	same(t, "order: fewest checks first, then oldest", order(s.claim(t0, 9)), []int{14, 15, 12, 13, 10})
	// A check moves what already waits, too.
	later := t0.Add(time.Hour)
	for _, sm := range s.claim(later, 1) {
		check(sm) // second 14: miner 1 in "b"
	}
	s.record(entry(1, "b", 1), entry(3, "a", 2))
	for _, sm := range s.claim(later, 1) {
		check(sm) // second 2: miner 3 in "a", which now has one check and one older sample
	}
	same(t, "order after more checks", order(s.claim(later.Add(time.Hour), 9)), []int{1, 12, 13, 15, 10})
}

func testDropSamples(t *testing.T, db Database) {
	s := open(t, db)
	for n := range 10 {
		s.record(sampled(n))
	}
	if n := must(s.DropSamples(ctx, t0.Add(4*time.Second)))(t); n != 4 {
		t.Errorf("dropped %d, want 4", n)
	}
	if n := must(s.DropSamples(ctx, t0.Add(4*time.Second)))(t); n != 0 {
		t.Errorf("dropped %d again", n)
	}
	s.record(sampled(10))
	one := s.claim(t0, 99)
	last := one[len(one)-1].ID
	if err := s.DropSample(ctx, last); err != nil {
		t.Fatal(err)
	}
	wantIs(t, "dropping a sample twice", s.DropSample(ctx, last), store.ErrNotFound)
	for _, sm := range one[:len(one)-1] {
		if err := s.PostponeSample(ctx, sm.ID, t0, ""); err != nil {
			t.Fatal(err)
		}
	}
	if n := must(s.Pending(ctx))(t); n != 6 {
		t.Errorf("%d pending, want 6", n)
	}
	if got := s.claim(t0, 99); len(got) != 6 || !got[0].Outcome.Start.Equal(t0.Add(4*time.Second)) {
		t.Errorf("claimed %v", ids(got))
	}
	if got := s.outcomes(0, 99); len(got) != 11 {
		t.Errorf("%d outcomes are left of 11", len(got))
	}
}

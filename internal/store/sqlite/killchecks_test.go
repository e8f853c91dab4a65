package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
)

// judging is a scorer that records samples of three miners, claims them and saves
// checks as fast as it can, and prints each sample whose verdict was acknowledged.
func judging(path string) int {
	s, err := Open(ctx, path, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("ready")
	for i := 0; ; i++ {
		e := outcome.Entry{Outcome: benchOutcome()}
		e.Outcome.Request, e.Outcome.Miner = fmt.Sprintf("%d/%d", os.Getpid(), i), hotkey.ID{byte(1 + i%3)}
		e.Sample = &outcome.Sample{Outcome: e.Outcome, Response: []byte("data")}
		if err := s.Record(ctx, e); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		list, err := s.ClaimSamples(ctx, time.Now(), 20*time.Millisecond, 2)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		for _, sm := range list {
			o := sm.Outcome
			c := outcome.Check{Sample: sm.ID, Task: o.Task, Miner: o.Miner, At: time.Now(), Quality: 1, E: evidenceOf(sm.ID)}
			if _, err := s.SaveCheck(ctx, c, judgement.Default()); err == nil {
				fmt.Println(sm.ID)
			}
		}
	}
}

// evidenceOf is what is found of a sample: now and then something that speaks against its miner.
func evidenceOf(id int64) float64 {
	if id%7 == 0 {
		return 30
	}
	return 0.5
}

// Processes that check the same samples at once are killed at any moment. Each
// verdict that was acknowledged is kept once, and what is known of every miner is what
// all its verdicts come to, one after the other, no more and no less.
func TestKillJudges(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "v.db")
	survivor := openAt(t, path, Options{})
	acknowledged := map[int64]bool{}
	rounds := 0
	for ; rounds < 4 || len(acknowledged) < 40; rounds++ {
		both := make(chan []string, 2)
		for range 2 {
			go func() { both <- killed(t, path, judgeEnv+"=1") }()
		}
		for range 2 {
			for _, line := range <-both {
				id, err := strconv.ParseInt(line, 10, 64)
				if err != nil {
					t.Errorf("line %q", line)
				}
				if acknowledged[id] {
					t.Errorf("the verdict on sample %d was acknowledged twice", id)
				}
				acknowledged[id] = true
			}
		}
	}
	closed(t, survivor)
	survivor = openAt(t, path, Options{})
	defer closed(t, survivor)
	known := map[hotkey.ID]judgement.State{}
	list, err := survivor.Judgements(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range list {
		known[j.Miner] = j.State
	}
	kept, suspicious := 0, 0
	for miner := range known {
		checks, err := survivor.Checks(ctx, miner, "", 1_000_000)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(checks, func(a, b outcome.Check) int { return int(a.Number - b.Number) })
		var want judgement.State
		for i, c := range checks {
			if c.Number != int64(i+1) {
				t.Fatalf("check %d of %v has number %d", i+1, miner, c.Number)
			}
			if want, err = judgement.Default().Observe(want, c.E); err != nil {
				t.Fatal(err)
			}
			if c.Standing != want.Standing || c.Wealth != want.Wealth() {
				t.Fatalf("check %d: %+v, want standing %v, wealth %v", i+1, c, want.Standing, want.Wealth())
			}
			delete(acknowledged, c.Sample)
			kept++
			if c.E >= judgement.Suspect {
				suspicious++
			}
		}
		if known[miner] != want {
			t.Errorf("%v: %+v is known, its %d checks come to %+v", miner, known[miner], len(checks), want)
		}
	}
	if len(acknowledged) > 0 || kept < 40 || suspicious == 0 {
		t.Errorf("%d acknowledged verdicts are lost; %d are kept, %d of them suspicious", len(acknowledged), kept, suspicious)
	}
	t.Logf("%d processes killed, %d verdicts kept", 2*rounds, kept)
}

// Package storetest is what every store.Store must pass, and a store that fails
// on demand, for tests of those who use one.
//
// Invariants: the suite knows a store by its interface alone, opens it as often
// as it likes, and holds it to what the interface promises and to nothing else.
// What Failing makes fail has either done nothing or all of its work: a user must
// be right in both cases, for it cannot tell which.
package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/store"
	"vision/internal/task"
)

// Database opens one database again and again. Each Store it gives is closed
// by whoever asked for it; a second one may be open at the same time.
type Database interface {
	Open(t *testing.T) store.Store
}

// Run checks every promise of store.Store. create makes a new, empty database.
func Run(t *testing.T, create func(t *testing.T) Database) {
	for name, test := range map[string]func(*testing.T, Database){
		"Outcomes":          testOutcomes,
		"OutcomeFields":     testOutcomeFields,
		"RecordRefuses":     testRecordRefuses,
		"LargeSamples":      testLargeSamples,
		"SeqBefore":         testSeqBefore,
		"Features":          testFeatures,
		"Samples":           testSamples,
		"SampleLeases":      testSampleLeases,
		"SampleOrder":       testSampleOrder,
		"DropSamples":       testDropSamples,
		"Checks":            testChecks,
		"SaveCheckOnce":     testSaveCheckOnce,
		"Judgements":        testJudgements,
		"WeakDeclaration":   testWeakDeclaration,
		"WatchedFirst":      testWatchedFirst,
		"Evidence":          testEvidence,
		"Copies":            testCopies,
		"Accusations":       testAccusations,
		"Periods":           testPeriods,
		"JoinPeriod":        testJoinPeriod,
		"FinishPeriodOnce":  testFinishPeriodOnce,
		"Weights":           testWeights,
		"States":            testStates,
		"Beacons":           testBeacons,
		"Reports":           testReports,
		"Keys":              testKeys,
		"Secrets":           testSecrets,
		"Projects":          testProjects,
		"KeyFields":         testKeyFields,
		"Deposits":          testDeposits,
		"Receipts":          testReceipts,
		"RefusedReceipts":   testRecordRefusesReceipts,
		"Uncovered":         testUncovered,
		"Usage":             testUsage,
		"Leases":            testLeases,
		"LeasesEnd":         testLeasesEnd,
		"Allowances":        testAllowances,
		"Purses":            testPurses,
		"Prices":            testPrices,
		"Claims":            testClaims,
		"Beats":             testBeats,
		"Prune":             testPrune,
		"Reopen":            testReopen,
		"Closed":            testClosed,
		"Canceled":          testCanceled,
		"Concurrent":        testConcurrent,
		"ConcurrentClaims":  testConcurrentClaims,
		"TwoAtOnce":         testTwoAtOnce,
		"FollowWhileOthers": testFollow,
	} {
		t.Run(name, func(t *testing.T) { test(t, create(t)) })
	}
}

var ctx = context.Background()

// t0 is when the tests' world begins, with nanoseconds that must survive.
var t0 = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

func miner(n int) (id hotkey.ID) {
	id[0] = 0xee
	binary.BigEndian.PutUint32(id[1:], uint32(n))
	id[31] = byte(n)
	return id
}

// attempt is the n-th outcome of a test: all fields set, all different.
func attempt(n int) outcome.Outcome {
	return outcome.Outcome{
		Request: fmt.Sprintf("req-%026d", n), Try: n % 3, Last: n%2 == 0, Key: int64(n), Source: outcome.Source(n % 2),
		Task: fmt.Sprintf("chat-%d", n%2), Miner: miner(n), Status: outcome.Status(n % 5), Reason: [...]string{"", "http_500"}[n%2],
		Stream: n%3 == 0, Work: int64(n) * 1e12, PromptWork: int64(n) + 5, Start: t0.Add(time.Duration(n) * time.Second),
		FirstOutput: time.Duration(n) * time.Millisecond, Total: time.Duration(n)*time.Millisecond + time.Second,
		Blocked:  3 * time.Duration(n) * time.Microsecond,
		Arrivals: outcome.Arrivals{Chunks: n, Longest: time.Duration(n) * time.Microsecond, Burst: 1 / float64(n+3), Mean: time.Duration(2*n) * time.Millisecond, Gap95: time.Duration(n)},
		Floor:    time.Duration(3 * n),
		Asked:    int64(n) + 7,
		Beacon:   outcome.During{Time: time.Duration(5 * n), Work: int64(n) + 9},
	}
}

func sampled(n int) outcome.Entry {
	o := attempt(n)
	return outcome.Entry{Outcome: o, Sample: &outcome.Sample{
		Outcome: o, Request: fmt.Appendf(nil, `{"n":%d}`, n), Response: fmt.Appendf(nil, "data: %d\n\ndata: [DONE]\n\n", n),
		Proof: [][]byte{nil, []byte(`{"answer":"v1"}`)}[n%2],
	}}
}

// fixture is an open store whose methods fail the test.
type fixture struct {
	store.Store
	t *testing.T
}

func open(t *testing.T, db Database) fixture {
	s := db.Open(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return fixture{s, t}
}

func (f fixture) record(entries ...outcome.Entry) {
	f.t.Helper()
	if err := f.Record(ctx, entries...); err != nil {
		f.t.Fatal(err)
	}
}

func (f fixture) outcomes(after int64, limit int) []store.Numbered {
	f.t.Helper()
	return must(f.OutcomesAfter(ctx, after, limit))(f.t)
}

func (f fixture) claim(now time.Time, limit int) []outcome.Sample {
	f.t.Helper()
	return must(f.ClaimSamples(ctx, now, time.Minute, limit))(f.t)
}

// must unwraps a result: must(f())(t).
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func wantIs(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: %v, want %v", what, err, target)
	}
}

func ids(samples []outcome.Sample) (list []int64) {
	for _, s := range samples {
		list = append(list, s.ID)
	}
	return list
}

func feature(n int) *task.Features {
	f := &task.Features{Stream: n%2 == 0, Turns: n, PromptBytes: 10 * n, Output: 100 * n, Temperature: 0.5, TopP: -1, Size: "512x512"}
	if n%2 == 0 { // others are as they were before tasks and options were kept
		f.Task, f.Options = "chat-a", "m=s12,u40 stop=1:3"
	}
	return f
}

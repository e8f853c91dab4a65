package scorer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/receipt"
)

// library is a store that a shelf is filled from. It counts what it is asked.
type library struct {
	t         *testing.T
	by, miner *hotkey.Key
	*memory
	asked map[string]int // by method
	down  bool
}

func newLibrary(t *testing.T) *library {
	l := &library{t: t, by: key("validator"), miner: key("cheat"), memory: newMemory(), asked: map[string]int{}}
	l.judgements = map[outcome.Pair]judgement.State{}
	l.fail = func(method string) (before, after error) { // with the store's mutex held
		l.asked[method]++
		if l.down {
			return errors.New("down"), nil
		}
		return nil, nil
	}
	return l
}

// Judgements are of now.
func (l *library) Judgements(ctx context.Context) ([]outcome.Judgement, error) {
	list, err := l.memory.Judgements(ctx)
	for i := range list {
		list[i].At = time.Now()
	}
	return list, err
}

// add keeps evidence against the miner on a task, of some time ago.
func (l *library) add(name string, source outcome.Source, age time.Duration, change ...func(*receipt.Receipt)) string {
	r := shown(l.t, l.by, l.miner, name, "answer "+name, change...)
	proof, err := json.Marshal(r.Proof)
	if err != nil {
		l.t.Fatal(err)
	}
	e := outcome.Evidence{Check: outcome.Check{Miner: l.miner.ID(), Task: name, Source: source, At: time.Now().Add(-age), E: r.Verdict.E, Test: "t"},
		Sample: outcome.Sample{Request: r.Request, Response: r.Response, Proof: proof}}
	l.evidence = append(l.evidence, e)
	pair := outcome.Pair{Miner: l.miner.ID(), Task: name}
	state := l.judgements[pair]
	state.Suspicious++
	l.judgements[pair] = state
	return name
}

func (l *library) shelf() *Shelf { return NewShelf(l, "test/0", l.by, time.Now) }

// tasks are those of all receipts that a shelf shows, a page at a time.
func (l *library) tasks(s *Shelf) (got []string) {
	l.t.Helper()
	before := time.Now().Add(time.Hour)
	for {
		page, err := s.Page(context.Background(), before)
		if err != nil || len(page.Bodies) > MostShown {
			l.t.Fatalf("a page of %d, %v", len(page.Bodies), err)
		}
		for _, b := range page.Bodies {
			r, err := receipt.Read(b)
			if err != nil {
				l.t.Fatal(err)
			}
			got = append(got, r.Task)
		}
		if page.Next.IsZero() {
			return got
		}
		before = page.Next
	}
}

// Receipts are shown of the validator's own requests alone, signed by the miner, newest
// first, a page at a time.
func TestReceiptsThatAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t)
		want := []string{}
		for i := range MostShown + 3 {
			want = append(want, l.add(fmt.Sprintf("t%02d", i), outcome.Synthetic, time.Duration(i+1)*time.Second))
		}
		l.add("customer", outcome.Organic, 0)
		l.add("learned", outcome.Synthetic, 0, func(r *receipt.Receipt) { r.Proof.Public = false })
		l.add("large", outcome.Synthetic, 0, func(r *receipt.Receipt) { r.Response = make([]byte, mostReceipt) })
		l.add("good", outcome.Synthetic, 0, func(r *receipt.Receipt) { r.Verdict.E = 0.5 })
		l.add("old", outcome.Synthetic, 25*time.Hour)
		l.add("unsigned", outcome.Synthetic, 0)
		l.evidence[len(l.evidence)-1].Sample.Proof = nil
		s := l.shelf()
		if got := l.tasks(s); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("shown are\n%v\nwant\n%v", got, want)
		}
		time.Sleep(24*time.Hour - 10*time.Second)
		if got := l.tasks(s); fmt.Sprint(got) != fmt.Sprint(want[:10]) {
			t.Errorf("shown a day later are %v", got)
		}
	})
}

// However many validators ask, the store is asked once in a while for what is known of
// miners, and for evidence where there is more of it.
func TestManyCallersCostOneQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t)
		for i := range 5 {
			l.add(fmt.Sprint("t", i), outcome.Synthetic, time.Minute)
		}
		s := l.shelf()
		ask := func() (tag string) {
			t.Helper()
			gone, leave := context.WithCancel(t.Context()) // whoever comes first may go away
			leave()
			var all sync.WaitGroup
			tags := make([]string, 100)
			for i := range tags {
				all.Go(func() {
					page, err := s.Page(gone, time.Now())
					if err != nil {
						t.Error(err)
					}
					tags[i] = page.Tag
				})
			}
			all.Wait()
			for _, tag := range tags {
				if tag == "" || tag != tags[0] {
					t.Fatalf("callers at one time have the tags %q and %q", tag, tags[0])
				}
			}
			return tags[0]
		}
		cost := func(judgements, evidence int) {
			t.Helper()
			if l.asked["Judgements"] != judgements || l.asked["Evidence"] != evidence {
				t.Errorf("the store was asked %v times, want %d and %d", l.asked, judgements, evidence)
			}
			clear(l.asked)
		}
		first := ask()
		cost(1, 5)
		time.Sleep(ShelfLife - time.Nanosecond)
		ask()
		cost(0, 0)
		time.Sleep(time.Nanosecond)
		if ask() != first {
			t.Error("nothing changed but the tag")
		}
		cost(1, 0)
		l.add("t3", outcome.Synthetic, 0)
		if ask() != first {
			t.Error("what is new is shown at once: the store was asked")
		}
		time.Sleep(ShelfLife)
		second := ask()
		if second == first {
			t.Error("there is more, and the tag is the same")
		}
		cost(1, 1)
		if n := len(l.tasks(s)); n != 6 {
			t.Errorf("%d are shown, want 6", n)
		}
	})
}

// A store that fails is not asked by every caller either, and what is shown comes back with it.
func TestAStoreThatFailsIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t)
		l.add("t", outcome.Synthetic, time.Minute)
		l.down = true
		s := l.shelf()
		for range 10 {
			if _, err := s.Page(t.Context(), time.Now()); err == nil {
				t.Fatal("a page of a store that is down")
			}
		}
		if l.asked["Judgements"] != 1 {
			t.Errorf("it was asked %d times", l.asked["Judgements"])
		}
		l.down = false
		time.Sleep(ShelfLife)
		if got := l.tasks(s); len(got) != 1 {
			t.Errorf("%v is shown when it is back", got)
		}
	})
}

// The newest are kept, as many as the pages hold, and at most so many of one miner on a task.
func TestTheShelfIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t)
		for range 2 * shownEach {
			l.add("same", outcome.Synthetic, 0)
		}
		for i := range MostPages * MostShown {
			l.add(fmt.Sprintf("t%03d", i), outcome.Synthetic, time.Duration(i+1)*time.Second)
		}
		time.Sleep(time.Nanosecond)
		s := l.shelf()
		if _, err := s.Page(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		same := 0
		for i := range s.list {
			if s.list[i].pair.Task == "same" {
				same++
			}
		}
		if len(s.list) != MostPages*MostShown || same != shownEach || s.list[len(s.list)-1].pair.Task != fmt.Sprintf("t%03d", MostPages*MostShown-shownEach-1) {
			t.Errorf("%d are kept, of the same pair %d, the last of %s", len(s.list), same, s.list[len(s.list)-1].pair.Task)
		}
	})
}

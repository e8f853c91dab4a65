package scorer

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/proto"
	"vision/internal/relay"
	"vision/internal/score"
	"vision/internal/task"

	"pgregory.net/rapid"
)

// Now and then two contenders are asked the same at the same instant, under ids of
// their own, and both answers are checked. Nobody is asked more often for it.
func TestPairsOfProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a", "b", "c", "d")
		for _, m := range w.miners {
			m.declares["embed"] = 3600
		}
		w.start()
		w.until(40*time.Minute + time.Second)
		stats := w.s.Stats()
		w.stop()
		pairs := int64(0)
		for i, x := range w.calls {
			for j, y := range w.calls[:i] {
				if !w.callTime[i].Equal(w.callTime[j]) || x.Task.Name != y.Task.Name || !bytes.Equal(x.Request.Payload(1), y.Request.Payload(1)) {
					continue
				}
				pairs++
				f := x.Request.Features()
				if x.ID == y.ID || x.Peer.Miner == y.Peer.Miner || !x.Keep || !y.Keep || x.Source != outcome.Synthetic || y.Source != outcome.Synthetic {
					t.Errorf("no pair: %+v and %+v", x, y)
				}
				if x.Task.Name != chat || f.Temperature >= 0 && f.Temperature < coldest {
					t.Errorf("a pair that tells nothing: %s at temperature %v", x.Task.Name, f.Temperature)
				}
			}
		}
		if pairs == 0 || pairs != stats.Paired || stats.Sent != int64(len(w.calls)) {
			t.Errorf("%d pairs seen in %d calls, %d counted of %d", pairs, len(w.calls), stats.Paired, stats.Sent)
		}
		if len(w.s.free) != 0 || w.load[w.ids[0]] != 0 {
			t.Errorf("%d probes are still counted, %d on the board", len(w.s.free), w.load[w.ids[0]])
		}
		planned := 0
		for _, list := range w.store.entrants {
			for _, c := range list {
				planned += c.Probes
			}
		}
		if len(w.calls) > planned {
			t.Errorf("%d requests were asked, %d planned", len(w.calls), planned)
		}
	})
}

// Whatever order turns, companions and answers come in, a contender is asked no more than
// is planned for it: one that is another's companion is spared a turn of its own even
// while the answer is awaited, and is nobody's when its turns are over.
func TestCompanionsCostNobodyMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := make([]period.Contender, rapid.IntRange(2, 4).Draw(t, "contenders"))
		for i := range list {
			list[i] = entrant(8*i, rapid.IntRange(0, 12).Draw(t, "probes"))
		}
		b := bookOf(time.Hour, list...)
		asked := make([]int, len(list))
		type answer struct {
			id string
			i  int32
		}
		var awaited []answer
		send := func(i int32) {
			asked[i]++
			id := fmt.Sprint("req-", i, "-", asked[i])
			b.sends(id, i)
			awaited = append(awaited, answer{id, i})
		}
		for now := dawn; ; {
			next, wait, ok, over := b.next(now, time.Second)
			if over {
				break
			}
			if !ok {
				now = now.Add(wait)
				continue
			}
			switch rapid.IntRange(0, 5).Draw(t, "turn") {
			case 0:
				b.putOff(next, now)
			case 1:
				b.giveBack(next.i)
			default:
				for _, c := range b.others(next) {
					if rapid.Bool().Draw(t, "joins") {
						if i, ok := b.joins(c); ok && rapid.IntRange(0, 3).Draw(t, "parts") == 0 {
							b.parts(i)
						} else if ok {
							send(i)
						}
					}
				}
				send(next.i)
			}
			for range rapid.IntRange(0, len(awaited)).Draw(t, "answers") {
				k := rapid.IntRange(0, len(awaited)-1).Draw(t, "answer")
				a := awaited[k]
				awaited = slices.Delete(awaited, k, k+1)
				o := outcome.Outcome{Request: a.id, Source: outcome.Synthetic, Miner: list[a.i].Miner, Task: list[a.i].Task, Work: 1, Start: now}
				if err := b.count(&o); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, n := range asked {
			if n > list[i].Probes {
				t.Errorf("contender %d was asked %d times, %d planned", i, n, list[i].Probes)
			}
			waiting := 0
			for _, a := range awaited {
				if int(a.i) == i {
					waiting++
				}
			}
			if c := &b.contenders[i]; int(c.taken) != waiting || c.asked() != n {
				t.Errorf("contender %d: %d turns are taken, %d asked, of %d awaited and %d asked", i, c.taken, c.asked(), waiting, n)
			}
		}
	})
}

func pairWorld(t *testing.T, probes int, names ...string) (*world, *Scorer, *book) {
	w := newWorld(t, 10*time.Minute, names...)
	s, err := New(w.config())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	b := newBook(period.Period{Seed: 5, Start: now, End: now.Add(10 * time.Minute)}, [32]byte{7}, score.Vision4{})
	for i, id := range w.ids {
		b.add(now, period.Contender{Miner: id, UID: uint16(i + 1), Task: chat, Capacity: 1000, Declared: 1000, Probes: probes})
	}
	return w, s, b
}

// One in eight probes has a companion, any other; one in two of a miner whose
// answers were another's, and that is who.
func TestCompanions(t *testing.T) {
	w, s, b := pairWorld(t, 1000, "a", "b", "c", "d")
	draw := func(miner hotkey.ID) map[hotkey.ID]int {
		n := map[hotkey.ID]int{}
		for i := range 4000 {
			if c, ok := s.companion(b, turn{Contender: period.Contender{Miner: miner, Task: chat}, Number: i}, task.Chat{}); ok {
				n[c.Miner]++
			}
		}
		return n
	}
	near := func(what string, got, want int) {
		t.Helper()
		if math.Abs(float64(got-want)) > 5*math.Sqrt(float64(want)) {
			t.Errorf("%s: %d times of 4000, want about %d", what, got, want)
		}
	}
	first := draw(w.ids[0])
	for _, id := range w.ids[1:] {
		near("an unsuspected miner with one other", first[id], 500/3)
	}
	s.partners.add(outcome.Copied{Task: chat, Miner: w.ids[1], Copy: outcome.Copy{Other: w.ids[0]}})
	for i := range 2 {
		n := draw(w.ids[i])
		near("two that were alike", n[w.ids[1-i]], 2000)
		if len(n) != 1 {
			t.Errorf("miner %d is asked with others too: %v", i, n)
		}
	}
	near("a third", draw(w.ids[2])[w.ids[0]], 500/3)
	s.partners.set(nil)
	near("long ago", draw(w.ids[0])[w.ids[1]], 500/3)
	if _, ok := s.companion(b, turn{Contender: period.Contender{Miner: w.ids[0], Task: chat}}, task.Embedding{}); ok {
		t.Error("a probe for vectors has a companion")
	}
	for range 250 {
		b.joins(period.Contender{Miner: w.ids[1], Task: chat})
	}
	if n := draw(w.ids[0]); n[w.ids[1]] > 0 || n[w.ids[2]] == 0 {
		t.Errorf("asked with another in a quarter of its probes, a miner is so yet more often: %v", n)
	}
}

// A request that tells nothing, or finds no room, is asked of one miner alone.
func TestPairsWithoutRoom(t *testing.T) {
	w, s, b := pairWorld(t, 8, "a", "b")
	to := b.contenders[1].Contender
	tk, _ := w.tasks.Lookup(chat)
	call := func(body string) relay.Call {
		r, err := task.Chat{}.Parse([]byte(body), tk)
		if err != nil {
			t.Fatal(err)
		}
		return s.callOf(outcome.Synthetic, r, tk, task.Chat{}, relay.Peer{Miner: w.ids[0]})
	}
	const start = `{"messages":[{"role":"user","content":"Hello"}],"max_tokens":50`
	for name, x := range map[string]struct {
		body string
		full bool // no slot is free
		busy bool // as many probes are under way as may be
		want bool
	}{
		"a warm one":         {start + `}`, false, false, true},
		"a seed of its own":  {start + `,"seed":7}`, false, false, false},
		"a cold one":         {start + `,"temperature":0}`, false, false, false},
		"no free slot":       {start + `}`, true, false, false},
		"our bound":          {start + `}`, false, true, false},
		"nearly a cold one":  {start + `,"temperature":0.1}`, false, false, false},
		"one that is warmer": {start + `,"temperature":0.2}`, false, false, true},
	} {
		w.full = x.full
		if x.busy {
			for range cap(s.free) {
				s.free <- struct{}{}
			}
		}
		before, first := len(s.free), call(x.body)
		first.Keep = false
		other, ok := s.paired(b, to, &first)
		if ok != x.want || first.Keep != x.want || ok && (other.call.Peer.Miner != to.Miner || !other.call.Keep || other.call.ID == first.ID) {
			t.Errorf("%s: %t, %+v", name, ok, other.call)
		}
		if took := len(s.free) - before; took != map[bool]int{true: 1}[ok] {
			t.Errorf("%s: %d places taken", name, took)
		}
		for len(s.free) > 0 {
			<-s.free
		}
	}
	s.c.Sampling.SetPending(s.c.Rates.Most, s.c.Rates)
	w.full = false
	if one := call(start + `}`); one.Keep {
		t.Error("an answer is kept although as many wait as may")
	} else if _, ok := s.paired(b, to, &one); ok {
		t.Error("a pair is asked although its answers could not be checked")
	}
}

// What a probe is made of was asked of neither of both.
func TestPairsAreNewToBoth(t *testing.T) {
	var l learned
	for i := range 60 {
		l.add(int64(i), hotkey.ID{byte(1 + i%3)}, 1, chat, []byte{'{', byte(1 + i%3), '}'})
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		body, others := l.draw(r, chat, hotkey.ID{1}, hotkey.ID{3})
		for _, b := range append(others, body) {
			if b != nil && b[1] != 2 {
				t.Fatalf("a request that miner %d was asked", b[1])
			}
		}
	}
}

// What the checker says of two miners is kept, shown for both, has them checked more,
// and costs neither anything; nonsense is no verdict.
func TestAlikeAnswersAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a", "b", "c")
		w.judge = func(r proto.CheckRequest) (proto.CheckResponse, error) {
			v := proto.CheckResponse{Quality: 1, Work: r.Sample.Outcome.Work, Test: "t", E: 0.5}
			switch o := r.Sample.Outcome; o.Miner {
			case w.ids[0]:
				v.Copy = outcome.Copy{Request: o.Request, Other: w.ids[1], To: "req-b", Tokens: 40, LogP: -50 - float64(r.Sample.ID)}
			case w.ids[2]:
				v.Copy = outcome.Copy{Request: o.Request, Other: o.Miner, To: "req-b", Tokens: 40, LogP: -50}
			}
			return v, nil
		}
		w.start()
		w.until(25 * time.Minute)
		suspects := w.s.partners.of(outcome.Pair{Miner: w.ids[1], Task: chat})
		w.stop()
		if len(suspects) != 1 || suspects[0] != w.ids[0] {
			t.Errorf("suspected with b: %v", suspects)
		}
		times, last := 0, int64(0)
		for _, c := range w.store.checks {
			if c.Miner == w.ids[0] {
				times, last = times+1, max(last, c.Sample)
			}
			if c.Miner == w.ids[2] {
				t.Error("a verdict that names a miner's copy of itself is kept")
			}
			if c.Quality != 1 || c.Failed {
				t.Errorf("an answer that is alike counts against its miner: %+v", c)
			}
		}
		for i := range 2 {
			r, err := Compose(t.Context(), w.store, w.tasks, ReportOptions{Miner: w.ids[i], Now: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			alike := r.Miners[0].Tasks[0].Alike
			want := (-50 - float64(last)) / math.Ln10
			if len(alike) != 1 || alike[0].Other != w.ids[1-i] || alike[0].Times != times || times == 0 || math.Abs(alike[0].Log10P-want) > 1e-9 {
				t.Errorf("of miner %d: %+v, want %d times, at least %v", i, alike, times, want)
			}
			known := map[outcome.Pair]bool{}
			for _, c := range w.store.copies {
				known[outcome.Pair{Miner: c.Miner, Task: c.Task}] = true
			}
			if len(known) != 1 {
				t.Errorf("kept of %v", known)
			}
		}
		// With hundreds of checks the rate of others is at its least.
		for range 60 {
			w.store.checks = append(w.store.checks, outcome.Check{Miner: w.ids[1], Task: chat, At: time.Now()}, outcome.Check{Miner: w.ids[2], Task: chat, At: time.Now()})
		}
		if err := RefreshRates(t.Context(), w.store, w.table, w.s.c.Rates, time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		w.table.SetPending(0, w.s.c.Rates)
		if b, c := w.table.Rate(outcome.Synthetic, chat, w.ids[1]), w.table.Rate(outcome.Synthetic, chat, w.ids[2]); b != w.s.c.Rates.Watched || c != w.s.c.Rates.Min {
			t.Errorf("rates %v of one that was alike, %v of another", b, c)
		}
	})
}

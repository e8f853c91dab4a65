package scorer

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/relay"
	"vision/internal/report"
)

// A miner that refuses every second request of a beacon is told so, with what it
// was credited, and that answering in full would raise its weight.
func TestExplainSaysWhatWasLostAndWhatToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "good", "half")
		busy(w, "good", "half")
		n, singles := 0, 0
		w.miners[key("half").ID()].answer = func(ctx context.Context, call relay.Call) outcome.Outcome {
			w.mu.Lock()
			n++
			refuse := call.Source == outcome.Burst && n%2 == 0
			if call.Source != outcome.Burst {
				singles++
				refuse = singles == 2
			}
			w.mu.Unlock()
			if refuse {
				return outcome.Outcome{Status: outcome.RateLimited}
			}
			sleep(ctx, time.Second)
			return outcome.Outcome{Work: 100}
		}
		if _, err := Explain(t.Context(), w.store, key("half").ID()); fault.KindOf(err) != fault.NotFound {
			t.Errorf("before there is a report: %v", err)
		}
		w.start(hardened(w))
		w.until(62 * time.Minute)
		w.stop()

		good, err := Explain(t.Context(), w.store, key("good").ID())
		if err != nil {
			t.Fatal(err)
		}
		half, err := Explain(t.Context(), w.store, key("half").ID())
		if err != nil {
			t.Fatal(err)
		}
		if good.Period != 6 || good.Mechanism != "vision7" || good.Validator != w.self.ID() || len(good.Tasks) != 2 || !(good.Weight > 2*half.Weight) {
			t.Errorf("the good miner: %+v; the other's weight is %v", good, half.Weight)
		}
		text := strings.Join(half.Tasks[0].Sentences, "\n")
		for _, want := range []string{"It declares 600000 tokens a period", "The last beacon that is counted sent it", "Credited are", "It lost credit, or growth of it, at the beacon of", " UTC: of ", "its trust "} {
			if !strings.Contains(text, want) {
				t.Errorf("the explanation does not say %q:\n%s", want, text)
			}
		}
		if !slices.Contains(half.Sentences, "A period lasts 10m0s. Work is in units a period, for all validators together; times are UTC.") {
			t.Errorf("it does not say how long a period is: %q", half.Sentences)
		}
		lost := 0
		said := slices.Concat(half.Tasks[0].Sentences, half.Tasks[1].Sentences)
		if !slices.ContainsFunc(said, func(s string) bool {
			return strings.HasPrefix(s, "It lost reliability in the period that ended at 2000-01-01 00:")
		}) {
			t.Errorf("it does not say when a single request was refused: %q", said)
		}
		for i := range half.Tasks {
			for _, p := range half.Tasks[i].Periods {
				if lost += p.RateLimited; p.End.IsZero() || p.Requests < p.RateLimited+p.Failed {
					t.Errorf("a period of %+v", p)
				}
			}
		}
		if lost != 1 || len(half.Tasks[0].Periods) != 6 || half.Tasks[0].Periods[0].Period != 6 {
			t.Errorf("%d single requests were refused in %d periods, want 1 in 6: %+v", lost, len(half.Tasks[0].Periods), half.Tasks[0].Periods)
		}
		if strings.Contains(strings.Join(good.Tasks[0].Sentences, "\n"), "It lost ") {
			t.Errorf("the good miner lost credit:\n%s", strings.Join(good.Tasks[0].Sentences, "\n"))
		}
		if newest := func(a, b BeaconRecord) int { return b.At.Compare(a.At) }; !slices.IsSortedFunc(half.Tasks[0].Beacons, newest) {
			t.Errorf("beacons are not told newest first: %+v", half.Tasks[0].Beacons)
		}
		refused := 0
		for _, b := range half.Tasks[0].Beacons {
			refused += b.Asked - b.Answered
			if b.At.IsZero() {
				t.Errorf("a beacon at no time: %+v", b)
			}
		}
		if refused == 0 {
			t.Errorf("no beacon shows a refusal: %+v", half.Tasks[0].Beacons)
		}
		if a := half.Advice; len(a) > 0 && !strings.HasSuffix(a[0].Sentence, "in place of "+percent(half.Weight)+".") {
			t.Errorf("the advice %q does not end with what it earns now", a[0].Sentence)
		}
		if len(half.Advice) == 0 || half.Advice[0].Lever != "credit" || half.Advice[0].Gain <= 0 || half.Advice[0].Then <= half.Advice[0].Now {
			t.Errorf("advice is %+v, want most of all to answer beacons", half.Advice)
		}
		if _, err := Explain(t.Context(), w.store, hotkey.ID{9}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("of a stranger: %v", err)
		}

		// What is published and what is set are the same, and whoever reads it computes it again.
		r, err := report.Read(w.store.reports[0].Body)
		if err != nil {
			t.Fatal(err)
		}
		out, err := r.Outcome()
		if err != nil {
			t.Fatal(err)
		}
		last := w.store.weights[len(w.store.weights)-1]
		for i, m := range last.Miners {
			if out.Weights[i].Hotkey != m.Miner || out.Weights[i].Weight != m.Weight || r.Miners[i].Weight != m.Weight {
				t.Errorf("weight %v was set, %v is reported, %v follows from the report", m.Weight, r.Miners[i].Weight, out.Weights[i].Weight)
			}
		}
		if len(r.Beacons) == 0 || r.Tasks[0].Synthetic <= 0 || r.Start.IsZero() {
			t.Errorf("the report lacks something: %+v, start %v, synthetic %v", r.Beacons, r.Start, r.Tasks[0].Synthetic)
		}
	})
}

// Under vision4 nobody is told of beacons, of which it has none.
func TestExplainSpeaksOfTheMechanismThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a", "b")
		w.start()
		w.until(32 * time.Minute)
		w.stop()
		e, err := Explain(t.Context(), w.store, key("a").ID())
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(e.Sentences, "\n")
		for _, task := range e.Tasks {
			text += "\n" + strings.Join(task.Sentences, "\n")
		}
		for _, a := range e.Advice {
			text += "\n" + a.Sentence
		}
		if e.Mechanism != "vision4" || len(e.Advice) == 0 || strings.Contains(text, "beacon") || strings.Contains(text, "trust") || strings.Contains(text, "all validators together") {
			t.Errorf("%s:\n%s", e.Mechanism, text)
		}
		for _, want := range []string{"Declare 10% more, if you can do it", "Stay: a history of eight periods", "A period lasts 10m0s."} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing:\n%s", want, text)
			}
		}
	})
}

// Who was found to cheat is told until when, and is given no advice that cannot help.
func TestExplainTellsACheatHowLongItIsPaidNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5*time.Minute, "honest", "cheats")
		busy(w, "honest", "cheats")
		w.start(hardened(w))
		w.until(7 * time.Minute)
		w.store.mu.Lock()
		w.store.checks = append(w.store.checks, outcome.Check{Sample: 1 << 40, Miner: key("cheats").ID(), Task: chat, At: time.Now(), Failed: true, Convicted: true, Work: 1})
		w.store.mu.Unlock()
		w.until(17 * time.Minute)
		w.stop()
		e, err := Explain(t.Context(), w.store, key("cheats").ID())
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Join(e.Sentences, "\n")
		for _, want := range []string{"It earns nothing from this validator.", "earns nothing on any task until period 26 is over", "Nothing raises its weight before that."} {
			if !strings.Contains(said, want) {
				t.Errorf("%q is missing:\n%s", want, said)
			}
		}
		if len(e.Advice) != 0 {
			t.Errorf("advice that cannot help: %+v", e.Advice)
		}
		for _, task := range e.Tasks {
			text := strings.Join(task.Sentences, "\n")
			if here := strings.Contains(text, "are why it was found to cheat"); here != (task.Task == chat) {
				t.Errorf("%s:\n%s", task.Task, text)
			}
			if task.Task == chat && (strings.Contains(text, "No beacon") || strings.Contains(text, "Credited") || len(task.Beacons) == 0) {
				t.Errorf("it tells of factors that count no more, or of %d beacons:\n%s", len(task.Beacons), text)
			}
		}
	})
}

func TestSomeTellsOnlyWhatHappened(t *testing.T) {
	for _, c := range []struct {
		a, b int
		want string
	}{{1, 0, "1 was refused"}, {2, 0, "2 were refused"}, {0, 3, "3 were late"}, {1, 2, "1 was refused and 2 were late"}} {
		if got := some(c.a, "refused", c.b, "late"); got != c.want {
			t.Errorf("of %d and %d: %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

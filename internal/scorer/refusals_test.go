package scorer

import (
	"testing"
	"time"

	"vision/internal/dispatch"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/score"
)

// A probe's 429 counts unless customers' requests that are known of only later
// took a slot that it needed.
func TestRefusalsOfProbesThatCustomersLeftNoSlot(t *testing.T) {
	const second = time.Second
	at := func(from, to time.Duration, source outcome.Source, status outcome.Status) outcome.Outcome {
		c := entrant(0, 9)
		return outcome.Outcome{Miner: c.Miner, Task: c.Task, Source: source, Status: status, Start: dawn.Add(from), Total: to - from}
	}
	customer := func(from, to time.Duration) outcome.Outcome { return at(from, to, outcome.Organic, outcome.OK) }
	burst := func(from, to time.Duration) outcome.Outcome { return at(from, to, outcome.Burst, outcome.OK) }
	probe := func(from, to time.Duration) outcome.Outcome { return at(from, to, outcome.Synthetic, outcome.OK) }
	for name, c := range map[string]struct {
		others []outcome.Outcome
		ours   bool
	}{
		"nothing else":                       {},
		"one customer's of two slots":        {others: []outcome.Outcome{customer(50*second, 70*second)}},
		"customers' before and after":        {others: []outcome.Outcome{customer(10*second, 59*second), customer(62*second, 90*second)}},
		"customers' in both":                 {[]outcome.Outcome{customer(50*second, 70*second), customer(60*second, 80*second)}, true},
		"a customer's in one, ours in one":   {[]outcome.Outcome{probe(50*second, 70*second), customer(60*second, 80*second)}, true},
		"a customer's that ends next hour":   {[]outcome.Outcome{customer(50*second, 70*second), customer(60*second, 3700*second)}, true},
		"ours in both":                       {others: []outcome.Outcome{probe(50*second, 70*second), probe(60*second, 80*second)}},
		"ours in both, a customer's besides": {others: []outcome.Outcome{probe(50*second, 70*second), probe(60*second, 80*second), customer(50*second, 80*second)}},
		"a beacon's in both":                 {[]outcome.Outcome{burst(50*second, 70*second), burst(60*second, 80*second)}, true},
		"a beacon's in one of two":           {others: []outcome.Outcome{burst(50*second, 70*second)}},
		"ours in both, and a beacon's":       {others: []outcome.Outcome{probe(50*second, 70*second), probe(60*second, 80*second), burst(50*second, 80*second)}},
		"refused ones take no slot": {others: []outcome.Outcome{
			at(50*second, 70*second, outcome.Organic, outcome.RateLimited), at(60*second, 80*second, outcome.Organic, outcome.RateLimited)}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{store: newMemory()}
			s := &Scorer{c: Config{Store: w.store, Period: time.Hour, Now: func() time.Time { return dawn.Add(time.Hour) }}}
			s.tail = &tail{s: s}
			two := entrant(0, 9)
			two.Slots = 2
			b := bookOf(time.Hour, two)
			next := newBook(period.Period{Start: b.End, End: b.End.Add(time.Hour)}, [32]byte{1}, score.Vision4{})
			for _, x := range []*book{b, next} {
				if err := s.tail.attach(t.Context(), x, dawn); err != nil {
					t.Fatal(err)
				}
			}
			organic := 0 // that count of themselves
			for _, o := range append([]outcome.Outcome{at(60*second, 61*second, outcome.Synthetic, outcome.RateLimited)}, c.others...) {
				if o.Source == outcome.Organic && o.Status == outcome.RateLimited {
					organic++
				}
				if err := w.store.Record(t.Context(), outcome.Entry{Outcome: o}); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.tail.read(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := 1 + organic
			if c.ours {
				want--
			}
			for range 2 { // asking changes nothing
				if got := b.results()[0].Counts; got.RateLimited != want || got.Requests != got.OK+want {
					t.Errorf("counts %+v, want %d refusals", got, want)
				}
			}
		})
	}
}

// A gateway in another process may not know of beacons in time, nor of other gateways' customers: what they leave no slot for is sent all the same,
// and its refusal is our doing.
func TestRefusalsOfCustomersThatOthersLeftNoSlot(t *testing.T) {
	const second = time.Second
	at := func(from, to time.Duration, source outcome.Source, status outcome.Status) outcome.Outcome {
		c := entrant(0, 9)
		return outcome.Outcome{Miner: c.Miner, Task: c.Task, Source: source, Status: status, Start: dawn.Add(from), Total: to - from}
	}
	burst := func(from, to time.Duration) outcome.Outcome { return at(from, to, outcome.Burst, outcome.OK) }
	brokenOff := func(from, to time.Duration) outcome.Outcome {
		o := at(from, to, outcome.Burst, outcome.Canceled)
		o.Reason = outcome.Preempted
		return o
	}
	customer := func(from, to time.Duration) outcome.Outcome { return at(from, to, outcome.Organic, outcome.OK) }
	for name, c := range map[string]struct {
		others []outcome.Outcome
		ours   bool
	}{
		"nothing else":                             {},
		"a beacon's in both slots":                 {others: []outcome.Outcome{burst(50*second, 70*second), burst(60*second, 80*second)}, ours: true},
		"a beacon's in one, a customer's":          {others: []outcome.Outcome{burst(50*second, 70*second), customer(60*second, 80*second)}, ours: true},
		"a beacon's in one":                        {others: []outcome.Outcome{burst(50*second, 70*second)}},
		"a beacon's that was over":                 {others: []outcome.Outcome{burst(50*second, 59*second), burst(50*second, 59*second)}},
		"a beacon's just broken off":               {others: []outcome.Outcome{brokenOff(50*second, 60*second-dispatch.Lingers), brokenOff(50*second, 59500*time.Millisecond)}, ours: true},
		"a beacon's broken off long ago":           {others: []outcome.Outcome{brokenOff(50*second, 58*second), brokenOff(50*second, 59500*time.Millisecond)}},
		"customers' in both, through two gateways": {others: []outcome.Outcome{customer(50*second, 70*second), customer(60*second, 80*second)}, ours: true},
		"customers' in one":                        {others: []outcome.Outcome{customer(50*second, 70*second)}},
		"customers' in one, one after another":     {others: []outcome.Outcome{customer(58*second, 60200*time.Millisecond), customer(60300*time.Millisecond, 60600*time.Millisecond), customer(60700*time.Millisecond, 62*second)}},
		"customers' in both by when it came":       {others: []outcome.Outcome{customer(58*second, 62*second), customer(60300*time.Millisecond, 62*second)}, ours: true},
		"customers' in both when it was sent":      {others: []outcome.Outcome{customer(58*second, 60200*time.Millisecond), customer(58*second, 60300*time.Millisecond)}, ours: true},
		"refused ones of a beacon's, no slot":      {others: []outcome.Outcome{at(60*second, 61*second, outcome.Burst, outcome.RateLimited), burst(50*second, 70*second)}},
	} {
		for refusals := range map[int]bool{1: true, mostCustomerRefusals: true, 3 * mostCustomerRefusals: true} {
			two := entrant(0, 9)
			two.Slots = 2
			b := bookOf(time.Hour, two)
			see := func(o outcome.Outcome) {
				if err := b.count(&o); err != nil {
					t.Fatal(err)
				}
			}
			// Earlier ones, of which those that are kept no longer count.
			for i := range refusals - 1 {
				see(at(time.Duration(i)*time.Millisecond, time.Duration(i+1)*time.Millisecond, outcome.Organic, outcome.RateLimited))
			}
			see(at(60*second, 61*second, outcome.Organic, outcome.RateLimited))
			for _, o := range c.others {
				see(o)
			}
			want := refusals
			if c.ours {
				want--
			}
			for range 2 {
				if got := b.results()[0].Counts; got.RateLimited != want || got.Requests != got.OK+want {
					t.Errorf("%s: of %d refusals counts are %+v, want %d", name, refusals, got, want)
				}
			}
		}
	}
}

package score

import (
	"math"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

func TestCapacity(t *testing.T) {
	for _, c := range []struct {
		name  string
		offer Offer
		want  int64
	}{
		{"declared below the maximum", Offer{Declared: 1000, Maximum: 5000, StakeShare: 0.25}, 250},
		{"maximum below the declared", Offer{Declared: 9000, Maximum: 5000, StakeShare: 0.25}, 1250},
		{"rounded down", Offer{Declared: 999, Maximum: 5000, StakeShare: 0.5}, 499},
		{"the only validator", Offer{Declared: math.MaxInt64, Maximum: math.MaxInt64, StakeShare: 1}, math.MaxInt64},
		{"never above what is declared", Offer{Declared: math.MaxInt64, Maximum: math.MaxInt64, StakeShare: math.Nextafter(1, 0)}, 9223372036854774784},
		{"nothing declared", Offer{Declared: 0, Maximum: 5000, StakeShare: 1}, 0},
		{"a negative declaration", Offer{Declared: -5, Maximum: 5000, StakeShare: 1}, 0},
		{"no stake", Offer{Declared: 10, Maximum: 5000, StakeShare: 0}, 0},
		{"a negative stake", Offer{Declared: 10, Maximum: 5000, StakeShare: -1}, 0},
		{"a stake that is no number", Offer{Declared: 10, Maximum: 5000, StakeShare: math.NaN()}, 0},
		{"more stake than there is", Offer{Declared: 10, Maximum: 5000, StakeShare: 3}, 10},
		{"more volume than slots", Offer{Declared: 9000, Maximum: 9000, StakeShare: 0.5, Slots: 3, PerSlot: 1000}, 1500},
		{"more slots than volume", Offer{Declared: 2000, Maximum: 9000, StakeShare: 0.5, Slots: 3, PerSlot: 1000}, 1000},
		{"slots that are unknown", Offer{Declared: 9000, Maximum: 9000, StakeShare: 1, PerSlot: 1000}, 9000},
		{"slots of any number", Offer{Declared: 9000, Maximum: 9000, StakeShare: 1, Slots: math.MaxInt, PerSlot: 1000}, 9000},
	} {
		if got := c.offer.Capacity(); got != c.want {
			t.Errorf("%s: capacity %d, want %d", c.name, got, c.want)
		}
	}
}

func TestPerSlot(t *testing.T) {
	for _, c := range []struct {
		time time.Duration
		pace float64
		want int64
	}{
		{time.Hour, 0.01, 360_000}, {time.Minute, 0.2, 300}, {time.Second, 0.3, 3}, {time.Second, 5, 1}, {time.Hour, 1e-300, 1 << 62}, {0, 1, 1}, {time.Hour, math.NaN(), 1},
	} {
		if got := PerSlot(c.time, c.pace); got != c.want {
			t.Errorf("%v at %v seconds per unit: %d, want %d", c.time, c.pace, got, c.want)
		}
	}
}

func TestPlanTestsTheOriginalShares(t *testing.T) {
	offer := Offer{Declared: 100_000, Maximum: 1_000_000, StakeShare: 0.5, PerRequest: 100}
	for _, c := range []struct {
		choice, within float64
		share          float64
		requests       int
	}{
		{0, 0.9, 0.05, 25},
		{0.6999, 0, 0.05, 25},
		{0.70, 0, 0.05, 25},
		{0.80, 0.5, 0.075, 37}, // 37.5 rounded down
		{0.96, 1 - 1e-12, 0.10, 49},
		{0.98, 0, 0.40, 200},
		{0.999, 0.5, 0.60, 300},
	} {
		p := Vision4{}.Plan(nil, offer, Draw{Choice: c.choice, Within: c.within, Seed: 7})
		if math.Abs(p.Share-c.share) > 1e-9 || p.Requests != c.requests || p.Capacity != 50_000 || p.Seed != 7 {
			t.Errorf("draw %v, %v: %+v, want share %v and %d requests", c.choice, c.within, p, c.share, c.requests)
		}
	}
}

func TestPlanAsksOnceOfASmallContenderAndNeverOfNone(t *testing.T) {
	small := Vision4{}.Plan(nil, Offer{Declared: 3, Maximum: 10, StakeShare: 1, PerRequest: 500}, Draw{})
	if small.Requests != 1 {
		t.Errorf("a capacity below one request is asked %d times, want once", small.Requests)
	}
	none := Vision4{}.Plan(nil, Offer{Declared: 0, Maximum: 10, StakeShare: 1, PerRequest: 500}, Draw{})
	if none.Requests != 0 || none.Schedule(time.Hour).count != 0 {
		t.Errorf("without capacity: %+v, want no requests", none)
	}
}

func TestDrawsHaveTheOriginalFrequencies(t *testing.T) {
	const n = 200_000
	var usual, some, most int
	var share sum
	for seed := range uint64(n) {
		p := Vision4{}.Plan(nil, Offer{Declared: 1e6, Maximum: 1e6, StakeShare: 1, PerRequest: 1}, DrawFrom(seed))
		share.add(p.Share)
		switch {
		case p.Share == 0.05:
			usual++
		case p.Share > 0.05 && p.Share < 0.10:
			some++
		case p.Share >= 0.40 && p.Share < 0.80:
			most++
		default:
			t.Fatalf("seed %d: share %v is in no range", seed, p.Share)
		}
	}
	for _, c := range []struct {
		name string
		got  int
		want float64
	}{{"5%", usual, 0.70}, {"5 to 10%", some, 0.27}, {"40 to 80%", most, 0.03}} {
		if f := float64(c.got) / n; math.Abs(f-c.want) > 0.005 {
			t.Errorf("%s of the capacity tested with frequency %.4f, want %.2f", c.name, f, c.want)
		}
	}
	if mean := share.value() / n; math.Abs(mean-0.07325) > 0.001 {
		t.Errorf("mean share tested %.5f, want 0.07325", mean)
	}
}

// drain yields a schedule's instants, checking that they lie in order inside the period.
func drain(t *rapid.T, s Schedule, period time.Duration) []time.Duration {
	var all []time.Duration
	last := time.Duration(0)
	for at, ok := s.Next(); ok; at, ok = s.Next() {
		if at <= 0 || at >= period || at < last {
			t.Fatalf("instant %d of %d: %v after %v in a period of %v", len(all), s.count, at, last, period)
		}
		last = at
		all = append(all, at)
	}
	return all
}

func TestScheduleLiesInsideThePeriodAndRepeats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		period := time.Duration(rapid.Int64Range(2, int64(48*time.Hour)).Draw(t, "period"))
		plan := Plan{Requests: rapid.IntRange(1, 2000).Draw(t, "requests"), Seed: rapid.Uint64().Draw(t, "seed")}
		first := drain(t, plan.Schedule(period), period)
		if len(first) != plan.Requests {
			t.Fatalf("%d instants, want %d", len(first), plan.Requests)
		}
		again := drain(t, plan.Schedule(period), period)
		for i := range first {
			if first[i] != again[i] {
				t.Fatalf("instant %d: %v, then %v", i, first[i], again[i])
			}
		}
		if asked := period/100*98 + period%100*98/100; first[len(first)-1] > asked {
			t.Fatalf("last instant %v, want within the first 98%% of %v", first[len(first)-1], period)
		}
	})
}

func TestScheduleIsEvenAndDependsOnTheSeed(t *testing.T) {
	const n = 1000
	a, b := Plan{Requests: n, Seed: 1}.Schedule(time.Hour), Plan{Requests: n, Seed: 2}.Schedule(time.Hour)
	slot := time.Hour / 100 * 98 / n
	differ := 0
	var jitter sum
	for i := range n {
		x, _ := a.Next()
		y, _ := b.Next()
		if x != y {
			differ++
		}
		within := x - time.Duration(i)*slot
		if within <= 0 || within > slot {
			t.Fatalf("instant %d at %v is outside its slot of %v", i, x, slot)
		}
		jitter.add(within.Seconds() / slot.Seconds())
	}
	if differ < n-1 {
		t.Errorf("two seeds share %d of %d instants", n-differ, n)
	}
	if mean := jitter.value() / n; math.Abs(mean-0.5) > 0.05 {
		t.Errorf("mean place in the slot %.3f, want about 0.5", mean)
	}
}

// These instants must survive upgrades: a daemon upgraded in mid-period asks at the instants of the old one.
func TestScheduleInstantsAreFixed(t *testing.T) {
	d := DrawFrom(42)
	s := Plan{Requests: 3, Seed: d.Seed}.Schedule(time.Hour)
	var got [3]time.Duration
	for i := range got {
		got[i], _ = s.Next()
	}
	want := [3]time.Duration{442328414, 2109380712388, 2661823043311}
	if got != want {
		t.Errorf("instants %d, want %d", got, want)
	}
	// SplitMix64 from seed 1234567, as published with the algorithm.
	for i, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423} {
		if got := mix(1234567, uint64(i)); got != want {
			t.Errorf("generator output %d is %d, want %d", i, got, want)
		}
	}
}

func TestScheduleSkipsWhatIsPast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		period := time.Duration(rapid.Int64Range(2, int64(2*time.Hour)).Draw(t, "period"))
		plan := Plan{Requests: rapid.IntRange(1, 500).Draw(t, "requests"), Seed: rapid.Uint64().Draw(t, "seed")}
		elapsed := time.Duration(rapid.Int64Range(-1, int64(period)+1).Draw(t, "elapsed"))
		var want []time.Duration
		for _, at := range drain(t, plan.Schedule(period), period) {
			if at > elapsed {
				want = append(want, at)
			}
		}
		resumed := plan.Schedule(period)
		resumed.Skip(elapsed)
		if resumed.Left() != len(want) {
			t.Fatalf("%d instants left after %v, want %d", resumed.Left(), elapsed, len(want))
		}
		got := drain(t, resumed, period)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("instant %d after %v: %v, want %v", i, elapsed, got[i], want[i])
			}
		}
	})
}

func TestOrganicRequestsTakeTheProbesPlace(t *testing.T) {
	s := Plan{Requests: 10, Seed: 3}.Schedule(time.Hour)
	counted, probes := 0, 0
	for _, ok := s.Next(); ok; _, ok = s.Next() {
		if s.next == 4 {
			counted += 3 // organic requests arrive before the fourth probe
		}
		if !s.Covered(counted) {
			probes++
			counted++
		}
	}
	if probes != 7 || counted != 10 {
		t.Errorf("%d probes beside 3 organic requests, %d in all; want 7 and 10", probes, counted)
	}
}

func TestManySchedulesAreSmall(t *testing.T) {
	if size := unsafe.Sizeof(Schedule{}); size > 24 {
		t.Errorf("a schedule takes %d bytes, want at most 24", size)
	}
}

func BenchmarkScheduleNext(b *testing.B) {
	s := Plan{Requests: math.MaxInt32, Seed: 9}.Schedule(time.Hour)
	for b.Loop() {
		s.Next()
	}
}

package score

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"
)

func TestVision7RefusesWhatCannotBe(t *testing.T) {
	v := seven(t)
	known := honest(t, v, 2, 3)
	o := chatOffer(2)
	bad := o
	bad.StakeShare = math.NaN()
	beyond := o
	beyond.StakeBefore = 0.6
	parted := o
	parted.Part = 1.5
	timeless := o
	timeless.Length = 0
	four, _ := Vision4{}.Observe(nil, Observation{Check: &Check{}})
	for want, c := range map[string]struct {
		s State
		o Observation
	}{
		"holds 0 things":         {known, Observation{}},
		"of another mechanism":   {four, Observation{Check: &Check{}}},
		"quality NaN":            {known, Observation{Check: &Check{Quality: math.NaN()}}},
		"speed factor 1.7":       {known, Observation{Check: &Check{Speed: 1.7}}},
		"work -1":                {known, Observation{Check: &Check{Work: -1}}},
		"unknown kind 0":         {known, Observation{Answer: &Answer{}}},
		"stake of NaN":           {known, Observation{Beacon: &Beacon{Offer: bad}}},
		"a part of 1.5":          {known, Observation{Beacon: &Beacon{Offer: parted}}},
		"a period of 0s":         {known, Observation{Beacon: &Beacon{Offer: timeless}}},
		"asked -1":               {known, Observation{Beacon: &Beacon{Offer: o, Asked: -1}}},
		"1 answers to a beacon":  {known, Observation{Beacon: &Beacon{Offer: o, Answers: []Arrived{{Served: 1, Elapsed: 1}}}}},
		"-5 units":               {known, Observation{Beacon: &Beacon{Offer: o, Asked: 1, Answers: []Arrived{{Served: -5, Elapsed: 1}}}}},
		"after period 3 has":     {known, Observation{Closed: &Closed{Number: 3, Offer: o}}},
		"the end of period 0":    {known, Observation{Closed: &Closed{Offer: o}}},
		"1 requests, but 0 ok":   {known, Observation{Closed: &Closed{Number: 9, Offer: o, Counts: Counts{Requests: 1}}}},
		"-1 beacons missed":      {known, Observation{Closed: &Closed{Number: 9, Offer: o, Missed: -1}}},
		"none may be negative":   {known, Observation{Closed: &Closed{Number: 9, Offer: Offer{Declared: -1}}}},
		"number above 0":         {known, Observation{Beacon: &Beacon{Offer: Offer{Declared: 1, Length: 1}}}},
		"1, of which 1 rate lim": {known, Observation{Closed: &Closed{Number: 9, Offer: o, Counts: Counts{Asked: 1, AskedRateLimited: 1, AskedFailed: 1}}}},
	} {
		s, err := v.Observe(c.s, c.o)
		if err == nil || !strings.Contains(err.Error(), want) || s != c.s {
			t.Errorf("error %v, want one about %q and no other state", err, want)
		}
	}
	for name, c := range map[string]Contender{
		"stake of NaN":         {miner(1), bad, known},
		"0.5 after 0.6":        {miner(1), beyond, known},
		"of another mechanism": {miner(1), o, four},
		"credit is NaN":        {miner(1), o, &state7{credit: math.NaN(), audit: [3]float64{1, 1, 1}}},
	} {
		out, err := v.Weights([]Task{{"chat", 1, []Contender{c}}})
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), miner(1).String()) || out.Weights != nil {
			t.Errorf("error %v, want one about %q that names the miner", err, name)
		}
	}
	if _, err := v.Weights([]Task{{Name: "a", Weight: 0.5}}); err == nil {
		t.Error("weights of tasks that sum to 0.5 are accepted")
	}
}

// What could overflow is refused, or stops growing.
func TestVision7CountersDoNotOverflow(t *testing.T) {
	v := seven(t)
	full := newState7()
	full.pending = pending7{timed: mostPending, took: mostTaken.Microseconds() * mostPending, worked: mostServed * mostPending, passed: mostPending, failed: mostPending,
		quality: billion * mostPending, speed: mostSpeed * mostPending, product: mostSpeed * mostPending}
	full.trusted, full.kept, full.offered = math.MaxInt64/2, mostWork/10, mostWork/10
	full.audit = [3]float64{mostAudit, mostAudit, mostAudit}
	if err := full.validate(); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Observation{"answers": {Answer: &Answer{Kind: OK, Took: 1}}, "checks": {Check: &Check{Quality: 1}}} {
		if _, err := v.Observe(full, o); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s past the bound: error %v", name, err)
		}
	}
	for _, convicted := range []bool{false, true} {
		full.pending.convicted = convicted
		s := observeAll(t, v, full, Observation{Closed: &Closed{Number: math.MaxInt64 / 2, Offer: chatOffer(1), Counts: Counts{
			Requests: 1, OK: 1, Asked: math.MaxInt64, Consumed: math.MaxInt64, Declared: math.MaxInt64}}})
		if err := s.(*state7).validate(); err != nil {
			t.Error(err)
		}
	}
	many := Beacon{Offer: chatOffer(1e9), Asked: MostAsked}
	for range many.Asked {
		many.Answers = append(many.Answers, Arrived{Served: math.MaxInt64, Elapsed: math.MaxInt64})
	}
	if s := observeAll(t, v, nil, Observation{Beacon: &many}); s.(*state7).validate() != nil || s.(*state7).served != mostServed*MostAsked {
		t.Errorf("%+v", s)
	}
	many.Asked++
	if _, err := v.Observe(nil, Observation{Beacon: &many}); err == nil {
		t.Error("a beacon that asks more than can be added up is accepted")
	}
}

func TestNamed(t *testing.T) {
	m, err := Named("vision7", map[string]float64{"kappa": 10})
	if err != nil || m.Name() != "vision7" || m.(Vision7).Params().Kappa != 10 || m.(Vision7).Params().Growth != Defaults7.Growth {
		t.Errorf("%+v, error %v", m, err)
	}
	if m, err := Named("vision4", nil); err != nil || m.Name() != "vision4" {
		t.Errorf("%+v, error %v", m, err)
	}
	for want, c := range map[string]struct {
		name   string
		params map[string]float64
	}{
		`no mechanism "vision5"`: {"vision5", nil},
		"no parameters":          {"vision4", map[string]float64{"kappa": 1}},
		`parameter "kapa"`:       {"vision7", map[string]float64{"kapa": 1}},
		"kappa is NaN":           {"vision7", map[string]float64{"kappa": math.NaN()}},
		"growth is 1,":           {"vision7", map[string]float64{"growth": 1}},
		"each above the one":     {"vision7", map[string]float64{"tolerated": 0.2}},
		"want at least growth":   {"vision7", map[string]float64{"growth": 3}},
	} {
		if _, err := Named(c.name, c.params); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %q", err, want)
		}
	}
	if p, err := Params7From(Defaults7.Map()); err != nil || p != Defaults7 {
		t.Errorf("the defaults by name are %+v, error %v", p, err)
	}
}

func FuzzDecode7(f *testing.F) {
	v := seven(f)
	f.Add(written(f, honest(f, v, 2, 3)))
	f.Add(written(f, newState7()))
	if b, err := hex.DecodeString(before); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := v.Decode(b)
		if err != nil {
			return
		}
		again := written(t, s)
		if b[1]&flagHeld == 0 { // one from before time was held is written as it is now
			b = again
			if s, err = v.Decode(b); err != nil {
				t.Fatalf("%x was written and is not read: %v", b, err)
			}
			again = written(t, s)
		}
		if !bytes.Equal(b, again) {
			t.Fatalf("%x was read, and written again as %x", b, again)
		}
		s = observeAll(t, v, s, Observation{Check: &Check{Quality: 1, Speed: 1}}, Observation{Answer: &Answer{Kind: OK, Took: 1}})
		out := weights7(t, v, []Task{{"chat", 1, []Contender{{miner(1), chatOffer(1), s}}}})
		if w := out.Weights[0].Weight; w != 0 && w != 1 {
			t.Fatalf("a weight of %v", w)
		}
	})
}

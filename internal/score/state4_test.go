package score

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What is observed one by one comes to what the original reads from its tables at once.
func TestVision4FromObservations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := genEvidence(miner(1)).Draw(t, "evidence")
		var s State
		observe := func(o Observation) {
			var err error
			if s, err = (Vision4{}).Observe(s, o); err != nil {
				t.Fatal(err)
			}
		}
		for i := len(e.History) - 1; i >= 0; i-- {
			observe(Observation{Closed: &Closed{Number: e.History[i].Number, Counts: e.History[i].Counts}})
		}
		for i := len(e.Checks) - 1; i >= 0; i-- {
			observe(Observation{Check: &e.Checks[i]})
		}
		offer := Offer{Declared: e.Capacity, Maximum: e.Capacity, StakeShare: 1}
		e.Declared = e.Capacity
		got, err := Vision4{}.Weights([]Task{{Name: "chat", Weight: 1, Contenders: []Contender{{Hotkey: e.Hotkey, Offer: offer, State: s}}}})
		if err != nil {
			t.Fatal(err)
		}
		want := mustWeights(t, []taskEvidence{{Name: "chat", Weight: 1, Contenders: []Evidence{e}}})
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Outcome{}, taskFactors{})); diff != "" {
			t.Fatalf("another outcome (-want +got):\n%s", diff)
		}
		checkRoundTrip(t, Vision4{}, s)
	})
}

// Update must lead where Observe does, and in place.
func TestVision4UpdatesAsItObserves(t *testing.T) {
	v := Vision4{}
	rapid.Check(t, func(t *rapid.T) {
		var observed, updated State
		for _, o := range slices.Concat(genPeriods(t)...) {
			observed = observeAll(t, v, observed, o)
			before := updated
			var err error
			if updated, err = v.Update(updated, o); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(written(t, observed), written(t, updated)) || before != nil && before != updated {
				t.Fatal("updating led elsewhere than observing, or to another state")
			}
		}
	})
}

func checkRoundTrip(t *rapid.T, m Mechanism, s State) {
	t.Helper()
	if s == nil {
		return
	}
	b, err := s.AppendBinary([]byte("before"))
	if err != nil || !bytes.HasPrefix(b, []byte("before")) {
		t.Fatalf("written as %q, error %v", b, err)
	}
	again, err := m.Decode(b[len("before"):])
	if err != nil {
		t.Fatalf("read again: %v", err)
	}
	c, err := again.AppendBinary([]byte("before"))
	if err != nil || !bytes.Equal(b, c) {
		t.Fatalf("written again as %q, was %q, error %v", c, b, err)
	}
}

func TestVision4RefusesObservations(t *testing.T) {
	known, err := Vision4{}.Observe(nil, Observation{Closed: &Closed{Number: 7, Counts: Counts{Requests: 1, OK: 1, Declared: 5}}})
	if err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]Observation{
		"holds 0 things":            {},
		"holds 2 things":            {Check: &Check{}, Answer: &Answer{Kind: OK}},
		"quality NaN":               {Check: &Check{Quality: math.NaN()}},
		"an answer that took -1ns":  {Answer: &Answer{Kind: OK, Took: -1}},
		"after period 7 has":        {Closed: &Closed{Number: 7, Counts: Counts{Requests: 1, OK: 1, Declared: 5}}},
		"1 requests, but 0 ok":      {Closed: &Closed{Number: 8, Counts: Counts{Requests: 1}}},
		"asked 1, of which 1 rate ": {Closed: &Closed{Number: 8, Counts: Counts{Asked: 1, AskedRateLimited: 1, AskedFailed: 1}}},
	} {
		s, err := Vision4{}.Observe(known, o)
		if err == nil || !strings.Contains(err.Error(), want) || s != known {
			t.Errorf("error %v, want one about %q and no other state", err, want)
		}
	}
}

func FuzzDecode4(f *testing.F) {
	s := Vision4{}.Recall([]Period{{Number: 3, Counts: Counts{Requests: 2, OK: 1, Failed: 1, Consumed: 300, Declared: 1000}}}, []Check{{Quality: 0.5, Speed: 1.25}})
	b, err := s.AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{format4, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Vision4{}.Decode(b)
		if err != nil {
			return
		}
		c, err := s.AppendBinary(nil)
		if err != nil || !bytes.Equal(b, c) {
			t.Fatalf("%x was read, and written again as %x, error %v", b, c, err)
		}
	})
}

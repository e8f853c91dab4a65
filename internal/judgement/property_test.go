package judgement

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func evidence() *rapid.Generator[float64] {
	return rapid.OneOf(
		rapid.Float64Range(0, 3), rapid.Float64Range(0, 40),
		rapid.SampledFrom([]float64{0, 1, 30, 1e9, Proof, math.SmallestNonzeroFloat64}),
	)
}

func rules() *rapid.Generator[Rules] {
	return rapid.Custom(func(t *rapid.T) Rules {
		alpha := math.Pow(10, -rapid.Float64Range(1.4, 12).Draw(t, "digits"))
		return Rules{Alpha: alpha, Watch: rapid.Float64Range(2.1, 0.9/alpha).Draw(t, "watch"),
			Clip: rapid.Float64Range(1.1, 1000).Draw(t, "clip"), Redeem: rapid.IntRange(1, 40).Draw(t, "redeem")}
	})
}

func observe(t rapid.TB, r Rules, s State, all ...float64) State {
	for _, e := range all {
		var err error
		if s, err = r.Observe(s, e); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// Whatever is observed, numbers stay what they are said to be, and a state
// survives being written down at any moment.
func TestStatesStaySound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rules().Draw(t, "rules")
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
		var s State
		for i, e := range rapid.SliceOfN(evidence(), 0, 200).Draw(t, "evidence") {
			s = observe(t, r, s, e)
			if w := s.Wealth(); !(w > 0 && w < 1/r.Alpha) {
				t.Fatalf("wealth %v after %d responses", w, i+1)
			}
			q := r.Quality(s)
			if !(q >= 0 && q <= 1) || (q == 0) != (s.Standing == Convicted) {
				t.Fatalf("quality %v, %v", q, s.Standing)
			}
			if s.Checked != int64(i+1) || s.Rise < 1 || s.Rise > s.Checked+1 {
				t.Fatalf("state %+v after %d responses", s, i+1)
			}
			b, err := s.AppendBinary(nil)
			if err != nil || len(b) > 96 {
				t.Fatalf("%d bytes, %v", len(b), err)
			}
			if back, err := Decode(b); err != nil || back != s {
				t.Fatalf("%+v was read back as %+v: %v", s, back, err)
			}
		}
	})
}

// More evidence never helps a miner: with a larger E anywhere it has no less
// wealth and no more quality, and is convicted no later.
func TestMoreEvidenceIsWorse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rules().Draw(t, "rules")
		less := rapid.SliceOfN(rapid.Float64Range(0, 40), 1, 60).Draw(t, "less")
		at := rapid.IntRange(0, len(less)-1).Draw(t, "at")
		more := append([]float64(nil), less...)
		more[at] += rapid.Float64Range(0, 100).Draw(t, "by")
		var a, b State
		for i := range less {
			a, b = observe(t, r, a, less[i]), observe(t, r, b, more[i])
			if b.Convictions > 0 {
				return // a new term: no longer the same bets
			}
			if a.Convictions > 0 {
				t.Fatalf("convicted by less evidence alone, after %d responses", i+1)
			}
			if a.Wealth() > b.Wealth() || r.Quality(a) < r.Quality(b) {
				t.Fatalf("more evidence, less wealth: %v, %v", a.Wealth(), b.Wealth())
			}
		}
	})
}

// The order matters only for what is staked late: two orders of the same
// evidence, none of which convicts, differ by less than the late stakes could win.
func TestOrderMattersLittle(t *testing.T) {
	r := Default()
	early := observe(t, r, State{}, 5, 5, 0.5, 0.5, 0.5)
	late := observe(t, r, State{}, 0.5, 0.5, 0.5, 5, 5)
	if early == late || !(late.Wealth() > early.Wealth() && late.Wealth() < 2*early.Wealth()) {
		t.Errorf("wealth %v if the evidence comes early, %v if late", early.Wealth(), late.Wealth())
	}
}

// Evidence that is no number changes nothing.
func TestEvidenceOutOfRange(t *testing.T) {
	s := observe(t, Default(), State{}, 2, 3)
	for _, e := range []float64{math.NaN(), math.Inf(1), -1, -1e-300} {
		if got, err := Default().Observe(s, e); err == nil || got != s {
			t.Errorf("evidence of %v was accepted: %+v", e, got)
		}
	}
}

func TestRulesOutOfRange(t *testing.T) {
	for name, change := range map[string]func(*Rules){
		"alpha 0": func(r *Rules) { r.Alpha = 0 }, "alpha 1": func(r *Rules) { r.Alpha = 1 }, "alpha NaN": func(r *Rules) { r.Alpha = math.NaN() },
		"watch 1": func(r *Rules) { r.Watch = 1 }, "watch beyond conviction": func(r *Rules) { r.Watch = 1e4 },
		"clip 1": func(r *Rules) { r.Clip = 1 }, "redeem 0": func(r *Rules) { r.Redeem = 0 },
	} {
		r := Default()
		change(&r)
		if r.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// A state from elsewhere is refused, or is one that could be observed on and
// that is written in one way only.
func FuzzDecode(f *testing.F) {
	for _, all := range [][]float64{{}, {1}, {30, 30, 30, 30}, {0.5, 0.1, Proof, 0.2}} {
		b, err := observe(f, Default(), State{}, all...).AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(b)
		if err != nil || len(b) == 0 {
			return
		}
		if back, err := s.AppendBinary(nil); err != nil || !bytes.Equal(back, b) {
			t.Fatalf("%x is written as %x: %v", b, back, err)
		}
		for _, e := range []float64{0, 1, 30, Proof} {
			next, err := Default().Observe(s, e)
			if err != nil || math.IsNaN(next.Wealth()) || !(Default().Quality(next) >= 0) {
				t.Fatalf("%+v leads to %+v: %v", s, next, err)
			}
		}
	})
}

package judgement

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

// draw gives the next e-value of an honest miner; its expected value, given all
// that came before, is exactly 1.
type draw func(r *rand.Rand, s State) float64

// win pays c with a chance of 1/c, and nothing else.
func win(c float64) draw {
	return func(r *rand.Rand, _ State) float64 {
		if r.Float64() < 1/c {
			return c
		}
		return 0
	}
}

// worst are the e-values that an adversary would choose who wants honest miners
// convicted, and whom only their expected value binds.
var worst = map[string]draw{
	"wins 1.5":          win(1.5),
	"wins 3":            win(3),
	"wins 10":           win(10),
	"wins 30":           win(30),
	"wins ten times 30": win(300), // clipped: no longer fair, but worse for the bet
	"log-normal": func(r *rand.Rand, _ State) float64 { // of variance e-1
		return math.Exp(r.NormFloat64() - 0.5)
	},
	"bold play": func(r *rand.Rand, s State) float64 { // just as much as is needed, if one response can do it
		return win(min(max(200/s.Wealth(), 1.1), 30))(r, s)
	},
	"timid play": func(r *rand.Rand, s State) float64 { // wins often and little, loses seldom and all
		if r.Float64() < 0.1 {
			return 0
		}
		return 1 / 0.9
	},
}

// Over lifetimes of 400 checked responses of honest miners, at most the stated
// share is ever convicted, and ever watched, whatever the distribution. Alpha
// is 1% here, for a rate of 1 in 10,000 would hardly show in so few.
func TestHonestLifetimes(t *testing.T) {
	honestLifetimes(t, Rules{Alpha: 0.01, Watch: 20, Clip: 30, Redeem: 200}, 3000)
}

// The same by the default rules, in as many lifetimes as VISION_LIFETIMES says:
// `make lifetimes`.
func TestManyHonestLifetimes(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("VISION_LIFETIMES"))
	honestLifetimes(t, Default(), max(n, 100))
}

func honestLifetimes(t *testing.T, r Rules, lifetimes int) {
	const length = 400
	for name, next := range worst {
		rng := rand.New(rand.NewPCG(1, uint64(len(name))))
		convicted, watched := 0, 0
		for range lifetimes {
			var s State
			seen := false
			for range length {
				s = observe(t, r, s, next(rng, s))
				if s.Convictions > 0 {
					break
				}
				seen = seen || s.Standing == Watched
			}
			if s.Convictions > 0 {
				convicted, seen = convicted+1, true
			}
			if seen {
				watched++
			}
		}
		for what, c := range map[string]struct{ got, bound float64 }{
			"convicted": {float64(convicted), r.Alpha}, "watched": {float64(watched), 1 / r.Watch},
		} {
			mean := c.bound * float64(lifetimes)
			if most := mean + 4*math.Sqrt(mean) + 2; c.got > most {
				t.Errorf("%s: %v of %d honest lifetimes %s, want at most %.0f", name, c.got, lifetimes, what, mean)
			}
		}
		t.Logf("%-18s convicted %d, watched %d of %d honest lifetimes", name, convicted, watched, lifetimes)
	}
}

// What it takes to convict: medians of checked responses by a cheat, from the
// beginning and after 1,000 honest ones.
func TestResponsesToConvict(t *testing.T) {
	honest := func(r *rand.Rand) float64 { return 0.2 + 0.6*r.Float64() }
	for _, c := range []struct {
		name        string
		cheat       func(r *rand.Rand) float64
		early, late int // medians, at most
	}{
		{"every response is 30 or more", func(*rand.Rand) float64 { return 1e6 }, 4, 7},
		{"half are 30", func(r *rand.Rand) float64 {
			if r.Float64() < 0.5 {
				return 30
			}
			return honest(r)
		}, 12, 20},
		{"one in ten is 30", func(r *rand.Rand) float64 {
			if r.Float64() < 0.1 {
				return 30
			}
			return honest(r)
		}, 160, 400},
		{"each is 2", func(*rand.Rand) float64 { return 2 }, 18, 36},
		{"log-normal around 1.2", func(r *rand.Rand) float64 { return 1.2 * math.Exp(r.NormFloat64()) }, 80, 140},
	} {
		rng := rand.New(rand.NewPCG(2, 3))
		for _, after := range []int{0, 1000} {
			var took []int
			for range 60 {
				var s State
				for range after {
					s = observe(t, Default(), s, honest(rng))
				}
				for s.Convictions == 0 && s.Checked < int64(after)+5000 {
					s = observe(t, Default(), s, c.cheat(rng))
				}
				took = append(took, int(s.Checked)-after)
			}
			slices.Sort(took)
			median, most := took[30], c.early
			if after > 0 {
				most = c.late
			}
			t.Logf("%-30s after %4d honest: median %4d, most %4d", c.name, after, median, took[59])
			if median > most {
				t.Errorf("%s: %d responses to convict after %d honest ones, want at most %d", c.name, median, after, most)
			}
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	var s State
	for b.Loop() {
		s, _ = Default().Observe(s, 0.5)
	}
	if s.Standing != Trusted {
		b.Fatal(s)
	}
}

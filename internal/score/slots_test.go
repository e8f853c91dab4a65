package score

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDivide(t *testing.T) {
	for name, c := range map[string]struct {
		asked, answered, want []int
		slots                 int
	}{
		"nothing":                 {nil, nil, nil, 0},
		"all once":                {[]int{1, 1}, []int{1, 1}, []int{1, 1}, 2},
		"one refused":             {[]int{4, 2, 1}, []int{4, 2, 0}, []int{4, 2, 3}, 3},
		"cut after two":           {[]int{9, 3}, []int{9, 2}, []int{9, 9}, 2},
		"cut later than others":   {[]int{2, 5}, []int{2, 4}, []int{2, 5}, 2},
		"none answered":           {[]int{1, 1}, []int{0, 0}, []int{1, 1}, 2},
		"one that nobody counts":  {[]int{0, 3}, []int{0, 3}, []int{0, 3}, 1},
		"a half is rounded upper": {[]int{2, 1, 1}, []int{2, 1, 0}, []int{2, 1, 2}, 3},
	} {
		asked := slices.Clone(c.asked)
		if slots := Divide(asked, c.answered); slots != c.slots || !slices.Equal(asked, c.want) {
			t.Errorf("%s: %d slots, each made up of %v; want %d, %v", name, slots, asked, c.slots, c.want)
		}
	}
}

// repeated is a beacon that holds slots busy: of those asked, so many answer each time, as often
// as k, and the others as less says.
func repeated(o Offer, asked, good, k int, less func(k int) (answered int, refused bool, elapsed time.Duration)) Beacon {
	b := Beacon{Offer: o}
	sent, answered := make([]int, asked), make([]int, asked)
	for i := range asked {
		n, refused, elapsed := k, false, o.Speed.Overhead+time.Duration(400*0.008*1e9)
		if i >= good {
			n, refused, elapsed = less(k)
		}
		sent[i], answered[i] = n, n
		if refused {
			sent[i]++
		}
		b.Asked += sent[i]
		for range n {
			b.Answers = append(b.Answers, Arrived{Served: 400, Elapsed: elapsed, Of: i})
		}
	}
	b.Slots = Divide(sent, answered)
	for i := range b.Answers {
		b.Answers[i].Of = sent[b.Answers[i].Of]
	}
	return b
}

// Who says that it has more slots than it has is not paid for them, whatever it does with those that it has
// not: not more if answers are short and good slots are asked again and again.
func TestDeclaringMoreSlotsDoesNotPay(t *testing.T) {
	v := seven(t)
	const perSlot = 3600 / (0.5 + 400*0.008) * 400 // a slot is held for the overhead, too
	paid := func(declared, real, k int, less func(k int) (int, bool, time.Duration)) float64 {
		o := chatOffer(float64(declared))
		o.Declared, o.Slots, o.StakeShare = int64(float64(declared)*perSlot), declared, 1
		var s State
		for i := range 60 {
			s = observeAll(t, v, s, Observation{Answer: &Answer{Kind: OK, Asked: 400, Served: 400, Took: 3200 * time.Millisecond}})
			_, uniform := math.Modf(0.618 * float64(i))
			n := v.Burst(s, o, uniform)
			b := repeated(o, n, min(n, real), k, less)
			s = observeAll(t, v, s, Observation{Beacon: &b})
			if i%4 == 3 {
				s = observeAll(t, v, s, Observation{Closed: &Closed{Number: int64(i), Offer: o}})
			}
		}
		standing, err := v.Standing(s, o)
		if err != nil {
			t.Fatal(err)
		}
		return standing.Credited / perSlot
	}
	never := func(int) (int, bool, time.Duration) { return 0, true, 0 }
	ways := map[string]func(k int) (int, bool, time.Duration){
		"refused":                    never,
		"refused after one in three": func(k int) (int, bool, time.Duration) { return k / 3, true, time.Second },
		"late, once":                 func(int) (int, bool, time.Duration) { return 1, false, time.Minute },
	}
	for _, k := range []int{1, 2, 5, 17} {
		if honest := paid(8, 8, k, never); honest < 7.9 || honest > 8 {
			t.Errorf("an honest miner of 8 slots that are asked %d times is paid %.2f", k, honest)
		}
		for name, less := range ways {
			if got := paid(16, 8, k, less); got > 8 {
				t.Errorf("%s: of 16 slots that were declared 8 are there, asked %d times: paid %.2f", name, k, got)
			}
		}
		if once, got := paid(16, 8, 1, never), paid(16, 8, k, never); math.Abs(got-once) > 1e-6 {
			t.Errorf("asked %d times, 8 slots of 16 are paid %.4f, asked once %.4f", k, got, once)
		}
	}
}

// Evidence weighs by the slots asked, not by how often each was.
func TestRepeatsAreNoMoreEvidence(t *testing.T) {
	v := seven(t)
	o := chatOffer(8)
	known := honest(t, v, 8, 3)
	credit := func(b Beacon) float64 { return observeAll(t, v, known, Observation{Beacon: &b}).(*state7).credit }
	never := func(int) (int, bool, time.Duration) { return 0, true, 0 }
	once, often := repeated(o, 1, 0, 1, never), repeated(o, 2, 1, 17, never)
	twice := repeated(o, 2, 1, 1, never)
	if a, b := credit(twice), credit(often); math.Abs(a-b) > 1e-6*a {
		t.Errorf("one slot of two answered: asked once the credit is %v, asked often %v", a, b)
	}
	if a, b := credit(once), credit(twice); a <= b {
		t.Errorf("a slot that was refused leaves a credit of %v, two that showed nothing %v", a, b)
	}
}

func TestASlotIsAskedOnlySoOften(t *testing.T) {
	usual := chatOffer(1) // an answer takes 4.5 s
	short := usual
	short.PerRequest, short.Speed.Overhead, short.Speed.Mean = 1, 0, 1e-6
	for _, c := range []struct {
		o      Offer
		window time.Duration
		n      int
		want   int
	}{
		{usual, 5 * time.Second, 1, 6},
		{usual, 0, 1, 2},
		{short, 5 * time.Second, 100, 402},
		{short, 5 * time.Second, 1000, 50},
		{short, 5 * time.Second, MostAsked, 1},
	} {
		if got := c.o.AtMost(c.window, c.n); got != c.want {
			t.Errorf("of %d slots, each may be asked %d times in %v, want %d", c.n, got, c.window, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, MostAsked).Draw(t, "slots")
		if most := genOffer7(t).AtMost(time.Duration(rapid.Int64().Draw(t, "window")), n); most < 1 || most*n > MostAsked {
			t.Fatalf("%d requests to each of %d slots", most, n)
		}
	})
}

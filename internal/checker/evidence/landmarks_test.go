package evidence

import (
	"math"
	"math/rand/v2"
	"testing"
)

func repeated(lp float64, n int) []float64 {
	list := make([]float64, n)
	for i := range list {
		list[i] = lp
	}
	return list
}

func TestLandmarks(t *testing.T) {
	for name, x := range map[string]struct {
		logprobs []float64
		noise    float64
		want     []int
	}{
		"nothing":                 {nil, 0, nil},
		"a short text":            {repeated(-1, 13), 0, nil},
		"just long enough":        {repeated(-1, 14), 0, []int{14}},
		"ever twice as long":      {repeated(-1, 100), 0, []int{14, 28, 56, 100}},
		"a sure text":             {repeated(-0.001, 2000), 0, nil},
		"noise takes from it":     {repeated(-1, 30), 0.4, []int{26, 30}},
		"impossible from a token": {append(repeated(-0.001, 5), math.Inf(-1), -0.001), 0, []int{6, 7}},
		"not a number":            {append(repeated(-1, 20), math.NaN()), 0, []int{14}},
	} {
		var got []int
		for _, l := range Landmarks(x.logprobs, x.noise) {
			got = append(got, l.Tokens)
			if l.LogP > math.Log(Unlikely) {
				t.Errorf("%s: %+v is too likely", name, l)
			}
		}
		if len(got) != len(x.want) {
			t.Errorf("%s: landmarks at %v, want %v", name, got, x.want)
			continue
		}
		for i := range got {
			if got[i] != x.want[i] {
				t.Errorf("%s: landmarks at %v, want %v", name, got, x.want)
				break
			}
		}
	}
}

// Answers that are drawn independently have a landmark in common as rarely as it
// says: here of a text of two tokens, one of which is nearly sure.
func TestLandmarksAreRarelyShared(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const p, pairs = 0.9, 200_000
	draw := func() (tokens []bool, logprobs []float64) {
		for range 150 {
			likely := r.Float64() < p
			lp := math.Log(1 - p)
			if likely {
				lp = math.Log(p)
			}
			tokens, logprobs = append(tokens, likely), append(logprobs, lp)
		}
		return tokens, logprobs
	}
	tokens, logprobs := draw()
	marks := Landmarks(logprobs, 0)
	if len(marks) == 0 {
		t.Fatal("150 tokens of 0.33 nats have no landmark")
	}
	shared := 0
	for range pairs {
		same := 0
		for same < len(tokens) && (r.Float64() < p) == tokens[same] {
			same++
		}
		if same >= marks[0].Tokens {
			shared++
		}
	}
	if shared > 3 { // 0.2 are expected at most
		t.Errorf("%d of %d answers share a landmark of probability %.2g", shared, pairs, math.Exp(marks[0].LogP))
	}
}

package eval

import (
	"math"
	"testing"

	"vision/internal/checker/evidence"
)

func TestListedTokensAreOutcomesAndTheRestIsOne(t *testing.T) {
	top := []evidence.Listed{{Token: 4, Logprob: math.Log(0.6)}, {Token: 9, Logprob: math.Log(0.3)}}
	other := [][]float64{{math.Log(0.2), math.Log(0.7)}}
	r := &Response{Temperature: 0.5, TopP: 1, Positions: []evidence.Position{{Token: 9, Top: top, Others: other}, {Token: 77, Top: top, Others: other}, {Token: 9}}}
	FillListed(r, 0.02)

	var want [2]evidence.Position
	for i, at := range []int{1, 2} {
		want[i].FillListed(evidence.Outcomes{math.Log(0.6), math.Log(0.3), math.Log(0.1)}, at, 0.5, 1, 0.02,
			evidence.Outcomes{math.Log(0.2), math.Log(0.7), math.Log(0.1)})
	}
	for i := range want {
		if len(r.Positions[i].Contrast) != evidence.Alternatives+1 {
			t.Fatalf("position %d has %d alternatives", i, len(r.Positions[i].Contrast))
		}
		for j, x := range want[i].Contrast {
			if got := r.Positions[i].Contrast[j]; math.Abs(got-x) > 1e-9 {
				t.Errorf("position %d, alternative %d: %v, want %v", i, j, got, x)
			}
		}
	}
	if r.Positions[2].Contrast != nil {
		t.Error("a position without a list has a contrast")
	}

	given := r.Positions[0].Contrast
	FillListed(r, 0.5)
	if &given[0] != &r.Positions[0].Contrast[0] {
		t.Error("a contrast was made again")
	}
	for _, temperature := range []float64{0, 1.2} {
		other := &Response{Temperature: temperature, Positions: []evidence.Position{{Token: 4, Top: top}}}
		if FillListed(other, 0.02); other.Positions[0].Contrast != nil {
			t.Errorf("contrast at temperature %v", temperature)
		}
	}
}

func TestPromptsSayWhatTheyAreFor(t *testing.T) {
	for prompt, want := range map[string]bool{"calibration/1": true, "calibration/2": true, "test/1": false, "test/2": false} {
		if forCalibration(prompt) != want {
			t.Errorf("%s is for calibration: %v", prompt, !want)
		}
	}
}

package score

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"slices"
	"testing"
	"time"
)

// vectors are values computed by the functions of Vision 4.x.
type vectors struct {
	PeriodScore []struct {
		Total    int     `json:"total_requests"`
		Declared float64 `json:"declared_volume"`
		Consumed float64 `json:"consumed_volume"`
		N429     int     `json:"requests_429"`
		N500     int     `json:"requests_500"`
		Want     *float64
	} `json:"period_score"`
	NormalisedPeriodScore []struct {
		NewestFirst []struct {
			Score    float64 `json:"period_score"`
			Consumed float64 `json:"consumed_volume"`
		} `json:"newest_first"`
		Want float64
	} `json:"normalised_period_score"`
	SpeedFactor []struct {
		Task      string
		Overhead  float64 `json:"overhead_s"`
		Mean      float64 `json:"mean_s_per_unit"`
		Steepness float64 `json:"variance"`
		PerUnit   float64 `json:"seconds_per_unit"`
		Want      float64
	} `json:"speed_factor"`
	WorkText []struct {
		Characters int
		Want       float64 `json:"want_tokens"`
	} `json:"work_text"`
	EffectiveVolume []struct {
		Quality float64 `json:"combined_quality"`
		Period  float64
		Volume  float64
		Want    float64
	} `json:"effective_volume"`
	NonLinearShare []struct {
		Linear map[string]float64
		Want   map[string]float64
	} `json:"non_linear_share"`
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	text, err := os.ReadFile("testdata/vision4_scoring.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]int{
		"period_score": len(v.PeriodScore), "normalised_period_score": len(v.NormalisedPeriodScore),
		"speed_factor": len(v.SpeedFactor), "work_text": len(v.WorkText),
		"effective_volume": len(v.EffectiveVolume), "non_linear_share": len(v.NonLinearShare),
	} {
		if n < 20 {
			t.Fatalf("%d vectors of %s, want at least 20", n, name)
		}
	}
	return v
}

// same allows 1e-12, absolutely below 1 and relatively above.
func same(a, b float64) bool { return math.Abs(a-b) <= 1e-12*max(1, math.Abs(b)) }

func TestOriginalVectors(t *testing.T) {
	v := readVectors(t)
	for i, c := range v.PeriodScore {
		got, ok := PeriodScore(c.Declared, c.Consumed, c.Total, c.N429, c.N500)
		if ok != (c.Want != nil) {
			t.Errorf("period score %d: has a score: %t, want %t", i, ok, c.Want != nil)
		} else if ok && !same(got, *c.Want) {
			t.Errorf("period score %d = %v, want %v", i, got, *c.Want)
		}
	}
	for i, c := range v.NormalisedPeriodScore {
		past := make([]Past, len(c.NewestFirst))
		for j, p := range c.NewestFirst {
			past[j] = Past{Score: p.Score, Consumed: p.Consumed}
		}
		if got := NormalisedPeriodScore(past); !same(got, c.Want) {
			t.Errorf("normalised period score %d = %v, want %v", i, got, c.Want)
		}
	}
	for i, c := range v.SpeedFactor {
		s := Speed{
			Overhead:  time.Duration(c.Overhead * float64(time.Second)),
			Mean:      c.Mean,
			Steepness: c.Steepness,
		}
		if err := s.Validate(); err != nil {
			t.Errorf("speed of %s: %v", c.Task, err)
		}
		if got := s.Factor(c.PerUnit); !same(got, c.Want) {
			t.Errorf("speed factor %d (%s) = %v, want %v", i, c.Task, got, c.Want)
		}
	}
	for i, c := range v.WorkText {
		if got := WorkText(c.Characters); !same(got, c.Want) {
			t.Errorf("work of text %d = %v, want %v", i, got, c.Want)
		}
	}
	for i, c := range v.EffectiveVolume {
		if got := EffectiveVolume(c.Quality, c.Period, c.Volume); !same(got, c.Want) {
			t.Errorf("effective volume %d = %v, want %v", i, got, c.Want)
		}
	}
	for i, c := range v.NonLinearShare {
		miners := slices.Sorted(maps.Keys(c.Linear))
		linear := make([]float64, len(miners))
		for j, m := range miners {
			linear[j] = c.Linear[m]
		}
		for j, got := range NonLinearShare(linear) {
			if want := c.Want[miners[j]]; !same(got, want) {
				t.Errorf("non-linear share %d of %s = %v, want %v", i, miners[j], got, want)
			}
		}
	}
}

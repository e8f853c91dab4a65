package report

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"

	"vision/internal/score"
)

// parametered is a mechanism with parameters.
type parametered interface{ Params() score.Params7 }

// ParametersOf are all of a mechanism's parameters; none of one without.
func ParametersOf(m score.Mechanism) map[string]float64 {
	if p, ok := m.(parametered); ok {
		return p.Params().Map()
	}
	return map[string]float64{}
}

// Fill writes down what a mechanism made of tasks: its name and parameters, and
// in r.Tasks, of which there is one for each, the contenders.
func (r *Report) Fill(m score.Mechanism, tasks []score.Task, out score.Outcome) error {
	r.Mechanism, r.Parameters = m.Name(), ParametersOf(m)
	for i, t := range tasks {
		factors := out.Task(t.Name)
		states := map[[32]byte]score.Contender{}
		for _, c := range t.Contenders {
			states[c.Hotkey] = c
		}
		r.Tasks[i].Contenders = []Contender{}
		for _, f := range factors {
			c := Contender{
				Hotkey: f.Hotkey, Offer: states[f.Hotkey].Offer, Capacity: float64(f.Capacity), Quality: f.Quality.Combined,
				Reliability: f.History.Score, Effective: f.EffectiveVolume, Contribution: f.Contribution,
			}
			if f.Hardened != nil {
				c.Capacity = f.Hardened.Paid
			}
			if state := states[f.Hotkey].State; state != nil {
				b, err := state.AppendBinary(nil)
				if err != nil {
					return fmt.Errorf("report %s on %s: %w", f.Hotkey, t.Name, err)
				}
				c.State = base64.StdEncoding.EncodeToString(b)
			}
			r.Tasks[i].Contenders = append(r.Tasks[i].Contenders, c)
		}
	}
	return nil
}

func sorted(several ...map[string]float64) []string {
	all := map[string]float64{}
	for _, m := range several {
		maps.Copy(all, m)
	}
	return slices.Sorted(maps.Keys(all))
}

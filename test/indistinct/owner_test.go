package indistinct

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// An owner of several miners sees more than one miner does: what a probe is made of may have
// come to another of its own. A twin of a request is another that is the same but for its texts and seed.

// pairing is what an owner may do better than. It is above the bound for what one miner sees: see
// docs/verification.md, "Probes".
const pairing = 0.7

// twinned says of a request how long before and after it the nearest twin came, and how many did
// within a second and ten: to the same miner, or to another. Twins are customers' requests alone, for
// in earnest probes are few: what is found is how much more often they have a twin than customers' requests do.
func twinned(x *seen, twins []*seen, same bool) []float64 {
	const never = 20 // log of seconds
	before, after, second, ten := float64(never), float64(never), 0.0, 0.0
	for _, y := range twins {
		if (y.miner == x.miner) != same || y.id == x.id {
			continue
		}
		gap := y.at.Sub(x.at)
		near := math.Log(1e-5 + gap.Abs().Seconds())
		if gap < 0 {
			before = min(before, near)
		} else {
			after = min(after, near)
		}
		if gap.Abs() < time.Second {
			second++
		}
		if gap.Abs() < 10*time.Second {
			ten++
		}
	}
	return []float64{before, after, min(before, after), second, ten}
}

// setting is a request without its texts and its seed.
func setting(x *seen) string {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(x.body, &fields)
	delete(fields, "messages")
	delete(fields, "seed")
	text, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// ownerAUC is how well who owns some of the miners tells, by twins at the same or at others of them, what each sees.
func ownerAUC(run []seen, same bool, owned ...int) (mean float64, n int) {
	twins := map[string][]*seen{}
	for i := range run {
		if x := &run[i]; slices.Contains(owned, x.miner) && !x.probe {
			twins[setting(x)] = append(twins[setting(x)], x)
		}
	}
	g := group{name: fmt.Sprint("owner of ", owned), learn: stumps(80), values: func(x, _, _ *seen) []float64 { return twinned(x, twins[setting(x)], same) }}
	return meanAUC(g.learn, func(miner int) []row { return rowsOf(run, miner, g) }, owned...)
}

package scorer

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"vision/internal/hotkey"
)

// AlikeReport says how often a miner's answers began word for word as another
// miner's under other seeds. It is evidence against neither: which of
// them copied, or whether both have a third's answers, does not follow.
type AlikeReport struct {
	Other   hotkey.ID `json:"other"`
	Times   int       `json:"times"`             // among the newest that are kept
	Log10P  float64   `json:"log10_probability"` // of the least likely, for two who draw by themselves
	Tokens  int       `json:"tokens"`            // that this one has in common
	Request string    `json:"request"`           // this one's, of whichever of both was checked later
	To      string    `json:"other_request"`     // and the earlier one's
	Last    time.Time `json:"last"`              // when the newest was found
}

// mostCopies is how many answers that were alike are looked at for a miner.
const mostCopies = 1000

// withCopies adds whose answers the miner's were, the least likely first.
func withCopies(ctx context.Context, st Evidence, m *MinerReport) error {
	list, err := st.Copies(ctx, m.Hotkey, mostCopies)
	if err != nil {
		return fmt.Errorf("read which answers were alike: %w", err)
	}
	for i := range m.Tasks {
		found := map[hotkey.ID]AlikeReport{}
		for j := range list { // newest first
			c := &list[j]
			if c.Task != m.Tasks[i].Task {
				continue
			}
			r, known := found[c.Partner(m.Hotkey)]
			if !known {
				r = AlikeReport{Other: c.Partner(m.Hotkey), Last: c.At}
			}
			if p := c.LogP / math.Ln10; !known || p < r.Log10P {
				r.Log10P, r.Tokens, r.Request, r.To = p, c.Tokens, c.Request, c.To
			}
			r.Times++
			found[r.Other] = r
		}
		for _, r := range found {
			m.Tasks[i].Alike = append(m.Tasks[i].Alike, r)
		}
		slices.SortFunc(m.Tasks[i].Alike, func(a, b AlikeReport) int {
			return cmp.Or(cmp.Compare(a.Log10P, b.Log10P), a.Other.Compare(b.Other))
		})
	}
	return nil
}

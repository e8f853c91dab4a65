package scorer

import (
	"cmp"
	"math"
	"time"

	"vision/internal/chain"
	"vision/internal/period"
	"vision/internal/proto"
	"vision/internal/score"
	"vision/internal/task"
)

// contend gives the contenders that a miner's declaration makes: one for each
// task of the catalogue of which it offers anything. stake is our share.
func (b *book) contend(n chain.Neuron, declared proto.Capacities, c *task.Catalogue, stake float64) []period.Contender {
	length := b.End.Sub(b.Start)
	var list []period.Contender
	for _, d := range declared.Tasks {
		t, known := c.Lookup(d.Task)
		if !known || d.Units <= 0 {
			continue
		}
		units := rescale(d.Units, declared.Secs, length)
		plan := b.mechanism.Plan(score.Offer{
			Declared: units, Maximum: t.CapacityIn(length), StakeShare: stake, PerRequest: t.Typical,
			Slots: d.Slots, PerSlot: score.PerSlot(length, t.Speed.Mean),
		}, b.draw(n.Hotkey, t.Name))
		list = append(list, period.Contender{
			Miner: n.Hotkey, Task: t.Name, UID: n.UID, Addr: string(n.Endpoint),
			Declared: units, Capacity: plan.Capacity, Share: plan.Share, Probes: plan.Requests, Slots: d.Slots,
		})
	}
	return list
}

// rescale turns units per so many seconds into units per length, rounded down.
func rescale(units int64, secs float64, length time.Duration) int64 {
	scaled := math.Floor(float64(units) * (length.Seconds() / secs))
	if !(scaled >= 0) {
		return 0
	}
	return int64(min(scaled, 1<<62))
}

func byUIDAndTask(a, b period.Contender) int {
	return cmp.Or(cmp.Compare(a.UID, b.UID), cmp.Compare(a.Task, b.Task), a.Miner.Compare(b.Miner))
}

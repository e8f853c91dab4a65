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
// task of the catalogue of which it offers anything. stake is our share. Of one
// that comes at some time after the start, the part of the period that is left counts; its
// instants are those of the whole period that are still to come.
func (b *book) contend(n chain.Neuron, declared proto.Capacities, c *task.Catalogue, stake float64, from time.Time) []period.Contender {
	length, left := b.End.Sub(b.Start), b.End.Sub(from)
	var list []period.Contender
	for _, d := range declared.Tasks {
		t, known := c.Lookup(d.Task)
		if !known || d.Units <= 0 {
			continue
		}
		offer := score.Offer{
			Declared: rescale(d.Units, declared.Secs, length), Maximum: t.CapacityIn(length), StakeShare: stake, PerRequest: t.Typical,
			Slots: d.Slots, PerSlot: score.PerSlot(length, t.Speed.Mean), Length: length, Speed: speedOf(t),
		}
		if offer.Declared == 0 {
			continue // rounded down, that is nothing: it is away as if it had not said so
		}
		plan := b.mechanism.Plan(b.remembered(n.Hotkey, t.Name), offer, b.draw(n.Hotkey, t.Name)) // of all of the period
		if left < length {
			offer.Part = max(left, 1).Seconds() / length.Seconds()
		}
		list = append(list, period.Contender{
			Miner: n.Hotkey, Task: t.Name, UID: n.UID, Addr: string(n.Endpoint), Declared: offer.Declared,
			Capacity: offer.Capacity(), Share: plan.Share, Probes: plan.Requests, Slots: d.Slots, Offer: offer,
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

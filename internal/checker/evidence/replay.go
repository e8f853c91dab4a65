package evidence

import "math"

// replayCheats are test B's alternatives on a server that only answers: the
// chance per token that an answer parts from the reference's own.
var replayCheats = [...]float64{0.04, 0.3}

// replay is test B on a server that only answers: the answer to the same
// request with the same seed is compared up to where they part, D tokens:
// D ln((1-r1)/(1-r0)) + ln(r1/r0).
func (b *Bounds) replay(r *Replay) *Part {
	honest := b.Replay
	if honest == 0 {
		honest = DefaultReplay
	}
	part := &Part{Test: "replay", Weight: 1, Tokens: r.Same}
	for _, cheat := range replayCheats {
		cheat = max(cheat, honest)
		x := float64(r.Same) * math.Log((1-cheat)/(1-honest))
		if r.Parted {
			x += math.Log(cheat / honest)
		}
		part.Logs = append(part.Logs, x)
	}
	return part
}

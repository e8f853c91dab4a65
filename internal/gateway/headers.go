package gateway

import (
	"strconv"
	"time"

	"vision/internal/dispatch"
)

// told is room for the values of the headers that tell of the routing:
//
//	X-Vision-Miner       the hotkey of the miner that answered
//	X-Vision-Tries       miners asked so far
//	X-Vision-Gateway-Ms  milliseconds that the request spent in the gateway
//	                     before the first byte of its response: all but waiting for miners
type told struct{ miner, gateway [1]string }

// tell says in the response's header who is asked.
func (x *exchange) tell(seat *dispatch.Seat) {
	x.event.Miner, x.event.Tries = seat, len(x.asked)
	if x.g.Anonymous || x.begun {
		return
	}
	h := x.w.Header()
	x.told.miner[0] = seat.Name()
	h["X-Vision-Miner"] = x.told.miner[:]
	h["X-Vision-Tries"] = tries[len(x.asked)-1]
}

var tries = func() (all [maxTries][]string) {
	for i := range all {
		all[i] = []string{string(rune('1' + i))}
	}
	return all
}()

// tellTime says in the response's header, which is about to be written, how
// long the request was in the gateway.
func (x *exchange) tellTime() {
	if x.g.Anonymous || len(x.asked) == 0 {
		return
	}
	until := x.asking
	if until.IsZero() {
		until = x.g.Now()
	}
	var room [24]byte
	spent := float64(max(until.Sub(x.arrived)-x.waited, 0)) / float64(time.Millisecond)
	x.told.gateway[0] = string(strconv.AppendFloat(room[:0], spent, 'f', 3, 64))
	x.w.Header()["X-Vision-Gateway-Ms"] = x.told.gateway[:]
}

package dispatch

import (
	"math"
	"testing"
	"time"

	"vision/internal/outcome"
)

// TestASlowReaderHidesThePace: what came while the customer did not read says
// nothing of how long a miner takes for a whole answer.
func TestASlowReaderHidesThePace(t *testing.T) {
	r, u := newRecord(), new(usual)
	o := ended(id(0), outcome.OK, t0, 10*time.Second, 100)
	r.note(&o, u, 0)
	before := r.pace.Load()
	o.Total, o.Blocked = time.Second, 9*time.Second
	r.note(&o, u, 0)
	if after := r.pace.Load(); before == 0 || after != before {
		t.Errorf("its pace moved from %v to %v", math.Float64frombits(before), math.Float64frombits(after))
	}
}

// TestAFakedFirstChunkMakesNobodyQuick: one token ahead of the rest does not make
// a miner look quick to begin.
func TestAFakedFirstChunkMakesNobodyQuick(t *testing.T) {
	o := ended(id(0), outcome.OK, t0, 10*time.Second, 100)
	o.FirstOutput, o.Arrivals.Mean = time.Millisecond, 8*time.Second // flows from 6 s on
	r := newRecord()
	r.note(&o, new(usual), 0)
	if got := math.Float64frombits(r.first.Load()); math.Abs(got-6) > 0.1 {
		t.Errorf("it seems to begin after %v s", got)
	}
}

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

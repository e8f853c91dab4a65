package sim

import (
	"math"
	"testing"
)

func TestRentedGPUsServeOnceTheirModelIsLoaded(t *testing.T) {
	s := shownTo(t, Receipts)
	o := s.people[0]
	before := o.paid
	n := o.Rentable(2, 3)
	if o.Rented(n) {
		t.Fatal("it is on from the start")
	}
	s.now = 50
	o.Rent(n, 10, 20, 60)
	on := int32(o.Servers[n])
	v := &s.servers[on]
	if !o.Rented(n) || v.free() || s.agenda.due[on] != 70 {
		t.Fatalf("loading until %v", s.agenda.due[on])
	}
	// What comes meanwhile waits.
	seat := int32(0)
	id := s.take()
	s.requests[id] = request{kind: probe, units: 400, contender: s.contenderOf(seat, 0), sent: s.now}
	if !s.serve(id, on, Act{Queue: 1, Over: true}) || v.queued() != 1 {
		t.Fatal("a request did not wait for the model")
	}
	s.now = 70
	s.finishNext(on)
	if v.queued() != 0 || len(v.running) != 1 || v.running[0].request != id {
		t.Fatal("the request that waited does not run once the model is loaded")
	}
	if got, want := o.paid-before, 3*2*60/s.world.Period; math.Abs(got-want) > 1e-12 {
		t.Errorf("renting two GPUs for the least time costs %v, want %v", got, want)
	}
	// Longer, without loading again; then anew.
	s.now = 100
	o.Rent(n, 30, 20, 60)
	if got, want := o.paid-before, 3*2*80/s.world.Period; math.Abs(got-want) > 1e-12 || v.loads {
		t.Errorf("20 s more cost %v in all, want %v", got, want)
	}
	s.now = 131
	if o.Rented(n) {
		t.Error("it is on beyond its time")
	}
}

// Loading a model takes longer than a beacon waits: GPUs that must be rented when it comes prove nothing.
func TestGPUsThatLoadTheirModelComeTooLate(t *testing.T) {
	w := small(t, "vision7")
	w.Periods = 24
	for _, name := range []string{"rent-loaded", "rent-slow"} {
		if got := ratio(t, w, name); got > 0 {
			t.Errorf("%s earns %.2f of an honest profit", name, got)
		}
	}
}

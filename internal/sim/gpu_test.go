package sim

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"vision/internal/score"
)

// A server must end requests when stepping it in small steps would.
func TestServerSharesEvenly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := server{slots: 3, knee: 4, gpus: 1, pace: 1}
		arrivals := rapid.SliceOfN(rapid.Float64Range(0, 3), 1, 8).Draw(t, "gaps")
		needs := rapid.SliceOfN(rapid.Float64Range(0.1, 5), len(arrivals), len(arrivals)).Draw(t, "needs")
		at := 0.0
		for i := range arrivals {
			at += arrivals[i]
			arrivals[i] = at
		}
		got := make([]float64, len(needs))
		for i := 0; i < len(needs) || len(v.running) > 0; {
			if i < len(needs) && arrivals[i] <= v.next() {
				v.advance(arrivals[i])
				v.start(int32(i), needs[i])
				i++
				continue
			}
			now := v.next()
			v.advance(now)
			got[v.finish()] = now
		}
		const step = 1e-3
		left := append([]float64(nil), needs...)
		for now := 0.0; now < 200; now += step {
			n := 0.0
			for i := range left {
				if arrivals[i] <= now && left[i] > 0 {
					n++
				}
			}
			for i := range left {
				if arrivals[i] <= now && left[i] > 0 {
					if left[i] -= step / v.slowdown(n); left[i] <= 0 && math.Abs(got[i]-now) > 0.1 {
						t.Fatalf("request %d ends at %v, stepped at %v", i, got[i], now)
					}
				}
			}
		}
	})
}

func TestThroughputRisesUpToTheSlots(t *testing.T) {
	v := server{slots: 8, knee: 24, gpus: 1}
	for n := 1.0; n < 8; n++ {
		if n/v.slowdown(n) >= (n+1)/v.slowdown(n+1) {
			t.Errorf("%v at once do %v, one more %v", n, n/v.slowdown(n), (n+1)/v.slowdown(n+1))
		}
	}
	if got := 20 / v.slowdown(20); math.Abs(got-v.throughput()) > 1e-9 {
		t.Errorf("beyond the slots throughput is %v, want %v", got, v.throughput())
	}
}

// Else splitting or merging would pay by itself, whatever the mechanism does.
func TestGPUsDoTheSameTogetherAsApart(t *testing.T) {
	m, err := score.Named("vision7", nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Default(m))
	if err != nil {
		t.Fatal(err)
	}
	one := s.servers[s.addServer(1, 1)]
	for _, gpus := range []float64{0.5, 2, 4} {
		v := s.servers[s.addServer(gpus, 1)]
		for n := 1.0; n <= 2*one.slots; n++ {
			if got, want := v.slowdown(n*gpus), one.slowdown(n); math.Abs(got-want) > 1e-9 {
				t.Errorf("%v GPUs that run %v are slowed %v times, one that runs %v is %v times", gpus, n*gpus, got, n, want)
			}
		}
		for task := range s.world.Tasks {
			if got, want := s.capacity(task, gpus, 1), gpus*s.capacity(task, 1, 1); math.Abs(got-want) > 1e-6*want {
				t.Errorf("%v GPUs do %v, want %v", gpus, got, want)
			}
		}
	}
}

func TestCancelledRequestsLeaveTheirTimeToOthers(t *testing.T) {
	v := server{slots: 2, knee: 1, gpus: 1, pace: 1}
	v.start(1, 10)
	v.start(2, 10)
	v.advance(2) // one second of service each
	if !v.cancel(1) || v.cancel(1) {
		t.Fatal("a running request can be cancelled once")
	}
	if got := v.next(); math.Abs(got-11) > 1e-9 {
		t.Errorf("the other ends at %v, want 11", got)
	}
}

func TestWaitingKeepsTheirOrder(t *testing.T) {
	var v server
	next, want := int32(0), int32(0)
	for round := range 300 {
		for range round % 5 {
			v.wait(next)
			next++
		}
		for range min(round%4, v.queued()) {
			if got := v.shift(); got != want {
				t.Fatalf("got %d, want %d", got, want)
			}
			want++
		}
	}
}

func TestAgendaGivesTheEarliest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a agenda
		n := rapid.IntRange(1, 20).Draw(t, "servers")
		due := make([]float64, n)
		for i := range n {
			a.add()
			due[i] = math.Inf(1)
		}
		for range rapid.IntRange(1, 60).Draw(t, "changes") {
			i := rapid.IntRange(0, n-1).Draw(t, "server")
			due[i] = float64(rapid.IntRange(0, 50).Draw(t, "due"))
			a.set(int32(i), due[i])
			least := math.Inf(1)
			for _, d := range due {
				least = min(least, d)
			}
			if at, who := a.first(); at != least || due[who] != least {
				t.Fatalf("first is %v of server %d, want %v", at, who, least)
			}
		}
	})
}

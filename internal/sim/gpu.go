package sim

import "math"

// server is a set of equal GPUs behind one queue. Requests that it runs share
// it evenly: with n of them, each takes slowdown(n) times as long as alone.
//
// Instead of stepping each request, the server keeps one clock of the service
// that every running request has had so far (virtual, in seconds of service
// alone). A request ends when that clock reaches the value it had at the
// request's start plus the service it needs; so only the least of these values
// matters, and a change in n changes nothing but the clock's rate.
type server struct {
	gpus  float64
	pace  float64 // service done in a second, in the usual GPU's
	slots float64 // requests at once that fit in memory
	loads bool    // its model is being loaded: nothing else runs
	knee  float64 // running so many more than one on each GPU makes each take twice as long

	virtual float64 // seconds of service that a request running since ever has had
	at      float64 // when virtual was right
	running []job   // a heap by end
	waiting []int32 // requests in order of arrival; the first is at head
	head    int
	rented  *rental // nil: it is the operator's own
	busy    float64 // seconds of full use so far: what energy is paid for
}

type job struct {
	end     float64 // value of virtual at which it ends
	request int32
}

// slowdown is how much longer a request takes with n running than alone on a GPU: they are spread evenly over the GPUs, so that
// these do the same together as apart, and a part of a GPU its part.
// Throughput n/slowdown(n) rises up to slots; beyond, requests only share it.
func (s *server) slowdown(n float64) float64 {
	if n <= s.slots {
		return 1 + max(n-s.gpus, 0)/s.knee
	}
	return (1 + max(s.slots-s.gpus, 0)/s.knee) * n / s.slots
}

// throughput is the seconds of service done in a second with all slots full.
func (s *server) throughput() float64 { return s.slots / s.slowdown(s.slots) }

// advance brings the clock to now.
func (s *server) advance(now float64) {
	if n := float64(len(s.running)); n > 0 {
		passed := now - s.at
		s.virtual += passed / s.slowdown(n)
		s.busy += passed * min(n/s.slots, 1)
	}
	s.at = now
}

// next is when the first running request ends; infinite if none runs.
func (s *server) next() float64 {
	if len(s.running) == 0 {
		return math.Inf(1)
	}
	return s.at + max(s.running[0].end-s.virtual, 0)*s.slowdown(float64(len(s.running)))
}

// start runs a request that needs so many seconds of service alone. The clock must be at now.
func (s *server) start(request int32, seconds float64) {
	s.running = append(s.running, job{s.virtual + seconds, request})
	s.up(len(s.running) - 1)
}

// finish takes off the first to end; there must be one. The clock must be at its end.
func (s *server) finish() int32 {
	request := s.running[0].request
	s.remove(0)
	if len(s.running) == 0 {
		s.virtual = 0 // small numbers keep their digits
	}
	return request
}

// cancel takes a running request off, and says whether it ran. The clock must be at now.
func (s *server) cancel(request int32) bool {
	for i := range s.running {
		if s.running[i].request == request {
			s.remove(i)
			return true
		}
	}
	return false
}

// free says whether a slot is.
func (s *server) free() bool { return !s.loads && float64(len(s.running)) < s.slots }

func (s *server) wait(request int32) { s.waiting = append(s.waiting, request) }

// queued is how many requests wait.
func (s *server) queued() int { return len(s.waiting) - s.head }

// shift takes the first that waits; there must be one.
func (s *server) shift() int32 {
	request := s.waiting[s.head]
	s.head++
	if s.head == len(s.waiting) {
		s.waiting, s.head = s.waiting[:0], 0
	} else if s.head > 64 && s.head*2 > len(s.waiting) {
		s.waiting = s.waiting[:copy(s.waiting, s.waiting[s.head:])]
		s.head = 0
	}
	return request
}

func (s *server) remove(i int) {
	last := len(s.running) - 1
	s.running[i] = s.running[last]
	s.running = s.running[:last]
	if i < last {
		s.down(i)
		s.up(i)
	}
}

func (s *server) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if s.running[parent].end <= s.running[i].end {
			return
		}
		s.running[parent], s.running[i] = s.running[i], s.running[parent]
		i = parent
	}
}

func (s *server) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(s.running) {
			return
		}
		if right := child + 1; right < len(s.running) && s.running[right].end < s.running[child].end {
			child = right
		}
		if s.running[i].end <= s.running[child].end {
			return
		}
		s.running[i], s.running[child] = s.running[child], s.running[i]
		i = child
	}
}

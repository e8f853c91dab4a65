package sim

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"vision/internal/dispatch"
	"vision/internal/hotkey"
	"vision/internal/score"
)

// Sim is one run. It is used once.
type Sim struct {
	world World
	now   float64
	end   float64 // of the running period
	ended int     // periods that have ended

	update     updater // the mechanism, if it is one
	operators  *rand.Rand
	validators *rand.Rand
	trouble    *rand.Rand
	beaconRand *rand.Rand
	demand     *demand

	stakes     []float64 // sum to 1
	people     []*Operator
	identities []identity
	servers    []server
	agenda     agenda
	seats      []seat
	fields     [][]int32 // by task: seats that contend, ascending
	contenders []contender
	shares     []dispatch.Shares // of each field in the period, by validator and task

	query    Query
	requests []request
	free     []int32
	talks    []talk // conversations that may go on, by validator and task
	bursts   []burst
	idle     []int32 // bursts that are over

	probes   []instant // of the period, ascending
	probe    int
	beacons  []instant // of the period, ascending
	beacon   int
	rounds   int32     // beacons so far
	api      int32     // server that stands for all outside APIs, plus 1; 0: not needed yet
	unit     []float64 // by task: what one usual GPU does in a period, in the task's unit
	skews    []float64 // of the validators' clocks
	bonds    [][]float64
	set      [][][]float64 // weights that wait to be revealed, oldest first, by validator and identity
	last     []float64     // consensus of the last epoch, by identity
	hidden   score.Answer
	check    score.Check
	observed score.Beacon
	closing  score.Closed

	receipts [][]shown // of the last day, by who judged them and who showed them

	tally tally
	fault error // the first error of the mechanism: a run that has one is worthless
}

type identity struct {
	operator int32
	server   int32 // on which its requests are served by default
	gone     bool
	earned   float64 // in the last period, share of all incentive
	since    int     // period in which it was registered
}

// seat is an identity on a task.
type seat struct {
	identity int32
	task     int32
	declared int64
	slots    int32
	toEach   bool // declared to every validator alone
	live     bool
}

// instant is something planned: a probe of a contender, or a validator's beacon.
type instant struct {
	at float64
	of int32 // contender; or validator
	on int32 // task of a beacon; -1: all
	no int32 // the beacon's number
}

// talk is a conversation that may be continued.
type talk struct {
	seat  int32
	valid bool
}

// New makes a run of a valid world.
func New(w World) (*Sim, error) {
	if err := w.Validate(); err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	s := &Sim{
		world:      w,
		operators:  stream(w.Seed, ofOperators),
		validators: stream(w.Seed, ofValidators),
		trouble:    stream(w.Seed, ofTrouble),
		beaconRand: stream(w.Seed, ofBeacons),
		fields:     make([][]int32, len(w.Tasks)),
		talks:      make([]talk, len(w.Stakes)*len(w.Tasks)*talksKept),
		end:        w.Period,
		receipts:   make([][]shown, len(w.Stakes)*len(w.Stakes)),
	}
	s.update, _ = w.Mechanism.(updater)
	total := 0.0
	for _, stake := range w.Stakes {
		total += stake
	}
	for _, stake := range w.Stakes {
		s.stakes = append(s.stakes, stake/total)
	}
	for t := range w.Tasks {
		s.unit = append(s.unit, s.capacity(t, 1, 1))
	}
	for range w.Stakes {
		s.skews = append(s.skews, w.Skew*(2*s.beaconRand.Float64()-1))
	}
	s.populate()
	s.tally.init(len(w.Stakes))
	return s, nil
}

// populate draws operators and founds them, and demand from what honest ones could do.
func (s *Sim) populate() {
	w := &s.world
	r := stream(w.Seed, ofPopulation)
	weights := make([]float64, len(w.Tasks))
	for t := range w.Tasks {
		weights[t] = w.Tasks[t].Weight
	}
	homes := cumulate(weights)
	sizes := []int{1, 1, 1, 1, 2, 2, 3, 4}
	capacity := make([]float64, len(w.Tasks))
	for i := range w.Miners {
		o := &Operator{Index: i, Strategy: Honest{}, sim: s, flurry: math.Inf(-1), Pace: math.Exp(0.08 * r.NormFloat64()), GPUs: sizes[r.IntN(len(sizes))]}
		o.Home = choose(homes, r.Float64())
		if i < 2 {
			o.Home, o.GPUs, o.Pace = 0, 2, 1
		} else if i-2 < len(w.Tasks) { // no task is left to nobody
			o.Home = i - 2
		}
		rogue := r.Float64()
		which := r.IntN(max(len(w.Rogues), 1))
		if i > 1 && rogue < w.Cheats {
			o.Strategy, o.cheat = w.Rogues[which], true
		}
		if i == 0 && w.Protagonist != nil {
			o.Strategy, o.cheat = w.Protagonist, true
		}
		s.people = append(s.people, o)
		capacity[o.Home] += s.capacity(o.Home, float64(o.GPUs), o.Pace)
	}
	// Operators go where a GPU earns most, so in the end it earns the same everywhere: tasks weigh what their
	// honest operators own. Else being on another task would pay by itself.
	w.Tasks = slices.Clone(w.Tasks)
	total := 0.0
	for t := range w.Tasks {
		w.Tasks[t].Weight = capacity[t] / s.unit[t]
		total += w.Tasks[t].Weight
	}
	for t := range w.Tasks {
		w.Tasks[t].Weight /= total
	}
	for i, o := range s.people {
		if i == 1 && w.Alone {
			continue
		}
		o.Strategy.Found(o)
	}
	s.demand = newDemand(w, capacity, s.stakes)
}

// capacity is what GPUs do of a task in a period with all slots full, in the task's unit.
func (s *Sim) capacity(task int, gpus, pace float64) float64 {
	full := server{slots: gpuSlots * gpus, knee: gpuKnee * gpus, gpus: gpus}
	t := &s.world.Tasks[task]
	return full.throughput() * pace * s.world.Period / t.Lone() * t.Units
}

func (s *Sim) addServer(gpus, pace float64) int {
	// A faster GPU is one whose seconds of service are shorter: speed is in what requests need.
	s.servers = append(s.servers, server{slots: max(math.Round(gpuSlots*gpus), 1), knee: gpuKnee * gpus, gpus: gpus, pace: pace, at: s.now})
	s.agenda.add()
	return len(s.servers) - 1
}

func (s *Sim) addIdentity(o *Operator, server int) int {
	s.identities = append(s.identities, identity{operator: int32(o.Index), server: int32(server), since: s.ended})
	s.last = append(s.last, 0)
	return len(s.identities) - 1
}

// replaceIdentity ends an identity and begins another with the same declarations.
func (s *Sim) replaceIdentity(o *Operator, old int) int {
	next := s.addIdentity(o, int(s.identities[old].server))
	s.identities[old].gone = true
	for i := range s.seats[:len(s.seats):len(s.seats)] {
		if seat := s.seats[i]; int(seat.identity) == old && seat.live {
			s.unseat(int32(i))
			s.declare(next, int(seat.task), float64(seat.declared), seat.toEach)
		}
	}
	return next
}

func (s *Sim) unseat(i int32) {
	seat := &s.seats[i]
	seat.live = false
	f := &s.fields[seat.task]
	*f = slices.DeleteFunc(*f, func(j int32) bool { return j == i })
}

// declare sets what an identity declares on a task from the next period on.
func (s *Sim) declare(id, task int, units float64, toEach bool) {
	at := slices.IndexFunc(s.seats, func(x seat) bool { return int(x.identity) == id && int(x.task) == task && x.live })
	if at < 0 {
		at = len(s.seats)
		s.seats = append(s.seats, seat{identity: int32(id), task: int32(task), live: true})
		s.fields[task] = append(s.fields[task], int32(at))
		for v := range s.stakes {
			s.contenders = append(s.contenders, contender{seat: int32(at), validator: int32(v), success: priorSuccess, burst: -1, look: noLook})
		}
	}
	t := &s.world.Tasks[task]
	seat := &s.seats[at]
	seat.declared = int64(max(units, 0))
	seat.toEach = toEach
	// As many slots as the declared work needs at the pace of full GPUs.
	full := server{slots: gpuSlots, knee: gpuKnee, gpus: 1}
	perSlot := s.world.Period / (t.Lone() * full.slowdown(gpuSlots)) * t.Units
	seat.slots = int32(max(math.Round(float64(seat.declared)/perSlot), 1))
}

// key is the hotkey of an identity. Their order is that of the identities.
func key(id int) (k hotkey.ID) {
	binary.BigEndian.PutUint64(k[:], uint64(id)+1)
	return k
}

func identityOf(k hotkey.ID) int { return int(binary.BigEndian.Uint64(k[:])) - 1 }

// speed is what validators expect of a task's answers.
func (t Service) speed() score.Speed {
	mean := t.Lone() / t.Units * leeway
	return score.Speed{Overhead: time.Duration(overhead * float64(time.Second)), Mean: mean, Steepness: 1 / mean}
}

// Run plays all periods.
func (s *Sim) Run() (Result, error) {
	s.open()
	for s.fault == nil {
		at, server := s.agenda.first()
		what := 0
		if s.probe < len(s.probes) && s.probes[s.probe].at < at {
			at, what = s.probes[s.probe].at, 1
		}
		if s.beacon < len(s.beacons) && s.beacons[s.beacon].at < at {
			at, what = s.beacons[s.beacon].at, 2
		}
		if s.demand.next < at {
			at, what = s.demand.next, 3
		}
		if s.end <= at {
			at, what = s.end, 4
		}
		s.now = at
		switch what {
		case 0:
			s.finishNext(server)
		case 1:
			i := s.probes[s.probe]
			s.probe++
			s.sendProbe(i.of)
		case 2:
			i := s.beacons[s.beacon]
			s.beacon++
			s.sendBeacon(i)
		case 3:
			s.customer()
			s.demand.advance()
		case 4:
			s.close()
			if s.ended == s.world.Periods {
				if s.fault != nil {
					return Result{}, s.fault
				}
				return s.result(), nil
			}
			s.open()
		}
	}
	return Result{}, s.fault
}

func (s *Sim) failed(err error) {
	if s.fault == nil && err != nil {
		s.fault = fmt.Errorf("sim: period %d: %w", s.ended, err)
	}
}

// customer makes up a customer's request and puts it to a miner.
func (s *Sim) customer() {
	r := s.demand.rand
	validator := choose(s.demand.voters, r.Float64())
	task := choose(s.demand.parts, r.Float64())
	wish := s.world.draw(r, task)
	follows := r.Float64() < s.world.FollowUps
	which := r.IntN(talksKept)
	id := s.take()
	q := &s.requests[id]
	*q = request{kind: organic, validator: int32(validator), task: int32(task), units: wish.units, prompt: wish.prompt, repeated: wish.repeated, arrived: s.now, tried: [tries]int32{-1, -1, -1}, parent: -1, talk: int32((validator*len(s.world.Tasks)+task)*talksKept + which), home: -1}
	if t := s.talks[q.talk]; follows && t.valid {
		q.home = t.seat
	}
	s.tally.customers++
	s.route(id)
}

// talksKept is how many conversations of a validator and task may be continued at a time.
const talksKept = 32

// planned sorts what is planned by time; ties by whom it is for.
func planned(list []instant) {
	slices.SortFunc(list, func(a, b instant) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.of, b.of)) })
}

package measure

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"vision/internal/capacity"
	"vision/internal/outcome"
	"vision/internal/relay"
	"vision/internal/task"
)

// Measurer asks one miner.
type Measurer struct {
	Relay relay.Attempter
	Peer  relay.Peer
	Rules capacity.Rules
	// For is how long single requests of a task, and beacons of one number of slots, are sent; above 0.
	For time.Duration
	// Most is the largest number of slots that is tried of a task; at least 1.
	Most int
	Now  func() time.Time
	// Seed decides which requests are made up.
	Seed uint64
	// Why says why requests of a task failed, as the miner knows it; nil: nobody knows.
	Why func(taskName string) []capacity.Error
	// Progress is told, in a line, of each step that is done; nil: nobody is.
	Progress func(line string)

	asked uint64 // requests made up

	mu     sync.Mutex                // guards failed
	failed map[string]map[string]int // requests that failed as a validator sees it, by task and reason
}

// Member is one task of a mix, as the configuration declares it.
type Member struct {
	Task  *task.Task
	Kind  task.Kind
	Units int64
	Slots int // at least 1
}

// mix is what is measured together.
type mix struct {
	members []Member
	most    int // slots of the member that has most: what k counts
	results []capacity.Measured
	alone   [][]capacity.Single
	ks      []int             // that were measured, ascending
	loads   [][]capacity.Load // of each member, in the order of ks
	full    []int             // of each member, slots that do all that its task counts; 0: none do so far
}

// ErrStopped says that the measurement was broken off; what there is of it is right as far as it goes.
var ErrStopped = errors.New("stopped before all was measured")

// Unserved says that a task's first request failed: there is nothing to measure.
type Unserved struct {
	Task string
	Why  string
}

func (u *Unserved) Error() string { return fmt.Sprintf("%s is not served: %s", u.Task, u.Why) }

// Mix measures tasks that share a GPU. The results are in the members' order. With ErrStopped there are results, too.
func (m *Measurer) Mix(ctx context.Context, members []Member) ([]capacity.Measured, error) {
	x := &mix{members: members, alone: make([][]capacity.Single, len(members)), results: make([]capacity.Measured, len(members)), loads: make([][]capacity.Load, len(members)), full: make([]int, len(members))}
	for i, one := range members {
		x.most = max(x.most, one.Slots)
		r := &x.results[i]
		r.Task, r.Kind, r.Unit = one.Task.Name, one.Kind.Name(), string(one.Kind.Unit())
		r.Maximum = one.Task.CapacityIn(m.Rules.Period)
		r.Declared = capacity.Declared{Units: one.Units, Slots: one.Slots}
		for _, other := range members {
			if other.Task != one.Task {
				r.Together = append(r.Together, other.Task.Name)
			}
		}
	}
	best, err := m.run(ctx, x)
	for i := range x.results {
		x.results[i].Errors = m.why(x.results[i].Task)
		err = errors.Join(err, m.judge(x, i, best))
	}
	return x.results, err
}

// judge judges all loads of a member by all that was measured.
func (m *Measurer) judge(x *mix, i, best int) error {
	one, r := x.members[i], &x.results[i]
	r.Loads = []capacity.Judged{}
	for at, k := range x.ks {
		j, err := m.Rules.Judge(one.Task, x.alone[i], x.loads[i], at)
		if err != nil {
			return err
		}
		r.Loads = append(r.Loads, j)
		if k == x.most {
			j, err := m.Rules.JudgeDeclared(one.Task, x.alone[i], x.loads[i], at, one.Units, one.Slots)
			if err != nil {
				return err
			}
			r.Declared.As = &j
		}
	}
	r.Conclude(slices.Index(x.ks, best))
	return nil
}

// run gives the best k of those that were tried, 0 if none was.
func (m *Measurer) run(ctx context.Context, x *mix) (best int, err error) {
	var unserved []error
	for _, one := range x.members {
		if first := m.ask(ctx, one); ctx.Err() == nil && first.Status != outcome.OK {
			unserved = append(unserved, &Unserved{one.Task.Name, m.reason(one.Task.Name, first)})
		}
	}
	if len(unserved) > 0 {
		return 0, errors.Join(unserved...)
	}
	for i := range x.members {
		if err := m.single(ctx, x, i); err != nil {
			return 0, err
		}
	}
	search := capacity.Search{Most: m.Most}
	for {
		k, ok := search.Next()
		if !ok {
			break
		}
		worth, err := m.step(ctx, x, k)
		if err != nil {
			return search.Best(), err
		}
		search.Note(k, worth)
	}
	best = search.Best()
	// What is declared now, too, if it is no folly to ask for it.
	if best > 0 && x.most <= 2*best && !slices.Contains(x.ks, x.most) {
		_, err = m.step(ctx, x, x.most)
	}
	return best, err
}

// slots is how many of a member's are asked at k: in proportion to its own, but no more than do all that its task counts.
func (x *mix) slots(i, k int) int {
	n := max(1, (2*k*x.members[i].Slots+x.most)/(2*x.most)) // rounded
	if full := x.full[i]; full > 0 && len(x.members) > 1 {
		n = min(n, full)
	}
	return n
}

const (
	mostAlone    = 50 // answers that came alone: the mechanism looks at no more
	leastAlone   = 3
	mostBeacons  = 50 // of one number of slots
	leastBeacons = 3
)

// single times requests that come one at a time.
func (m *Measurer) single(ctx context.Context, x *mix, i int) error {
	one, r := x.members[i], &x.results[i]
	until := m.Now().Add(m.For)
	for n := 0; n < mostAlone && (n < leastAlone || m.Now().Before(until)); n++ {
		o := m.ask(ctx, one)
		if ctx.Err() != nil {
			return ErrStopped
		}
		if o.Status != outcome.OK {
			r.Alone.Failed++
			continue
		}
		x.alone[i] = append(x.alone[i], capacity.Single{Served: o.Work, Total: o.Total})
		r.Alone.Answers++
		r.Alone.Units += o.Work
		r.Alone.Seconds += o.Total.Seconds()
	}
	usual, ok := m.Rules.Usual(one.Task, x.alone[i])
	if !ok {
		return &Unserved{one.Task.Name, fmt.Sprintf("%d requests failed, one after the other", r.Alone.Failed)}
	}
	r.Usual = usual
	m.progress("%s: %d requests, one at a time: %.4g s per %s", r.Task, r.Alone.Answers+r.Alone.Failed, r.Alone.Seconds/float64(max(r.Alone.Units, 1)), r.Unit)
	return nil
}

// step has beacons ask for k slots, judges what came of each member, and says what it is worth all together: each task by
// its weight, measured by what one slot alone does.
func (m *Measurer) step(ctx context.Context, x *mix, k int) (worth float64, err error) {
	until := m.Now().Add(m.For)
	loads := make([]capacity.Load, len(x.members))
	for n := 0; n < mostBeacons && (n < leastBeacons || m.Now().Before(until)); n++ {
		came := m.beacon(ctx, x, k)
		if ctx.Err() != nil {
			return 0, ErrStopped
		}
		for i := range loads {
			loads[i].Slots = x.slots(i, k)
			loads[i].Beacons = append(loads[i].Beacons, came[i])
		}
	}
	at, _ := slices.BinarySearch(x.ks, k)
	x.ks = slices.Insert(x.ks, at, k)
	for i, one := range x.members {
		r := &x.results[i]
		x.loads[i] = slices.Insert(x.loads[i], at, loads[i])
		j, err := m.Rules.Judge(one.Task, x.alone[i], x.loads[i], at)
		if err != nil {
			return 0, err
		}
		if j.Counts() && j.Units >= r.Maximum && (x.full[i] == 0 || j.Slots < x.full[i]) {
			x.full[i] = j.Slots
		}
		alone := float64(r.Alone.Units) / r.Alone.Seconds * m.Rules.Period.Seconds()
		worth += one.Task.Weight * j.Worth / max(alone, 1)
		m.progress("%s: %s at once: %d of %d answers in time, %.2f times as long as alone, %d %ss a period", r.Task, slots(j.Slots), j.InTime, j.Asked, j.Slowdown, j.Units, r.Unit)
	}
	return worth, nil
}

func slots(n int) string {
	if n == 1 {
		return "1 slot"
	}
	return fmt.Sprintf("%d slots", n)
}

// ask sends one request and says how it ended.
func (m *Measurer) ask(ctx context.Context, one Member) outcome.Outcome {
	m.asked++
	return m.send(ctx, one, m.asked)
}

// send makes request number n up, which has nothing but what every one of its kind has, and sends it. It may be called by many at once.
func (m *Measurer) send(ctx context.Context, one Member, n uint64) outcome.Outcome {
	r := rand.New(rand.NewPCG(m.Seed, n))
	request := one.Kind.Synthesise(r, task.Plausible{}, one.Task)
	now := m.Now()
	id := outcome.NewID(now, r.Uint64(), r.Uint64())
	first, total := one.Task.Allowance(one.Kind, request)
	call := relay.Call{
		ID: id, Last: true, Source: outcome.Burst,
		Task: one.Task, Kind: one.Kind, Request: request, Payload: m.Relay.Payload(id, request, one.Task),
		Peer: m.Peer, FirstBy: now.Add(first), By: now.Add(total), Public: true,
	}
	o := m.Relay.Do(ctx, call, unheard{}).Outcome
	if o.Status == outcome.Failed && ctx.Err() == nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.failed == nil {
			m.failed = map[string]map[string]int{}
		}
		if m.failed[o.Task] == nil {
			m.failed[o.Task] = map[string]int{}
		}
		m.failed[o.Task][o.Reason]++
	}
	return o
}

// unheard takes an answer to nobody.
type unheard struct{}

func (unheard) Events([]byte) error { return nil }

// reason says why a request failed.
func (m *Measurer) reason(name string, o outcome.Outcome) string {
	if why := m.why(name); len(why) > 0 {
		return why[0].What
	}
	return o.Reason
}

// why is why requests of a task failed: as the miner knows it of its servers, and of what it passed on as good, as
// validators see it.
func (m *Measurer) why(name string) (list []capacity.Error) {
	if m.Why != nil {
		list = m.Why(name)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, reason := range slices.Sorted(maps.Keys(m.failed[name])) {
		if len(list) == 0 || !strings.HasPrefix(reason, "http_") {
			list = append(list, capacity.Error{What: "a validator sees: " + reason, Times: m.failed[name][reason]})
		}
	}
	return list
}

func (m *Measurer) progress(format string, args ...any) {
	if m.Progress != nil {
		m.Progress(fmt.Sprintf(format, args...))
	}
}

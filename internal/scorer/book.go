package scorer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/score"
)

// book is one period in memory: who contends, what is counted, who is next.
type book struct {
	period.Period // ID is 0 until the store has it; only the loop of periods reads and writes ID and Phase
	secret        [32]byte
	mechanism     score.Mechanism
	wake          chan struct{} // holds a token when the queue has a new first entry
	fetched       chan struct{} // closed when all miners were asked; nil for a resumed period
	recent        *known        // what was remembered when the period began, for plans
	kept          chan struct{} // closed when the store has it: ID does not change any more

	mu               sync.Mutex // guards the rest
	contenders       []contender
	index            map[outcome.Pair]int32
	queue            queue
	again            putOff
	underWay         map[string]int32                   // contenders whose turns were asked and are not counted yet, by the request's id
	refusals         map[int32][]refusal                // of probes, by contender
	customerRefusals map[int32][]refusal                // of customers' requests, by contender
	early            map[outcome.Pair][]outcome.Outcome // of pairs that are no contenders, or not yet
	base             known                              // what was remembered when the period before had closed; nil until it has
	load             map[string]*load                   // by task
	stats            Stats
	after            *total // what is noted when the period is over goes there; nil until then
}

// counted is what was seen of a contender so far.
type counted struct {
	counts  score.Counts
	answers []score.Answer // that state has not taken in
	state   score.State    // what was remembered, and answers since; meaningless until base is known
}

type contender struct {
	period.Contender
	schedule score.Schedule
	joined   int32          // times that it was asked what another was asked, at the other's turn
	passed   int32          // number of the last turn of the schedule that has come
	taken    int32          // turns, its own and as another's companion, that are taken and not counted yet
	bursts   []period.Burst // what came of it at the period's beacons
	counted
}

func newBook(p period.Period, secret [32]byte, m score.Mechanism) *book {
	return &book{
		Period: p, secret: secret, mechanism: m, wake: make(chan struct{}, 1), kept: make(chan struct{}),
		index: map[outcome.Pair]int32{}, early: map[outcome.Pair][]outcome.Outcome{}, load: map[string]*load{}, underWay: map[string]int32{},
		again: putOff{turns: map[uint32]postponed{}, each: map[int32]int{}}, refusals: map[int32][]refusal{}, customerRefusals: map[int32][]refusal{},
	}
}

// seed is the contender's own, for a purpose and a number: it follows from the
// period's seed and our secret alone.
func (b *book) seed(purpose string, miner hotkey.ID, task string, n int) [32]byte {
	mac := hmac.New(sha256.New, b.secret[:])
	mac.Write([]byte("vision/scorer/" + purpose + "\x00"))
	var numbers [16]byte
	binary.BigEndian.PutUint64(numbers[:8], b.Seed)
	binary.BigEndian.PutUint64(numbers[8:], uint64(n))
	mac.Write(numbers[:])
	mac.Write(miner[:])
	mac.Write([]byte(task))
	return [32]byte(mac.Sum(nil))
}

// draw is the randomness of a contender's plan.
func (b *book) draw(miner hotkey.ID, task string) score.Draw {
	seed := b.seed("plan", miner, task, 0)
	return score.DrawFrom(binary.BigEndian.Uint64(seed[:]))
}

// add lets contenders in, at some time after the start; their instants before
// now have passed. One that is already in stays as it is.
func (b *book) add(now time.Time, contenders ...period.Contender) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range contenders {
		b.enter(now, c)
	}
	b.rouse()
}

// join is add for contenders that join the period late: each is asked at least
// once, at a random instant if all of its own have passed.
func (b *book) join(now time.Time, contenders ...period.Contender) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range contenders {
		i, asked, entered := b.enter(now, c)
		if !entered || asked || c.Probes == 0 {
			continue
		}
		elapsed := now.Sub(b.Start)
		if left := score.Asked(b.End.Sub(b.Start)) - elapsed; left > 0 {
			b.contenders[i].passed = 1
			b.requeue(i, postponed{number: c.Probes}, elapsed+rand.N(left))
		}
	}
	b.rouse()
}

// enter lets one contender in, unless it is in already, and says whether any of
// its instants is still to come. It is called with mu held.
func (b *book) enter(now time.Time, c period.Contender) (i int32, asked, entered bool) {
	pair := outcome.Pair{Miner: c.Miner, Task: c.Task}
	if _, twice := b.index[pair]; twice || len(b.contenders) == math.MaxInt32 {
		return 0, false, false
	}
	plan := score.Plan{Capacity: c.Capacity, Share: c.Share, Requests: c.Probes, Seed: b.draw(c.Miner, c.Task).Seed}
	n := contender{Contender: c, schedule: plan.Schedule(b.End.Sub(b.Start))}
	n.counts.Declared = c.Capacity
	if b.base != nil {
		n.state = b.base[pair]
	}
	n.schedule.Skip(now.Sub(b.Start))
	i = int32(len(b.contenders))
	at, asked := n.schedule.Next()
	if asked {
		b.queue.push(due{at: at, i: i})
	}
	b.index[pair] = i
	b.contenders = append(b.contenders, n)
	for j := range b.early[pair] {
		_ = b.observe(i, &b.early[pair][j]) // it fails at counts that no period comes near
	}
	delete(b.early, pair)
	return i, asked, true
}

// move changes contenders' addresses.
func (b *book) move(list []period.Contender) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range list {
		if i, ok := b.index[outcome.Pair{Miner: c.Miner, Task: c.Task}]; ok {
			b.contenders[i].Addr = c.Addr
		}
	}
}

// rouse says that the queue may have a new first entry.
func (b *book) rouse() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// turn is a contender whose turn it is.
type turn struct {
	period.Contender
	Number int // of its planned requests, from 1
	Tries  int // how often it was put off
	i      int32
}

// next gives the contender whose turn has come. If that is nobody, it says how
// long until somebody's, which is never past the period's end; over means that nobody's will.
// Turns that other requests have covered or that are past by more than late are
// passed over. A turn that is given is taken until its outcome is counted or it is
// given back: it was, or will be, asked.
func (b *book) next(now time.Time, late time.Duration) (t turn, wait time.Duration, ok, over bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	elapsed := now.Sub(b.Start)
	length := b.End.Sub(b.Start)
	for elapsed < length {
		if len(b.queue) == 0 {
			return turn{}, length - elapsed, false, false
		}
		first := b.queue[0]
		if first.at > elapsed {
			return turn{}, first.at - elapsed, false, false
		}
		c := &b.contenders[first.i]
		covered := c.schedule.Covered(c.asked())
		t := turn{Contender: c.Contender, Number: c.Probes - c.schedule.Left(), i: first.i}
		if first.again != 0 {
			p := b.again.take(first)
			t.Number, t.Tries = p.number, p.tries
			// Others that were put off are still to come, and make up for themselves.
			covered = c.asked() >= int(c.passed)-b.again.each[first.i]
			b.queue.dropFirst()
		} else {
			c.passed = int32(t.Number)
			if at, more := c.schedule.Next(); more {
				b.queue.replaceFirst(due{at: at, i: first.i})
			} else {
				b.queue.dropFirst()
			}
		}
		switch {
		case elapsed-first.at > late:
			b.stats.Missed++
		case covered:
			b.stats.Covered++
		default:
			c.taken++
			return t, 0, true, false
		}
	}
	return turn{}, 0, false, true
}

// asked is how many requests a contender has had of the period, as far as is known: what
// was counted, whoever asked it, and turns that will be.
func (c *contender) asked() int { return c.counts.Requests + int(c.taken) }

// sends notes under which id a taken turn of a contender is asked.
func (b *book) sends(id string, i int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.underWay[id] = i
}

// giveBack is for a taken turn that is not asked after all.
func (b *book) giveBack(i int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.contenders[i].taken--
}

// answered ends a turn whose outcome is known. It is called with mu held.
func (b *book) answered(id string) {
	if i, ok := b.underWay[id]; ok {
		delete(b.underWay, id)
		b.contenders[i].taken--
	}
}

// covers says whether an attempt counts in this period: it ended in it.
func (b *book) covers(end time.Time) bool { return !end.Before(b.Start) && end.Before(b.End) }

// count adds an attempt's outcome.
func (b *book) count(o *outcome.Outcome) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spend(o)
	pair := outcome.Pair{Miner: o.Miner, Task: o.Task}
	if i, ok := b.index[pair]; ok {
		return b.observe(i, o)
	}
	if len(b.early[pair]) < mostEarly {
		b.early[pair] = append(b.early[pair], *o)
	}
	return nil
}

// mostEarly bounds what is kept of a pair that does not contend, which is asked
// for moments only.
const mostEarly = 100_000

// observe adds an outcome to what was seen of contender i. What a beacon asked
// is seen apart. It is called with mu held.
func (b *book) observe(i int32, o *outcome.Outcome) error {
	if b.refused(i, o) {
		return nil // asked, if not counted yet
	}
	b.answered(o.Request)
	if o.Source == outcome.Burst {
		return nil
	}
	a, ok := answerSeen(o, b.contenders[i].Offer)
	if n := &b.contenders[i]; !ok {
		if o.Status == outcome.Canceled && o.Work > 0 { // no request of any score, but its work was served
			n.counts.Consumed += min(o.Work, math.MaxInt64-n.counts.Consumed)
		}
		return nil
	}
	return b.take(i, a)
}

// take counts an answer of contender i. It is called with mu held.
func (b *book) take(i int32, a score.Answer) error {
	n := &b.contenders[i]
	if err := n.counts.Add(a); err != nil {
		return err
	}
	n.answers = append(n.answers, a)
	if b.base != nil {
		n.takeIn(b.mechanism)
	}
	return nil
}

// takeIn lets the state have the answers that it lacks. Counts have taken them
// already, so that a mechanism can have nothing against them.
func (n *counted) takeIn(m score.Mechanism) {
	for i := range n.answers {
		n.state, _ = m.Observe(n.state, score.Observation{Answer: &n.answers[i]})
	}
	n.answers = nil
}

// stateNow is what is known of contender i by now, what came of the period's
// beacons included. It is called with mu held.
func (b *book) stateNow(i int32) score.State {
	n := &b.contenders[i]
	state := n.state
	if b.base == nil {
		state = b.remembered(n.Miner, n.Task)
	}
	for j := range n.bursts {
		if next, err := b.mechanism.Observe(state, burstSeen(&n.bursts[j], n.Offer)); err == nil {
			state = next
		}
	}
	return state
}

// shown takes note of what came of contenders at a beacon.
func (b *book) shown(bursts []period.Burst) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range bursts {
		if j, ok := b.index[outcome.Pair{Miner: bursts[i].Miner, Task: bursts[i].Task}]; ok {
			b.contenders[j].bursts = append(b.contenders[j].bursts, bursts[i])
		}
	}
}

// remembered is what a plan is made by: a period begins before all of the last is known.
func (b *book) remembered(miner hotkey.ID, task string) score.State {
	if b.recent == nil {
		return nil
	}
	return (*b.recent)[outcome.Pair{Miner: miner, Task: task}]
}

// found is called when the period before has closed: what is remembered of
// contenders is known now.
func (b *book) found(k known) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.base = k
	for i := range b.contenders {
		n := &b.contenders[i]
		n.state = k[pairOf(&n.Contender)]
		n.takeIn(b.mechanism)
	}
}

// listed gives the contenders by UID and task.
func (b *book) listed() []period.Contender {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]period.Contender, len(b.contenders))
	for i := range b.contenders {
		list[i] = b.contenders[i].Contender
	}
	slices.SortFunc(list, byUIDAndTask)
	return list
}

// results gives what came of the contenders, by UID and task.
func (b *book) results() []period.Result {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]period.Result, len(b.contenders))
	for i := range b.contenders {
		c := &b.contenders[i]
		list[i] = period.Result{Contender: c.Contender, Counts: b.judged(int32(i))}
		list[i].Period = b.ID
		list[i].Score, list[i].Valid = list[i].Counts.Score()
	}
	slices.SortFunc(list, func(x, y period.Result) int { return byUIDAndTask(x.Contender, y.Contender) })
	return list
}

// note changes the book's statistics, or, of what ends when the period is over, those of all that are.
func (b *book) note(change func(*Stats)) {
	b.mu.Lock()
	if b.after == nil {
		defer b.mu.Unlock()
		change(&b.stats)
		return
	}
	after := b.after
	b.mu.Unlock()
	after.mu.Lock()
	defer after.mu.Unlock()
	change(&after.stats)
}

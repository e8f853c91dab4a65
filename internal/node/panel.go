package node

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"vision/internal/fault"
	"vision/internal/proto"
)

// panel spreads checks over several checking servers.
//
// A check goes to the one with the fewest under way. One that does not answer, or
// fails several times in a row, is left alone for a while, ever longer, and its checks go to
// others at once; so do those of tasks that it does not judge. What is judged again goes
// to another than the first time, if there is one.
type panel struct {
	judges []*member
	log    *slog.Logger
	now    func() time.Time

	mu   sync.Mutex    // guards the rest, and all of each member but judge and name
	turn int           // of the member that is looked at first
	last map[int64]int // who judged a sample, by its ID
}

// member is a checking server.
type member struct {
	judge judge
	name  string // for logs

	underWay int
	failed   int // in a row
	until    time.Time
	unfit    map[string]time.Time // tasks that it does not judge, until when that is believed
}

const (
	coolFirst    = 200 * time.Millisecond // that one which failed is left alone for
	coolMost     = 30 * time.Second
	unfitFor     = 5 * time.Minute
	failsToCool  = 3 // in a row, of samples that it could not cope with
	mostRemember = 10_000
)

func newPanel(log *slog.Logger, now func() time.Time) *panel {
	return &panel{log: log, now: now, last: map[int64]int{}}
}

func (p *panel) add(name string, j judge) {
	p.judges = append(p.judges, &member{judge: j, name: name, unfit: map[string]time.Time{}})
}

// Check asks one after the other until one gives a verdict. Its error is Invalid
// only if all say that nobody can judge the sample.
func (p *panel) Check(ctx context.Context, r proto.CheckRequest) (proto.CheckResponse, error) {
	asked := make([]bool, len(p.judges))
	var unable, down error
	for {
		i, left := p.pick(&r, asked)
		if i < 0 {
			switch {
			case down != nil:
				return proto.CheckResponse{}, down
			case left:
				return proto.CheckResponse{}, fault.New(fault.Unavailable, "checkers_down", "No checking server that judges this task answers at the moment.")
			}
			if unable == nil { // all have said so before
				unable = fault.New(fault.Invalid, "unjudged_task", "No checking server judges the task %q.", r.Task.Name)
			}
			return proto.CheckResponse{}, unable
		}
		asked[i] = true
		v, err := p.judges[i].judge.Judge(ctx, r)
		if err != nil && errors.Is(ctx.Err(), context.Canceled) {
			p.release(i)
			return v, err
		}
		if err != nil && ctx.Err() != nil { // all of the time went to this one
			err = fault.Wrap(err, fault.Timeout, "timeout", "The checking server took too long")
			p.ended(i, &r, err)
			return v, err
		}
		p.ended(i, &r, err)
		switch {
		case err == nil:
			return v, nil
		case fault.KindOf(err) == fault.Invalid:
			unable = err
		default:
			down = err
		}
	}
}

// pick takes the next to be asked; -1 if there is none. left says that one was left out
// because it does not answer.
func (p *panel) pick(r *proto.CheckRequest, asked []bool) (best int, left bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	before, again := p.last[r.Sample.ID]
	again = again && r.Turn > 0
	best = -1
	for k := range p.judges {
		i := (p.turn + k) % len(p.judges)
		m := p.judges[i]
		switch {
		case asked[i] || now.Before(m.unfit[r.Task.Name]):
			continue
		case now.Before(m.until):
			left = true
			continue
		}
		switch {
		case best < 0, again && best == before:
			best = i
		case again && i == before:
		case m.underWay < p.judges[best].underWay:
			best = i
		}
	}
	if best >= 0 {
		p.judges[best].underWay++
		p.turn = (best + 1) % len(p.judges)
	}
	return best, left
}

func (p *panel) release(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.judges[i].underWay--
}

// ended notes how a check ended.
func (p *panel) ended(i int, r *proto.CheckRequest, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.judges[i]
	m.underWay--
	var f *fault.Error
	errors.As(err, &f)
	switch kind := fault.KindOf(err); {
	case err == nil:
		m.failed, m.until = 0, time.Time{}
		if len(p.last) >= mostRemember {
			clear(p.last)
		}
		p.last[r.Sample.ID] = i
	case kind == fault.Invalid:
		m.failed, m.until = 0, time.Time{}
		if f.Code == "no_reference" || f.Code == "unknown_kind" {
			m.unfit[r.Task.Name] = p.now().Add(unfitFor)
		}
	case kind == fault.Unavailable && f.RetryAfter > 0: // it has enough to do
		m.until = p.now().Add(min(f.RetryAfter, coolMost))
	default:
		m.failed++
		if kind == fault.Unavailable || kind == fault.Timeout || m.failed >= failsToCool {
			wait := min(coolFirst<<min(m.failed-1, 16), coolMost)
			m.until = p.now().Add(wait)
			if m.failed == 1 || m.failed == failsToCool {
				p.log.Warn("a checking server is left alone for a while", "checker", m.name, "wait", wait, "err", err)
			}
		}
	}
}

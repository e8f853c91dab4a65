package gateway

import (
	"time"

	"vision/internal/task"
)

// deadlines bound one try.
type deadlines struct {
	firstBy, by            time.Time
	firstShort, wholeShort bool // earlier than the task lets a miner take
}

// slowest is how many times slower than a task's mean an answer may come that
// is not streamed.
const slowest = 4

// deadlinesOf gives a try that begins now its deadlines; by is the request's
// own. Unless nobody else is to be asked, the time to the first output leaves
// some for another try.
func deadlinesOf(now, by time.Time, t *task.Task, kind task.Kind, req task.Request, last bool) deadlines {
	room := by.Sub(now)
	full := t.Timeouts.First
	if !req.Stream() && kind.Unit() == task.Token {
		// All tokens come at once: give them the time that a miner may take
		// whose speed earns next to nothing. Here the first output is the last.
		slow := slowest * (t.Speed.Overhead + t.Speed.Mean*float64(req.Work()))
		full = min(full+time.Duration(min(slow, 1e6)*float64(time.Second)), t.Timeouts.Total)
		wait := min(full, room-min(t.Timeouts.First, room/4))
		if last {
			wait = room
		}
		at := now.Add(wait)
		return deadlines{firstBy: at, by: at, firstShort: wait < full, wholeShort: wait < full}
	}
	wait := min(full, room)
	if !last {
		wait = min(full, room/2)
	}
	return deadlines{firstBy: now.Add(wait), by: by, firstShort: wait < full, wholeShort: room < t.Timeouts.Total}
}

// short says whether a miner that had not answered at a time was given up
// earlier than its task lets it take. started says whether output had come.
func (d *deadlines) short(started bool, at time.Time) bool {
	if !started && !at.Before(d.firstBy) {
		return d.firstShort
	}
	return d.wholeShort && !at.Before(d.by)
}

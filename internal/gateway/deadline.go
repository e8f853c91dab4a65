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

// deadlinesOf gives a try that begins now its deadlines; by is the request's
// own. A try gets what a miner may take, less where little is left of the
// request; unless nobody else is to be asked, some is left for another try,
// and the last try of a text that is not streamed gets all that is left.
func deadlinesOf(now, by time.Time, t *task.Task, kind task.Kind, req task.Request, last bool) deadlines {
	room := by.Sub(now)
	first, total := t.Allowance(kind, req)
	if !req.Stream() && kind.Unit() == task.Token {
		wait := min(total, room-min(t.Timeouts.First, room/4))
		if last {
			wait = room
		}
		at := now.Add(wait)
		return deadlines{firstBy: at, by: at, firstShort: wait < total, wholeShort: wait < total}
	}
	wait := min(first, room)
	if !last {
		wait = min(first, room/2)
	}
	return deadlines{firstBy: now.Add(wait), by: by, firstShort: wait < first, wholeShort: room < total}
}

// short says whether a miner that had not answered at a time was given up
// earlier than its task lets it take. started says whether output had come.
func (d *deadlines) short(started bool, at time.Time) bool {
	if !started && !at.Before(d.firstBy) {
		return d.firstShort
	}
	return d.wholeShort && !at.Before(d.by)
}

package scorer

import "time"

// queue is a heap of the next instant of every contender: one timer serves
// them all. An entry takes 16 bytes; every step is O(log n).
type queue []due

// due says when contender number i of the book is next to be asked.
type due struct {
	at    time.Duration // from the period's start
	i     int32
	again uint32 // names a turn that was put off; 0 is the next one of the schedule
}

func (q *queue) push(d due) {
	h := append(*q, d)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].at <= d.at {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = d
	*q = h
}

// replaceFirst puts d in the place of the first entry.
func (q queue) replaceFirst(d due) {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(q) {
			break
		}
		if right := child + 1; right < len(q) && q[right].at < q[child].at {
			child = right
		}
		if q[child].at >= d.at {
			break
		}
		q[i] = q[child]
		i = child
	}
	q[i] = d
}

// dropFirst takes the first entry out.
func (q *queue) dropFirst() {
	h := *q
	last := h[len(h)-1]
	*q = h[:len(h)-1]
	if len(*q) > 0 {
		q.replaceFirst(last)
	}
}

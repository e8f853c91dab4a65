package sim

import "math"

// agenda holds when each server's next request ends, and gives the earliest: a
// heap of servers with the place of each, so that a change moves one.
type agenda struct {
	due   []float64 // by server
	heap  []int32   // servers, earliest first
	place []int32   // of a server in the heap
}

func (a *agenda) add() {
	server := int32(len(a.due))
	a.due = append(a.due, math.Inf(1))
	a.place = append(a.place, int32(len(a.heap)))
	a.heap = append(a.heap, server)
}

// first is the earliest end and its server; infinite if nothing runs.
func (a *agenda) first() (float64, int32) {
	if len(a.heap) == 0 {
		return math.Inf(1), -1
	}
	return a.due[a.heap[0]], a.heap[0]
}

func (a *agenda) set(server int32, due float64) {
	was := a.due[server]
	a.due[server] = due
	i := a.place[server]
	if due < was {
		for i > 0 {
			parent := (i - 1) / 2
			if a.due[a.heap[parent]] <= due {
				break
			}
			a.swap(i, parent)
			i = parent
		}
		return
	}
	n := int32(len(a.heap))
	for {
		child := 2*i + 1
		if child >= n {
			return
		}
		if right := child + 1; right < n && a.due[a.heap[right]] < a.due[a.heap[child]] {
			child = right
		}
		if due <= a.due[a.heap[child]] {
			return
		}
		a.swap(i, child)
		i = child
	}
}

func (a *agenda) swap(i, j int32) {
	a.heap[i], a.heap[j] = a.heap[j], a.heap[i]
	a.place[a.heap[i]], a.place[a.heap[j]] = i, j
}

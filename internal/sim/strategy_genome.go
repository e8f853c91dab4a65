package sim

import (
	"fmt"
	"math"
	"strings"
)

// Genome is a strategy that is described by numbers, so that a search can
// change them. It holds most of what the rest of the catalogue does, in any mixture.
type Genome [geneCount]float64

// The genes. All are in the range of genes, and 0, or 1 where it says so, is honest.
const (
	geneDeclare  = iota // declared, in what its GPUs can do; 1
	geneGPUs            // GPUs owned, in the honest twin's; 1
	geneCheap           // share of cheap answers
	geneGuessed         // share of cheap answers to what looks like a customer's
	geneBurst           // share of cheap answers in bursts
	geneTiny            // share of tiny answers in bursts
	geneQueue           // requests that may wait, per slot
	geneOver            // requests run at once beyond the slots, per slot
	geneRefuse          // chance of refusing what looks like a customer's
	geneDuty            // share of periods in which it is there; 1
	geneTasks           // tasks on which the same GPUs are declared; 1
	geneUIDs            // identities over the same GPUs; 1
	geneOverflow        // chance of sending what does not fit to an API at World.APIPrice
	geneLength          // length of answers; 1
	geneCount
)

var genes = [geneCount]struct {
	name              string
	low, high, honest float64
}{
	{"declare", 0.3, 30, 1}, {"gpus", 0.2, 3, 1}, {"cheap", 0, 1, 0}, {"cheap if a customer's", 0, 1, 0}, {"cheap in bursts", 0, 1, 0}, {"tiny in bursts", 0, 1, 0},
	{"queue", 0, 4, 0}, {"over", 0, 4, 0}, {"refuse customers", 0, 1, 0}, {"duty", 0.1, 1, 1}, {"tasks", 1, 3.99, 1}, {"identities", 1, 4.99, 1}, {"overflow", 0, 1, 0}, {"length", 0.5, 1.5, 1},
}

// HonestGenome is a Genome that acts honestly.
func HonestGenome() (g Genome) {
	for i := range g {
		g[i] = genes[i].honest
	}
	return g
}

// String names the genes that differ from honesty.
func (g Genome) String() string {
	var parts []string
	for i, x := range g {
		if x != genes[i].honest {
			parts = append(parts, fmt.Sprintf("%s %.2f", genes[i].name, x))
		}
	}
	if len(parts) == 0 {
		return "honest"
	}
	return strings.Join(parts, ", ")
}

// Found buys and declares as the genes say.
func (g Genome) Found(o *Operator) {
	gpus := max(g[geneGPUs]*float64(o.GPUs), 0.25)
	server := o.Buy(gpus)
	tasks := min(int(g[geneTasks]), len(o.World().Tasks))
	for id := range int(g[geneUIDs]) {
		o.Register(server)
		for i := range tasks {
			task := (o.Home + i) % len(o.World().Tasks)
			o.Declare(id, task, g[geneDeclare]*o.Capacity(task, float64(o.GPUs)))
		}
	}
}

// Begin is away for the last periods of every ten.
func (g Genome) Begin(o *Operator, period int) {
	o.Away = float64(period%10) >= math.Round(10*g[geneDuty])
}

// Answer draws what to do.
func (g Genome) Answer(o *Operator, q *Query) Act {
	u := o.Chance()
	if q.Organic && u < g[geneRefuse] {
		return Act{Verb: Refuse}
	}
	act := Act{Stretch: g[geneLength], Queue: int(g[geneQueue] * float64(q.Slots))}
	burst := q.inBurst()
	switch u = o.Chance(); {
	case burst && u < g[geneTiny]:
		act.Model = Tiny
	case u < g[geneCheap] || burst && u < g[geneBurst] || q.Organic && u < g[geneGuessed]:
		act.Model = Cheap
	}
	if q.Running >= q.Slots {
		act.Over = float64(q.Running) < (1+g[geneOver])*float64(q.Slots)
		if !act.Over && g[geneOverflow] > 0 && u < g[geneOverflow] {
			return Act{Verb: API}
		}
	}
	return act
}

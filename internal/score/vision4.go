package score

// Vision4 is the mechanism of Vision 4.x. It has no state and no settings:
// what it knows of a contender is in its arguments.
type Vision4 struct{}

// Name is recorded beside the weights that this mechanism gave.
func (Vision4) Name() string { return "vision4" }

// Plan tells what to ask of a contender in the period that begins.
func (Vision4) Plan(offer Offer, draw Draw) Plan { return plan(offer, draw) }

// Observe returns the period's counts with one more answer in them. The
// error says what is wrong with the observation; the counts are then unchanged.
func (Vision4) Observe(counts Counts, o Observation) (Counts, error) {
	err := counts.Add(o.Kind, o.Volume)
	return counts, err
}

// Weights tells what the evidence comes to. The error names the task and the
// contender whose evidence cannot be used; no weights follow then, for anyone.
func (Vision4) Weights(tasks []Task) (Outcome, error) { return weigh(tasks) }

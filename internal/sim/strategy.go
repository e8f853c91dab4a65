package sim

// Strategy is how an operator acts. It must be a value that Found can be
// called on for every run: what it learns during one belongs in Operator.Mind.
type Strategy interface {
	// Found buys GPUs and registers identities at the start, with what they declare.
	Found(o *Operator)
	// Begin is called as each period begins, before capacities are asked for.
	Begin(o *Operator, period int)
	// Answer says what to do with a request. It is called for each, so it must be quick.
	Answer(o *Operator, q *Query) Act
}

// Voter is a Strategy that also runs validators, whose dividends are its income.
type Voter interface {
	// Runs says whether a validator, by index into World.Stakes, is the strategy's.
	Runs(validator int) bool
	// Votes replaces what one of its validators would set as weights, by
	// identity; last is what consensus gave in the period before, all 0 at first.
	Votes(o *Operator, weights, last []float64)
}

// Query is what an operator sees of a request.
type Query struct {
	Now       float64
	Identity  int     // index into Operator.Identities
	Task      int     // index into World.Tasks
	Validator int     // index into World.Stakes
	Units     int32   // the most that the request allows
	Burst     int     // requests that the operator got within the last half second, this one included
	Since     float64 // seconds since five requests last came within half a second; large if never
	Organic   bool    // whether it looks like a customer's: right as often as World.Telling
	Repeated  bool    // whether its prompt was asked before
	FollowUp  bool    // whether it goes on with a conversation that this identity served
	Running   int     // on the server that the identity's task is on by default
	Slots     int     // of that server
}

// Verb is what is done with a request.
type Verb uint8

const (
	Serve  Verb = iota // on own GPUs; refused with 429 if no slot is free and the queue is full
	Refuse             // 429
	Break              // fail
	API                // pass it to an outside API
	Pass               // pass it to the network, as a customer
)

// Act is what an operator does with a request. The zero Act serves it honestly.
type Act struct {
	Verb    Verb
	Model   Model
	On      int     // number of the operator's server to serve it on; 0: the one that the identity is on
	Queue   int     // requests that may wait for a slot
	Over    bool    // run it at once although no slot is free: all get slower
	Stretch float64 // answer's length, in that of an honest one; 0 is 1
	Pay     float64 // for API: price per unit, in cost of a fully used GPU's; 0 is World.APIPrice
	Private bool    // for API: GPUs rented by the minute with the task's own weights
}

// Model is what writes an answer.
type Model uint8

const (
	True  Model = iota // the task's
	Cheap              // needs 40% of the service
	Tiny               // needs 10%
	Cache              // none: an answer that was given before
)

// effort is a model's service in the true model's.
func (m Model) effort() float64 {
	switch m {
	case Cheap:
		return 0.4
	case Tiny:
		return 0.1
	case Cache:
		return 0.01
	}
	return 1
}

// caught is the chance that a check of a model's answer ends failed.
func (w *World) caught(m Model) float64 {
	switch m {
	case Cheap, Cache:
		return w.Power
	case Tiny:
		return min(4*w.Power, 1)
	}
	return w.False
}

// Operator is somebody with GPUs and identities.
type Operator struct {
	Index      int
	Strategy   Strategy
	Mind       any   // whatever the strategy wants to remember of this run
	Servers    []int // indices of its servers
	Identities []int // indices of its identities
	Home       int   // the task that it would serve
	GPUs       int   // that it would buy
	Pace       float64
	Away       bool    // nothing is answered, and nothing but what is fixed is paid
	Earned     float64 // incentive in the last period, as a share of all
	Total      float64 // over the run

	sim      *Sim
	cheat    bool
	fixed    float64    // cost so far of GPUs that are on, energy left out
	paid     float64    // for registrations, APIs and what it passed on
	asked    int64      // requests that reached it
	good     int64      // of them, answered in time, whole and truly
	arrivals [5]float64 // when the last five requests came, in turn
	at       int
	flurry   float64 // when five last came within half a second
	awayFrom float64 // an outage: until awayTill it cannot be reached
	awayTill float64
}

// World is the run's.
func (o *Operator) World() *World { return &o.sim.world }

// Chance draws a number in [0, 1).
func (o *Operator) Chance() float64 { return o.sim.operators.Float64() }

// Buy adds a server of so many GPUs and returns its number among the operator's.
func (o *Operator) Buy(gpus float64) int {
	o.Servers = append(o.Servers, o.sim.addServer(gpus, o.Pace))
	return len(o.Servers) - 1
}

// Capacity is what a server of so many GPUs can truly do of a task in a period, in the task's unit.
func (o *Operator) Capacity(task int, gpus float64) float64 {
	return o.sim.capacity(task, gpus, o.Pace)
}

// Register adds an identity on the operator's server of that number and
// returns its number. The first is free; each further one costs World.Fee.
func (o *Operator) Register(server int) int {
	if len(o.Identities) > 0 {
		o.paid += o.sim.world.Fee
	}
	o.Identities = append(o.Identities, o.sim.addIdentity(o, o.Servers[server]))
	return len(o.Identities) - 1
}

// Again gives up an identity and registers another in its place, on the same
// server and with the same declarations.
func (o *Operator) Again(identity int) {
	o.paid += o.sim.world.Fee
	o.Identities[identity] = o.sim.replaceIdentity(o, o.Identities[identity])
}

// Declare sets what an identity declares on a task, in the task's unit per
// period; 0 leaves the task.
func (o *Operator) Declare(identity, task int, units float64) {
	o.sim.declare(o.Identities[identity], task, units, false)
}

// DeclareToEach declares so much to every validator alone, as if it were the only one.
func (o *Operator) DeclareToEach(identity, task int, units float64) {
	o.sim.declare(o.Identities[identity], task, units, true)
}

// Income is the incentive that an identity earned in the last period, as a share of all.
func (o *Operator) Income(identity int) float64 {
	return o.sim.identities[o.Identities[identity]].earned
}

// Honest serves what it declares, and declares what it can.
type Honest struct{}

// Found buys the operator's GPUs and declares their true capacity on its task.
func (Honest) Found(o *Operator) {
	o.Register(o.Buy(float64(o.GPUs)))
	o.Declare(0, o.Home, o.Capacity(o.Home, float64(o.GPUs)))
}

// Begin does nothing.
func (Honest) Begin(*Operator, int) {}

// Answer serves.
func (Honest) Answer(*Operator, *Query) Act { return Act{} }

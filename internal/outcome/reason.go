package outcome

// CallerGone: the customer went away, or took no more of what was sent.
const CallerGone = "caller_gone"

// Reasons of attempts that are Canceled though the customer did not go away:
// they count against nobody.
const (
	// CallerSlow: the time of a stream was up, and the customer took a good part
	// of it to read what was sent.
	CallerSlow = "caller_slow"
	// Refused: the miner says that a customer's request is wrong. It may be,
	// and what it holds is the customer's doing alone.
	Refused = "refused"
	// OurOverload: the miner answered 429 when we had more under way with it,
	// or had used more of its capacity, than it declared.
	OurOverload = "our_overload"
	// CutShort: the miner was given up earlier than its task lets it take, to
	// leave time for another or because others had used it up.
	CutShort = "cut_short"
	// Preempted: a beacon's request made room for a customer's.
	Preempted = "preempted"
	// Hedged: another miner was asked as well, and spoke first.
	Hedged = "hedged"
)

package sim

import (
	"fmt"
	"math"
	"strings"
)

// Entry is one strategy of the catalogue.
type Entry struct {
	Name   string
	Family string
	About  string
	Make   Strategy
	World  func(*World) // what else is different, for the honest twin too; nil: nothing
	Alone  bool         // it has the second operator's GPUs as well, and is compared with both
	Bribes bool         // its validators are not its own: it pays them what dividends they lose by it, and what is compared is its profit after that
	Votes  bool         // what is compared is its validators' dividends alone, not profit
}

// Families in the order in which they are shown.
const (
	declaring = "declaring"
	waiting   = "queueing"
	sharing   = "sharing GPUs"
	own       = "identities"
	cheaper   = "cheaper model"
	absence   = "absence"
	refusing  = "refusing"
	length    = "length"
	caching   = "caching"
	relaying  = "relaying"
	timing    = "beacons"
	colluding = "validators"
	together  = "many together"
	adapting  = "adaptive"
)

// Catalogue lists all strategies. A strategy is a file, strategy_NAME.go, and
// lines here.
func Catalogue() []Entry {
	return []Entry{
		{Name: "honest", Family: "honest", About: "declares what it can do, and does it", Make: Honest{}},

		{Name: "declare-0.5", Family: declaring, About: "declares half of what it can do", Make: Declare{0.5}},
		{Name: "declare-0.8", Family: declaring, About: "declares 80%", Make: Declare{0.8}},
		{Name: "declare-0.95", Family: declaring, About: "declares 95%", Make: Declare{0.95}},
		{Name: "declare-1.05", Family: declaring, About: "declares 5% too much and refuses the rest", Make: Declare{1.05}},
		{Name: "declare-1.2", Family: declaring, About: "declares 20% too much", Make: Declare{1.2}},
		{Name: "declare-1.5", Family: declaring, About: "declares half too much", Make: Declare{1.5}},
		{Name: "declare-5", Family: declaring, About: "declares five times what it can do", Make: Declare{5}},
		{Name: "declare-20", Family: declaring, About: "declares twenty times what it can do", Make: Declare{20}},
		{Name: "half-owned", Family: declaring, About: "owns half of what it declares", Make: Owned{0.5}},
		{Name: "nearly-owned", Family: declaring, About: "owns 85% of what it declares", Make: Owned{0.85}},

		{Name: "queue-1.5", Family: waiting, About: "declares half too much and lets requests wait", Make: Queue{1.5, 1 << 20}},
		{Name: "queue-20", Family: waiting, About: "declares twenty times too much and lets requests wait", Make: Queue{20, 1 << 20}},
		{Name: "queue-short", Family: waiting, About: "declares 20% too much, a few may wait", Make: Queue{1.2, 4}},
		{Name: "queue-honest", Family: waiting, About: "declares what it can do, and lets a few wait in place of refusing them", Make: Queue{1, 16}},
		{Name: "dribble-honest", Family: waiting, About: "declares what it can do, and runs up to twice as many as it has slots in place of refusing them", Make: Dribble{1, 2}},
		{Name: "dribble-1.5", Family: waiting, About: "declares half too much and runs all at once, slowly", Make: Dribble{1.5, 3}},
		{Name: "dribble-3", Family: waiting, About: "declares three times too much and runs all at once, slowly", Make: Dribble{3, 6}},

		{Name: "shared-tasks-2", Family: sharing, About: "declares the same GPUs on two tasks", Make: SharedTasks{2}, World: atLeastTasks(2)},
		{Name: "shared-tasks-4", Family: sharing, About: "declares the same GPUs on four tasks", Make: SharedTasks{4}, World: atLeastTasks(4)},
		{Name: "shared-uids-4", Family: sharing, About: "has four identities over the same GPUs, each declaring all", Make: SharedUIDs{4}},
		{Name: "shared-validators", Family: sharing, About: "declares all to every validator, as if it were the only one", Make: SharedValidators{}},

		{Name: "split-2", Family: own, About: "splits its GPUs over two identities, honestly", Make: Split{2}},
		{Name: "split-4", Family: own, About: "splits its GPUs over four identities, honestly", Make: Split{4}},
		{Name: "merge", Family: own, About: "two owners under one identity, honestly", Make: Merge{}, Alone: true},
		{Name: "fresh", Family: own, About: "serves honestly but takes a new identity every 8 periods", Make: Fresh{8}},
		{Name: "exit", Family: own, About: "honest for 20 periods, then a cheaper model for 4, then a new identity, again and again", Make: Exit{20, 4}},
		{Name: "re-register", Family: own, About: "cheaper model; takes a new identity when it is found out", Make: Reregister{}},

		{Name: "cheap", Family: cheaper, About: "cheaper model always, caught by --power of checks (15%)", Make: Cheapen{Share: 1}},
		{Name: "cheap-25%", Family: cheaper, About: "cheaper model always, caught by 25% of checks: a small real model at 6 bits", Make: Cheapen{Share: 1}, World: power(0.25)},
		{Name: "cheap-5%", Family: cheaper, About: "cheaper model always, caught by 5% of checks", Make: Cheapen{Share: 1}, World: power(0.05)},
		{Name: "cheap-2%", Family: cheaper, About: "cheaper model always, caught by 2% of checks", Make: Cheapen{Share: 1}, World: power(0.02)},
		{Name: "cheap-1%", Family: cheaper, About: "cheaper model always, caught by 1% of checks", Make: Cheapen{Share: 1}, World: power(0.01)},
		{Name: "cheap-half", Family: cheaper, About: "cheaper model for half of requests", Make: Cheapen{Share: 0.5}},
		{Name: "cheap-fifth", Family: cheaper, About: "cheaper model for a fifth of requests", Make: Cheapen{Share: 0.2}},
		{Name: "cheap-tenth", Family: cheaper, About: "cheaper model for a tenth of requests", Make: Cheapen{Share: 0.1}},
		{Name: "cheap-organics", Family: cheaper, About: "cheaper model where a request looks like a customer's", Make: Cheapen{Share: 1, When: OnOrganics}},
		{Name: "cheap-load", Family: cheaper, About: "cheaper model when more than half of its slots are taken", Make: Cheapen{Share: 1, When: UnderLoad}},
		{Name: "cheap-bursts", Family: cheaper, About: "cheaper model during bursts, to declare more", Make: Cheapen{Share: 1, When: InBursts}},
		{Name: "tiny-bursts-5", Family: cheaper, About: "tiny model during bursts, declares five times", Make: TinyBursts{5}},
		{Name: "bait", Family: cheaper, About: "honest for 16 periods, then a cheaper model", Make: Bait{16}},

		{Name: "on-1-of-6", Family: absence, About: "there one period of six", Make: OnOff{1, 6}},
		{Name: "on-1-of-2", Family: absence, About: "there every other period", Make: OnOff{1, 2}},
		{Name: "nights-off", Family: absence, About: "there 16 periods of 24", Make: OnOff{16, 24}},

		{Name: "refuse-organics", Family: refusing, About: "refuses what looks like a customer's", Make: RefuseOrganics{}},
		{Name: "refuse-long", Family: refusing, About: "refuses requests longer than the mean", Make: RefuseLong{1}},
		{Name: "refuse-some", Family: refusing, About: "refuses the longest requests, three times the mean", Make: RefuseLong{3}},
		{Name: "half-slots", Family: refusing, About: "refuses singles when half of its slots are taken, to be fast", Make: Spared{0.5}},

		{Name: "pad-1.3", Family: length, About: "pads answers by 30%", Make: Stretched{1.3}},
		{Name: "truncate-0.5", Family: length, About: "cuts answers in half, declares twice as much", Make: Stretched{0.5}},
		{Name: "truncate-0.9", Family: length, About: "cuts answers by a tenth", Make: Stretched{0.9}},

		{Name: "cache", Family: caching, About: "answers repeated prompts (5%) from a cache", Make: Cached{}},
		{Name: "cache-many", Family: caching, About: "answers repeated prompts from a cache where 30% repeat", Make: Cached{}, World: func(w *World) { w.Repeats = 0.3 }},

		{Name: "relay-network", Family: relaying, About: "owns nothing, passes everything on to other miners at a customer's price", Make: Relay{}},
		{Name: "relay-api", Family: relaying, About: "owns nothing, passes everything to an API that serves the same model at a GPU's price", Make: Outside{}, World: salted(false)},
		{Name: "relay-api-salted", Family: relaying, About: "owns nothing, passes everything to an API, where the task has its own weights, which none serves", Make: Outside{}, World: salted(true)},
		{Name: "overflow-api", Family: relaying, About: "own GPUs, overflow to an API at three times the price, declares five times", Make: Overflow{Declare: 5, Pay: 3}, World: salted(false)},
		{Name: "overflow-api-salted", Family: relaying, About: "own GPUs, overflow to an API, declares five times, where the task has its own weights", Make: Overflow{Declare: 5, Pay: 3}, World: salted(true)},

		{Name: "predict", Family: timing, About: "foresees every beacon, and rents GPUs by the minute for it, declares five times", Make: Predict{Declare: 5, Pay: 3}},
		{Name: "predict-idle", Family: timing, About: "foresees every beacon, owns nothing else, refuses between", Make: Predict{Declare: 1, Pay: 3, Idle: true}},
		{Name: "rent-bursts", Family: timing, About: "rents GPUs within a second when a burst comes, declares five times", Make: Overflow{Declare: 5, Pay: 3, Private: true, Bursts: true}},
		{Name: "rent-loaded", Family: timing, About: "rents GPUs when a burst comes, which load the model for 20 s, for a minute at least; declares five times", Make: Rent{Declare: 5, Price: 3}},
		{Name: "rent-slow", Family: timing, About: "rents GPUs when a burst comes, which load the model for a minute, for ten minutes at least; declares five times", Make: Rent{Declare: 5, Price: 3, Load: 60, Least: 600}},
		{Name: "predict-loaded", Family: timing, About: "foresees every beacon, rents GPUs in time for it, which load the model for 20 s, for a minute at least; declares five times", Make: Rent{Declare: 5, Price: 3, Foresees: true}},
		{Name: "predict-slow", Family: timing, About: "foresees every beacon, rents GPUs in time for it, which load the model for a minute, for ten minutes at least; declares five times", Make: Rent{Declare: 5, Price: 3, Load: 60, Least: 600, Foresees: true}},
		{Name: "beacon-only", Family: timing, About: "serves bursts and refuses single requests", Make: BeaconOnly{}},

		{Name: "collude-8", Family: colluding, About: "its validator with 8% of stake gives it all its weight", Make: Collude{Validators: []int{4}, Favour: math.Inf(1)}.strategy()},
		{Name: "collude-25", Family: colluding, About: "its validator with 25% of stake gives it all its weight", Make: Collude{Validators: []int{1}, Favour: math.Inf(1)}.strategy()},
		{Name: "lie-25", Family: colluding, About: "its validator with 25% of stake gives it three times its weight", Make: Collude{Validators: []int{1}, Favour: 3}.strategy()},
		{Name: "cartel-45", Family: colluding, About: "validators with 45% of stake give it all their weight", Make: Collude{Validators: []int{1, 3, 4}, Favour: math.Inf(1)}.strategy()},
		{Name: "cartel-55", Family: colluding, About: "validators with 55% of stake, which consensus follows, give it twice its weight", Make: Collude{Validators: []int{0, 2}, Favour: 2}.strategy()},
		{Name: "bribe-8", Family: colluding, About: "a validator with 8% of stake gives it half more than its weight, and is paid what it loses by that", Make: bribed(1.5, 4), Bribes: true},
		{Name: "bribe-25", Family: colluding, About: "a validator with 25% of stake gives it half more than its weight, and is paid what it loses by that", Make: bribed(1.5, 1), Bribes: true},
		{Name: "bribe-45", Family: colluding, About: "three validators with 45% of stake give it half more than its weight, and are paid what they lose by that", Make: bribed(1.5, 1, 3, 4), Bribes: true},
		{Name: "copy-weights", Family: colluding, About: "a validator sets the last consensus as weights and checks nothing: its dividends", Make: Copy{3}, Votes: true},
		{Name: "copy-settled", Family: colluding, About: "a validator sets the last consensus as weights, in a network that knows its miners: its dividends in the second half of the run", Make: Copy{3}, Votes: true, World: settled(0)},
		{Name: "copy-revealed", Family: colluding, About: "as copy-settled, where weights are hidden, and count, until and from a period after they are set, as by Subtensor's default", Make: Copy{3}, Votes: true, World: settled(1)},
		{Name: "smooth-weights", Family: colluding, About: "a validator checks, and sets the mean of its weights of 8 periods: its dividends in the second half of the run", Make: Smooth{3, 8}, Votes: true, World: settled(0)},

		{Name: "third-declare", Family: together, About: "declares half too much and lets requests wait, as a third of all do", Make: Queue{1.5, 1 << 20}, World: with(1.0/3, Queue{1.5, 1 << 20})},
		{Name: "third-cheap", Family: together, About: "cheaper model always, as a third of all do", Make: Cheapen{Share: 1}, World: with(1.0/3, Cheapen{Share: 1})},
		{Name: "most-declare", Family: together, About: "declares half too much and lets requests wait, as two thirds of all do", Make: Queue{1.5, 1 << 20}, World: with(2.0/3, Queue{1.5, 1 << 20})},
		{Name: "most-cheap", Family: together, About: "cheaper model always, as two thirds of all do", Make: Cheapen{Share: 1}, World: with(2.0/3, Cheapen{Share: 1})},
		{Name: "most-cut", Family: together, About: "cuts answers by a tenth, as two thirds of all do: theirs is the usual length", Make: Stretched{0.9}, World: with(2.0/3, Stretched{0.9})},

		{Name: "climb", Family: adapting, About: "changes what it declares and cheapens a little at a time, and keeps what pays", Make: Climb{}},
		{Name: "searched", Family: adapting, About: "what a search found: owns 87% of what it declares, cheaper model for an eighth in bursts, many wait and many run beyond the slots", Make: searched()},
		{Name: "searched-before", Family: adapting, About: "what a search found earlier: declares twice what it can do, cheaper model in bursts, some wait and some run beyond the slots", Make: searchedBefore()},
	}
}

func power(p float64) func(*World) { return func(w *World) { w.Power = p } }
func salted(is bool) func(*World)  { return func(w *World) { w.Salted = is } }
func settled(reveal int) func(*World) {
	return func(w *World) { w.Settle, w.Reveal = w.Periods/2, reveal }
}

func bribed(favour float64, validators ...int) Strategy {
	return Collude{Validators: validators, Favour: favour}.strategy()
}

// with has a part of all operators be of one strategy; the honest twin lives among them, too.
func with(part float64, s Strategy) func(*World) {
	return func(w *World) { w.Cheats, w.Rogues = part, []Strategy{s} }
}
func atLeastTasks(n int) func(*World) {
	return func(w *World) {
		if len(w.Tasks) < n {
			w.Tasks = Services(n)
		}
	}
}

// Find gives the entries of a list of names or families, all of the catalogue for "all".
func Find(names string) ([]Entry, error) {
	all := Catalogue()
	if names == "all" {
		return all, nil
	}
	var out []Entry
	for name := range strings.SplitSeq(names, ",") {
		name = strings.TrimSpace(name)
		n := len(out)
		for _, e := range all {
			if e.Name == name || e.Family == name {
				out = append(out, e)
			}
		}
		if len(out) == n {
			return nil, fmt.Errorf("there is no strategy or family %q; `vision sim list` shows them", name)
		}
	}
	return out, nil
}

// Rogues are the cheats of a mixed population, in equal parts.
func Rogues() []Strategy {
	return []Strategy{Declare{5}, SharedTasks{2}, Cheapen{Share: 1}, OnOff{1, 2}, Queue{20, 1 << 20}, TinyBursts{5}, Cheapen{Share: 0.2}, SharedUIDs{4}, Dribble{1.5, 3}}
}

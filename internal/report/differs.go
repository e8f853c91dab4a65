package report

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// mostDiffering is how many parameters, or tasks, Differs names.
const mostDiffering = 8

// Differs says how the rules of two reports differ: network, mechanism, parameters, what tasks pay, how long periods last,
// and whose values call beacons; "" if they don't. What either does not say is left out. The other's author chose
// its names, which are shown as what they are, and not at any length.
func (r *Report) Differs(other *Report) string {
	var list []string
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if r.Network != "" && other.Network != "" && (r.Network != other.Network || r.Netuid != other.Netuid) {
		say("it scores the network %s %d, not %s %d", plain(other.Network), other.Netuid, plain(r.Network), r.Netuid)
	}
	if r.Mechanism != other.Mechanism {
		say("it scores by %s, not %s", plain(other.Mechanism), r.Mechanism)
	} else if d := differing(r.Parameters, other.Parameters, "is"); d != "" {
		say("its parameters differ: %s", d)
	}
	if ours, theirs := r.weights(), other.weights(); len(ours) > 0 && len(theirs) > 0 {
		if d := differing(ours, theirs, "pays"); d != "" {
			say("its tasks differ: %s", d)
		}
	}
	// A period may be some moments shorter where a clock was set.
	if ours, theirs := r.End.Sub(r.Start), other.End.Sub(other.Start); ours > 0 && theirs > 0 && (ours-theirs).Abs() > ours/100 {
		say("its periods last %v, not %v", theirs.Round(time.Second/10), ours.Round(time.Second/10))
	}
	if ours, theirs := r.sources(), other.sources(); len(ours) > 0 && len(theirs) > 0 && !slices.ContainsFunc(ours, func(s string) bool { return slices.Contains(theirs, s) }) {
		say("its beacons are called by %s, not %s, so they are not at the same time", plain(theirs[0]), plain(ours[0]))
	}
	return strings.Join(list, "; ")
}

// weights are what tasks pay, by name.
func (r *Report) weights() map[string]float64 {
	m := map[string]float64{}
	for _, t := range r.Tasks {
		m[t.Task] = t.Weight
	}
	return m
}

// sources are whose values called the period's beacons.
func (r *Report) sources() (list []string) {
	for _, b := range r.Beacons {
		if !slices.Contains(list, b.Source) {
			list = append(list, b.Source)
		}
	}
	return list
}

// differing names what two say differently.
func differing(ours, theirs map[string]float64, verb string) string {
	var list []string
	more := 0
	for _, name := range sorted(ours, theirs) {
		a, known := ours[name]
		b, there := theirs[name]
		switch {
		case a == b && known == there:
		case len(list) == mostDiffering:
			more++
		case !there:
			list = append(list, fmt.Sprintf("it has no %s", plain(name)))
		default:
			list = append(list, fmt.Sprintf("%s %s %v, not %v", plain(name), verb, b, a))
		}
	}
	if more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, "; ")
}

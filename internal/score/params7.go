package score

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vision/internal/typo"
)

// Params7 are the parameters of vision7. All validators of a network need the
// same ones. docs/mechanism.md has a reason for each and what changing it does;
// the ranges are in fields.
type Params7 struct {
	// Credited capacity.
	Beacons    float64 // beacons in a period, on average
	Growth     float64 // a beacon asks for this many times the credited capacity, if that much is declared
	Learning   float64 // part of the way that the credit moves to what a beacon showed
	RampGrowth float64 // Growth for newcomers, until a beacon is not answered in full or all that is declared is shown
	RampLearn  float64 // Learning meanwhile
	Penalty    float64 // what each part not answered takes off, as a multiple of what each part answered adds
	Late       float64 // an answer to a beacon counts if it took at most this many times the usual time, and Slack more
	Slack      float64 // seconds
	Caution    float64 // standard errors of the credit that are not paid
	Brevity    float64 // answers to beacons may be shorter than others' by this factor before they take from the pay
	SlowPower  float64 // a beacon's answers that take twice the usual time leave 2^-SlowPower of the pay
	Proof      float64 // part of what can be credited that must be, or the pay falls faster than the credit; 0: never
	ProofPower float64 // half of that part leaves 2^-ProofPower of the pay, besides

	// What is asked besides.
	Trickle      float64 // single requests in a period where customers' do not measure
	TrickleShare float64 // part of the capacity that they take at most
	PaceWindow   float64 // answers over which the usual pace is averaged

	// Reliability.
	Fade float64 // each period counts this much of the next newer one

	// Quality.
	CheckWindow float64 // checks over which quality and the rate of failures are averaged
	CheckPrior  float64 // checks with half the tolerated failures that everyone is taken to have had before
	Kappa       float64 // part of the quality that each part of failures above half the tolerated takes
	Tolerated   float64 // rate of failed checks that an honest miner may have

	// Audit.
	AuditLow, AuditMiddle, AuditHigh float64 // rates of failure that are told from the tolerated one
	AuditLimit                       float64 // evidence at which a miner is slashed
	SlashPeriods                     float64 // periods for which it earns nothing the first time; twice as many each further time
	ForgivePeriods                   float64 // periods without a slashing after which one is forgotten

	// Trust.
	TrustStart  float64 // part of the pay that is trusted to a miner of whom no answer was checked
	TrustChecks float64 // passed checks from which on all is
}

// Defaults7 are the parameters of the network unless its configuration names others.
var Defaults7 = Params7{
	Beacons: 4, Growth: 2, Learning: 0.2, RampGrowth: 2, RampLearn: 0.65, Penalty: 2,
	Late: 1.6, Slack: 0.4, Caution: 2, Brevity: 1.1, SlowPower: 2, Proof: 0.7, ProofPower: 4,
	Trickle: 1, TrickleShare: 0.01, PaceWindow: 50,
	Fade:        0.8,
	CheckWindow: 100, CheckPrior: 20, Kappa: 40, Tolerated: 0.01,
	AuditLow: 0.03, AuditMiddle: 0.1, AuditHigh: 0.25, AuditLimit: 1e5, SlashPeriods: 24, ForgivePeriods: 720,
	TrustStart: 0.25, TrustChecks: 100,
}

// field is a parameter as configurations name it, with its range.
type field struct {
	name      string
	value     *float64
	low, high float64
}

func (p *Params7) fields() []field {
	return []field{
		{"beacons", &p.Beacons, 0, 60},
		{"growth", &p.Growth, 1.01, 4},
		{"learning", &p.Learning, 0.01, 1},
		{"ramp_growth", &p.RampGrowth, 1.01, 4},
		{"ramp_learn", &p.RampLearn, 0.01, 1},
		{"penalty", &p.Penalty, 0, 100},
		{"late", &p.Late, 1, 10},
		{"slack", &p.Slack, 0, 60},
		{"caution", &p.Caution, 0, 3},
		{"brevity", &p.Brevity, 1, 1e6},
		{"slow_power", &p.SlowPower, 0, 10},
		{"proof", &p.Proof, 0, 1},
		{"proof_power", &p.ProofPower, 0, 10},
		{"trickle", &p.Trickle, 0, 60},
		{"trickle_share", &p.TrickleShare, 0, 1},
		{"pace_window", &p.PaceWindow, 1, 10_000},
		{"fade", &p.Fade, 0, 0.99},
		{"check_window", &p.CheckWindow, 1, 10_000},
		{"check_prior", &p.CheckPrior, 0, 10_000},
		{"kappa", &p.Kappa, 0, 1000},
		{"tolerated", &p.Tolerated, 1e-6, 0.5},
		{"audit_low", &p.AuditLow, 1e-6, 0.999},
		{"audit_middle", &p.AuditMiddle, 1e-6, 0.999},
		{"audit_high", &p.AuditHigh, 1e-6, 0.999},
		{"audit_limit", &p.AuditLimit, 10, 1e12},
		{"slash_periods", &p.SlashPeriods, 0, 10_000},
		{"forgive_periods", &p.ForgivePeriods, 1, 1e6},
		{"trust_start", &p.TrustStart, 0, 1},
		{"trust_checks", &p.TrustChecks, 1, 1e6},
	}
}

// Validate says which parameter is out of range.
func (p Params7) Validate() error {
	for _, f := range p.fields() {
		if !(*f.value >= f.low && *f.value <= f.high) {
			return fmt.Errorf("%s is %v, want %v to %v", f.name, *f.value, f.low, f.high)
		}
	}
	switch {
	case p.RampGrowth < p.Growth || p.RampLearn < p.Learning:
		return fmt.Errorf("ramp_growth %v and ramp_learn %v, want at least growth %v and learning %v", p.RampGrowth, p.RampLearn, p.Growth, p.Learning)
	case !(p.Tolerated < p.AuditLow && p.AuditLow < p.AuditMiddle && p.AuditMiddle < p.AuditHigh):
		return fmt.Errorf("tolerated %v, audit_low %v, audit_middle %v, audit_high %v: want each above the one before", p.Tolerated, p.AuditLow, p.AuditMiddle, p.AuditHigh)
	}
	return nil
}

// Map gives the parameters by the names that configurations use.
func (p Params7) Map() map[string]float64 {
	m := map[string]float64{}
	for _, f := range p.fields() {
		m[f.name] = *f.value
	}
	return m
}

// Params7From is the defaults with what a configuration names instead.
func Params7From(named map[string]float64) (Params7, error) {
	p := Defaults7
	known := map[string]*float64{}
	for _, f := range p.fields() {
		known[f.name] = f.value
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if known[name] == nil {
			return p, fmt.Errorf("vision7 has no parameter %q; %s", name, meant(name, slices.Sorted(maps.Keys(known))))
		}
		*known[name] = named[name]
	}
	if err := p.Validate(); err != nil {
		return p, fmt.Errorf("vision7: %w", err)
	}
	return p, nil
}

// meant asks for the name that was probably meant, or says which it has.
func meant(typed string, names []string) string {
	if near := typo.Nearest(typed, names, 2); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "it has " + strings.Join(names, ", ")
}

package node

import (
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"vision/internal/chain"
	"vision/internal/randomness"
	"vision/internal/score"
	"vision/internal/scorer"
)

// MechanismConfig names the rules by which miners are scored. They are the
// network's: validators with other ones disagree about weights.
type MechanismConfig struct {
	// Name is vision7, or vision4, the mechanism of Vision 4.x.
	Name string `yaml:"name"`
	// Parameters are those that differ from the mechanism's defaults; see docs/mechanism.md.
	Parameters map[string]float64 `yaml:"parameters"`
}

// Make makes the mechanism.
func (c MechanismConfig) Make() (score.Mechanism, error) { return score.Named(c.Name, c.Parameters) }

func (c MechanismConfig) check(report func(field, format string, args ...any)) {
	if !slices.Contains(score.Names(), c.Name) {
		report("mechanism.name", "%q is not a mechanism; the mechanisms are %s", c.Name, strings.Join(score.Names(), ", "))
	} else if _, err := c.Make(); err != nil {
		report("mechanism.parameters", "%v", err)
	}
}

// BeaconConfig says which public randomness tells when all validators ask all
// miners at once. It is the network's: validators with another ask at other times.
type BeaconConfig struct {
	// Sources are drand (the League of Entropy's quicknet) and ledger (the hashes of
	// its blocks), in the order in which they are asked: another where one gives nothing.
	Sources []string `yaml:"sources"`
	// Drand are base URLs of servers of quicknet.
	Drand []string `yaml:"drand"`
}

// randomSource opens one kind of public randomness.
type randomSource struct {
	name string
	open func(c BeaconConfig, l chain.Ledger) (randomness.Source, error)
}

// randomSources are all there are. To add one, write a randomness.Source and name it here.
var randomSources = []randomSource{
	{"drand", func(c BeaconConfig, _ chain.Ledger) (randomness.Source, error) {
		return randomness.NewDrand(randomness.Quicknet, c.Drand, nil, nil)
	}},
	{"ledger", func(_ BeaconConfig, l chain.Ledger) (randomness.Source, error) {
		return randomness.Ledger{Ledger: l}, nil
	}},
}

func randomSourceNamed(name string) (randomSource, bool) {
	i := slices.IndexFunc(randomSources, func(s randomSource) bool { return s.name == name })
	if i < 0 {
		return randomSource{}, false
	}
	return randomSources[i], true
}

func (c BeaconConfig) check(report func(field, format string, args ...any)) {
	if len(c.Sources) == 0 {
		report("beacons.sources", "is empty: name drand, ledger, or both in the order in which they are asked")
	}
	for i, name := range c.Sources {
		if _, ok := randomSourceNamed(name); !ok {
			report(fmt.Sprintf("beacons.sources[%d]", i), "%q is not a source of randomness; they are drand, ledger", name)
		}
	}
	for i, u := range c.Drand {
		if parsed, err := url.Parse(u); err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http" {
			report(fmt.Sprintf("beacons.drand[%d]", i), "%q is not a server's base URL, such as https://api.drand.sh", u)
		}
	}
	if slices.Contains(c.Sources, "drand") && len(c.Drand) == 0 {
		report("beacons.drand", "is empty: name servers of drand, or leave drand out of the sources")
	}
}

// open makes what scorers listen to.
func (c BeaconConfig) open(l chain.Ledger, log *slog.Logger) (scorer.Randomness, error) {
	var sources []randomness.Named
	for _, name := range c.Sources {
		kind, ok := randomSourceNamed(name)
		if !ok {
			return nil, fmt.Errorf("%q is not a source of randomness", name)
		}
		source, err := kind.open(c, l)
		if err != nil {
			return nil, err
		}
		sources = append(sources, randomness.Named{Name: name, Source: source})
	}
	return randomness.NewOrdered(log, time.Now, sources...)
}

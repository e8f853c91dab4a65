package node

import (
	"fmt"
	"time"

	"vision/internal/beacon"
	"vision/internal/config"
	"vision/internal/randomness"
	"vision/internal/report"
)

// learnable names settings that are no mistakes and leave little, or nothing, to be learned of miners, and what to do:
// mostly those of periods so short that a single answer is a large part of them.
func (c *ValidatorConfig) learnable() (list []string) {
	warn := func(field, format string, args ...any) {
		list = append(list, field+": "+fmt.Sprintf(format, args...))
	}
	m, err := c.Mechanism.Make()
	if err != nil || m.Name() != "vision7" || !c.has(Scorer) {
		return nil
	}
	params := report.ParametersOf(m)
	if params["trickle"] == 0 {
		warn("mechanism.parameters.trickle", "is 0, so who has no customers is asked no single request, has no reliability and is paid nothing")
	}
	beacons := m.Beacons()
	if beacons == 0 {
		warn("mechanism.parameters.beacons", "is 0, so nobody shows any capacity, and nobody is paid")
		return list
	}
	rules := beacon.For(c.Period, beacons)
	if tick := randomness.Quicknet.Period; len(c.Beacons.Sources) > 0 && c.Beacons.Sources[0] == "drand" && rules.Gap(tick) > rules.Every+rules.Every/20 {
		warn("beacons.sources", "drand has a value every %v, which is enough for %.1f of the %.4g beacons in a period of %v: lengthen the period, or lower mechanism.parameters.beacons",
			tick, c.Period.Seconds()/rules.Gap(tick).Seconds(), beacons, c.Period)
	}
	if name, n := c.mostAtOnce(); n > float64(c.Scorer.Bursts) {
		warn("scorer.bursts", "is %d, and a miner with all the capacity that counts on %s is due %.0f requests at once from all validators together: who is due more than the bound is asked at no beacon, and what it is credited with stays as it is. Set it to more than that, for all miners are asked at the same time",
			c.Scorer.Bursts, name, n)
	}
	name, takes := c.longest()
	if takes == 0 {
		return list
	}
	lasts := rules.Lead + rules.Window + takes
	if all := time.Duration(beacons * float64(lasts)); all > c.Period {
		warn("period", "is %v, and its %.4g beacons take %v: one lasts %v until it is answered on %s, so they run into one another. Lengthen the period, or set mechanism.parameters.beacons to %.2g or less",
			c.Period, beacons, all.Round(time.Second/10), lasts.Round(time.Second/10), name, float64(c.Period)/float64(lasts))
	}
	// What a beacon asks of who shows all that it has is a request for each of its slots, and some more that follow.
	part := func(period time.Duration) float64 {
		return beacons * (takes + beacon.For(period, beacons).Window).Seconds() / period.Seconds()
	}
	one, all := takes.Seconds()/c.Period.Seconds(), part(c.Period)
	if all <= c.Scorer.Synthetic || c.Scorer.Synthetic == 1 && one < 1 {
		return list
	}
	longer := c.Period
	for part(longer) > c.Scorer.Synthetic && longer < 1000*time.Hour {
		longer += longer/50 + time.Second
	}
	fix := fmt.Sprintf("set it to %.2g, or the period to %v", min(1, all*1.05), longer.Round(time.Second))
	if all > 1 {
		fix = fmt.Sprintf("set the period to %v", longer.Round(time.Second))
	}
	if one > c.Scorer.Synthetic {
		warn("scorer.synthetic", "is %v, and one beacon takes %.2g of what miners can do of %s in a period of %v: who shows all that it has is asked at none. To have all beacons, %s",
			c.Scorer.Synthetic, one, name, c.Period, fix)
	} else {
		warn("scorer.synthetic", "is %v, and the %.4g beacons of a period take %.2g of what miners can do of %s in %v: some are left out. To have all, %s",
			c.Scorer.Synthetic, beacons, all, name, c.Period, fix)
	}
	return list
}

// mostAtOnce is the task on which a miner may be due most requests at once at the task's pace, and how many; 0 as of longest.
func (c *ValidatorConfig) mostAtOnce() (name string, most float64) {
	all, err := config.LoadCatalogue(c.Catalogue)
	if err != nil {
		return "", 0
	}
	for _, t := range all.Tasks() {
		perUnit := t.Speed.Mean + t.Speed.Overhead/float64(max(t.Typical, 1)) // seconds of a slot
		if n := float64(t.CapacityIn(c.Period)) / c.Period.Seconds() * perUnit; t.Weight > 0 && n > most {
			name, most = t.Name, n
		}
	}
	return name, most
}

// longest is the task whose usual request takes longest at the task's mean pace, and how long. 0 if the catalogue cannot be read, which
// is a mistake of its own.
func (c *ValidatorConfig) longest() (name string, takes time.Duration) {
	all, err := config.LoadCatalogue(c.Catalogue)
	if err != nil {
		return "", 0
	}
	for _, t := range all.Tasks() {
		if one := time.Duration((t.Speed.Overhead + t.Speed.Mean*float64(max(t.Typical, 1))) * float64(time.Second)); t.Weight > 0 && one > takes {
			name, takes = t.Name, one
		}
	}
	return name, takes
}

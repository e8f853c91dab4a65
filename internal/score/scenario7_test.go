package score

import (
	"fmt"
	"math"
	"time"

	"vision/internal/hotkey"
)

const mechanism7 = "the mechanism is vision7"

// scenario7 is a scenario of vision7: what happened, in the order of time.
type scenario7 struct {
	v      Vision7
	stake  float64
	length time.Duration
	tasks  []Task
	limits map[string]taskLimits

	miners    map[string]hotkey.ID
	names     map[string]map[hotkey.ID]int64 // of periods, the newest by task and miner
	contender *Contender                     // what indented lines describe
	on        string                         // its task
	out       *Outcome
	err       error
	checked   int
}

func newScenario7() *scenario7 {
	v, err := NewVision7(Defaults7)
	return &scenario7{
		v: v, err: err, stake: 1, length: time.Hour,
		limits: map[string]taskLimits{}, miners: map[string]hotkey.ID{}, names: map[string]map[hotkey.ID]int64{},
	}
}

func (s *scenario7) describing() bool { return s.contender != nil }
func (s *scenario7) finished() bool   { return s.out != nil }

func (s *scenario7) observe(o Observation) (err error) {
	s.contender.State, err = s.v.Observe(s.contender.State, o)
	return err
}

// close ends a period of the contender.
func (s *scenario7) close(c Closed) error {
	if s.names[s.on] == nil {
		s.names[s.on] = map[hotkey.ID]int64{}
	}
	s.names[s.on][s.contender.Hotkey]++
	c.Number = s.names[s.on][s.contender.Hotkey]
	return s.observe(Observation{Closed: &c})
}

// beacon has so many of what a beacon asks answered; answered below 0 is all of it.
func (s *scenario7) beacon(draw float64, wantAsked, answered int, seconds float64, units ...int64) error {
	o := s.contender.Offer
	b := Beacon{Offer: o, Asked: s.v.Burst(s.contender.State, o, draw)}
	if wantAsked >= 0 && b.Asked != wantAsked {
		return fmt.Errorf("it asks %d", b.Asked)
	}
	if answered < 0 {
		answered = b.Asked
	}
	for range answered {
		work := o.PerRequest
		for _, units := range units {
			work = units
		}
		b.Answers = append(b.Answers, Arrived{Served: work, Elapsed: time.Duration(math.Round(seconds * 1e9))})
	}
	if b.Asked == 0 {
		return nil // nothing was asked, so there is nothing to observe
	}
	return s.observe(Observation{Beacon: &b})
}

var sentences7 = []sentence[*scenario7]{
	say(mechanism7, func(s *scenario7, a []string) error { return s.err }),
	say(`parameter NAME is NUMBER`, func(s *scenario7, a []string) error {
		p := s.v.Params().Map()
		p[a[0]] = float(a[1])
		all, err := Params7From(p)
		if err == nil {
			s.v, err = NewVision7(all)
		}
		return err
	}),
	say(`a period lasts NUMBER s`, func(s *scenario7, a []string) error {
		s.length = time.Duration(float(a[0]) * 1e9)
		return nil
	}),
	say(`the validator holds NUMBER% of the stake`, func(s *scenario7, a []string) error {
		s.stake = float(a[0]) / 100
		return nil
	}),
	say(`task NAME weighs NUMBER, counts at most NUMBER, NUMBER per request`, func(s *scenario7, a []string) error {
		s.tasks = append(s.tasks, Task{Name: a[0], Weight: float(a[1])})
		s.limits[a[0]] = taskLimits{maximum: int64(float(a[2])), perRequest: int64(float(a[3]))}
		return nil
	}),
	say(`speed of NAME: overhead NUMBER s, mean NUMBER s per unit, steepness NUMBER`, func(s *scenario7, a []string) error {
		l := s.limits[a[0]]
		l.speed = Speed{Overhead: time.Duration(float(a[1]) * 1e9), Mean: float(a[2]), Steepness: float(a[3])}
		s.limits[a[0]] = l
		return l.speed.Validate()
	}),
	say(`miner NAME declares NUMBER on NAME(?:, with NUMBER slots|)`, func(s *scenario7, a []string) error {
		l, known := s.limits[a[2]]
		if !known {
			return fmt.Errorf("no task %s above", a[2])
		}
		if _, known := s.miners[a[0]]; !known {
			s.miners[a[0]] = hotkey.ID{byte(len(s.miners) + 1)}
		}
		for i := range s.tasks {
			if t := &s.tasks[i]; t.Name == a[2] {
				t.Contenders = append(t.Contenders, Contender{Hotkey: s.miners[a[0]], Offer: Offer{
					Declared: int64(float(a[1])), Maximum: l.maximum, StakeShare: s.stake, PerRequest: l.perRequest, Slots: int(float(a[3])), Length: s.length, Speed: l.speed,
				}})
				s.contender, s.on = &t.Contenders[len(t.Contenders)-1], a[2]
			}
		}
		return nil
	}),
	say(`  NUMBER answers, each: NUMBER units in NUMBER s`, func(s *scenario7, a []string) error {
		units := int64(float(a[1]))
		took := s.contender.Offer.Speed.Beyond(time.Duration(math.Round(float(a[2]) * 1e9)))
		for range times(a[0]) {
			if err := s.observe(Observation{Answer: &Answer{Kind: OK, Asked: units, Served: units, Took: took}}); err != nil {
				return err
			}
		}
		return nil
	}),
	say(`  (?:NUMBER checks, each: |)quality NUMBER, speed NUMBER`, func(s *scenario7, a []string) error {
		for range times(a[0]) {
			if err := s.observe(Observation{Check: &Check{Quality: float(a[1]), Speed: float(a[2])}}); err != nil {
				return err
			}
		}
		return nil
	}),
	say(`  NUMBER failed checks?`, func(s *scenario7, a []string) error {
		for range times(a[0]) {
			if err := s.observe(Observation{Check: &Check{Failed: true}}); err != nil {
				return err
			}
		}
		return nil
	}),
	say(`  is convicted`, func(s *scenario7, a []string) error {
		return s.observe(Observation{Check: &Check{Failed: true, Convicted: true}})
	}),
	say(`  beacon, draw NUMBER: asks NUMBER, NUMBER answered in NUMBER s`, func(s *scenario7, a []string) error {
		return s.beacon(float(a[0]), int(float(a[1])), int(float(a[2])), float(a[3]))
	}),
	say(`  beacon, draw NUMBER: asks nothing`, func(s *scenario7, a []string) error {
		return s.beacon(float(a[0]), 0, 0, 0)
	}),
	say(`  NUMBER beacons, draw NUMBER: all answered in NUMBER s`, func(s *scenario7, a []string) error {
		for range times(a[0]) {
			if err := s.beacon(float(a[1]), -1, -1, float(a[2])); err != nil {
				return err
			}
		}
		return nil
	}),
	say(`  NUMBER beacons, draw NUMBER: all answered with NUMBER units in NUMBER s`, func(s *scenario7, a []string) error {
		for range times(a[0]) {
			if err := s.beacon(float(a[1]), -1, -1, float(a[3]), int64(float(a[2]))); err != nil {
				return err
			}
		}
		return nil
	}),
	say(`  NUMBER beacons, draw NUMBER: none answered`, func(s *scenario7, a []string) error {
		for range times(a[0]) {
			if err := s.beacon(float(a[1]), -1, 0, 0); err != nil {
				return err
			}
		}
		return nil
	}),
	say(`  (?:NUMBER periods end, each: |period ends: )asked NUMBER, refused NUMBER, failed NUMBER, consumed NUMBER`, func(s *scenario7, a []string) error {
		asked, refused, failed := int64(float(a[1])), int64(float(a[2])), int64(float(a[3]))
		for range times(a[0]) {
			c := Counts{Asked: asked, AskedRateLimited: refused, AskedFailed: failed, Consumed: int64(float(a[4]))}
			if asked > 0 { // one request for each kind of end is enough: volumes are what counts
				c.OK, c.RateLimited, c.Failed, c.Requests = 1, 1, 1, 3
			}
			if err := s.close(Closed{Counts: c, Offer: s.contender.Offer}); err != nil {
				return err
			}
		}
		return nil
	}),
	say(`  is absent for (?:NUMBER periods|a period), and misses NUMBER beacons in each`, func(s *scenario7, a []string) error {
		for range times(a[0]) {
			if err := s.close(Closed{Missed: int(float(a[1]))}); err != nil {
				return err
			}
		}
		return nil
	}),
	say(`=> NAME on NAME: (ceiling|credited|standard error|slowdown factor|proof factor|brevity|paid|period score|reliability|passing|failure rate|failure factor|quality|audit|trust|checks|effective volume|share|task weight|contribution|slashed until|slashings) NUMBER`, func(s *scenario7, a []string) error {
		s.checked++
		f, err := s.factors(a[0], a[1])
		if err != nil {
			return err
		}
		return expect(factor7(f, a[2]), a[3])
	}),
	say(`=> NAME on NAME: a beacon asks NUMBER at draw NUMBER`, func(s *scenario7, a []string) error {
		s.checked++
		for _, t := range s.tasks {
			for _, c := range t.Contenders {
				if t.Name == a[1] && c.Hotkey == s.miners[a[0]] {
					return expect(float64(s.v.Burst(c.State, c.Offer, float(a[3]))), a[2])
				}
			}
		}
		return fmt.Errorf("%s declares nothing on %s", a[0], a[1])
	}),
	say(`=> weight of NAME NUMBER`, func(s *scenario7, a []string) error {
		s.checked++
		e, err := s.explain(a[0])
		if err != nil {
			return err
		}
		return expect(e.Weight, a[1])
	}),
	say(`=> on the chain NAME has NUMBER`, func(s *scenario7, a []string) error {
		s.checked++
		if _, err := s.explain(a[0]); err != nil {
			return err
		}
		got, err := onChain(s.out.Weights, s.miners[a[0]])
		if err != nil {
			return err
		}
		return expect(got, a[1])
	}),
}

func factor7(f Factors, name string) float64 {
	h := f.Hardened
	return map[string]float64{
		"ceiling":          h.Ceiling,
		"credited":         h.Credited,
		"standard error":   h.StdErr,
		"slowdown factor":  h.SlowFactor,
		"proof factor":     h.ProofFactor,
		"paid":             h.Paid,
		"brevity":          h.Brevity,
		"period score":     h.LastScore,
		"reliability":      h.Reliability,
		"passing":          h.Passing,
		"failure rate":     h.FailureRate,
		"failure factor":   h.FailureFactor,
		"quality":          f.Quality.Combined,
		"audit":            h.Audit,
		"trust":            h.Trust,
		"checks":           float64(f.Quality.Checks),
		"effective volume": f.EffectiveVolume,
		"share":            f.Share,
		"task weight":      f.PaidTaskWeight,
		"contribution":     f.Contribution,
		"slashed until":    float64(h.SlashedUntil),
		"slashings":        float64(h.Slashings),
	}[name]
}

func (s *scenario7) explain(name string) (Explanation, error) {
	if s.out == nil {
		out, err := s.v.Weights(s.tasks)
		s.out, s.err = &out, err
	}
	if s.err != nil {
		return Explanation{}, s.err
	}
	e, ok := s.out.Explain(s.miners[name])
	if !ok {
		return e, fmt.Errorf("no miner %s above", name)
	}
	return e, nil
}

func (s *scenario7) factors(name, task string) (Factors, error) {
	e, err := s.explain(name)
	if err != nil {
		return Factors{}, err
	}
	for _, f := range e.Tasks {
		if f.Task == task {
			return f, nil
		}
	}
	return Factors{}, fmt.Errorf("%s declares nothing on %s", name, task)
}

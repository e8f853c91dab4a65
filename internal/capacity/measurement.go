package capacity

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// Measurement is what was found out about a miner's servers, as `vision miner measure --json` writes it.
type Measurement struct {
	Version    int                `json:"version"` // 1
	At         time.Time          `json:"at"`
	Mechanism  string             `json:"mechanism"`
	Parameters map[string]float64 `json:"parameters"`
	Period     float64            `json:"period_seconds"` // that units refer to
	Window     float64            `json:"window_seconds"` // for which a beacon asks
	Tasks      []Measured         `json:"tasks"`
}

// Measured is one task.
type Measured struct {
	Task     string   `json:"task"`
	Kind     string   `json:"kind"`
	Unit     string   `json:"unit"`
	Together []string `json:"together,omitempty"` // other tasks that were asked at the same instants, for they share a server or a group

	Usual   float64  `json:"usual_seconds_per_unit"` // of answers that came alone, as the mechanism takes it
	Alone   Alone    `json:"alone"`
	Loads   []Judged `json:"loads"`      // by slots, ascending
	Maximum int64    `json:"maximum"`    // units that the task counts of any miner's
	Most    int      `json:"most_slots"` // with which answers all but count; 0: with none
	Units   int64    `json:"units"`      // to declare; 0: nothing
	Slots   int      `json:"slots"`      // to declare
	Paid    float64  `json:"paid"`       // of Units, if they are declared
	Speed   float64  `json:"speed_factor"`
	Errors  []Error  `json:"errors,omitempty"`

	Declared Declared `json:"declared"`
}

// Alone sums up the answers to requests that came one at a time.
type Alone struct {
	Answers int     `json:"answers"`
	Failed  int     `json:"failed"`
	Units   int64   `json:"units"`
	Seconds float64 `json:"seconds"`
}

// Error is why requests failed, and how many.
type Error struct {
	What  string `json:"what"`
	Times int    `json:"times"`
}

// Declared is what the configuration declares.
type Declared struct {
	Units int64   `json:"units"`
	Slots int     `json:"slots"`
	As    *Judged `json:"as_measured,omitempty"` // what it comes to; nil if so many slots were not measured
}

// version is that of the form of measurements.
const version = 1

// Read reads a measurement.
func Read(text []byte) (Measurement, error) {
	m := Measurement{}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("read a measurement: %w", err)
	}
	switch {
	case m.Version != version:
		return m, fmt.Errorf("read a measurement: it has version %d, want %d: measure again", m.Version, version)
	case !(m.Period > 0) || math.IsInf(m.Period, 0):
		return m, fmt.Errorf("read a measurement: a period of %v s", m.Period)
	case len(m.Tasks) == 0:
		return m, errors.New("read a measurement: it has no tasks")
	}
	for _, t := range m.Tasks {
		if !(t.Paid >= 0) || !(t.Speed >= 0) || !(t.Usual >= 0) || t.Units < 0 || t.Slots < 0 || math.IsInf(t.Paid+t.Speed+t.Usual, 0) {
			return m, fmt.Errorf("read a measurement: task %q has a number that is none", t.Task)
		}
	}
	return m, nil
}

// Conclude sets what follows from the loads that were judged: that at index best is to be declared; none if it is -1.
func (m *Measured) Conclude(best int) {
	for i := range m.Loads {
		l := &m.Loads[i]
		if l.Counts() {
			m.Most = max(m.Most, l.Slots)
		}
		if i == best && l.Paid > 0 {
			l.Best = true
			m.Units, m.Slots, m.Paid, m.Speed = l.Units, l.Slots, l.Paid, l.Speed
		}
	}
}

// Slowdown is how many times as long as alone answers take with as many slots as are to be declared; 1 if unknown.
func (m *Measured) Slowdown() float64 {
	for _, l := range m.Loads {
		if l.Best {
			return max(1, l.Slowdown)
		}
	}
	return 1
}

// tolerable is how much may be lost by what is declared before it is worth a warning.
const tolerable = 0.05

// Warnings says, in sentences, what the operator should know of the task besides the numbers.
func (m *Measured) Warnings() (list []string) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if m.Units == 0 {
		say("no answer counts, even one request at a time: declare nothing of it before that is mended")
		return list
	}
	bad, asked := m.Alone.Failed, m.Alone.Failed+m.Alone.Answers
	if bad > 0 {
		say("%d of %d requests failed although they came alone: each costs reliability", bad, asked)
	}
	if first := m.Loads[0]; first.Slots == 1 && first.Late > 0 {
		say("%d of %d answers took too long for a beacon even one at a time: something else uses the machine, or some prompts take it far longer than others", first.Late, first.Asked)
	}
	if m.Maximum > 0 && m.Units >= m.Maximum {
		say("%d %ss a period are the most that the task counts: more slots earn nothing", m.Maximum, m.Unit)
	} else if last := m.Loads[len(m.Loads)-1]; last.Slots == m.Slots && last.Counts() && len(m.Loads) > 1 {
		say("more than %d slots were not tried, and may be worth more: see --most", m.Slots)
	}
	d := m.Declared
	switch {
	case d.Slots > m.Slots:
		say("%d too many slots are declared, %d in place of %d", d.Slots-m.Slots, d.Slots, m.Slots)
	case d.Slots < m.Slots:
		say("%d too few slots are declared, %d in place of %d", m.Slots-d.Slots, d.Slots, m.Slots)
	}
	if off := float64(d.Units) / float64(m.Units); off > 1+tolerable {
		say("%.0f%% too many units are declared, %d in place of %d", 100*(off-1), d.Units, m.Units)
	} else if off < 1-tolerable {
		say("%.0f%% too few units are declared, %d in place of %d: the rest is not paid", 100*(1-off), d.Units, m.Units)
	}
	if best := m.Paid * m.Speed; d.As != nil && d.As.Worth < (1-tolerable)*best {
		say("as it is declared, the task earns %.0f%% of what it could", 100*d.As.Worth/best)
	}
	return list
}

package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"vision/internal/capacity"
	"vision/internal/hotkey"
	"vision/internal/report"
	"vision/internal/score"
)

// What `vision calculate` takes of a measurement, and what it says of declaring.

// measuredFrom is the measurement that a calculation is made from.
type measuredFrom struct {
	At     time.Time `json:"at"`
	Scale  float64   `json:"scale"`                 // what was measured is taken so many times
	Absent []string  `json:"absent,omitempty"`      // tasks of it that the network does not have, or that answered nothing in time
	Rules  string    `json:"other_rules,omitempty"` // how those of the network differ from those that it was judged by
}

func (m *measuredFrom) String() string {
	text := fmt.Sprintf("As measured %s UTC", m.At.UTC().Format(time.DateTime))
	if m.Scale != 1 {
		text += fmt.Sprintf(", and scaled by %.4g: so many GPUs are taken to do so many times as much, as fast", m.Scale)
	}
	text += ". Quality is the speed that was measured, unless --quality is said.\n"
	if m.Rules != "" {
		text += fmt.Sprintf("Measured by other rules than the network's: %s. What is paid is not known; measure again with --url or --report.\n", m.Rules)
	}
	if len(m.Absent) > 0 {
		text += fmt.Sprintf("Left out, for the network does not have it or no answer counted: %s.\n", strings.Join(m.Absent, ", "))
	}
	return text
}

// cansOf is what miners can do that show so much: nobody knows with how many slots.
func cansOf(tasks joins) map[string]capacity.Can {
	cans := map[string]capacity.Can{}
	for _, t := range tasks {
		cans[t.Task] = capacity.Can{Units: t.Capacity}
	}
	return cans
}

// readMeasured reads a measurement as what a miner would bring to the network of a report, with so many times what was
// measured. Work is per period of the report.
func readMeasured(file string, r *report.Report, scale float64) (*measuredFrom, joins, map[string]capacity.Can, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, nil, err
	}
	m, err := capacity.Read(text)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	times := scale
	if length := r.End.Sub(r.Start).Seconds(); length > 0 {
		times *= length / m.Period
	}
	from, tasks, cans := &measuredFrom{At: m.At, Scale: scale, Rules: otherRules(&m, r)}, joins{}, map[string]capacity.Can{}
	for _, t := range m.Tasks {
		if t.Units == 0 || !slices.ContainsFunc(r.Tasks, func(of report.Task) bool { return of.Task == t.Task }) {
			from.Absent = append(from.Absent, t.Task)
			continue
		}
		can := capacity.Can{Units: float64(t.Units) * times, Slots: int(min(max(1, math.Round(float64(t.Slots)*scale)), score.MostAsked)), Slowdown: t.Slowdown(), Maximum: maximumIn(r, t.Task)}
		counted := 1.0 // part of it that the task counts
		if can.Maximum > 0 {
			counted = min(1, float64(can.Maximum)/can.Units)
		}
		tasks = append(tasks, score.Joining{Task: t.Task, Capacity: t.Paid * times * counted, Quality: min(t.Speed, score.MaxSpeed)})
		cans[t.Task] = can
	}
	if len(tasks) == 0 {
		return nil, nil, nil, fmt.Errorf("%s: no task of it is one of the network's on which an answer counted", file)
	}
	return from, tasks, cans, nil
}

// otherRules says how a report's rules differ from those that a measurement was judged by; "" if they don't, or it does not say by which.
func otherRules(m *capacity.Measurement, r *report.Report) string {
	if m.Mechanism == "" {
		return ""
	}
	by := report.Report{Mechanism: m.Mechanism, Parameters: m.Parameters}
	return by.Differs(&report.Report{Mechanism: r.Mechanism, Parameters: r.Parameters})
}

// maximumIn is the most that a task counts of any miner's, by what contenders offer; 0 if a report has none.
func maximumIn(r *report.Report, name string) int64 {
	for _, t := range r.Tasks {
		for _, c := range t.Contenders {
			if t.Task == name && c.Offer.Maximum > 0 {
				return c.Offer.Maximum
			}
		}
	}
	return 0
}

// declaring is what declaring something else than one can do comes to.
type declaring struct {
	Declared capacity.Declaration `json:"declared"`
	Exactly  capacity.Declaration `json:"declared_exactly"`
	Maximum  int64                `json:"maximum,omitempty"` // units that the task counts of any miner; 0: unknown
	Others   []declared           `json:"declarations"`
}

// declared is what declaring so much comes to, all else being equal.
type declared struct {
	capacity.Declaration
	Weight float64 `json:"weight"` // of the miner, with its other tasks
	Income float64 `json:"income"`
}

// left is what part of the pay is left by what is declared; above 0, for what earns nothing cannot be estimated.
func (d *declaring) left() float64 { return part(d.Declared, d.Exactly) }

// exactly is paid something.
func part(d, exactly capacity.Declaration) float64 {
	return max(d.Paid/exactly.Paid, 1e-12)
}

// declare says, by the network's mechanism, what declaring comes to, by tasks.
func declare(r *report.Report, rules score.Mechanism, tasks joins, cans map[string]capacity.Can, wanted joins) (map[string]*declaring, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	seven, ok := rules.(score.Vision7)
	if !ok {
		return nil, usagef("--declare is of use under vision7; the validator scores by %s, which pays what is declared", rules.Name())
	}
	by := capacity.Rules{Mechanism: seven, Period: r.End.Sub(r.Start)}
	if by.Period <= 0 {
		by.Period = time.Hour
	}
	all := map[string]*declaring{}
	for _, w := range wanted {
		can, ok := cans[w.Task]
		if !ok {
			return nil, usagef("--declare %s: the miner does not do that task; it does %s", w.Task, strings.Join(namesOf(tasks), ", "))
		}
		if all[w.Task] != nil {
			return nil, usagef("--declare says %s twice", w.Task)
		}
		d := &declaring{Maximum: can.Maximum}
		var err error
		if d.Exactly, err = by.Declare(can, can.Units); err == nil {
			d.Declared, err = by.Declare(can, w.Capacity)
		}
		if err == nil && !(d.Exactly.Paid > 0) {
			return nil, fmt.Errorf("--declare %s: answers that take %.2f times as long as alone come too late: nothing is paid, whatever is declared", w.Task, max(1, can.Slowdown))
		}
		parts := slices.Clone(capacity.Ladder)
		if !slices.ContainsFunc(parts, func(p float64) bool { return math.Abs(p-d.Declared.Part) < 1e-6 }) {
			parts = append(parts, d.Declared.Part)
			slices.Sort(parts)
		}
		for _, p := range parts {
			if err == nil {
				var one capacity.Declaration
				one, err = by.Declare(can, max(1, p*can.Units))
				d.Others = append(d.Others, declared{Declaration: one})
			}
		}
		if err != nil {
			return nil, fmt.Errorf("task %q: %w", w.Task, err)
		}
		all[w.Task] = d
	}
	return all, nil
}

// percent writes a part in hundredths, to three digits or whole.
func percent(part float64) string {
	if part >= 10 {
		return fmt.Sprintf("%.0f", 100*part)
	}
	return fmt.Sprintf("%.3g", 100*part)
}

func namesOf(tasks joins) (list []string) {
	for _, t := range tasks {
		list = append(list, t.Task)
	}
	return list
}

// price says what each of the declarations earns; tasks are what the miner brings, of which at i is this one's, and capacity
// what is paid of it if it declares exactly.
func (d *declaring) price(out score.Outcome, id hotkey.ID, tasks joins, i int, capacity, paid float64) error {
	for j := range d.Others {
		one := &d.Others[j]
		with := slices.Clone(tasks)
		with[i].Capacity = capacity * part(one.Declaration, d.Exactly)
		e, err := out.Estimate(id, with, paid)
		if err != nil {
			return err
		}
		one.Weight, one.Income = e.Weight, e.Income
	}
	return nil
}

func (t *calculatedTask) printDeclaring(out io.Writer, paid bool) error {
	d := t.Declaring
	if d == nil {
		return nil
	}
	fmt.Fprintf(out, "\n%s, if it can do %.0f %ss a period", t.Task, d.Exactly.Declared, t.Unit)
	if d.Maximum > 0 && d.Exactly.Declared >= float64(d.Maximum) {
		fmt.Fprintf(out, " (of which the task counts %d)", d.Maximum)
	}
	fmt.Fprintln(out, " and declares:")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "DECLARED\tOF THAT\tCREDITED\tPROOF\tPAID\tWEIGHT\t")
	if paid {
		fmt.Fprint(w, "INCOME\t")
	}
	fmt.Fprintln(w)
	for _, one := range d.Others {
		fmt.Fprintf(w, "%.0f\t%s%%\t%.0f\t%.2f\t%.1f%%\t%.4f\t", one.Declared, percent(one.Part), one.Credited, one.Proof, 100*part(one.Declaration, d.Exactly), one.Weight)
		if paid {
			fmt.Fprintf(w, "%.2f\t", one.Income)
		}
		mark := ""
		switch {
		case math.Abs(one.Part-d.Declared.Part) < 1e-6:
			mark = "as asked"
		case one.Part == 1:
			mark = "exactly"
		}
		fmt.Fprintf(w, "%s\t\n", mark)
	}
	return w.Flush()
}

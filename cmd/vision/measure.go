package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"vision/internal/capacity"
	"vision/internal/config"
	"vision/internal/measure"
	"vision/internal/miner"
	"vision/internal/node"
	"vision/internal/score"
	"vision/internal/task"
)

const measureAbout = `find out what to declare, by asking your model servers as validators do

Makes requests up as validators do and sends them through the miner that the file describes, on loopback: no ledger, no hotkey, no
other miner has part in it, and a miner that runs meanwhile shares its servers with what is measured. Each task is
asked one request at a time, and then as beacons ask, with 1, 2, 4, … slots at once, until more slots are worth
less by the mechanism's own rules. Tasks that share a server or a group are asked together, as beacons do, with slots in
proportion to those that the file declares. It says what to declare, in lines for the file.

Ctrl-C ends it and prints what was measured so far. Nothing is written and no text of a request is shown.`

// names are --task flags.
type names []string

func (n *names) String() string { return "" }

func (n *names) Set(name string) error {
	*n = append(*n, name)
	return nil
}

func runMeasure(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	file := flags.String("config", "miner.yaml", "the miner's configuration file")
	var only names
	flags.Var(&only, "task", "a `NAME` of a task to measure, in place of all; may be repeated")
	long := flags.Duration("for", 30*time.Second, "how long single requests of a task, and each number of slots, are measured")
	most := flags.Int("most", 64, "the most slots of a task that are tried")
	url := flags.String("url", "", "a validator's API, http://HOST:PORT, whose rules are to be judged by, in place of the usual ones")
	reported := flags.String("report", "", "a `FILE` with a validator's report, whose rules are to be judged by, in place of the usual ones")
	asJSON := flags.Bool("json", false, "print JSON, which vision calculate --measured reads")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	switch {
	case *long < time.Millisecond || *long > 24*time.Hour:
		return usagef("--for is %v, want 1ms to 24h", *long)
	case *most < 1 || *most > score.MostAsked/4:
		return usagef("--most is %d, want 1 to %d", *most, score.MostAsked/4)
	}
	c := node.MinerDefaults()
	if err := load("miner", *file, &c); err != nil {
		return err
	}
	catalogue, err := config.LoadCatalogue(c.Catalogue)
	if err != nil {
		return err
	}
	mixes, err := mixesOf(c.Config, catalogue, only)
	if err != nil {
		return err
	}
	rules, err := rulesFor(ctx, c.Period, *url, *reported, slices.Concat(mixes...))
	if err != nil {
		return err
	}
	r, err := node.Rehearse(c.Config, catalogue)
	if err != nil {
		return err
	}
	defer r.Close()
	m := &measure.Measurer{
		Relay: r.Relay, Peer: r.Peer, Rules: rules, For: *long, Most: *most, Now: time.Now, Seed: rand.Uint64(), Why: r.Errors,
		Progress: func(line string) { fmt.Fprintln(t.err, line) },
	}
	steps := 0
	for _, mix := range mixes {
		steps += len(mix) + 8
	}
	fmt.Fprintf(t.err, "about %v to go; Ctrl-C ends it sooner\n", (time.Duration(steps) * *long).Round(time.Second))
	found := capacity.Measurement{
		Version: 1, At: time.Now().UTC().Truncate(time.Second), Mechanism: rules.Mechanism.Name(), Parameters: rules.Mechanism.Params().Map(),
		Period: rules.Period.Seconds(), Window: rules.Window().Seconds(),
	}
	var wrong []error
	for _, mix := range mixes {
		results, err := m.Mix(ctx, mix)
		found.Tasks = append(found.Tasks, results...)
		if err != nil {
			wrong = append(wrong, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if *asJSON {
		enc := json.NewEncoder(t.out)
		enc.SetIndent("", "  ")
		err = enc.Encode(found)
	} else {
		err = printMeasurement(t.out, found, c.Config)
	}
	for _, mix := range mixes {
		warnApart(t.err, c.Config, mix)
	}
	warnCrowded(t.err, c.Config)
	return errors.Join(append(wrong, err)...)
}

// rulesFor is what the capacity of some tasks is judged by: what a validator's report says, whose network must have them all, or
// vision7 as it is by default.
func rulesFor(ctx context.Context, period time.Duration, url, file string, members []measure.Member) (capacity.Rules, error) {
	rules := capacity.Rules{Period: period}
	if url == "" && file == "" {
		var err error
		rules.Mechanism, err = score.NewVision7(score.Defaults7)
		return rules, err
	}
	r, err := readReport(ctx, dataFlags{data: new(string), config: new(string)}, url, file)
	if err != nil {
		return rules, err
	}
	var theirs, absent []string
	for _, t := range r.Tasks {
		theirs = append(theirs, t.Task)
	}
	for _, m := range members {
		if !slices.Contains(theirs, m.Task.Name) {
			absent = append(absent, m.Task.Name)
		}
	}
	if len(absent) > 0 {
		return rules, fmt.Errorf("the report's network has no task %s; it has %s", strings.Join(absent, ", "), strings.Join(theirs, ", "))
	}
	named, err := r.Rules()
	if err != nil {
		return rules, err
	}
	seven, ok := named.(score.Vision7)
	if !ok {
		return rules, fmt.Errorf("the validator scores by %s, which has no beacons: nothing measured here says what to declare", named.Name())
	}
	rules.Mechanism, rules.Network = seven, r.End.Sub(r.Start)
	return rules, nil
}

// mixesOf are the tasks of a miner by what they share, in the file's order: those of one server or one group are one mix.
func mixesOf(c miner.Config, catalogue *task.Catalogue, only names) ([][]measure.Member, error) {
	for _, name := range only {
		if !slices.ContainsFunc(c.Tasks, func(t miner.Task) bool { return t.Task == name }) {
			return nil, usagef("the file has no task %q; it has %s", name, strings.Join(tasksOf(c), ", "))
		}
	}
	var mixes [][]measure.Member
	var shared [][]string // servers and groups of each
	for _, t := range c.Tasks {
		if len(only) > 0 && !slices.Contains(only, t.Task) {
			continue
		}
		known, ok := catalogue.Lookup(t.Task)
		if !ok {
			return nil, fmt.Errorf("the network's catalogue has no task %q: remove it from the file, or leave it out with --task", t.Task)
		}
		kind, ok := task.KindNamed(known.Kind)
		if !ok {
			return nil, fmt.Errorf("task %q is of an unknown kind %q", t.Task, known.Kind)
		}
		slots := t.Slots
		for _, g := range c.Groups {
			if g.Name == t.Group {
				slots = min(slots, g.Slots) // as validators are told
			}
		}
		mix, with := []measure.Member{{Task: known, Kind: kind, Units: t.Units, Slots: slots}}, sharesOf(t)
		// All that it shares something with becomes one.
		for i := len(mixes) - 1; i >= 0; i-- {
			if slices.ContainsFunc(shared[i], func(s string) bool { return slices.Contains(with, s) }) {
				mix, with = append(mixes[i], mix...), append(shared[i], with...)
				mixes, shared = slices.Delete(mixes, i, i+1), slices.Delete(shared, i, i+1)
			}
		}
		mixes, shared = append(mixes, mix), append(shared, with)
	}
	return mixes, nil
}

func tasksOf(c miner.Config) (list []string) {
	for _, t := range c.Tasks {
		list = append(list, t.Task)
	}
	return list
}

func sharesOf(t miner.Task) []string {
	if t.Group == "" {
		return []string{"server " + t.Server}
	}
	return []string{"server " + t.Server, "group " + t.Group}
}

// warnApart says which tasks share something with a mix and were not measured with it.
func warnApart(out io.Writer, c miner.Config, mix []measure.Member) {
	in := func(name string) bool {
		return slices.ContainsFunc(mix, func(m measure.Member) bool { return m.Task.Name == name })
	}
	var shared []string
	for _, t := range c.Tasks {
		if in(t.Task) {
			shared = append(shared, sharesOf(t)...)
		}
	}
	var apart []string
	for _, t := range c.Tasks {
		if !in(t.Task) && slices.ContainsFunc(sharesOf(t), func(s string) bool { return slices.Contains(shared, s) }) {
			apart = append(apart, t.Task)
		}
	}
	if len(apart) > 0 {
		fmt.Fprintf(out, "warning: not measured, though a beacon asks for it at the same instant of the same server or group: %s\n", strings.Join(apart, ", "))
	}
}

// warnCrowded says which groups have fewer slots than their tasks declare.
func warnCrowded(out io.Writer, c miner.Config) {
	for _, g := range c.Groups {
		sum := 0
		for _, t := range c.Tasks {
			if t.Group == g.Name {
				sum += min(t.Slots, g.Slots)
			}
		}
		if sum > g.Slots {
			fmt.Fprintf(out, "warning: the tasks of group %s declare %d slots together, and it has %d: a beacon that asks for more is refused\n", g.Name, sum, g.Slots)
		}
	}
}

func printMeasurement(out io.Writer, m capacity.Measurement, c miner.Config) error {
	period := time.Duration(m.Period * float64(time.Second))
	for i := range m.Tasks {
		t := &m.Tasks[i]
		if t.Alone.Answers == 0 && len(t.Errors) == 0 {
			continue
		}
		fmt.Fprintf(out, "%s (%s, in %ss)", t.Task, t.Kind, t.Unit)
		if len(t.Together) > 0 {
			fmt.Fprintf(out, ", together with %s", strings.Join(t.Together, ", "))
		}
		fmt.Fprintln(out, ":")
		if t.Alone.Answers > 0 {
			fmt.Fprintf(out, "  One at a time: %.4g s per %s, of %d answers.\n\n", t.Alone.Seconds/float64(max(t.Alone.Units, 1)), t.Unit, t.Alone.Answers)
		}
		if err := printLoads(out, t, period); err != nil {
			return err
		}
		for _, e := range t.Errors {
			fmt.Fprintf(out, "  Failed or refused (%d): %s\n", e.Times, e.What)
		}
		if len(t.Loads) > 0 {
			for _, w := range t.Warnings() {
				fmt.Fprintf(out, "  Note: %s.\n", w)
			}
		}
		fmt.Fprintln(out)
	}
	return printDeclaration(out, m, c)
}

func printLoads(out io.Writer, t *capacity.Measured, period time.Duration) error {
	if len(t.Loads) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "SLOTS\tIN TIME\tLATE\tREFUSED\tFAILED\tS PER %s\tSLOWDOWN\tSPEED\t%sS IN %v\tCREDITED\tPAID\t\t\n", strings.ToUpper(t.Unit), strings.ToUpper(t.Unit), period)
	for _, l := range t.Loads {
		mark := ""
		if l.Best {
			mark = "best"
		}
		fmt.Fprintf(w, "%d\t%d of %d\t%d\t%d\t%d\t%.4g\t%.2f\t%.2f\t%d\t%.0f\t%.0f\t%s\t\n", l.Slots, l.InTime, l.Asked, l.Late, l.Refused, l.Failed, l.Held, l.Slowdown, l.Speed, l.Units, l.Credited, l.Paid, mark)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if t.Slots > 0 {
		counts := "At no number do all answers count"
		if t.Most > 0 {
			counts = fmt.Sprintf("Answers count with up to %d at once", t.Most)
		}
		fmt.Fprintf(out, "\n  %s. Worth most, by paid x speed: %d at once.\n", counts, t.Slots)
	}
	return nil
}

// printDeclaration writes what to declare as lines of a miner's file.
func printDeclaration(out io.Writer, m capacity.Measurement, c miner.Config) error {
	var tasks strings.Builder
	groups, apart := map[string]int{}, map[string]int{} // slots of tasks that were measured, and of those that were left out
	for _, t := range c.Tasks {
		i := slices.IndexFunc(m.Tasks, func(r capacity.Measured) bool { return r.Task == t.Task })
		if i < 0 {
			apart[t.Group] += t.Slots
			continue
		}
		r := &m.Tasks[i]
		if r.Units == 0 {
			continue
		}
		fmt.Fprintf(&tasks, "  - task: %s\n    server: %q\n    model: %q\n    units: %d\n    slots: %d\n    group: %q\n    quantisation: %q\n    speculative: %t\n",
			t.Task, t.Server, t.Model, r.Units, r.Slots, t.Group, t.Quantisation, t.Speculative)
		if t.Group != "" {
			groups[t.Group] += r.Slots
		}
	}
	if tasks.Len() == 0 {
		return nil
	}
	fmt.Fprintf(out, "To declare, per %v (lines for the miner's file):\n\n", c.Period)
	if len(groups) > 0 {
		fmt.Fprintln(out, "groups:")
		for _, g := range c.Groups {
			if n := groups[g.Name]; n > 0 {
				fmt.Fprintf(out, "  - name: %q\n    slots: %d\n", g.Name, n+apart[g.Name])
			}
		}
	}
	fmt.Fprintf(out, "tasks:\n%s", tasks.String())
	return nil
}

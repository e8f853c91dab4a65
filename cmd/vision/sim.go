package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"vision/internal/score"
	"vision/internal/sim"
)

// simFlags are what all simulations take.
type simFlags struct {
	miners, periods, tasks, validators int
	seeds                              int
	seed                               uint64
	parallel                           int
	power, falseRate, demand           float64
	strategies                         string
	compares                           bool // strategies, so that there must be some
	set                                parameters
	asJSON                             bool
	page                               string
}

// parameters is a flag that takes name=value pairs of a mechanism, separated by commas or repeated.
type parameters map[string]float64

func (p parameters) String() string { return "" }

func (p parameters) Set(text string) error {
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		x, err := strconv.ParseFloat(value, 64)
		if !ok || err != nil {
			return fmt.Errorf("%q is not NAME=NUMBER", pair)
		}
		p[name] = x
	}
	return nil
}

func addSimFlags(flags *flag.FlagSet, strategies string) *simFlags {
	f := &simFlags{set: parameters{}}
	usual := sim.Default(nil)
	flags.IntVar(&f.miners, "miners", usual.Miners, "operators, 4 to 4096")
	flags.IntVar(&f.periods, "periods", usual.Periods, "periods that are played, at least 4")
	flags.IntVar(&f.tasks, "tasks", len(usual.Tasks), "tasks, 1 to 64")
	flags.IntVar(&f.validators, "validators", len(usual.Stakes), "validators, 1 to 64; the first has most of the stake")
	flags.IntVar(&f.seeds, "seeds", 3, "runs of each, by seeds that follow one another")
	flags.Uint64Var(&f.seed, "seed", usual.Seed, "the first seed")
	flags.IntVar(&f.parallel, "parallel", runtime.GOMAXPROCS(0), "runs at once")
	flags.Float64Var(&f.power, "power", usual.Power, "chance that a check of a cheaper model's answer fails, 0 to 1")
	flags.Float64Var(&f.falseRate, "false-alarms", usual.False, "chance that a check of an honest answer fails, 0 to 0.5")
	flags.Float64Var(&f.demand, "demand", usual.Demand, "what customers ask for, as a share of capacity")
	flags.Var(f.set, "set", "parameters of vision7, as `NAME=NUMBER,…`")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	flags.StringVar(&f.page, "html", "", "also write a page with charts to this `FILE`")
	if f.compares = strategies != ""; f.compares {
		flags.StringVar(&f.strategies, "strategy", strategies, "`NAMES` of strategies or families, separated by commas; all for all (vision sim list shows them)")
	}
	return f
}

// world is what the flags describe.
func (f *simFlags) world() (sim.World, error) {
	m, err := score.Named("vision4", nil)
	if err != nil {
		return sim.World{}, err
	}
	w := sim.Default(m)
	w.Miners, w.Periods, w.Seed, w.Power, w.False, w.Demand = f.miners, f.periods, f.seed, f.power, f.falseRate, f.demand
	switch {
	case f.tasks < 1 || f.tasks > 64:
		return w, usagef("--tasks is %d, want 1 to 64", f.tasks)
	case f.validators < 1 || f.validators > 64:
		return w, usagef("--validators is %d, want 1 to 64", f.validators)
	case f.seeds < 1 || f.seeds > 10000:
		return w, usagef("--seeds is %d, want 1 to 10000", f.seeds)
	case f.parallel < 1 || f.parallel > 1024:
		return w, usagef("--parallel is %d, want 1 to 1024", f.parallel)
	}
	w.Tasks = sim.Services(f.tasks)
	if f.validators != len(w.Stakes) {
		w.Stakes = make([]float64, f.validators)
		for v := range w.Stakes {
			w.Stakes[v] = 40 / float64(v+1)
		}
	}
	if err := w.Validate(); err != nil {
		return w, usagef("%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return w, nil
}

// runner says how far it is, every 5 s, once it has taken that long.
func (f *simFlags) runner(t terminal) sim.Runner {
	var mu sync.Mutex // guards said and writing
	said := time.Now()
	return sim.Runner{Parallel: f.parallel, Say: func(done, all int) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(said) < 5*time.Second || done == all {
			return
		}
		said = time.Now()
		fmt.Fprintf(t.err, "%d of %d runs\n", done, all)
	}}
}

// entries are the strategies that the flags name.
func (f *simFlags) entries() ([]sim.Entry, error) {
	entries, err := sim.Find(f.strategies)
	if err != nil {
		return nil, usagef("%v", err)
	}
	return entries, nil
}

// open is what all simulations begin with: the world, the strategies if any are asked for, and the mechanisms by name. What
// is wrong of the flags is said here, before minutes are spent.
func (f *simFlags) open(mechanisms ...string) (sim.World, []sim.Entry, []score.Mechanism, error) {
	var entries []sim.Entry
	w, err := f.world()
	if err == nil && f.compares {
		entries, err = f.entries()
	}
	if err != nil {
		return w, nil, nil, err
	}
	if _, err := score.Named("vision7", f.set); err != nil {
		return w, nil, nil, usagef("--set: %v", err)
	}
	var list []score.Mechanism
	for _, name := range mechanisms {
		m, err := score.Named(name, f.paramsOf(name))
		if err != nil {
			return w, nil, nil, usagef("--mechanism: %v", err)
		}
		list = append(list, m)
	}
	if len(f.set) > 0 && !slices.Contains(mechanisms, "vision7") {
		return w, nil, nil, usagef("--set changes vision7, and --mechanism is %s", strings.Join(mechanisms, ","))
	}
	return w, entries, list, f.writable()
}

// paramsOf are the parameters of --set, if they are of this mechanism.
func (f *simFlags) paramsOf(mechanism string) map[string]float64 {
	if mechanism != "vision7" {
		return nil
	}
	return f.set
}

// writable says whether the page that --html asks for can be written. A page that is there stays as it is until then.
func (f *simFlags) writable() error {
	if f.page == "" {
		return nil
	}
	_, err := os.Stat(f.page)
	fresh := errors.Is(err, os.ErrNotExist)
	file, err := os.OpenFile(f.page, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return usagef("--html: %v", err)
	}
	err = file.Close()
	if fresh {
		err = errors.Join(err, os.Remove(f.page))
	}
	return err
}

const simTableAbout = `compare strategies with an honest twin, in a simulated network

It plays whole networks of miners, validators and customers by the rules that
the daemon runs, and says what each strategy's profit is for each unit that an
honest miner with the same hardware earns. docs/simulation.md explains it.`

func simTable(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	f := addSimFlags(flags, "all")
	names := flags.String("mechanism", "vision4,vision7", "mechanisms, separated by commas: "+strings.Join(score.Names(), ", "))
	people := flags.Bool("population", true, "also play populations that are all honest, and of which a third cheat")
	check := flags.Bool("check", false, "fail unless vision7 keeps the claims of docs/simulation.md")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	list := strings.Split(*names, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	w, entries, mechanisms, err := f.open(list...)
	if err == nil && *check && !slices.Contains(list, "vision7") {
		err = usagef("--check checks claims of vision7, and --mechanism is %s", *names)
	}
	if err != nil {
		return err
	}
	study := sim.Study{World: w, Mechanisms: mechanisms, Entries: entries, Seeds: f.seeds, Runner: f.runner(t), Population: *people}
	report, err := study.Run(ctx)
	if err != nil {
		return err
	}
	if err := f.writePage(report); err != nil {
		return err
	}
	if f.asJSON {
		err = printJSON(t.out, report)
	} else {
		err = report.Text(t.out)
	}
	if err == nil && *check {
		err = report.Check()
	}
	return err
}

// writePage writes the page that --html asks for, if it does.
func (f *simFlags) writePage(r sim.Report, grids ...sim.Grid) (err error) {
	if f.page == "" {
		return nil
	}
	file, err := os.Create(f.page)
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return sim.HTML(file, r, grids...)
}

// printGrid writes a grid as the flags ask for.
func (f *simFlags) printGrid(t terminal, g sim.Grid) error {
	if err := f.writePage(sim.Report{}, g); err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(t.out, g)
	}
	return g.Text(t.out)
}

func simAblate(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	f := addSimFlags(flags, "declare-1.5,declare-5,dribble-1.5,shared-tasks-2,shared-uids-4,split-4,merge,cheap,cheap-5%,cheap-fifth,on-1-of-2,re-register")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	w, entries, _, err := f.open("vision7")
	if err != nil {
		return err
	}
	grid, err := sim.Ablate(ctx, w, f.set, sim.Parts(), entries, f.seeds, f.runner(t))
	if err != nil {
		return err
	}
	return f.printGrid(t, grid)
}

func simSweep(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	f := addSimFlags(flags, "cheap,cheap-fifth")
	var dials []string
	for _, d := range sim.Dials() {
		dials = append(dials, d.Name)
	}
	dial := flags.String("parameter", "", "what is changed: "+strings.Join(dials, ", ")+", or a parameter of the mechanism")
	values := flags.String("values", "", "its values, separated by commas")
	mechanism := flags.String("mechanism", "vision7", "the mechanism: "+strings.Join(score.Names(), " or "))
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	if *dial == "" || *values == "" {
		return usagef("say --parameter and --values: what is changed, and to what?")
	}
	var list []float64
	for text := range strings.SplitSeq(*values, ",") {
		x, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil {
			return usagef("--values: %q is no number", text)
		}
		list = append(list, x)
	}
	w, entries, _, err := f.open(*mechanism)
	if err != nil {
		return err
	}
	params := f.paramsOf(*mechanism)
	for _, x := range list {
		if _, err := sim.Turn(w, *mechanism, params, *dial, x); err != nil {
			return usagef("--parameter %s at %v: %v", *dial, x, strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	grid, err := sim.Sweep(ctx, w, *mechanism, params, *dial, list, entries, f.seeds, f.runner(t))
	if err != nil {
		return err
	}
	return f.printGrid(t, grid)
}

const simSensitivityAbout = `say what halving and doubling each parameter of vision7 does

Each parameter is halved and doubled alone, where its range allows it, and the
strategies are played against their honest twins. docs/mechanism.md has the
result.`

func simSensitivity(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	f := addSimFlags(flags, sim.Telltales)
	only := flags.String("only", "", "parameters, separated by commas, instead of all")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	w, entries, _, err := f.open("vision7")
	if err != nil {
		return err
	}
	var names []string
	if *only != "" {
		names = strings.Split(*only, ",")
		known := score.Defaults7.Map()
		for _, name := range names {
			if _, ok := known[strings.TrimSpace(name)]; !ok {
				return usagef("--only: vision7 has no parameter %q", name)
			}
		}
	}
	grid, err := sim.Sensitivity(ctx, w, f.set, names, entries, f.seeds, f.runner(t))
	if err != nil {
		return err
	}
	return f.printGrid(t, grid)
}

func simSearch(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	f := addSimFlags(flags, "")
	mechanism := flags.String("mechanism", "vision7", "the mechanism: "+strings.Join(score.Names(), " or "))
	tries := flags.Int("tries", 60, "strategies that are tried, at least 5")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	if *tries < 5 || *tries > 100000 {
		return usagef("--tries is %d, want 5 to 100000", *tries)
	}
	w, _, mechanisms, err := f.open(*mechanism)
	if err != nil {
		return err
	}
	w.Mechanism = mechanisms[0]
	found, err := sim.Search(ctx, w, *tries, f.seeds, f.runner(t), func(line string) { fmt.Fprintln(t.err, line) })
	if err != nil {
		return err
	}
	if err := f.writePage(sim.Report{}, found.Grid()); err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(t.out, found)
	}
	fmt.Fprintf(t.out, "Best of %d strategies under %s: %s\nProfit ratio on the seeds that were searched: %s (flattering: it is the best of many)\nOn as many other seeds: %s\n",
		found.Tries, *mechanism, found.Genes, found.Trained, found.Tested)
	return nil
}

func simList(_ context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STRATEGY\tFAMILY\tWHAT IT DOES")
	for _, e := range sim.Catalogue() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", e.Name, e.Family, e.About)
	}
	return w.Flush()
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/report"
	"vision/internal/score"
)

const calculateAbout = `say what a miner could expect to earn

Takes the network as a validator's last signed report shows it, and adds a miner
that shows this capacity at beacons, all others staying as they are. What it does
not know of the miner is what the others on the task have; trust is taken to be
earned already, as it is after some days.

--measured takes what ` + "`vision miner measure --json`" + ` found in place of --task, with the speed that it found. --declare says what
declaring something else than that comes to by the mechanism: a miner that answers as much at once as it can, and refuses the rest.`

// joins are --task and --declare flags.
type joins []score.Joining

func (j *joins) String() string { return "" }

func (j *joins) Set(text string) error {
	name, units, ok := strings.Cut(text, "=")
	n, err := strconv.ParseFloat(units, 64)
	if !ok || err != nil || !(n > 0) {
		return fmt.Errorf("%q: want NAME=UNITS, with units of work in a period, all validators together", text)
	}
	*j = append(*j, score.Joining{Task: name, Capacity: n})
	return nil
}

// calculation is what the command prints.
type calculation struct {
	Validator hotkey.ID        `json:"validator"`
	Period    int64            `json:"period"`
	At        time.Time        `json:"at"`
	Length    float64          `json:"period_seconds"` // 0: the report does not say
	Mechanism string           `json:"mechanism"`
	Weight    float64          `json:"weight"`           // in [0, 1]
	Income    float64          `json:"income,omitempty"` // weight x --paid
	Cost      float64          `json:"cost,omitempty"`
	Profit    *float64         `json:"profit,omitempty"` // with --paid and --gpu-cost
	Tasks     []calculatedTask `json:"tasks"`
	Measured  *measuredFrom    `json:"measured,omitempty"` // what --measured was taken from
}

// calculatedTask is what one task brings. Work is in its unit per period, for all validators together.
type calculatedTask struct {
	Task        string     `json:"task"`
	Unit        string     `json:"unit"`
	Capacity    float64    `json:"capacity"`
	Quality     float64    `json:"quality"`     // with speed, 0 to 1.6
	Reliability float64    `json:"reliability"` // 0 to 1
	Trust       float64    `json:"trust"`       // 0 to 1
	Share       float64    `json:"share"`       // of the task
	Weight      float64    `json:"weight"`      // that it brings
	Income      float64    `json:"income"`
	Declaring   *declaring `json:"declaring,omitempty"` // with --declare
}

func runCalculate(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	var tasks joins
	flags.Var(&tasks, "task", "`NAME=UNITS`: a task, and the units of work a period that the miner can show; may be repeated")
	var declared joins
	flags.Var(&declared, "declare", "`NAME=UNITS`: the units that are declared of a task, if they are others than can be shown; may be repeated")
	measurement := flags.String("measured", "", "a `FILE` of `vision miner measure --json`, in place of --task")
	on := flags.Float64("measured-gpus", 1, "how many GPUs that was measured on; with another number of --gpus it is scaled")
	url := flags.String("url", "", "a validator's API, in place of its data: http://HOST:PORT")
	file := flags.String("report", "", "a `FILE` with a report, as GET /v1/vision/report gives it, in place of a validator")
	paid := flags.Float64("paid", 0, "what all miners together are paid a day, in whatever currency")
	gpus := flags.Float64("gpus", 1, "how many GPUs the miner has")
	cost := flags.Float64("gpu-cost", 0, "what a GPU costs a day, in the same currency")
	quality := flags.Float64("quality", 0, "quality with speed of its answers, 0 to 1.6; 0 takes what others have; left out with --measured, what was measured counts")
	reliability := flags.Float64("reliability", 0, "part of requests that it answers, 0 to 1; 0 takes what others have")
	as := flags.String("hotkey", "", "a miner that is there already: what it earns now is taken out")
	asJSON := flags.Bool("json", false, "print JSON")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	switch {
	case len(tasks) == 0 && *measurement == "":
		return usagef("say --task NAME=UNITS, or --measured FILE: what would the miner do?")
	case len(tasks) > 0 && *measurement != "":
		return usagef("say --task or --measured: the file says which tasks and how much")
	case !(*on > 0 && *on <= 1e9):
		return usagef("--measured-gpus is %v, want more than 0", *on)
	}
	for _, f := range []struct {
		name    string
		x, most float64
	}{{"paid", *paid, mostMoney}, {"gpus", *gpus, 1e9}, {"gpu-cost", *cost, mostMoney}, {"quality", *quality, score.MaxSpeed}, {"reliability", *reliability, 1}} {
		if !(f.x >= 0 && f.x <= f.most) {
			return usagef("--%s is %v, want 0 to %v", f.name, f.x, f.most)
		}
	}
	var id hotkey.ID
	if *as != "" {
		var err error
		if id, err = hotkey.ParseID(*as); err != nil {
			return usagef("%v", err)
		}
	}
	r, err := readReport(ctx, where, *url, *file)
	if err != nil {
		return err
	}
	out, err := r.Outcome()
	if err != nil {
		return err
	}
	rules, err := r.Rules()
	if err != nil {
		return err
	}
	length := r.End.Sub(r.Start)
	c := calculation{Validator: r.Validator, Period: r.Period, At: r.At, Mechanism: r.Mechanism, Cost: *gpus * *cost, Length: length.Seconds()}
	scale := 1.0
	if given(flags, "gpus") {
		scale = *gpus / *on
	}
	cans := cansOf(tasks)
	if *measurement != "" {
		if c.Measured, tasks, cans, err = readMeasured(*measurement, &r, scale); err != nil {
			return err
		}
	}
	declarings, err := declare(&r, rules, tasks, cans, declared)
	if err != nil {
		return err
	}
	asked := slices.Clone(tasks)
	for i := range tasks {
		tasks[i].Reliability = *reliability
		if given(flags, "quality") || *measurement == "" {
			tasks[i].Quality = *quality
		}
		if d := declarings[tasks[i].Task]; d != nil {
			tasks[i].Capacity *= d.left()
		}
		if _, is := rules.(score.Vision4); is { // it counts this validator's part of what is declared
			tasks[i].Capacity *= r.StakeShare
		}
	}
	e, err := out.Estimate(id, tasks, *paid)
	if errors.Is(err, score.ErrNothingUsual) {
		return fmt.Errorf("%w (--quality and --reliability)", err)
	}
	if err != nil {
		return err
	}
	c.Weight, c.Income = e.Weight, e.Income
	for i, t := range e.Tasks {
		d := declarings[t.Task]
		if d != nil {
			if err := d.price(out, id, tasks, i, asked[i].Capacity, *paid); err != nil {
				return err
			}
		}
		c.Tasks = append(c.Tasks, calculatedTask{t.Task, unitIn(&r, t.Task), asked[i].Capacity, t.Quality, t.Reliability, t.Trust, t.Share, t.Contribution, t.Income, d})
	}
	if given(flags, "paid") && given(flags, "gpu-cost") {
		profit := c.Income - c.Cost
		c.Profit = &profit
	}
	if *asJSON {
		enc := json.NewEncoder(t.out)
		enc.SetIndent("", "  ")
		return enc.Encode(c)
	}
	return printCalculation(t.out, c, given(flags, "paid"))
}

// mostMoney is more than anybody pays.
const mostMoney = 1e18

// unitIn is a task's unit of work by a report.
func unitIn(r *report.Report, name string) string {
	for _, t := range r.Tasks {
		if t.Task == name {
			return t.Unit
		}
	}
	return ""
}

func printCalculation(out io.Writer, c calculation, paid bool) error {
	fmt.Fprintf(out, "By validator %s's report of period %d (%s UTC, %s)", c.Validator.Short(), c.Period, c.At.UTC().Format(time.DateTime), c.Mechanism)
	if c.Length > 0 {
		fmt.Fprintf(out, "; a period lasts %v", time.Duration(c.Length*float64(time.Second)))
	}
	fmt.Fprint(out, ":\n\n")
	if c.Measured != nil {
		fmt.Fprintln(out, c.Measured.String())
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "TASK\tUNIT\tUNITS A PERIOD\tQUALITY\tRELIABILITY\tSHARE\tWEIGHT\t")
	for _, t := range c.Tasks {
		fmt.Fprintf(w, "%s\t%s\t%.0f\t%.3f\t%.3f\t%.2f%%\t%.4f\t\n", t.Task, t.Unit, t.Capacity, t.Quality, t.Reliability, 100*t.Share, t.Weight)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, t := range c.Tasks {
		if err := t.printDeclaring(out, paid); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\nExpected weight: %.4f of all miners' 1.\n", c.Weight)
	if paid {
		fmt.Fprintf(out, "Expected income: %.2f a day.\n", c.Income)
	}
	if c.Profit != nil {
		fmt.Fprintf(out, "Cost: %.2f a day. Left: %.2f a day.\n", c.Cost, *c.Profit)
	}
	return nil
}

// readReport reads a validator's last report from where the flags say.
func readReport(ctx context.Context, where dataFlags, url, file string) (report.Report, error) {
	if file != "" && url != "" {
		return report.Report{}, usagef("say --report or --url, not both")
	}
	if err := where.orElse("--url URL or --report FILE", url+file); err != nil {
		return report.Report{}, err
	}
	var body []byte
	var err error
	switch {
	case file != "":
		if body, err = os.ReadFile(file); err != nil {
			return report.Report{}, err
		}
		r, err := report.Read(body)
		if err != nil {
			return r, fmt.Errorf("%s: %w", file, err)
		}
		return r, nil
	case url != "":
		body, err = fetchPublic(ctx, url, "/v1/vision/report")
	default:
		data, _, err := where.folder()
		if err != nil {
			return report.Report{}, err
		}
		st, err := openStore(ctx, data, true)
		if err != nil {
			return report.Report{}, err
		}
		defer st.Close()
		kept, err := st.OwnReport(ctx, true)
		if fault.KindOf(err) == fault.NotFound {
			return report.Report{}, errors.New("there is no report yet: the first comes when a period was scored")
		}
		if err != nil {
			return report.Report{}, err
		}
		body = kept.Body
	}
	if err != nil {
		return report.Report{}, err
	}
	return report.Read(body)
}

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"vision/internal/config"
	"vision/internal/devnet"
	"vision/internal/hotkey"
	"vision/internal/scorer"
)

func runScores(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	asJSON := flags.Bool("json", false, "print JSON")
	rest, err := parse(flags, args, 0, 1)
	if err != nil {
		return err
	}
	data, catalogueFile, err := where.folder()
	if err != nil {
		return err
	}
	if catalogueFile == "" { // a devnet keeps its own
		if _, err := os.Stat(devnet.CatalogueFile(data)); err == nil {
			catalogueFile = devnet.CatalogueFile(data)
		}
	}
	catalogue, err := config.LoadCatalogue(catalogueFile)
	if err != nil {
		return err
	}
	options := scorer.ReportOptions{Now: time.Now()}
	if len(rest) == 1 {
		if options.Miner, err = hotkey.ParseID(rest[0]); err != nil {
			return usagef("%v", err)
		}
	}
	st, err := openStore(ctx, data, true)
	if err != nil {
		return err
	}
	defer st.Close()
	report, err := scorer.Compose(ctx, st, catalogue, options)
	if err != nil {
		return err
	}
	if *asJSON {
		e := json.NewEncoder(t.out)
		e.SetIndent("", "  ")
		return e.Encode(report)
	}
	if len(rest) == 1 {
		return printMiner(t.out, report)
	}
	return printScores(t.out, report)
}

func printScores(out io.Writer, r scorer.Report) error {
	printPeriod(out, r)
	width := 0 // of the longest task's name: names begin at the left, numbers end at the right
	for _, m := range r.Miners {
		for _, c := range m.Tasks {
			width = max(width, len(c.Task))
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "UID\t%-48s\tWEIGHT\t%-*s\tCAPACITY\tOK\t429\tFAILED\tPERIOD\tQUALITY\tSPEED\tCHECKS\tEFFECTIVE\tSHARE\t  STANDING\n", "HOTKEY", width, "TASK")
	for _, m := range r.Miners {
		for i, c := range m.Tasks {
			who := [3]string{"", "", ""}
			if i == 0 {
				who = [3]string{fmt.Sprint(m.UID), m.Hotkey.String(), fmt.Sprintf("%.4f", m.Weight)}
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%-*s\t%d\t%d\t%d\t%d\t%.3f\t%.3f\t%.3f\t%d\t%.1f\t%.3f\t  %s\n", who[0], who[1], who[2], width, c.Task, c.Capacity,
				c.Counts.OK, c.Counts.RateLimited, c.Counts.Failed, c.PeriodScore, c.Quality.Mean, c.Quality.Speed, c.Quality.Checks, c.Effective, c.CubedShare, standing(c))
		}
	}
	return w.Flush()
}

func printPeriod(out io.Writer, r scorer.Report) {
	if r.Running != nil {
		fmt.Fprintf(out, "Period %d is running: %.0f%% over, %d probes planned, %d requests counted.\n",
			r.Running.ID, 100*r.Running.Elapsed, r.Running.Planned, r.Running.Requests)
	}
	if r.Scored == 0 {
		fmt.Fprintln(out, "No period has been scored yet.")
	} else {
		fmt.Fprintf(out, "Scores are of period %d and those before it.\n", r.Scored)
	}
	for _, p := range r.Peers {
		says := "scores by the same rules"
		if p.Differs != "" {
			says = "disagrees: " + p.Differs
		}
		fmt.Fprintf(out, "Validator %s, by its report of %s, %s.\n", p.Validator, p.At.UTC().Format(time.DateTime), says)
	}
	var much []string
	for _, t := range r.Tasks {
		if t.Load != nil && t.Load.Share() > 0.02 {
			much = append(much, fmt.Sprintf("%.1f%% of %s", 100*t.Load.Share(), t.Task))
		}
	}
	if len(much) > 0 {
		fmt.Fprintf(out, "Requests of our own took more than 2%% of a task's capacity in this period so far: %s.\n", strings.Join(much, ", "))
	}
	if r.Weights != nil {
		fmt.Fprintf(out, "Weights of period %d: %s.\n", r.Weights.Period, r.Weights.Note)
	}
}

// printMiner shows every factor of one miner's score, with the evidence.
func printMiner(out io.Writer, r scorer.Report) error {
	printPeriod(out, r)
	for _, m := range r.Miners {
		fmt.Fprintf(out, "\nMiner %s, uid %d: weight %.6f\n", m.Hotkey, m.UID, m.Weight)
		for _, c := range m.Tasks {
			fmt.Fprintf(out, "\n%s: contributes %.6f\n", c.Task, c.Contribution)
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			printFactors(w, c)
			if err := w.Flush(); err != nil {
				return err
			}
			printJudgement(out, c.Judgement)
			printAccused(out, c.Accused)
			printAlike(out, c.Alike)
			printEvidence(out, c)
		}
	}
	return nil
}

// printFactors shows where a contender's part of the weight comes from, by the mechanism's own factors.
func printFactors(w io.Writer, c scorer.ContenderReport) {
	h := c.Hardened
	if h == nil {
		fmt.Fprintf(w, "  capacity\t%d units a period count here, of %d declared\n", c.Capacity, c.Declared)
	} else {
		fmt.Fprintf(w, "  capacity\t%d units a period are paid, of %d declared\n", c.Capacity, c.Declared)
	}
	fmt.Fprintf(w, "  tested\t%.1f%% of what counts here, %d probes planned\n", 100*c.ShareTested, c.Planned)
	if c.Running != nil {
		fmt.Fprintf(w, "  this period\t%s\n", counts(*c.Running))
	}
	fmt.Fprintf(w, "  last period\t%s\n", counts(c.Counts))
	if h == nil {
		fmt.Fprintf(w, "  period score\t%.4f = mean %.4f over %d periods x history %.4f\n", c.PeriodScore, c.PeriodMean, len(c.Periods), c.HistoryFactor)
	} else {
		fmt.Fprintf(w, "  period score\t%.4f = reliability %.4f (the last period's %.4f) x trust %.4f (%d checks passed)\n",
			c.PeriodScore, h.Reliability, h.LastScore, h.Trust, h.TrustedChecks)
	}
	fmt.Fprintf(w, "  quality x speed\t%.4f over %d checks (mean quality %.4f, mean speed %.4f)\n", c.Quality.Combined, c.Quality.Checks, c.Quality.Mean, c.Quality.Speed)
	if h == nil {
		fmt.Fprintf(w, "  effective volume\t%.2f = %.4f x %.4f x %d\n", c.Effective, c.Quality.Combined, c.PeriodScore, c.Capacity)
		fmt.Fprintf(w, "  share\t%.4f of the task, cubed and scaled %.4f, times the task's weight %.4f\n", c.Share, c.CubedShare, c.PaidTaskWeight)
		return
	}
	fmt.Fprintf(w, "  credited\t%.1f, give or take %.1f, of at most %.1f; slowness leaves %.4f, shortness %.4f, declaring more than is shown %.4f, coming late %.4f: %.1f are paid\n",
		h.Credited, h.StdErr, h.Ceiling, h.SlowFactor, h.Brevity, h.ProofFactor, h.Part, h.Paid)
	fmt.Fprintf(w, "  last beacon\t%d of %d answered in time; %d beacons so far\n", h.Delivered, h.Asked, h.Beacons)
	fmt.Fprintf(w, "  checks that fail\t%.4f, which leaves %.4f; evidence of cheating %.3g, slashed at %.0f\n", h.FailureRate, h.FailureFactor, h.Audit, h.AuditLimit)
	if h.Slashed {
		fmt.Fprintf(w, "  slashed\tuntil period %d is over: nothing is paid on any task\n", h.SlashedUntil)
		fmt.Fprintf(w, "  effective volume\t%.2f, and else %.4f x %.4f x %.1f\n", c.Effective, c.Quality.Combined, c.PeriodScore, h.Paid)
	} else {
		fmt.Fprintf(w, "  effective volume\t%.2f = %.4f x %.4f x %.1f\n", c.Effective, c.Quality.Combined, c.PeriodScore, h.Paid)
	}
	fmt.Fprintf(w, "  share\t%.4f of the task, times the task's weight %.4f\n", c.Share, c.PaidTaskWeight)
}

func counts(c scorer.CountsReport) string {
	return fmt.Sprintf("%d requests: %d ok, %d rate limited, %d failed; %d units served", c.Requests, c.OK, c.RateLimited, c.Failed, c.Consumed)
}

func printEvidence(out io.Writer, c scorer.ContenderReport) {
	const most = 10
	if len(c.Periods) > 0 {
		fmt.Fprintln(out, "  periods, newest first:")
	}
	for i, p := range c.Periods {
		if i == most {
			fmt.Fprintf(out, "    and %d more\n", len(c.Periods)-most)
			break
		}
		fmt.Fprintf(out, "    %d: score %.4f, weight %.4f in the mean; %s\n", p.Period, p.Score, p.Weight, counts(p.CountsReport))
	}
	if len(c.Checks) > 0 {
		fmt.Fprintln(out, "  checks, newest first:")
	}
	for i, k := range c.Checks {
		if i == most {
			fmt.Fprintf(out, "    and %d more\n", len(c.Checks)-most)
			break
		}
		from := ""
		if k.Untimed {
			from = " (of its other answers)"
		}
		again := ""
		if k.Again != "" {
			again = "; again by " + k.Again
		}
		fmt.Fprintf(out, "    %s %s: quality %.3f, speed %.3f%s, %d units, E %.3g by %s: %s%s\n",
			when(k.At), k.Source, k.Quality, k.Speed, from, k.Work, k.E, k.Test, k.Detail, again)
	}
}

// when writes an instant as explanations do.
func when(t time.Time) string { return t.UTC().Format(time.DateTime) + " UTC" }

// standing is what a miner is taken for; "-" of one that was never checked.
func standing(c scorer.ContenderReport) string {
	if c.Judgement == nil {
		return "-"
	}
	return c.Judgement.Standing.String()
}

// printAccused shows what is looked into because another validator showed an answer.
func printAccused(out io.Writer, a *scorer.AccusedReport) {
	if a != nil {
		fmt.Fprintf(out, "  validator %s showed an answer of it that is wanting here too (E %.3g by %s, %s): its next %d answers or so are all checked; else that counts for nothing\n",
			a.Validator, a.E, a.Test, when(a.At), a.Checks)
	}
}

// printAlike shows whose answers the miner's were, which is evidence against neither.
func printAlike(out io.Writer, list []scorer.AlikeReport) {
	const most = 10
	for i, a := range list {
		if i == most {
			fmt.Fprintf(out, "  and like %d more\n", len(list)-most)
			return
		}
		times := fmt.Sprintf("%d times", a.Times)
		if a.Times == 1 {
			times = "once"
		}
		exponent := math.Floor(a.Log10P) // a float64 would not hold it
		fmt.Fprintf(out, "  answered word for word like %s under other seeds %s, last %s; the least likely (%d tokens, %s and %s) with probability %.1fe%.0f\n",
			a.Other, times, when(a.Last), a.Tokens, a.Request, a.To, math.Pow(10, a.Log10P-exponent), exponent)
	}
}

func printJudgement(out io.Writer, j *scorer.Judgement) {
	if j == nil {
		fmt.Fprintln(out, "  standing: never checked")
		return
	}
	fmt.Fprintf(out, "  standing: %s since %s; wealth %.3g of the bet against it (%.3g convicts), so quality at most %.3f\n",
		j.Standing, when(j.Since), j.Wealth, j.ConvictsAt, j.Quality)
	fmt.Fprintf(out, "  checked %d responses, %d of them suspicious; convicted %d times\n", j.Checked, j.Suspicious, j.Convictions)
	if j.RecordNeeds > 0 {
		fmt.Fprintf(out, "  clean record: %d of the %d responses that it takes\n", j.Record, j.RecordNeeds)
	}
	const most = 20
	for i, e := range j.Evidence {
		if i == 0 {
			fmt.Fprintln(out, "  speaks against it, newest first:")
		}
		if i == most {
			fmt.Fprintf(out, "    and %d more\n", len(j.Evidence)-most)
			break
		}
		again := ""
		if e.Again != "" {
			again = "; again by " + e.Again
		}
		fmt.Fprintf(out, "    response %d, %s, %s (%s, %d bytes kept): E %.3g by %s, %s: %s%s\n",
			e.Number, when(e.At), says(e.Proves), e.Request, e.Bytes, e.E, e.By, e.Test, e.Detail, again)
	}
}

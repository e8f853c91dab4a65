package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"vision/internal/checker/eval"
)

const checkerEvalAbout = `measure what the checker finds of which cheat

On the built-in model, or on recordings: JSON lines, one response each, honest ones labelled "honest".
Calibration and test share no prompt. Rates are true positives at a false-positive rate of at most 0.1%, of a miner's
responses put together to so many tokens; "responses" is how many checked ones convict, by the validator's own
judgement; "old" is the rule of Subnet 19 (ranks, and mean distance at five positions) on the same responses.`

func runCheckerEval(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	b := eval.Builtin{}
	var o eval.Options
	flags.IntVar(&b.Honest, "honest", 400, "honest responses, of each setting")
	flags.IntVar(&b.Cheats, "cheats", 60, "responses of each cheat, of each setting")
	flags.IntVar(&b.Measured, "calibration", 200, "responses of each honest stack for calibration, half as many of each alternative")
	flags.IntVar(&b.Tokens, "tokens", 128, "max_tokens of each response")
	flags.IntVar(&o.Draws, "draws", 200, "miners put together of each cheat at each length; five times as many honest ones")
	flags.IntVar(&o.Lifetimes, "lifetimes", 10_000, "honest miners' lifetimes")
	flags.IntVar(&o.Lifetime, "lifetime", 200, "checked responses of each")
	flags.BoolVar(&o.Conservative, "conservative", false, "judge by the bounds that are used where nothing was measured")
	full := flags.Bool("full", false, "as many responses as the tables of docs/verification.md: 2,000 honest ones and 300 of each cheat, of each setting, and 400 of each honest stack for calibration")
	seed := flags.Uint64("seed", 1, "decides prompts, seeds and draws")
	recorded := flags.Bool("recorded", false, "evaluate the recordings in FILE... instead of the built-in model")
	noise := flags.Float64("noise", 0.15, "with --recorded: the bound on the honest noise of the reference, nats")
	record := flags.String("record", "", "write the responses that are tested to this file, as JSON lines")
	check := flags.Bool("check", false, "fail if an honest miner is convicted, evidence is out of bounds, or a plain cheat passes")
	asJSON := flags.Bool("json", false, "print JSON")
	markdown := flags.Bool("markdown", false, "print Markdown")
	files, err := parse(flags, args, 0, 1000)
	if err != nil {
		return err
	}
	b.Seed, o.Seed = *seed, *seed
	if *full {
		b.Honest, b.Cheats, b.Measured, o.Draws = 2000, 300, 400, 300
	}
	for name, n := range map[string]int{"honest": b.Honest, "cheats": b.Cheats, "tokens": b.Tokens, "draws": o.Draws, "lifetime": o.Lifetime} {
		if n < 1 {
			return usagef("--%s is %d, want at least 1", name, n)
		}
	}
	var src eval.Source = &b
	switch {
	case *recorded && len(files) == 0:
		return usagef("--recorded wants files")
	case !*recorded && len(files) > 0:
		return usagef("%s: files are for --recorded", files[0])
	case *recorded:
		if src, err = recordings(files, *noise); err != nil {
			return err
		}
	default:
		if err := b.Open(); err != nil {
			return err
		}
	}
	if *record != "" {
		f, err := os.Create(*record)
		if err != nil {
			return err
		}
		defer f.Close()
		src = eval.Recording(src, f)
	}
	report, err := eval.Run(ctx, src, o)
	if err != nil {
		return err
	}
	switch {
	case *asJSON:
		e := json.NewEncoder(t.out)
		e.SetIndent("", "  ")
		err = e.Encode(report)
	case *markdown:
		err = report.Markdown(t.out)
	default:
		err = report.Text(t.out)
	}
	if err == nil && *check {
		err = report.Check()
	}
	return err
}

// recordings reads files of recorded responses.
func recordings(files []string, noise float64) (eval.Source, error) {
	var all []*eval.Response
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		list, err := readRecording(name, f)
		_ = f.Close() // it was only read
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, list...)
	}
	return eval.Recorded(all, noise)
}

// readRecording reads one file, compressed if its name says so.
func readRecording(name string, r io.Reader) ([]*eval.Response, error) {
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		r = z
	}
	return eval.Read(r)
}

package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"vision/internal/checker"
	"vision/internal/checker/calibration"
	"vision/internal/checker/eval"
	"vision/internal/checker/likeness"
	"vision/internal/config"
	"vision/internal/node"
	"vision/internal/task"
)

const checkerCalibrateAbout = `measure how much honest servers disagree with the reference

Each --stack is a server of a task's model that you know to be honest: other engines, versions, GPUs and batch sizes
than the reference's, as your miners have them. Each --alternative is what a cheat may run: other quantisations, a
smaller model. Both are asked and judged by the file's reference; what they disagree is written to a file with
bounds that honest miners stay below, signed with the node's hotkey. Name it in the reference's calibration.

  --stack name=a,url=http://10.0.0.2:8000,engine=vllm,version=0.11.0[,model=NAME][,key_file=FILE]
  --stack name=b,url=builtin:full,noise=0.02,seed=3        (the built-in model)
  --alternative name=q4,url=http://10.0.0.3:8080,engine=llama.cpp`

func runCheckerCalibrate(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	file := flags.String("config", "", "a checking server's configuration")
	validator := flags.String("validator", "", "a validator's configuration, in its place")
	name := flags.String("task", "", "the task whose model it is")
	out := flags.String("out", "calibration.json", "where the calibration is written")
	c := eval.Calibrator{Client: &http.Client{}}
	var texts, others []string
	flags.Func("stack", "an honest server; may be repeated", func(s string) error { texts = append(texts, s); return nil })
	flags.Func("alternative", "a server that a cheat may run; may be repeated", func(s string) error { others = append(others, s); return nil })
	flags.IntVar(&c.Requests, "requests", 1000, "requests to each stack, half as many to each alternative")
	flags.IntVar(&c.Tokens, "tokens", 128, "max_tokens of each")
	flags.Uint64Var(&c.Seed, "seed", 1, "decides the requests")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	switch {
	case (*file == "") == (*validator == ""):
		return usagef("say --config or --validator")
	case *name == "":
		return usagef("say --task")
	case len(texts) == 0:
		return usagef("say --stack at least once")
	case c.Requests < 1 || c.Tokens < 1:
		return usagef("--requests and --tokens want at least 1")
	}
	var err error
	for _, x := range []struct {
		texts []string
		to    *[]eval.Stack
	}{{texts, &c.Stacks}, {others, &c.Alternatives}} {
		for _, text := range x.texts {
			s, err := eval.ParseStack(text, readKey)
			if err != nil {
				return err
			}
			*x.to = append(*x.to, s)
		}
	}
	common, references, err := checkerOf(*file, *validator)
	if err != nil {
		return err
	}
	parts, err := open(t, common)
	if err != nil {
		return err
	}
	catalogue, err := config.LoadCatalogue(common.Catalogue)
	if err != nil {
		return err
	}
	own, ok := catalogue.Lookup(*name)
	if !ok {
		return fmt.Errorf("the catalogue has no task %q", *name)
	}
	c.Task = *own
	for i := range references.References { // what is to be measured must not be judged by what was
		references.References[i].Calibration = ""
	}
	if c.Checker, err = checker.New(references, checker.Deps{Secret: readKey, Log: parts.Log}); err != nil {
		return err
	}
	c.Progress = func(name string, n *calibration.Counts) {
		unit := "tokens"
		if n.Likeness != nil {
			unit = "pictures or vectors"
		}
		fmt.Fprintf(t.err, "%s: %d responses, %d %s\n", name, n.Responses, n.Positions, unit)
	}
	f, err := c.Run(ctx, referenceOf(references, c.Task), version(), time.Now())
	if err != nil {
		return err
	}
	if err := f.Sign(parts.Key); err != nil {
		return err
	}
	raw, err := f.Write()
	if err != nil {
		return err
	}
	if err := os.WriteFile(*out, raw, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s\nwritten to %s, signed by %s\n", calibrationSummary(f), *out, f.Signer)
	return nil
}

// checkerOf reads what either kind of node is configured with.
func checkerOf(file, validator string) (node.Common, checker.Config, error) {
	if validator != "" {
		c := node.ValidatorDefaults()
		err := load("validator", validator, &c)
		return c.Common, c.Checker, err
	}
	c := node.CheckerDefaults()
	err := load("checker", file, &c)
	return c.Common, c.Config, err
}

// referenceOf names the engine of the reference that judges a task.
func referenceOf(c checker.Config, t task.Task) string {
	for _, r := range c.References {
		if r.Judges(t.Name, t.Model.Name) {
			return r.Engine
		}
	}
	return ""
}

// calibrationSummary says what came of it.
func calibrationSummary(f *calibration.File) string {
	b := f.Bounds()
	switch {
	case len(f.Tails) > 0:
		return likenessSummary(f)
	case len(f.Stacks) > 0 && f.Stacks[0].Likeness != nil:
		return fmt.Sprintf("Too little was measured for bounds: at least %d pictures or vectors of each stack are wanted (--requests).", likeness.Least)
	case b.Greedy == nil && b.Redrawn == nil && b.Replay == 0:
		return "Too little was measured for bounds: ask more (--requests)."
	case b.Greedy == nil:
		return "Too little was measured at temperature 0: ask more (--requests)."
	}
	// The surest bin is where most tokens are.
	return fmt.Sprintf("At temperature 0 honest tokens are another than the first choice at most %.3g of the time where the reference is unsure, %.3g where it is sure.",
		b.Greedy.Honest[0].Near, b.Greedy.Honest[len(b.Greedy.Honest)-1].Near)
}

// likenessSummary says the same of pictures and vectors: what honest ones hardly ever pass.
func likenessSummary(f *calibration.File) string {
	var lines []string
	for _, m := range likeness.Measures() {
		for _, k := range f.Tails[m] {
			if k.P <= 0.02 {
				lines = append(lines, fmt.Sprintf("%s: honest deviations reach %v at most %.2g of the time.", m, k.At, k.P))
				break
			}
		}
	}
	return strings.Join(lines, "\n")
}

func readKey(file string) (string, error) {
	raw, err := os.ReadFile(file)
	return strings.TrimSpace(string(raw)), err
}

// version is the program's, as its build tells.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return info.Main.Version
}

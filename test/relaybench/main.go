package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == "role" {
		signal.Ignore(os.Interrupt) // whoever started us tells us when to end
		if err := serveRole(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintf(os.Stderr, "relaybench %s: %v\n", os.Args[2], err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "relaybench:", err)
		os.Exit(1)
	}
}

// run does what the arguments say. It fails with -check if a target is missed,
// and after a soak in which one of the gateway's streams broke.
func run(ctx context.Context, args []string, out, errs io.Writer) error {
	b := &bed{out: out}
	flags := flag.NewFlagSet("relaybench", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.IntVar(&b.rounds, "rounds", 5, "how often each is measured")
	flags.DurationVar(&b.window, "window", 4*time.Second, "how long CPU time is measured in each round")
	flags.IntVar(&b.sequence, "sequence", 2000, "requests one after another, for latency, in each round")
	flags.StringVar(&b.profiles, "profiles", "", "write CPU and heap profiles to this `folder` (they cost some CPU time)")
	only := flags.String("only", "", "measure only this: cpu64, cpu500, unpaced, whole, latency or memory")
	idle := flags.Int("idle", 2000, "idle streams, for memory")
	check := flags.Bool("check", false, "fail if a target is missed by more than the noise")
	protocols := flags.Bool("protocols", false, "compare HTTP/1.1 with HTTP/2 to the miners instead")
	soaked := flags.Int64("soak", 0, "count the broken ones of so many streams instead")
	longest := flags.Duration("timeout", 15*time.Minute, "give up after this time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if b.rounds < 1 || b.window <= 0 || b.sequence < 10 || *idle < 1 || flags.NArg() > 0 {
		return errors.New("the arguments make no sense; -help lists them")
	}
	ctx, cancel := context.WithTimeout(ctx, *longest)
	defer cancel()
	fmt.Fprintln(out, machine())
	defer func() { fmt.Fprintf(out, "load at the end %s\n", load()) }()
	switch {
	case *soaked > 0:
		return b.run([]string{"baseline", "relay"}, func() error {
			broken, err := b.soak(ctx, *soaked, 32)
			if err == nil && broken > 0 {
				err = fmt.Errorf("%d of the gateway's streams broke", broken)
			}
			return err
		})
	case *protocols:
		return b.run([]string{"http1", "relay", "http2"}, func() error {
			_, err := b.compare(ctx, *only, *idle, false)
			return err
		})
	}
	return b.run([]string{"baseline", "relay"}, func() error {
		missed, err := b.compare(ctx, *only, *idle, true)
		if err == nil && *check && missed > 0 {
			err = fmt.Errorf("%d targets are missed by more than %.0f%%", missed, 100*(noise-1))
		}
		return err
	})
}

// compare measures everything, or only one thing, and prints the table.
func (b *bed) compare(ctx context.Context, only string, idle int, targets bool) (missed int, err error) {
	target := func(x float64) float64 {
		if !targets {
			return 0
		}
		return x
	}
	one := func(m *measure, err error) ([]*measure, error) { return []*measure{m}, err }
	parts := []struct {
		name string
		run  func() ([]*measure, error)
	}{
		{"latency", func() ([]*measure, error) { return b.latency(ctx, target(1.3)) }},
		{"whole", func() ([]*measure, error) { return one(b.wholeCPU(ctx, 64, target(1.3))) }},
		{"cpu64", func() ([]*measure, error) { return one(b.streamCPU(ctx, 64, 20*time.Millisecond, target(1.2))) }},
		{"cpu500", func() ([]*measure, error) { return one(b.streamCPU(ctx, 500, 50*time.Millisecond, target(1.2))) }},
		{"unpaced", func() ([]*measure, error) { return one(b.streamCPU(ctx, 64, 0, 0)) }},
		{"memory", func() ([]*measure, error) { return b.idleMemory(ctx, idle, target(0.8)) }},
	}
	var names []string
	for _, p := range b.proxies {
		names = append(names, p.name)
	}
	var measures []*measure
	for _, part := range parts {
		if only != "" && only != part.name {
			continue
		}
		found, err := part.run()
		if err != nil {
			return 0, err
		}
		measures = append(measures, found...)
		missed += table(b.out, names, found)
	}
	if len(measures) == 0 {
		return 0, fmt.Errorf("-only %s: there is no such part", only)
	}
	fmt.Fprintln(b.out)
	table(b.out, names, measures)
	return missed, nil
}

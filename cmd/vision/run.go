package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"time"

	"vision/internal/config"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // it went wrong
	exitUsage   = 2 // it was asked for wrongly
)

// terminal is what a command talks to.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// command is one thing that the program does.
type command struct {
	name  string // words as typed, "key create"
	args  string // what follows, for the usage line
	about string
	run   func(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error
}

// commands are all there are, in the order of the help text.
func commands() []command {
	return []command{
		{"devnet", "[flags]", devnetAbout, runDevnet},
		{"miner", "--config FILE", "serve tasks to validators from your own model servers\n\nSIGHUP reads the file again without dropping a stream.", runMiner},
		{"miner measure", "--config FILE [--task NAME ...] [flags]", measureAbout, runMeasure},
		{"validator", "--config FILE [--roles gateway,scorer,checker] [--ops HOST:PORT]", "judge miners, set weights and sell access\n\nSeveral processes on one machine may share a validator's roles: same file, other --roles and --ops.\nSIGHUP checks the files; a changed catalogue is taken up without it.", runValidator},
		{"checker", "--config FILE", "run a checking server on a machine of its own\n\nSIGHUP checks the files; a changed catalogue is taken up without it.", runChecker},
		{"checker calibrate", "(--config FILE | --validator FILE) --task TASK --stack STACK... [flags]", checkerCalibrateAbout, runCheckerCalibrate},
		{"checker eval", "[flags] | --recorded FILE...", checkerEvalAbout, runCheckerEval},
		{"toy-server", "[--listen ADDRESS]", "serve the built-in toy models over HTTP, for private networks without GPUs", runToyServer},
		{"init", "miner|validator|checker|network [flags]", initAbout, runInit},
		{"config check", "miner|validator|checker|network|catalogue FILE", "report every mistake in a file, with its line", configCheck},
		{"scores", "[HOTKEY] (--data DIR | --config FILE) [--json]", "show what miners earn and why\n\nWith a hotkey: every factor of that miner's score, and the evidence.", runScores},
		{"evidence list", "[HOTKEY] (--data DIR | --config FILE) [--task TASK] [--json]", "list the answers that are kept because they speak against their miners", evidenceList},
		{"evidence show", "NUMBER (--data DIR | --config FILE) [--prompts] [--json]", "show one of them", evidenceShow},
		{"evidence check", "NUMBER|FILE (--data DIR | --config FILE) [--checker HOST:PORT --checker-hotkey HOTKEY] [--turn N] [--json]", evidenceCheckAbout, evidenceCheck},
		{"evidence export", "NUMBER (--config FILE | --data DIR --hotkey FILE) [--out FILE] [--customers]", "write one as a receipt, which others can verify and judge again\n\nThe miner's signature of the answer must be there. What customers asked stays here, unless --customers is said.", evidenceExport},
		{"explain", "HOTKEY (--data DIR | --config FILE | --url URL) [--json]", "say why a miner earns what it does, and what would raise it", runExplain},
		{"calculate", "(--task NAME=UNITS ... | --measured FILE) (--data DIR | --config FILE | --url URL | --report FILE) [flags]", calculateAbout, runCalculate},
		{"project create", "NAME (--data DIR | --config FILE) [--kind prepaid|free]", "make a project, which pays for what its keys use", projectCreate},
		{"project list", "(--data DIR | --config FILE) [--json]", "list the projects and their balances", projectList},
		{"project show", "PROJECT (--data DIR | --config FILE) [--json]", "show a project, its balance and its keys\n\nPROJECT is a name or a number, here and elsewhere.", projectShow},
		{"project deposit", "PROJECT CREDITS (--data DIR | --config FILE) [--reference TEXT] [--note TEXT]", "book a payment\n\nCREDITS has up to 6 decimals. With --reference the payment is booked once, however often the command is repeated.", depositRun},
		{"project adjust", "PROJECT CREDITS --note TEXT (--data DIR | --config FILE)", "correct a balance, by credits that may be below 0", adjustRun},
		{"project archive", "PROJECT (--data DIR | --config FILE)", "end a project's use; its balance stays", projectArchive},
		{"key create", "(--data DIR | --config FILE) [flags]", "make an API key and show it, once", keyCreate},
		{"key list", "(--data DIR | --config FILE) [--project PROJECT] [--json]", "list the API keys", keyList},
		{"key show", "NUMBER (--data DIR | --config FILE) [--json]", "show an API key's limits and what it has spent", keyShow},
		{"key revoke", "NUMBER (--data DIR | --config FILE)", "stop an API key from working", keyRevoke},
		{"key rotate", "NUMBER (--data DIR | --config FILE) [--grace 24h]", "make an API key in another's place, and show it, once\n\nThe new key may do the same, and shares the old one's limits and allowance. The old one goes on working for the grace.", keyRotate},
		{"usage", "(--data DIR | --config FILE) [flags]", "sum up what was used and charged, by project, key, task and day\n\nWithout --from and --to: this month until today. Days are of UTC. JSON and CSV count in micro-credits.", runUsage},
		{"receipts", "--project PROJECT (--data DIR | --config FILE) [flags]", "list or export a project's receipts, one for each request", runReceipts},
		{"refund", "REQUEST (--data DIR | --config FILE) [--amount CREDITS]", "give back what a request was charged, or a part of it", refundRun},
		{"statement", "--project PROJECT (--data DIR | --config FILE) [--month 2026-11] [--html|--text|--json]", "print a project's monthly statement", runStatement},
		{"ledger verify", "(--data DIR | --config FILE) [--json]", "prove that the books are in order\n\nEvery transaction sums to 0, every balance equals its transactions, each charge has its receipt and the reverse,\nand no balance was ever below 0. It holds nobody up. Exit code 1 says that they are not in order.", ledgerVerify},
		{"prices", "(--data DIR | --config FILE) [--task TASK] [--history] [--json]", "show what tasks cost, and did", runPrices},
		{"sim table", "[flags]", simTableAbout, simTable},
		{"sim ablate", "[flags]", "say what each part of vision7 is worth: what strategies earn without it", simAblate},
		{"sim sweep", "--parameter NAME --values X,Y,… [flags]", "say what strategies earn as one parameter changes", simSweep},
		{"sim sensitivity", "[flags]", simSensitivityAbout, simSensitivity},
		{"sim search", "[flags]", "search for the strategy that earns most against a mechanism", simSearch},
		{"sim list", "", "list the strategies", simList},
		{"hotkey new", "FILE", "make a hotkey and write its file, as the official wallet tools do", hotkeyNew},
		{"hotkey show", "FILE", "show the address of a hotkey's file", hotkeyShow},
	}
}

// usageError is a mistake in how a command was called.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// run does what the arguments say and gives the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	t := terminal{in, out, errs}
	if len(args) == 0 || len(args) == 1 && args[0] == "help" || isHelp(args[0]) {
		fmt.Fprint(out, help())
		return exitOK
	}
	if args[0] == "help" {
		args = append(slices.Clone(args[1:]), "-h")
	}
	c, rest, ok := find(args)
	if list := beginning(args[0]); !ok && len(list) > 0 && (len(args) == 1 || isHelp(args[1])) {
		fmt.Fprintf(out, "Usage: vision %s COMMAND [arguments]\n\nCommands:\n%s\n`vision %[1]s COMMAND -h` tells more of one.\n", args[0], listed(list))
		return exitOK
	}
	if !ok {
		fmt.Fprintf(errs, "vision: there is no command %q; %s\n", strings.Join(args[:min(2, len(args))], " "), nearby(args[0]))
		return exitUsage
	}
	flags := flag.NewFlagSet("vision "+c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // mistakes come back as errors
	err := c.run(ctx, t, flags, rest)
	var usage usageError
	var problems config.Problems
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, flag.ErrHelp):
		c.help(out, flags)
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(errs, "vision %s: %s\nUsage: vision %s %s (`vision %s -h` tells more)\n", c.name, usage.message, c.name, c.args, c.name)
		return exitUsage
	case errors.As(err, &problems):
		fmt.Fprintln(errs, problems.Error())
		if kind := otherKind(problems); kind != "" {
			fmt.Fprintf(errs, "As a %s's file it has no mistakes: is it the wrong file?\n", kind)
		}
		return exitFailure
	}
	fmt.Fprintf(errs, "vision %s: %v\n", c.name, err)
	if errors.Is(err, syscall.EADDRINUSE) {
		fmt.Fprintln(errs, "Another program, or this one started twice, has that port: end it, or choose another port.")
	}
	return exitFailure
}

// help tells all about a command.
func (c command) help(out io.Writer, flags *flag.FlagSet) {
	fmt.Fprintf(out, "Usage: vision %s %s\n\n%s\n", c.name, c.args, c.about)
	any := false
	flags.VisitAll(func(*flag.Flag) { any = true })
	if any {
		fmt.Fprintln(out, "\nFlags:")
		flags.SetOutput(out)
		flags.PrintDefaults()
	}
	if more := beginning(c.name); len(more) > 1 {
		fmt.Fprintf(out, "\nSee also:\n%s", listed(more[1:]))
	}
}

func isHelp(word string) bool { return word == "-h" || word == "-help" || word == "--help" }

// beginning are the commands that begin with a word.
func beginning(word string) []command {
	var list []command
	for _, c := range commands() {
		if first, _, _ := strings.Cut(c.name, " "); first == word {
			list = append(list, c)
		}
	}
	return list
}

// nearby names the commands that begin with a word.
func nearby(word string) string {
	var names []string
	for _, c := range beginning(word) {
		names = append(names, c.name)
	}
	if len(names) == 0 {
		return "`vision help` lists the commands"
	}
	return "did you mean " + strings.Join(names, ", ") + "?"
}

// find picks the command with the longest name that args begin with.
func find(args []string) (command, []string, bool) {
	all := commands()
	slices.SortStableFunc(all, func(a, b command) int { return len(b.name) - len(a.name) })
	for _, c := range all {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			return c, args[len(words):], true
		}
	}
	return command{}, nil, false
}

// parse reads flags wherever they stand among the arguments, and checks how
// many others there are.
func parse(flags *flag.FlagSet, args []string, least, most int) ([]string, error) {
	var rest []string
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, usagef("%s", plainly(flags, err.Error()))
		}
		if args = flags.Args(); len(args) == 0 {
			break
		}
		rest, args = append(rest, args[0]), args[1:]
	}
	if len(rest) < least || len(rest) > most {
		return nil, usagef("got %d arguments besides flags, want %s", len(rest), between(least, most))
	}
	return rest, nil
}

// plainly says of a flag's value that cannot be read what is wanted, where the flag package says no more than "parse error".
func plainly(flags *flag.FlagSet, message string) string {
	said, ok := strings.CutSuffix(message, ": parse error")
	if !ok {
		return message
	}
	f := flags.Lookup(strings.TrimPrefix(said[strings.LastIndex(said, " ")+1:], "-"))
	if f == nil {
		return message
	}
	want := "a number"
	if g, ok := f.Value.(flag.Getter); ok {
		switch g.Get().(type) {
		case time.Duration:
			want = "a number and a unit, such as 500ms, 60s or 1h"
		case int, int64, uint, uint64:
			want = "a whole number"
		case bool:
			want = "true or false"
		}
	}
	return said + ": want " + want
}

func between(least, most int) string {
	if least == most {
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

func help() string {
	var b strings.Builder
	b.WriteString("vision runs a decentralised inference network.\n\nUsage: vision COMMAND [arguments]\n\nCommands:\n")
	b.WriteString(listed(commands()))
	b.WriteString("\n`vision COMMAND -h` tells more of one.\n")
	return b.String()
}

// listed is a line for each command.
func listed(list []command) string {
	var b strings.Builder
	for _, c := range list {
		first, _, _ := strings.Cut(c.about, "\n")
		fmt.Fprintf(&b, "  %-18s %s\n", c.name, first)
	}
	return b.String()
}

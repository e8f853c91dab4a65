package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"vision/internal/devnet"
	"vision/internal/node"
	"vision/internal/obs"
)

const devnetAbout = `run a whole network on this machine

Starts an embedded ledger, a validator and miners on loopback, each with its
own hotkey, port and TLS, prints how to use the API, and shows the scores as
they come. Miners serve a built-in toy model unless --model-server names a real
OpenAI-compatible server. Ctrl-C ends everything.`

func runDevnet(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	var o devnet.Options
	flags.DurationVar(&o.Period, "period", time.Minute, "how long miners are tested before they are scored")
	flags.IntVar(&o.Miners, "miners", 3, "how many honest miners")
	names := flags.String("cheats", "", "dishonest miners to add, separated by commas:\n"+devnet.CheatsHelp())
	flags.StringVar(&o.Data, "data", "", "folder that keeps the state; without it, a temporary one is made and kept")
	flags.StringVar(&o.Listen, "listen", "127.0.0.1:0", "where the API is served; port 0 picks a free one")
	flags.Var((*credits)(&o.Prepaid), "prepaid", "add a prepaid project with a key, and these `CREDITS` paid in")
	flags.StringVar(&o.Admin, "admin", "", "where the admin API is served, host:port; nowhere if empty. Its token is kept in the data folder")
	flags.StringVar(&o.Ops, "ops", "", "where the validator's health and metrics are served, host:port; nowhere if empty")
	flags.StringVar(&o.Mechanism, "mechanism", "", "how miners are scored: vision7, or vision4; vision7 if empty")
	flags.StringVar(&o.Server, "model-server", "", "base URL of a real OpenAI-compatible server that all miners use, without /v1")
	flags.StringVar(&o.Model, "model", "", "what the model server calls its model")
	flags.StringVar(&o.Engine, "engine", "openai", "what the model server is: vllm, sglang, llama.cpp, llama-cpp-python or openai (any other)")
	flags.StringVar(&o.Template, "template", "", "chat template of the model, so that the checker can judge by log-probabilities: chatml, llama3, llama3.1")
	flags.StringVar(&o.QuantisedServer, "quantised-server", "", "with --model-server: a server with the model quantised differently, for the cheat quantised")
	verbose := flags.Bool("verbose", false, "log everything to standard error, not to the data folder")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	if *names != "" {
		for name := range strings.SplitSeq(*names, ",") {
			o.Cheats = append(o.Cheats, strings.TrimSpace(name))
		}
	}
	if !signal.Ignored(syscall.SIGHUP) { // a terminal that is closed is Ctrl-C, but not to nohup
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
	}
	if o.Period == 0 {
		return usagef("--period is 0, want at least 5s")
	}
	if err := o.Check(); err != nil {
		return usagef("%v", err)
	}
	for _, s := range [][2]string{{"--model-server", o.Server}, {"--quantised-server", o.QuantisedServer}} {
		if s[1] == "" {
			continue
		}
		if err := node.Reach(ctx, s[1]); err != nil {
			return fmt.Errorf("%s: %w: start it first, or mend the URL", s[0], err)
		}
	}
	if o.Data == "" {
		folder, err := os.MkdirTemp("", "vision-devnet-")
		if err != nil {
			return fmt.Errorf("make a folder for the data: %w; name one with --data", err)
		}
		o.Data = folder
	} else if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w; name another with --data", err)
	}
	log, closeLog, err := devnetLog(t.err, o.Data, *verbose)
	if err != nil {
		return err
	}
	defer closeLog()
	o.Log = log

	net, err := devnet.New(ctx, o)
	if err != nil {
		return err
	}
	var shown sync.WaitGroup
	showing, stopShowing := context.WithCancel(ctx)
	err = net.Run(ctx, func() {
		fmt.Fprint(t.out, devnetWelcome(net))
		shown.Go(func() { net.Show(showing, t.out, isTerminal(t.out)) })
	})
	stopShowing()
	shown.Wait() // nothing is shown if it was stopped before it was ready
	fmt.Fprintf(t.out, "\nStopped. The data is in %s; `%s` goes on from there.\n", o.Data, again(flags, o.Data))
	return err
}

// again is the command that goes on with the same network.
func again(flags *flag.FlagSet, data string) string {
	words := []string{"vision", "devnet", "--data", data}
	flags.Visit(func(f *flag.Flag) {
		if f.Name != "data" {
			words = append(words, "--"+f.Name+"="+f.Value.String())
		}
	})
	return strings.Join(words, " ")
}

// devnetLog logs to a file in the data folder: the terminal is for the scores.
func devnetLog(errs io.Writer, data string, verbose bool) (*slog.Logger, func() error, error) {
	if verbose {
		log, err := obs.NewLogger(errs, "info", "text")
		return log, func() error { return nil }, err
	}
	file, err := os.OpenFile(filepath.Join(data, "devnet.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("the data folder cannot be written to: %w", err)
	}
	log, err := obs.NewLogger(file, "info", "text")
	return log, file.Close, err
}

func devnetWelcome(net *devnet.Devnet) string {
	var b strings.Builder
	model := net.Catalogue().Tasks()[0].Name
	fmt.Fprintf(&b, "Vision devnet is up. Models: %s\n\n", strings.Join(net.Models(), ", "))
	fmt.Fprintf(&b, "  API base URL  %s\n  API key       %s\n  In a browser  %s/\n\n", net.URL(), net.Key(), strings.TrimSuffix(net.URL(), "/v1"))
	if key := net.PrepaidKey(); key != "" {
		fmt.Fprintf(&b, "  Prepaid key   %s\n                `vision statement --data %s --project prepaid` shows what it spends\n\n", key, net.Data())
	}
	if url := net.AdminURL(); url != "" {
		fmt.Fprintf(&b, "  Admin API     %s\n  Admin token   in %s\n\n", url, devnet.AdminTokenFile(net.Data()))
	}
	fmt.Fprintf(&b, "Ask it with curl:\n\n  curl -N %s/chat/completions -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' -d '{\"model\":\"%s\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Tell me about rivers.\"}]}'\n\n", net.URL(), net.Key(), model)
	fmt.Fprintf(&b, `or with Python (pip install openai):

  from openai import OpenAI
  client = OpenAI(base_url="%s", api_key="%s")
  stream = client.chat.completions.create(model="%s", stream=True, messages=[{"role": "user", "content": "Tell me about rivers."}])
  for chunk in stream:
      print(chunk.choices[0].delta.content or "", end="", flush=True)

`, net.URL(), net.Key(), model)
	fmt.Fprintf(&b, "State and log: %s\nOther processes may join its ledger at %s. Ctrl-C ends it.\n\n", net.Data(), net.LedgerURL())
	return b.String()
}

// isTerminal says whether w is a screen that lines can be redrawn on.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

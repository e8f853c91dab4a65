package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"vision/internal/config"
	"vision/internal/devnet"
	"vision/internal/hotkey"
	"vision/internal/node"
	"vision/internal/outcome"
	"vision/internal/receipt"
	"vision/internal/store"
)

// A kept answer is named by its sample's number, which `evidence list` shows.

// mostEvidence is how many kept answers of a miner on a task are looked at: all.
const mostEvidence = store.MaxEvidence + store.MaxProofs

// keptEvidence is what the commands show of one kept answer. Prompts and answers are not in it.
type keptEvidence struct {
	Sample  int64           `json:"sample"`
	Miner   hotkey.ID       `json:"miner"`
	Task    string          `json:"task"`
	Source  string          `json:"source"`
	At      time.Time       `json:"at"`
	Proves  bool            `json:"proves"` // it is among those that convicted the miner
	Test    string          `json:"test"`
	Detail  string          `json:"detail"`
	E       float64         `json:"e"`
	Quality float64         `json:"quality"`
	By      string          `json:"reference"`
	Again   string          `json:"again,omitempty"`
	Request string          `json:"request"` // its id
	Sent    int             `json:"request_bytes"`
	Got     int             `json:"response_bytes"` // both 0: no longer kept
	Signed  string          `json:"signed"`         // "yes", "no", or what is wrong with the miner's signature
	Spec    json.RawMessage `json:"spec,omitempty"` // what the miner declared of its server
	Prompt  string          `json:"prompt,omitempty"`
	Answer  string          `json:"answer,omitempty"`
}

// shownEvidence is what is shown of e; its bytes only with prompts.
func shownEvidence(e *outcome.Evidence, network string, validator hotkey.ID, prompts bool) keptEvidence {
	c := &e.Check
	k := keptEvidence{
		Sample: e.Sample.ID, Miner: c.Miner, Task: c.Task, Source: c.Source.String(), At: c.At, Proves: e.Proves, Test: c.Test, Detail: c.Detail, E: c.E, Quality: c.Quality,
		By: c.Reference, Again: c.Again, Request: e.Sample.Outcome.Request, Sent: len(e.Sample.Request), Got: len(e.Sample.Response), Signed: "yes",
	}
	if c.Spec != "" {
		k.Spec = json.RawMessage(c.Spec)
	}
	switch _, err := receipt.Of(e, network, validator); {
	case len(e.Sample.Proof) == 0:
		k.Signed = "no"
	case network == "":
		k.Signed = "not known: the validator has published no report yet"
	case err != nil:
		k.Signed = err.Error()
	}
	if prompts {
		k.Prompt, k.Answer = string(e.Sample.Request), string(e.Sample.Response)
	}
	return k
}

// evidenceHouse is a validator's data, open for reading.
type evidenceHouse struct {
	store     store.Store
	config    node.ValidatorConfig // without a hotkey, if only the data folder was named
	catalogue string
	network   string // "" if no report names it yet
	validator hotkey.ID
}

// openEvidenceFor reads a command's arguments, of which there are least to most, has usage look at them and its flags,
// and opens the data that they name. Who gets it closes its store.
func openEvidenceFor(ctx context.Context, where dataFlags, flags *flag.FlagSet, args []string, least, most int, usage ...func(rest []string) error) (h *evidenceHouse, rest []string, err error) {
	if rest, err = parse(flags, args, least, most); err != nil {
		return nil, nil, err
	}
	for _, wrong := range usage {
		if err := wrong(rest); err != nil {
			return nil, nil, err
		}
	}
	h, err = openEvidence(ctx, where)
	return h, rest, err
}

func openEvidence(ctx context.Context, where dataFlags) (*evidenceHouse, error) {
	data, catalogue, err := where.folder()
	if err != nil {
		return nil, err
	}
	h := &evidenceHouse{config: node.ValidatorDefaults(), catalogue: catalogue}
	if *where.config != "" {
		if err := config.Load(*where.config, &h.config); err != nil {
			return nil, err
		}
	} else {
		h.config.Hotkey = ""
	}
	if h.catalogue == "" { // a devnet keeps its own
		if _, err := os.Stat(devnet.CatalogueFile(data)); err == nil {
			h.catalogue = devnet.CatalogueFile(data)
		}
	}
	if h.store, err = openStore(ctx, data, true); err != nil {
		return nil, err
	}
	if r, err := lastOwnReport(ctx, h.store); err == nil {
		h.network, h.validator = fmt.Sprintf("%s/%d", r.Network, r.Netuid), r.Validator
	}
	return h, nil
}

// all lists what is kept: of a miner if that is not zero, on a task if that is not "".
func (h *evidenceHouse) all(ctx context.Context, miner hotkey.ID, task string) (list []outcome.Evidence, err error) {
	pairs, err := h.store.Judgements(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		if !miner.IsZero() && p.Miner != miner || task != "" && p.Task != task || p.State.Suspicious == 0 {
			continue
		}
		more, err := h.store.Evidence(ctx, p.Miner, p.Task, mostEvidence)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}

// one is the kept answer of a sample's number.
func (h *evidenceHouse) one(ctx context.Context, number string) (*outcome.Evidence, error) {
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil, usagef("%q is no number of a kept answer; `vision evidence list` shows them", number)
	}
	list, err := h.all(ctx, hotkey.ID{}, "")
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Sample.ID == id {
			return &list[i], nil
		}
	}
	return nil, fmt.Errorf("no answer number %d is kept; `vision evidence list` shows those that are", id)
}

func evidenceList(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	taskName := flags.String("task", "", "only answers on this `TASK`")
	asJSON := flags.Bool("json", false, "print JSON")
	var miner hotkey.ID
	h, _, err := openEvidenceFor(ctx, where, flags, args, 0, 1, func(rest []string) (err error) {
		if len(rest) == 1 {
			if miner, err = hotkey.ParseID(rest[0]); err != nil {
				return usagef("%v", err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	defer h.store.Close()
	list, err := h.all(ctx, miner, *taskName)
	if err != nil {
		return err
	}
	shown := []keptEvidence{}
	for i := range list {
		shown = append(shown, shownEvidence(&list[i], h.network, h.validator, false))
	}
	if *asJSON {
		return printJSON(t.out, shown)
	}
	if len(shown) == 0 {
		fmt.Fprintln(t.out, "Nothing is kept that speaks against a miner.")
		return nil
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tMINER\tTASK\tAT\tFROM\tSAYS\tE\tTEST\tBYTES\tSIGNED")
	for _, k := range shown {
		signed := k.Signed
		if signed != "yes" && signed != "no" {
			signed = "?"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%.3g\t%s\t%d\t%s\n", k.Sample, k.Miner, k.Task, k.At.Local().Format(time.DateTime), k.Source, says(k.Proves), k.E, k.Test, k.Sent+k.Got, signed)
	}
	return w.Flush()
}

func says(proves bool) string {
	if proves {
		return "convicted it"
	}
	return "suspicious"
}

func evidenceShow(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	prompts := flags.Bool("prompts", false, "print what was asked and answered as well, which may be a customer's")
	asJSON := flags.Bool("json", false, "print JSON")
	h, rest, err := openEvidenceFor(ctx, where, flags, args, 1, 1)
	if err != nil {
		return err
	}
	defer h.store.Close()
	e, err := h.one(ctx, rest[0])
	if err != nil {
		return err
	}
	k := shownEvidence(e, h.network, h.validator, *prompts)
	if *asJSON {
		return printJSON(t.out, k)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "Number\t%d\nMiner\t%s\nTask\t%s\nFrom\t%s request %s\nJudged\t%s\nSays\t%s\n", k.Sample, k.Miner, k.Task, k.Source, k.Request, k.At.Local().Format(time.DateTime), says(k.Proves))
	fmt.Fprintf(w, "Verdict\tE %.3g, quality %.3g by %s, %s: %s\n", k.E, k.Quality, k.By, k.Test, k.Detail)
	if k.Again != "" {
		fmt.Fprintf(w, "Again\t%s\n", k.Again)
	}
	if k.Spec != nil {
		fmt.Fprintf(w, "Declared\t%s\n", k.Spec)
	}
	fmt.Fprintf(w, "Kept\t%d bytes of request, %d of answer\nSigned by it\t%s\n", k.Sent, k.Got, k.Signed)
	if err := w.Flush(); err != nil || !*prompts {
		return err
	}
	_, err = fmt.Fprintf(t.out, "\nRequest:\n%s\n\nAnswer:\n%s\n", k.Prompt, k.Answer)
	return err
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"time"

	"vision/internal/config"
	"vision/internal/hotkey"
	"vision/internal/node"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/receipt"
	"vision/internal/report"
	"vision/internal/store"
)

const evidenceCheckAbout = `judge a kept answer, or a receipt, again

NUMBER is that of a kept answer, as "evidence list" shows it; FILE is a receipt, whose
signatures are verified first. It is judged as the validator would judge it: by the checking
servers that the configuration names, or by the one of --checker, and once more if it fails. With --data
alone it is judged by the built-in reference. Nothing of the miner's standing changes.
Exit code 1 says that it was not to be judged, whatever the verdict would be.`

// lastOwnReport is the validator's newest report.
func lastOwnReport(ctx context.Context, st store.Store) (report.Report, error) {
	kept, err := st.OwnReport(ctx, true)
	if err != nil {
		return report.Report{}, err
	}
	return report.Read(kept.Body)
}

// judgedAgain is what `evidence check` found.
type judgedAgain struct {
	Miner     hotkey.ID      `json:"miner"`
	Task      string         `json:"task"`
	Validator hotkey.ID      `json:"validator,omitzero"` // who asked the miner, of a receipt
	Signed    string         `json:"signed"`             // by the miner: "yes", "no", or what is wrong
	Answered  time.Time      `json:"answered,omitzero"`  // by the miner's clock, of a receipt
	Then      verdictShown   `json:"then"`
	Now       []verdictShown `json:"now"` // two if the first failed
	E         float64        `json:"e"`   // what counts now: the smallest
}

type verdictShown struct {
	At        time.Time `json:"at,omitzero"`
	E         float64   `json:"e"`
	Quality   float64   `json:"quality"`
	Test      string    `json:"test"`
	Detail    string    `json:"detail"`
	Reference string    `json:"reference"`
}

func evidenceCheck(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	address := flags.String("checker", "", "the checking server to ask, `HOST:PORT`, in place of the configuration's")
	checkerHotkey := flags.String("checker-hotkey", "", "with --checker: the `HOTKEY` that it must prove to be")
	turn := flags.Int("turn", 0, "which of the references that judge the task is first: 0 the first, 1 the second, …")
	asJSON := flags.Bool("json", false, "print JSON")
	var only *node.RemoteChecker
	h, rest, err := openEvidenceFor(ctx, where, flags, args, 1, 1, func([]string) (err error) {
		if *address != "" {
			only = &node.RemoteChecker{Address: *address}
			if only.Hotkey, err = hotkey.ParseID(*checkerHotkey); err != nil {
				return usagef("--checker-hotkey: %v", err)
			}
		}
		if *turn < 0 {
			return usagef("--turn is %d, want 0 or more", *turn)
		}
		return nil
	})
	if err != nil {
		return err
	}
	defer h.store.Close()
	found, r, err := h.toJudge(ctx, rest[0])
	if err != nil {
		return err
	}
	again, err := node.OpenAgain(ctx, h.config, only, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer again.Close()
	r.Turn = *turn
	verdicts, err := again.Judge(ctx, r)
	if err != nil {
		return fmt.Errorf("no verdict: %w", err)
	}
	for i, v := range verdicts {
		found.Now = append(found.Now, verdictShown{E: v.E, Quality: v.Quality, Test: v.Test, Detail: v.Detail, Reference: v.Reference})
		if i == 0 || v.E < found.E {
			found.E = v.E
		}
	}
	if *asJSON {
		return printJSON(t.out, found)
	}
	return found.print(t.out)
}

func (j *judgedAgain) print(out io.Writer) error {
	fmt.Fprintf(out, "Miner %s on %s", j.Miner, j.Task)
	if !j.Validator.IsZero() {
		fmt.Fprintf(out, ", asked by %s, answered %s", j.Validator, j.Answered.Local().Format(time.DateTime))
	}
	fmt.Fprintf(out, "\nSigned by the miner: %s\n", j.Signed)
	fmt.Fprintf(out, "Then: E %.3g, quality %.3g by %s, %s: %s (%s)\n", j.Then.E, j.Then.Quality, j.Then.Reference, j.Then.Test, j.Then.Detail, j.Then.At.Local().Format(time.DateTime))
	for i, v := range j.Now {
		when := "Now: "
		if i > 0 {
			when = "Again:"
		}
		fmt.Fprintf(out, "%s E %.3g, quality %.3g by %s, %s: %s\n", when, v.E, v.Quality, v.Reference, v.Test, v.Detail)
	}
	_, err := fmt.Fprintf(out, "E then %.3g, now %.3g.\n", j.Then.E, j.E)
	return err
}

// toJudge finds what is to be judged again: a kept answer by its number, or a receipt by its file.
func (h *evidenceHouse) toJudge(ctx context.Context, what string) (*judgedAgain, proto.CheckRequest, error) {
	catalogue, err := config.LoadCatalogue(h.catalogue)
	if err != nil {
		return nil, proto.CheckRequest{}, err
	}
	var found *judgedAgain
	var r proto.CheckRequest
	if _, err := strconv.ParseInt(what, 10, 64); err == nil {
		e, err := h.one(ctx, what)
		if err != nil {
			return nil, r, err
		}
		if len(e.Sample.Response) == 0 {
			return nil, r, receipt.ErrGone
		}
		k := shownEvidence(e, h.network, h.validator, false)
		found = &judgedAgain{Miner: k.Miner, Task: k.Task, Signed: k.Signed, Then: verdictShown{k.At, k.E, k.Quality, k.Test, k.Detail, k.By}}
		if k.Spec != nil {
			if err := json.Unmarshal(k.Spec, &r.Spec); err != nil {
				return nil, r, fmt.Errorf("read what the miner declared: %w", err)
			}
		}
		r.Sample = e.Sample
		r.Sample.Proof = nil
	}
	if found == nil {
		body, err := readBounded(what, proto.MaxReceipt)
		if err != nil {
			return nil, r, err
		}
		shown, err := receipt.Read(body)
		if err != nil {
			return nil, r, err
		}
		if h.network != "" && shown.Network != h.network {
			return nil, r, fmt.Errorf("the receipt is of the network %s, and this validator is on %s", shown.Network, h.network)
		}
		signed, err := shown.Answer()
		if err != nil {
			return nil, r, err
		}
		v := shown.Verdict
		found = &judgedAgain{Miner: shown.Miner, Task: shown.Task, Validator: shown.Validator, Signed: "yes", Answered: signed.At, Then: verdictShown{v.At, v.E, v.Quality, v.Test, v.Detail, v.Reference}}
		tk, ok := catalogue.Lookup(shown.Task)
		if !ok {
			return nil, r, fmt.Errorf("task %q is not in the catalogue", shown.Task)
		}
		if r.Sample, err = shown.Sample(tk); err != nil {
			return nil, r, err
		}
		r.Spec = shown.Spec
	}
	tk, ok := catalogue.Lookup(found.Task)
	if !ok {
		return nil, r, fmt.Errorf("task %q is not in the catalogue any more", found.Task)
	}
	r.Task = *tk
	return found, r, nil
}

func readBounded(file string, most int64) ([]byte, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: say a number that `vision evidence list` shows, or a receipt's file", err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(body)) > most {
		err = fmt.Errorf("%s has more than %d bytes", file, most)
	}
	return body, err
}

func evidenceExport(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	key := flags.String("hotkey", "", "with --data: the validator's hotkey `FILE`, to sign with")
	out := flags.String("out", "", "`FILE` to write; standard output if empty")
	customers := flags.Bool("customers", false, "also if it may hold what a customer asked, which others then see")
	h, rest, err := openEvidenceFor(ctx, where, flags, args, 1, 1)
	if err != nil {
		return err
	}
	defer h.store.Close()
	e, err := h.one(ctx, rest[0])
	if err != nil {
		return err
	}
	if h.network == "" {
		return errors.New("the validator has published no report yet, which names its network: export when a period was scored")
	}
	r, err := receipt.Of(e, h.network, h.validator)
	if err != nil {
		return err
	}
	if !*customers && (e.Check.Source == outcome.Organic || !r.Proof.Public) {
		return errors.New("the request is a customer's, or may hold what customers asked; --customers exports it all the same")
	}
	if *key != "" {
		h.config.Hotkey = *key
	}
	if h.config.Hotkey == "" {
		return usagef("a receipt is signed by the validator: say --config, or --hotkey with --data")
	}
	signer, err := node.LoadKey(h.config.Common)
	if err != nil {
		return err
	}
	body, err := receipt.Sign(r, signer)
	if err != nil {
		return err
	}
	if *out == "" {
		_, err = t.out.Write(append(body, '\n'))
		return err
	}
	if err := os.WriteFile(*out, append(body, '\n'), 0o600); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Written to %s: the answer of %s on %s, signed by it and by %s.\n", *out, r.Miner, r.Task, r.Validator)
	return nil
}

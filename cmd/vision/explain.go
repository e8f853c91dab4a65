package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"strings"
	"time"

	"vision/internal/hotkey"
	"vision/internal/proto"
	"vision/internal/scorer"
)

// runExplain explains a miner's weight from a validator's own data, or, for
// those who have none, from its API.
func runExplain(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	url := flags.String("url", "", "a validator's API, in place of its data: http://HOST:PORT")
	asJSON := flags.Bool("json", false, "print JSON")
	rest, err := parse(flags, args, 1, 1)
	if err != nil {
		return err
	}
	id, err := hotkey.ParseID(rest[0])
	if err != nil {
		return usagef("%v", err)
	}
	if err := where.orElse("--url URL", *url); err != nil {
		return err
	}
	var e scorer.Explanation
	if *url != "" {
		body, err := fetchPublic(ctx, *url, "/v1/vision/explain/"+id.String())
		if err != nil {
			return err
		}
		if err := json.Unmarshal(body, &e); err != nil {
			return fmt.Errorf("what %s answered is no explanation: %w", *url, err)
		}
	} else {
		data, _, err := where.folder()
		if err != nil {
			return err
		}
		st, err := openStore(ctx, data, true)
		if err != nil {
			return err
		}
		defer st.Close()
		if e, err = scorer.Explain(ctx, st, id); err != nil {
			return err
		}
	}
	if *asJSON {
		out := json.NewEncoder(t.out)
		out.SetIndent("", "  ")
		return out.Encode(e)
	}
	printExplanation(t.out, e)
	return nil
}

func printExplanation(out io.Writer, e scorer.Explanation) {
	fmt.Fprintf(out, "Miner %s, by validator %s's report of period %d (%s UTC, %s)\n\n", e.Hotkey, e.Validator.Short(), e.Period, e.At.UTC().Format(time.DateTime), e.Mechanism)
	for _, s := range e.Sentences {
		fmt.Fprintln(out, s)
	}
	for _, task := range e.Tasks {
		fmt.Fprintf(out, "\n%s\n", task.Task)
		for _, s := range task.Sentences {
			fmt.Fprintf(out, "  %s\n", s)
		}
	}
	if len(e.Advice) == 0 { // it is slashed, or does all that can be done
		return
	}
	fmt.Fprintln(out, "\nWhat would raise its weight, the most first:")
	for i, a := range e.Advice {
		if i == 8 {
			fmt.Fprintf(out, "  and %d more, with --json\n", len(e.Advice)-i)
			break
		}
		fmt.Fprintf(out, "  %d. %s\n", i+1, a.Sentence)
	}
}

// fetchPublic gets what a validator's API shows to everybody.
func fetchPublic(ctx context.Context, url, path string) ([]byte, error) {
	if at, err := neturl.Parse(url); err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
		return nil, usagef("--url %q: want http://HOST:PORT", url)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	base := strings.TrimSuffix(strings.TrimSuffix(url, "/"), "/v1")
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, proto.MaxReport+1))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		var said struct {
			Error struct{ Message string }
		}
		if json.Unmarshal(body, &said) == nil && said.Error.Message != "" {
			return nil, fmt.Errorf("%s says: %s", url, said.Error.Message)
		}
		return nil, fmt.Errorf("%s answered %s", url, answer.Status)
	}
	return body, nil
}

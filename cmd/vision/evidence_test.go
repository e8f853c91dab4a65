package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vision/internal/config"
	"vision/internal/devnet"
	"vision/internal/hotkey"
	"vision/internal/hotkey/wallet"
	"vision/internal/judgement"
	"vision/internal/node"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/proto"
	"vision/internal/report"
	"vision/internal/store/sqlite"
)

// Kept answers can be listed, shown, judged again, and handed to others who judge
// them again; what was asked is printed only if that is said, and what a customer asked is exported only if that is.
func TestEvidence(t *testing.T) {
	data := t.TempDir()
	validator, miner := hotkey.FromSeed([32]byte{1}), hotkey.FromSeed([32]byte{2})
	key := filepath.Join(data, "hotkey")
	if err := wallet.Save(key, validator); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(devnet.CatalogueFile(data), config.DevnetCatalogue(), 0o600); err != nil {
		t.Fatal(err)
	}
	probe, customers, unsigned := keepEvidence(t, data, validator, miner)
	all := []string{"--data", data}

	var list []keptEvidence
	text := vision(t, append([]string{"evidence", "list", "--json"}, all...)...)
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 3 {
		t.Fatalf("%d are kept, %v: %s", len(list), err, text)
	}
	for _, k := range list {
		want := "yes"
		if strconv.FormatInt(k.Sample, 10) == unsigned {
			want = "no"
		}
		if k.Signed != want || k.Miner != miner.ID() || k.E != 40 || k.Sent == 0 {
			t.Errorf("kept: %+v, want signed %s", k, want)
		}
	}
	table := vision(t, append([]string{"evidence", "list", miner.ID().String(), "--task", "vision-ref-chat"}, all...)...)
	if strings.Count(table, miner.ID().String()) != 3 {
		t.Errorf("the table is\n%s", table)
	}
	if out := vision(t, append([]string{"evidence", "list", validator.ID().String()}, all...)...); !strings.Contains(out, "Nothing is kept") {
		t.Errorf("of another miner: %s", out)
	}

	const secret = "a prompt that nobody else knows"
	for _, c := range []struct {
		prompts []string
		want    bool
	}{{nil, false}, {[]string{"--json"}, false}, {[]string{"--prompts"}, true}, {[]string{"--prompts", "--json"}, true}} {
		out := vision(t, append(append([]string{"evidence", "show", probe}, c.prompts...), all...)...)
		if strings.Contains(out, secret) != c.want {
			t.Errorf("show %v prints the prompt: %t\n%s", c.prompts, !c.want, out)
		}
	}

	again := func(what string) (j judgedAgain) {
		t.Helper()
		out := vision(t, append([]string{"evidence", "check", what, "--json"}, all...)...)
		if strings.Contains(out, secret) {
			t.Errorf("check prints the prompt:\n%s", out)
		}
		if err := json.Unmarshal([]byte(out), &j); err != nil {
			t.Fatal(err)
		}
		return j
	}
	// The prompt was not read as the reference reads it, which counts 1,000.
	if j := again(probe); j.Then.E != 40 || j.E != 1000 || len(j.Now) != 2 || j.Signed != "yes" {
		t.Errorf("judged again: %+v", j)
	}
	receipt := filepath.Join(data, "receipt.json")
	vision(t, append([]string{"evidence", "export", probe, "--hotkey", key, "--out", receipt}, all...)...)
	if j := again(receipt); j.Then.E != 40 || j.E != 1000 || j.Validator != validator.ID() || j.Miner != miner.ID() || j.Answered.IsZero() {
		t.Errorf("a receipt judged again: %+v", j)
	}

	refused := func(want string, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), append(args, all...), nil, &out, &errs); code == exitOK || !strings.Contains(errs.String(), want) {
			t.Errorf("vision %s: %d, %s%s, want %q", strings.Join(args, " "), code, out.String(), errs.String(), want)
		}
	}
	refused("--customers", "evidence", "export", customers, "--hotkey", key)
	refused("did not sign", "evidence", "export", unsigned, "--hotkey", key)
	refused("--hotkey", "evidence", "export", probe)
	refused("is kept", "evidence", "show", "99")
	refused("receipt's file", "evidence", "check", filepath.Join(data, "nothing"))
	refused("checker-hotkey", "evidence", "check", probe, "--checker", "127.0.0.1:1")
	if out := vision(t, append([]string{"evidence", "export", customers, "--customers", "--hotkey", key}, all...)...); !strings.Contains(out, `"receipt"`) {
		t.Errorf("exported: %s", out)
	}
	raw, err := os.ReadFile(receipt)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(receipt, bytes.Replace(raw, []byte(`"e":40`), []byte(`"e":41`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("its validator did not sign", "evidence", "check", receipt)
}

// keepEvidence fills a validator's database with three answers that speak against a
// miner, and gives their numbers: a probe's, a customer's, and one that is not signed.
func keepEvidence(t *testing.T, data string, validator, miner *hotkey.Key) (probe, customers, unsigned string) {
	t.Helper()
	st, err := sqlite.Open(t.Context(), node.DatabaseFile(data), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	now := time.Now().UTC()
	request := []byte(`{"model":"vision-ref-chat","messages":[{"role":"user","content":"a prompt that nobody else knows"}],"max_tokens":2,"stream":false,"temperature":0,"top_p":1,"seed":1,"return_token_ids":true}`)
	answer := []byte(`{"choices":[{"message":{"content":"not what the ids say"},"finish_reason":"length","token_ids":[1,2]}],"prompt_token_ids":[1]}`)
	signed := func(public bool) []byte {
		p := proto.Proof{Path: "/v1/chat/completions", ID: "req-1", Expires: now.Truncate(time.Millisecond), Public: public}
		s := proto.Signed{Network: "net/7", Validator: validator.ID(), Miner: miner.ID(), Path: p.Path, ID: p.ID, Body: sha256.Sum256(request), Expires: p.Expires}
		a := proto.SignedAnswer{Request: sha256.Sum256(s.AppendMessage(nil)), Since: now, At: now, Body: sha256.Sum256(answer)}
		p.Answer = a.Value(miner.Sign)
		proof, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		return proof
	}
	var numbers []string
	for _, s := range []struct {
		source outcome.Source
		proof  []byte
	}{{outcome.Synthetic, signed(true)}, {outcome.Organic, signed(false)}, {outcome.Synthetic, nil}} {
		o := outcome.Outcome{Request: "req-0", Last: true, Source: s.source, Task: "vision-ref-chat", Miner: miner.ID(), Status: outcome.OK, Work: 2, Start: now, FirstOutput: 1, Total: 1}
		if err := st.Record(t.Context(), outcome.Entry{Outcome: o, Sample: &outcome.Sample{Outcome: o, Request: request, Response: answer, Proof: s.proof}}); err != nil {
			t.Fatal(err)
		}
		claimed, err := st.ClaimSamples(t.Context(), now.Add(time.Hour), time.Hour, 1)
		if err != nil || len(claimed) != 1 {
			t.Fatalf("%d samples claimed, %v", len(claimed), err)
		}
		c := outcome.Check{Sample: claimed[0].ID, Task: o.Task, Miner: o.Miner, Source: s.source, At: now, E: 40, Test: "prefill-t0", Spec: `{"engine":"vision-ref","token_ids":true}`}
		if _, err := st.SaveCheck(t.Context(), c, judgement.Default()); err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, strconv.FormatInt(claimed[0].ID, 10))
	}
	body, err := report.Sign(report.Report{Network: "net", Netuid: 7, Period: 1, At: now}, validator)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.SaveReport(t.Context(), period.Report{Validator: validator.ID(), Own: true, Period: 1, At: now, Body: body}); err != nil {
		t.Fatal(err)
	}
	return numbers[0], numbers[1], numbers[2]
}

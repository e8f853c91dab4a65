package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/report"
	"vision/internal/score"
)

// A newcomer that can show as much as the only miner there is would have half
// of the task.
func TestCalculate(t *testing.T) {
	signer, miner := hotkey.FromSeed([32]byte{1}), hotkey.FromSeed([32]byte{2})
	m := score.Vision4{}
	offer := score.Offer{Declared: 1000, Maximum: 2000, StakeShare: 0.5, PerRequest: 10} // of which half counts with this validator
	var state score.State
	var err error
	for i := range 10 {
		counts := score.Counts{Requests: 4, OK: 4, Consumed: 100, Declared: 1000}
		if state, err = m.Observe(state, score.Observation{Closed: &score.Closed{Number: int64(i) + 1, Counts: counts, Offer: offer}}); err != nil {
			t.Fatal(err)
		}
		if state, err = m.Observe(state, score.Observation{Check: &score.Check{Quality: 1, Speed: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	tasks := []score.Task{{Name: "chat", Weight: 1, Contenders: []score.Contender{{Hotkey: miner.ID(), Offer: offer, State: state}}}}
	out, err := m.Weights(tasks)
	if err != nil {
		t.Fatal(err)
	}
	r := report.Report{Period: 10, StakeShare: 0.5, Start: time.Unix(0, 0), End: time.Unix(3600, 0), At: time.Unix(3605, 0), Tasks: []report.Task{{Task: "chat", Unit: "token", Weight: 1}}}
	if err := r.Fill(m, tasks, out); err != nil {
		t.Fatal(err)
	}
	body, err := report.Sign(r, signer)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.json")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	var c calculation
	if err := json.Unmarshal([]byte(vision(t, "calculate", "--report", file, "--task", "chat=1000", "--paid", "500", "--gpus", "2", "--gpu-cost", "40", "--json")), &c); err != nil {
		t.Fatal(err)
	}
	if c.Weight < 0.499 || c.Weight > 0.501 || c.Income < 249 || c.Income > 251 || c.Profit == nil || *c.Profit != c.Income-80 || c.Validator != signer.ID() {
		t.Errorf("%+v", c)
	}
	if len(c.Tasks) != 1 || c.Tasks[0].Unit != "token" || c.Tasks[0].Weight != c.Weight || c.Tasks[0].Trust != 1 || c.Tasks[0].Capacity != 1000 || c.Length != 3600 {
		t.Errorf("%+v", c)
	}
	text := vision(t, "calculate", "--report", file, "--task", "chat=1000", "--paid", "500", "--gpu-cost", "40")
	for _, want := range []string{"Expected weight: 0.5", "Expected income: 250", "1970-01-01 01:00:05 UTC", "a period lasts 1h0m0s", "token"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
	forged := filepath.Join(t.TempDir(), "forged.json")
	if err := os.WriteFile(forged, bytes.Replace(body, []byte(`"period":10`), []byte(`"period":11`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	noReport := filepath.Join(t.TempDir(), "measured.json")
	if err := os.WriteFile(noReport, []byte(`{"version": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	task := []string{"--report", file, "--task", "chat=5"}
	for _, wrong := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--report", file}, exitUsage, "Usage: vision calculate (--task NAME=UNITS ... | --measured FILE) "},
		{[]string{"--report", file, "--task", "chat"}, exitUsage, `"chat": want NAME=UNITS`},
		{[]string{"--report", file, "--task", "chat=-1"}, exitUsage, `"chat=-1": want NAME=UNITS`},
		{[]string{"--report", file, "--task", "chat=1e300"}, exitFailure, "want 0 to 1e+24"},
		{[]string{"--report", file, "--task", "painting=5"}, exitFailure, `no task "painting"; it has chat`},
		{append(task, "--task", "chat=6"), exitFailure, "given twice"},
		{append(task, "--gpus", "-4"), exitUsage, "--gpus is -4, want 0 to"},
		{append(task, "--paid", "NaN"), exitUsage, "--paid is NaN"},
		{append(task, "--gpu-cost", "Inf"), exitUsage, "--gpu-cost is +Inf"},
		{append(task, "--quality", "7"), exitUsage, "--quality is 7, want 0 to 1.6"},
		{append(task, "--reliability", "-1"), exitUsage, "--reliability is -1, want 0 to 1"},
		{[]string{"--report", forged, "--task", "chat=5"}, exitFailure, "forged.json: a report that its validator did not sign"},
		{[]string{"--report", noReport, "--task", "chat=5"}, exitFailure, "measured.json: a report without a report in it"},
		{[]string{"--report", filepath.Join(t.TempDir(), "none"), "--task", "chat=5"}, exitFailure, "no such file"},
		{[]string{"--url", "127.0.0.1", "--task", "chat=5"}, exitUsage, "want http://HOST:PORT"},
	} {
		var out, errs strings.Builder
		if code := run(t.Context(), append([]string{"calculate"}, wrong.args...), nil, &out, &errs); code != wrong.code || !strings.Contains(errs.String(), wrong.want) {
			t.Errorf("%v: code %d, want %d and %q:\n%s%s", wrong.args, code, wrong.code, wrong.want, out.String(), errs.String())
		}
	}
	var printed, errs strings.Builder
	if code := run(t.Context(), []string{"explain", "nobody", "--data", t.TempDir()}, nil, &printed, &errs); code != exitUsage {
		t.Errorf("explaining nobody: code %d, %s", code, errs.String())
	}
}

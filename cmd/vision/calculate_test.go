package main

import (
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
	offer := score.Offer{Declared: 1000, Maximum: 2000, StakeShare: 1, PerRequest: 10}
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
	r := report.Report{Period: 10, At: time.Now(), Tasks: []report.Task{{Task: "chat", Unit: "token", Weight: 1}}}
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
	if text := vision(t, "calculate", "--report", file, "--task", "chat=1000", "--paid", "500", "--gpu-cost", "40"); !strings.Contains(text, "Expected weight: 0.5") || !strings.Contains(text, "Expected income: 250") {
		t.Error(text)
	}
	for _, wrong := range [][]string{
		{"calculate", "--report", file}, {"calculate", "--report", file, "--task", "chat"}, {"calculate", "--report", file, "--task", "painting=5"},
		{"calculate", "--report", filepath.Join(t.TempDir(), "none"), "--task", "chat=5"}, {"explain", "nobody", "--data", t.TempDir()},
	} {
		var out, errs strings.Builder
		if code := run(t.Context(), wrong, nil, &out, &errs); code == exitOK {
			t.Errorf("%v succeeded: %s", wrong, out.String())
		}
	}
}

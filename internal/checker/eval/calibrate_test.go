package eval

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"vision/internal/checker"
	"vision/internal/checker/calibration"
	"vision/internal/hotkey"
	"vision/internal/task"
)

func stackOf(t *testing.T, text string) Stack {
	t.Helper()
	s, err := ParseStack(text, func(string) (string, error) { return "key", nil })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A calibration of a noisy honest stack bounds what it does, is taken up by a
// checker that trusts its signer, and by no other.
func TestCalibrateAndUse(t *testing.T) {
	t.Parallel()
	c, err := checker.New(checker.Defaults(), checker.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	cal := Calibrator{Checker: c, Task: chatTask, Requests: 130, Tokens: 100, Seed: 5,
		Stacks:       []Stack{stackOf(t, "name=noisy,url=builtin:full,noise=0.02,seed=9,version=1")},
		Alternatives: []Stack{stackOf(t, "name=q3,url=builtin:q3")}}
	f, err := cal.Run(t.Context(), "builtin", "test", time.Unix(1.8e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	if f.Bounds().Greedy == nil || len(f.Bounds().Greedy.Cheats) != 1 || f.Stacks[0].Version != "1" || f.Stacks[0].Responses != 130 {
		t.Fatalf("%+v", f)
	}
	if sure := f.Bounds().Greedy.Honest[28].Near; !(sure > 0 && sure < 0.01) {
		t.Errorf("where the reference is sure the bound is %v", sure)
	}
	key := hotkey.FromSeed([32]byte{7})
	if err := f.Sign(key); err != nil {
		t.Fatal(err)
	}
	raw, err := f.Write()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	with := func(engine, serves string, signer hotkey.ID) (*checker.Checker, error) {
		config := checker.Defaults()
		config.References = []checker.ReferenceConfig{{Serves: serves, Engine: engine, Slots: 1, Calibration: "file"}}
		if engine != "builtin" {
			config.References[0].URL = "http://127.0.0.1:1"
		}
		return checker.New(config, checker.Deps{Log: slog.New(slog.NewTextHandler(&log, nil)), Calibration: func(file string) (*calibration.File, error) {
			if file != "file" {
				return nil, errors.New("no such file")
			}
			return calibration.Read(raw, []hotkey.ID{signer})
		}})
	}
	used, err := with("builtin", "vision-ref", key.ID())
	if err != nil {
		t.Fatal(err)
	}
	if b, err := used.Bounds(&chatTask); err != nil || b.Greedy == nil || b.Redrawn == nil {
		t.Errorf("bounds %+v, %v", b, err)
	}
	other := chatTask
	other.Model.Revision = "another"
	for range 2 {
		if b, err := used.Bounds(&other); err != nil || b.Greedy != nil {
			t.Errorf("bounds of another revision %+v, %v", b, err)
		}
	}
	if n := strings.Count(log.String(), "conservative bounds"); n != 1 {
		t.Errorf("told %d times of a calibration that does not fit:\n%s", n, &log)
	}
	for name, x := range map[string]struct {
		engine, serves string
		signer         hotkey.ID
	}{
		"another signer":    {"builtin", "vision-ref", hotkey.FromSeed([32]byte{8}).ID()},
		"another model":     {"builtin", "vision-ref-2", key.ID()},
		"another reference": {"vllm", "vision-ref", key.ID()},
	} {
		if _, err := with(x.engine, x.serves, x.signer); err == nil {
			t.Errorf("%s: the calibration is taken up", name)
		}
	}
}

// A server that gives what no honest one gives is not calibrated by.
func TestNoCalibrationByACheat(t *testing.T) {
	t.Parallel()
	c, err := checker.New(checker.Defaults(), checker.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	other := chatTask
	other.Model.TokenIDs = true
	// A plain OpenAI server shows no ids, which this task wants.
	s := Stack{Name: "plain", URL: "builtin:full", Engine: "openai"}
	cal := Calibrator{Checker: c, Task: other, Requests: 2, Tokens: 10, Stacks: []Stack{s}}
	if _, err := cal.Run(t.Context(), "builtin", "test", time.Unix(1.8e9, 0)); err == nil || !strings.Contains(err.Error(), "no-ids") {
		t.Errorf("error %v", err)
	}
	for _, bad := range []string{"", "name=x", "url=http://a", "name=x,url=http://a:1", "name=x,url=builtin:q5", "name=x,url=builtin:full,noise=2", "name=x,url=a,engine=vllm", "name=x,colour=red"} {
		if _, err := ParseStack(bad, nil); err == nil {
			t.Errorf("stack %q is taken", bad)
		}
	}
	if s := stackOf(t, "name=x,url=http://10.0.0.1:8000/,engine=vllm,model=m,key_file=k,version=2"); s.Key != "key" || s.URL != "http://10.0.0.1:8000" {
		t.Errorf("%+v", s)
	}
}

// Pictures and vectors are calibrated as texts are: with bounds that honest noise has never passed.
func TestCalibrateLikeness(t *testing.T) {
	t.Parallel()
	c, err := checker.New(checker.Defaults(), checker.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		task     task.Task
		requests int
		measures int
	}{
		{task.Task{Name: "embed", Kind: "embedding", Model: task.Model{Name: "vision-ref-embed"}, Limits: task.Limits{Items: 64}}, 63, 1},
		{task.Task{Name: "image", Kind: "text-to-image", Model: task.Model{Name: "vision-ref-image"}, Limits: task.Limits{Steps: 3, Images: 1, Sizes: []string{"64x64"}}}, 3, 0},
	} {
		cal := Calibrator{Checker: c, Task: x.task, Requests: x.requests, Seed: 5,
			Stacks:       []Stack{stackOf(t, "name=noisy,url=builtin:full,noise=0.001,seed=9")},
			Alternatives: []Stack{stackOf(t, "name=q4,url=builtin:q4")}}
		f, err := cal.Run(t.Context(), "builtin", "test", time.Unix(1.8e9, 0))
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Tails) != x.measures || f.Stacks[0].Responses != x.requests || f.Stacks[0].Likeness == nil {
			t.Fatalf("%s: %d tails, %+v", x.task.Name, len(f.Tails), f.Stacks[0])
		}
		key := hotkey.FromSeed([32]byte{7})
		if err := f.Sign(key); err != nil {
			t.Fatal(err)
		}
		raw, err := f.Write()
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		config := checker.Defaults()
		config.References = []checker.ReferenceConfig{{Serves: x.task.Model.Name, Engine: "builtin", Slots: 1, Calibration: "file"}}
		used, err := checker.New(config, checker.Deps{Log: slog.New(slog.NewTextHandler(&log, nil)),
			Calibration: func(string) (*calibration.File, error) { return calibration.Read(raw, []hotkey.ID{key.ID()}) }})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			b, err := used.Alike(&x.task)
			if err != nil || len(b.Measured) != x.measures {
				t.Errorf("%s: bounds %+v, %v", x.task.Name, b, err)
			}
		}
		if n := strings.Count(log.String(), "assumed bounds"); n != 1-x.measures {
			t.Errorf("%s: told %d times of assumed bounds: %s", x.task.Name, n, log.String())
		}
	}
}

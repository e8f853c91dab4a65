package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"vision/internal/checker"
	"vision/internal/checker/calibration"
	"vision/internal/outcome"
	"vision/internal/prompt"
	"vision/internal/proto"
	"vision/internal/task"
)

// Calibrator measures how much honest stacks disagree with a checker's
// reference on one task.
type Calibrator struct {
	Checker      *checker.Checker
	Client       *http.Client
	Task         task.Task
	Stacks       []Stack // declared honest
	Alternatives []Stack // what a cheat may run
	Requests     int     // to each stack; half as many to each alternative
	Tokens       int     // max_tokens
	Seed         uint64
	// Progress is told of each stack that is done; nil is allowed.
	Progress func(name string, c *calibration.Counts)
}

// temperatures that calibrations ask at: half of all at 0, where the strongest test is.
var temperatures = [...]float64{0, 0.7, 0, 1}

// Run asks all stacks, and gives the file, unsigned. A stack declared honest
// that gives an answer that no honest server gives is an error: either it is set
// up otherwise than the reference, or it is none.
func (c *Calibrator) Run(ctx context.Context, reference, program string, now time.Time) (*calibration.File, error) {
	bounds, err := c.Checker.Bounds(&c.Task)
	if err != nil {
		return nil, err
	}
	m := &c.Task.Model
	f := &calibration.File{Task: c.Task.Name, Model: m.Name, Revision: m.Revision, Quantisation: m.Quantisation,
		Reference: reference, Program: program, Made: now.UTC().Truncate(time.Second), Noise: bounds.Noise}
	for i, s := range c.Stacks {
		counts, err := c.measure(ctx, s, c.Requests, uint64(i), bounds.Noise, true)
		if err != nil {
			return nil, err
		}
		f.Stacks = append(f.Stacks, *counts)
	}
	for i, s := range c.Alternatives {
		counts, err := c.measure(ctx, s, (c.Requests+1)/2, uint64(1000+i), bounds.Noise, false)
		if err != nil {
			return nil, err
		}
		f.Alternatives = append(f.Alternatives, *counts)
	}
	f.Fill()
	return f, nil
}

func (c *Calibrator) measure(ctx context.Context, s Stack, n int, stream uint64, noise float64, honest bool) (*calibration.Counts, error) {
	kind, ok := task.KindNamed(c.Task.Kind)
	if !ok {
		return nil, fmt.Errorf("task %q is of kind %q, which is not known", c.Task.Name, c.Task.Kind)
	}
	one := c.tokens
	if kind.Evidence() != task.Tokens {
		one = c.likeness
	}
	counts := &calibration.Counts{Name: s.Name, Engine: s.Engine, Version: s.Version}
	r := rand.New(rand.NewPCG(c.Seed, stream))
	for i := range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := one(ctx, s, kind, r, i, counts, noise, honest); err != nil {
			return nil, err
		}
	}
	if c.Progress != nil {
		c.Progress(s.Name, counts)
	}
	return counts, nil
}

// tokens asks for one text and counts it.
func (c *Calibrator) tokens(ctx context.Context, s Stack, kind task.Kind, r *rand.Rand, i int, counts *calibration.Counts, noise float64, honest bool) error {
	req, err := kind.Parse(c.body(r, temperatures[i%len(temperatures)]), &c.Task)
	if err != nil {
		return fmt.Errorf("make up a request: %w", err)
	}
	sample, err := c.answered(ctx, s, kind, r, i, req)
	if err != nil {
		return err
	}
	got, err := c.Checker.Measure(ctx, sample)
	if err != nil {
		return fmt.Errorf("measure an answer of %s: %w", s.Name, err)
	}
	if got.Guilt != "" && honest {
		return fmt.Errorf("answer %d of %s fails %s, which no honest server's does: is it set up as the reference is, with the same weights, template and context?", i, s.Name, got.Guilt)
	}
	counts.Add(got, noise)
	return nil
}

// answered is a stack's answer to a request, as a sample.
func (c *Calibrator) answered(ctx context.Context, s Stack, kind task.Kind, r *rand.Rand, i int, req task.Request) (proto.CheckRequest, error) {
	seed := r.Uint64() & (1<<seedBits(c.Task.Model.SeedBits) - 1)
	payload := req.Payload(seed)
	answer, spec, err := s.ask(ctx, c.Client, kind, &c.Task, payload)
	return proto.CheckRequest{Task: c.Task, Spec: spec,
		Sample: outcome.Sample{ID: int64(i), Request: payload, Response: answer,
			Outcome: outcome.Outcome{Request: "req-calibrate", Task: c.Task.Name, Work: req.Work()}}}, err
}

func seedBits(n int) int {
	if n == 0 {
		return 63
	}
	return n
}

// body makes a request up.
func (c *Calibrator) body(r *rand.Rand, temperature float64) []byte {
	content, _ := json.Marshal(prompt.Text(r, 60+r.IntN(400)))
	what := fmt.Sprintf(`"messages":[{"role":"user","content":%s}]`, content)
	if c.Task.Kind == "completion" {
		what = fmt.Sprintf(`"prompt":%s`, content)
	}
	return fmt.Appendf(nil, `{%s,"max_tokens":%d,"temperature":%v,"stream":false}`, what, c.Tokens, temperature)
}

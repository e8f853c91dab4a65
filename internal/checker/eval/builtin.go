package eval

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"vision/internal/checker"
	"vision/internal/checker/evidence"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/refmodel"
	"vision/internal/task"
)

// Source gives responses: of prompts for calibration, or of those for the test.
type Source interface {
	// Noise bounds the honest noise of the reference, nats.
	Noise() float64
	// Calibration yields responses of honest stacks (label Honest) and of
	// alternatives (their names) to the prompts for calibration.
	Calibration(ctx context.Context, yield func(*Response) error) error
	// Test yields responses of all classes to the other prompts.
	Test(ctx context.Context, yield func(*Response) error) error
}

// Builtin is the evaluation on the built-in model.
type Builtin struct {
	Measured int // responses of each honest stack, and half as many of each alternative, for calibration
	Honest   int // responses of honest stacks for the test, of each setting
	Cheats   int // responses of each cheat, of each setting
	Tokens   int // max_tokens
	Seed     uint64

	checker *checker.Checker
}

// setting is how requests ask, and whether the miner declares the reference's sampler.
type setting struct {
	temperature, topP float64
	engine            string
}

var settings = []setting{
	{0, 1, "vision-ref"},
	{0.8, 0.9, "vision-ref"},
	{0.8, 0.9, "other"},
}

// chatTask is the task that is evaluated.
var chatTask = task.Task{Name: "chat", Kind: "chat", Limits: task.Limits{Output: 4096},
	Model: task.Model{Name: "vision-ref", Template: "vision-ref", Context: 4096,
		EndTokens: []int{refmodel.TokenEnd, refmodel.TokenEOS}}}

// Open makes it ready.
func (b *Builtin) Open() (err error) {
	b.checker, err = checker.New(checker.Defaults(), checker.Deps{})
	return err
}

func (b *Builtin) Noise() float64 {
	bounds, _ := b.checker.Bounds(&chatTask)
	return bounds.Noise
}

// The prompts for calibration are the odd ones.
const split = 2

func (b *Builtin) Calibration(ctx context.Context, yield func(*Response) error) error {
	one := func(s stack, label string, n int) error {
		for _, set := range settings[:2] { // without the sampler there is nothing to measure
			for i := range n {
				if err := b.one(ctx, runs(label, s.Variant), s.name, set, split*i+1, yield); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, s := range measuredStacks {
		if err := one(s, Honest, b.Measured); err != nil {
			return err
		}
	}
	for _, s := range alternatives {
		if err := one(s, s.name, b.Measured/2); err != nil {
			return err
		}
	}
	return nil
}

func (b *Builtin) Test(ctx context.Context, yield func(*Response) error) error {
	for _, set := range settings {
		for i := range b.Honest {
			s := testedStacks[i%len(testedStacks)]
			c := runs(Honest, s.Variant)
			c.again = i%8 == 0
			if err := b.one(ctx, c, s.name, set, split*i, yield); err != nil {
				return err
			}
		}
		for _, c := range classes() {
			if c.sampled && set.temperature == 0 {
				continue
			}
			for i := range b.Cheats {
				if err := b.one(ctx, c, "", set, split*i, yield); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// one asks, answers as the class does and has the checker measure it.
func (b *Builtin) one(ctx context.Context, c class, stack string, set setting, i int, yield func(*Response) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	text := question(b.Seed, i)
	ids, err := refmodel.Chat([]refmodel.Message{{Role: "user", Content: text}})
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(b.Seed^0xe7a1, uint64(i)))
	seed := r.Uint64() >> 1
	a := asked{ids, b.Tokens, set.temperature, set.topP, seed, seed ^ 1}
	out, err := b.measured(ctx, c, set, text, a, i, r)
	if err != nil {
		return err
	}
	if c.again && set.temperature > 0 && out.Guilt == "" {
		a.seed = a.first
		before, err := b.measured(ctx, c, set, text, a, i, r)
		if err != nil {
			return err
		}
		out.Earlier = earlier(before, out)
	}
	out.Label, out.Prompt, out.Stack, out.Hidden = c.label, fmt.Sprint(i), stack, !c.shown
	return yield(out)
}

// measured is the checker's measure of what a class answers.
func (b *Builtin) measured(ctx context.Context, c class, set setting, text string, a asked, i int, r *rand.Rand) (*Response, error) {
	kind, _ := task.KindNamed(chatTask.Kind)
	req, err := kind.Parse(body(text, set.temperature, set.topP, b.Tokens), &chatTask)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	answer, err := c.answer(a, i, r)
	if err != nil {
		return nil, fmt.Errorf("answer as %s: %w", c.label, err)
	}
	wrote := time.Since(start)
	start = time.Now()
	out, err := b.checker.Measure(ctx, proto.CheckRequest{Task: chatTask, Spec: proto.Spec{Engine: set.engine, TokenIDs: true},
		Sample: outcome.Sample{ID: int64(i), Request: req.Payload(a.seed), Response: answer,
			Outcome: outcome.Outcome{Request: "req-eval", Task: chatTask.Name, Stream: true, Work: int64(b.Tokens)}}})
	if err != nil {
		return nil, fmt.Errorf("measure %s: %w", c.label, err)
	}
	out.CheckSeconds, out.WriteSeconds = time.Since(start).Seconds(), wrote.Seconds()
	return out, nil
}

// earlier compares a response with the one before it.
func earlier(before, now *Response) *evidence.Earlier {
	e := &evidence.Earlier{}
	for i := range before.Positions {
		p := &before.Positions[i]
		if e.Same == i && i < len(now.Positions) && now.Positions[i].Token == p.Token {
			e.Same++
		}
		e.Logprobs = append(e.Logprobs, p.Most)
	}
	return e
}

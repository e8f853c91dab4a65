package checker

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Config says what the checker judges by. The field comments are the manual.
type Config struct {
	// Concurrency is how many checks run at once.
	Concurrency int `yaml:"concurrency"`
	// Queue is how many more may wait for a turn; beyond it callers are told to
	// come back.
	Queue int `yaml:"queue"`
	// Timeout is the longest that one check may take.
	Timeout time.Duration `yaml:"timeout"`
	// References are in order: the first that matches a task judges it. What fails its
	// check, and what watched miners answered, is judged by the second that matches
	// as well, if there is one: name another machine, or another engine, for the models that
	// matter.
	References []ReferenceConfig `yaml:"references"`
	// Clip embeds pictures, so that what they show is compared too.
	Clip ClipConfig `yaml:"clip"`
	// NSFW tells unsafe pictures.
	NSFW NSFWConfig `yaml:"nsfw"`
}

// ReferenceConfig is one trusted model.
type ReferenceConfig struct {
	// Tasks lists the names of the tasks that it judges; empty judges every
	// task whose model.name is Serves.
	Tasks []string `yaml:"tasks"`
	// Serves is the model.name (in the catalogue) that it is a copy of.
	Serves string `yaml:"serves"`
	// Engine is builtin (the reference models in this program), vllm, sglang,
	// llama.cpp (its own server, which is slow at this),
	// completions-echo (such as llama-cpp-python's server) or openai (any other:
	// answers are compared with its own).
	Engine string `yaml:"engine"`
	// URL is the server's base, up to but without /v1. Not for builtin.
	URL string `yaml:"url"`
	// Model is what the server calls the model; Serves if empty.
	Model string `yaml:"model"`
	// KeyFile names a file that holds the server's API key, if it wants one.
	KeyFile string `yaml:"key_file"`
	// Sampler is the engine, as miners declare theirs, whose draws the server
	// repeats for the same seed; empty is what the engine implies.
	Sampler string `yaml:"sampler"`
	// Painters lists other models that the server paints with, by their names
	// there: what a miner may run in this one's place. They are asked for pictures when
	// a miner's deviate a little. Not for builtin, which has its own.
	Painters []string `yaml:"painters"`
	// Slots is how many requests it takes at once.
	Slots int `yaml:"slots"`
	// Noise is how far an honest miner's logits may be from the reference's:
	// the standard deviation in nats on the noisiest stack that is still
	// honest. 0 takes the engine's own: 0.02 for builtin, 0.15 for servers.
	Noise float64 `yaml:"noise"`
	// Calibration names a file by `vision checker calibrate`, signed with the
	// validator's hotkey: bounds on honest disagreement that were measured. Empty
	// takes conservative ones, by Noise.
	Calibration string `yaml:"calibration"`
	// Alternatives are servers of the same engine that run what a cheat may run:
	// other quantisations, a smaller model. They are asked about texts of miners
	// that are watched, one prefill each.
	Alternatives []AlternativeConfig `yaml:"alternatives"`
}

// AlternativeConfig is a model that a cheat may run.
type AlternativeConfig struct {
	URL     string `yaml:"url"`      // up to but without /v1
	Model   string `yaml:"model"`    // what the server calls it
	KeyFile string `yaml:"key_file"` // holds the server's API key, if it wants one
}

// Defaults is the configuration that a file is read onto: the built-in
// reference models, which is all that a devnet needs.
func Defaults() Config {
	return Config{
		Concurrency: 2,
		Queue:       64,
		Timeout:     2 * time.Minute,
		NSFW:        NSFWConfig{Threshold: 0.5, Margin: 0.2},
		References: []ReferenceConfig{
			{Serves: "vision-ref", Engine: "builtin", Slots: 2},
			{Serves: "vision-ref-image", Engine: "builtin", Slots: 2},
			{Serves: "vision-ref-embed", Engine: "builtin", Slots: 2},
		},
	}
}

// Check reports every mistake by its YAML path.
func (c *Config) Check(report func(field, format string, args ...any)) {
	if c.Concurrency < 1 || c.Concurrency > 1024 {
		report("concurrency", "is %d, want 1 to 1024", c.Concurrency)
	}
	if c.Queue < 0 || c.Queue > 1<<16 {
		report("queue", "is %d, want 0 to 65536", c.Queue)
	}
	if c.Timeout < time.Second {
		report("timeout", "is %v, want at least 1s", c.Timeout)
	}
	if len(c.References) == 0 {
		report("references", "is empty: the checker could judge nothing")
	}
	c.Clip.check(report)
	c.NSFW.check(report)
	for i, r := range c.References {
		at := fmt.Sprintf("references[%d].", i)
		e, ok := engineNamed(r.Engine)
		if !ok {
			report(at+"engine", "%q is not an engine; the engines are %s", r.Engine, strings.Join(engineNames(), ", "))
		}
		if len(r.Tasks) == 0 && r.Serves == "" {
			report(at+"serves", "is missing: name a model of the catalogue, or list tasks")
		}
		switch {
		case ok && e.local && r.URL != "":
			report(at+"url", "is of no use: %s runs in this program", r.Engine)
		case ok && e.local && len(r.Painters) > 0:
			report(at+"painters", "is of no use: %s has its own", r.Engine)
		case ok && e.local:
		default:
			checkBase(r.URL, func(format string, args ...any) { report(at+"url", format, args...) })
		}
		if ok && e.local && len(r.Alternatives) > 0 {
			report(at+"alternatives", "is of no use: %s has its own", r.Engine)
		}
		for j, a := range r.Alternatives {
			at := fmt.Sprintf("%salternatives[%d].", at, j)
			checkBase(a.URL, func(format string, args ...any) { report(at+"url", format, args...) })
			if a.Model == "" {
				report(at+"model", "is missing: say what the server calls the model")
			}
		}
		if ok && !e.local && r.Model == "" && r.Serves == "" {
			report(at+"model", "is missing: say what the server calls the model")
		}
		if r.Slots < 1 {
			report(at+"slots", "is %d, want at least 1", r.Slots)
		}
		if !(r.Noise >= 0 && r.Noise <= 1) {
			report(at+"noise", "is %v, want 0 (the engine's own) to 1 nat", r.Noise)
		}
	}
}

// Judges says whether a reference is for a task.
func (r *ReferenceConfig) Judges(taskName, model string) bool {
	if len(r.Tasks) > 0 {
		return slices.Contains(r.Tasks, taskName)
	}
	return r.Serves == model
}

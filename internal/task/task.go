// Package task is the catalogue of services that the network pays for, and
// what the program knows of each kind of service.
//
// A Task is data: an operator adds, changes or removes one by editing a YAML
// file. A Kind is code: one file here that says how a request of the kind is
// read, written for a miner, counted, and made up for a probe.
//
// Invariants of a Catalogue: names are unique, every kind is known, weights
// are positive and sum to 1 (within 1e-9), every limit is positive. It is
// immutable; a changed file gives a new Catalogue.
package task

import (
	"fmt"
	"math"
	"regexp"
	"time"
)

// Unit is what a task's work is counted in. Work is always a whole number.
type Unit string

const (
	Token     Unit = "token"     // one token that the model wrote
	Step      Unit = "step"      // one denoising step of one image
	Item      Unit = "item"      // one input embedded
	Kilopixel Unit = "kilopixel" // a thousand pixels of an enlarged image
)

// Task is one service.
type Task struct {
	Name     string  `yaml:"name"`     // the model name that customers use, [a-z0-9.-], at most 64
	Kind     string  `yaml:"kind"`     // a Kind's name
	Weight   float64 `yaml:"weight"`   // share of the network's rewards; normalised so that all sum to 1
	Capacity int64   `yaml:"capacity"` // the most that one miner is credited with, units an hour
	Typical  int64   `yaml:"typical"`  // units of a typical request, to plan probes with

	Timeouts Timeouts `yaml:"timeouts"`
	Speed    Speed    `yaml:"speed"`
	Model    Model    `yaml:"model"`
	Limits   Limits   `yaml:"limits"`
	Price    Price    `yaml:"price"`
}

// Timeouts bound one request.
type Timeouts struct {
	First time.Duration `yaml:"first"` // to the first token, or to the whole answer where it comes at once
	Gap   time.Duration `yaml:"gap"`   // between two tokens
	Total time.Duration `yaml:"total"` // all in all, tries at several miners included
}

// Speed says what time is normal; see the mechanism's speed factor.
type Speed struct {
	Overhead  float64 `yaml:"overhead"`  // seconds that any answer may take besides its work, >= 0
	Mean      float64 `yaml:"mean"`      // seconds per unit that earn the factor 1, > 0
	Steepness float64 `yaml:"steepness"` // how fast the factor falls beyond Mean, > 0
}

// TemplateDate is the day that chat templates are told which put one into their
// prompt (Llama 3.1 and later): the templates' own default. Miners and references
// ask their servers for it, or they would read another prompt each day.
const TemplateDate = "26 Jul 2024"

// Model pins what miners must run; what is not pinned cannot be checked.
type Model struct {
	Name         string `yaml:"name"`          // as its publisher calls it
	Revision     string `yaml:"revision"`      // of its weights
	Quantisation string `yaml:"quantisation"`  // "none", "fp8", "q4_1", …
	Template     string `yaml:"template"`      // chat template: "vision-ref", "chatml", "llama3.1", …; "" without one
	EndTokens    []int  `yaml:"end_tokens"`    // ids that end an answer
	TokenIDs     bool   `yaml:"token_ids"`     // answers must show their token ids: without, their quality is 0
	Images       bool   `yaml:"images"`        // a text or embedding model takes pictures in its input
	Context      int    `yaml:"context"`       // tokens, prompt and answer together; 0 where it has no meaning
	SeedBits     int    `yaml:"seed_bits"`     // width of the seed that its servers take, 1 to 63; 0 means 63
	VRAM         int    `yaml:"vram_gigabyte"` // to help operators choose; not enforced
}

// Limits bound what a customer may ask. 0 means that the kind has no such thing.
type Limits struct {
	Output     int      `yaml:"output"`     // tokens a request
	Steps      int      `yaml:"steps"`      // steps an image
	Images     int      `yaml:"images"`     // images a request
	Items      int      `yaml:"items"`      // inputs a request
	Sizes      []string `yaml:"sizes"`      // "512x512"
	Dimensions int      `yaml:"dimensions"` // numbers of a vector, for models whose vectors may be cut to fewer
	Scale      int      `yaml:"scale"`      // by which a side is enlarged
	Pixels     int      `yaml:"pixels"`     // of a given image that is enlarged
}

// Price is in micro-credits per thousand units.
type Price struct {
	Prompt int64 `yaml:"prompt"` // of prompt tokens
	Output int64 `yaml:"output"` // of the task's unit
}

// Catalogue is the set of tasks, in the order of its file.
type Catalogue struct {
	tasks  []Task
	byName map[string]*Task
}

// Problem is one mistake in a catalogue: Task is its index, Field the YAML
// path below the task.
type Problem struct {
	Task    int
	Field   string
	Message string
}

var nameShape = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$`)

// Check lists every mistake in tasks. An empty list means that NewCatalogue accepts them.
func Check(tasks []Task) []Problem {
	var problems []Problem
	seen := map[string]int{}
	for i, t := range tasks {
		bad := func(field, format string, args ...any) {
			problems = append(problems, Problem{i, field, fmt.Sprintf(format, args...)})
		}
		if !nameShape.MatchString(t.Name) {
			bad("name", "%q is not a task name: use 1 to 64 of a-z, 0-9, '.', '-', beginning and ending with a letter or digit", t.Name)
		}
		if first, ok := seen[t.Name]; ok {
			bad("name", "%q is also task number %d: names must differ", t.Name, first+1)
		}
		seen[t.Name] = i
		kind, ok := KindNamed(t.Kind)
		if !ok {
			bad("kind", "%q is not a kind of task; the kinds are %v", t.Kind, KindNames())
		}
		if !(t.Weight > 0) || math.IsInf(t.Weight, 0) {
			bad("weight", "is %v, want a number above 0 (remove a task that should have none)", t.Weight)
		}
		positive(bad, "capacity", t.Capacity)
		positive(bad, "typical", t.Typical)
		if t.Typical > t.Capacity && t.Capacity > 0 {
			bad("typical", "is %d, more than the capacity %d", t.Typical, t.Capacity)
		}
		positive(bad, "timeouts.first", int64(t.Timeouts.First))
		positive(bad, "timeouts.gap", int64(t.Timeouts.Gap))
		positive(bad, "timeouts.total", int64(t.Timeouts.Total))
		if t.Timeouts.First > t.Timeouts.Total {
			bad("timeouts.first", "is %v, longer than timeouts.total %v", t.Timeouts.First, t.Timeouts.Total)
		}
		if !(t.Speed.Overhead >= 0) {
			bad("speed.overhead", "is %v, want at least 0 seconds", t.Speed.Overhead)
		}
		if !(t.Speed.Mean > 0) {
			bad("speed.mean", "is %v, want more than 0 seconds per unit", t.Speed.Mean)
		}
		if !(t.Speed.Steepness > 0) {
			bad("speed.steepness", "is %v, want more than 0", t.Speed.Steepness)
		}
		if t.Model.SeedBits < 0 || t.Model.SeedBits > 63 {
			bad("model.seed_bits", "is %d, want 1 to 63", t.Model.SeedBits)
		}
		if t.Price.Prompt < 0 || t.Price.Output < 0 {
			bad("price", "is negative")
		}
		if ok {
			for _, p := range kind.Check(&t) {
				bad(p.Field, "%s", p.Message)
			}
		}
	}
	return problems
}

func positive(bad func(string, string, ...any), field string, v int64) {
	if v <= 0 {
		bad(field, "is %d, want more than 0", v)
	}
}

// NewCatalogue checks tasks and normalises their weights.
func NewCatalogue(tasks []Task) (*Catalogue, error) {
	if problems := Check(tasks); len(problems) > 0 {
		p := problems[0]
		return nil, fmt.Errorf("task number %d: %s %s (%d mistakes in all)", p.Task+1, p.Field, p.Message, len(problems))
	}
	c := &Catalogue{tasks: append([]Task(nil), tasks...), byName: make(map[string]*Task, len(tasks))}
	var sum float64
	for _, t := range c.tasks {
		sum += t.Weight
	}
	for i := range c.tasks {
		t := &c.tasks[i]
		t.Weight /= sum
		if t.Model.SeedBits == 0 {
			t.Model.SeedBits = 63
		}
		c.byName[t.Name] = t
	}
	return c, nil
}

// Lookup finds a task by the name that customers use.
func (c *Catalogue) Lookup(name string) (*Task, bool) {
	t, ok := c.byName[name]
	return t, ok
}

// Tasks lists the tasks in their file's order. The slice must not be changed.
func (c *Catalogue) Tasks() []Task { return c.tasks }

// CapacityIn is the most that one miner is credited with in a period of the
// given length, in units.
func (t *Task) CapacityIn(period time.Duration) int64 {
	return int64(math.Floor(float64(t.Capacity) * period.Hours()))
}

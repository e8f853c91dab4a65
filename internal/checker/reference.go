package checker

import (
	"context"
	"image"
	"slices"

	"vision/internal/checker/evidence"
	"vision/internal/outcome"
	"vision/internal/task"
)

// Reference is a trusted copy of a task's model. What it cannot do it says in
// Proves, and is not asked for. Its errors are ours and never become a verdict,
// but for atFault.
type Reference interface {
	Proves() Proof
	// Score says what the model thinks of each token of an answer.
	Score(ctx context.Context, q *textQuery) (*scores, error)
	// Answer gives the model's own answer to a text request, seed and all.
	Answer(ctx context.Context, q *textQuery) (*answer, error)
	// Images makes the pictures of a request again.
	Images(ctx context.Context, q *imageQuery) ([]image.Image, error)
	// Vectors embeds texts again.
	Vectors(ctx context.Context, q *vectorQuery) ([][]float32, error)
}

// Proof is what a reference can prove.
type Proof struct {
	Engine  string // the engine whose samplers it repeats, as miners declare it; "" repeats none
	Score   bool   // it scores the tokens of an answer in one go
	IDs     bool   // it scores token ids as they are; else it reads the text into tokens again
	Redraw  bool   // it repeats the sampler's draw at every token
	Replay  bool   // it gives its own answer for the same seed
	Images  bool   // it makes pictures again
	Vectors bool   // it makes vectors again
	// Painters are other models that it paints with, by name: what a miner may run instead.
	Painters []string
	Noise    float64 // nats, see ReferenceConfig.Noise
}

// unable is embedded by references for what they do not prove.
type unable struct{}

func (unable) Score(context.Context, *textQuery) (*scores, error)         { return nil, errUnable }
func (unable) Answer(context.Context, *textQuery) (*answer, error)        { return nil, errUnable }
func (unable) Images(context.Context, *imageQuery) ([]image.Image, error) { return nil, errUnable }
func (unable) Vectors(context.Context, *vectorQuery) ([][]float32, error) { return nil, errUnable }

// scores is what a reference thinks of a text answer.
type scores struct {
	Prompt    []int               // the ids it renders the prompt to; nil if it cannot say
	Positions []evidence.Position // one for each token of the answer, the end included where it is known
	Text      string              // the text that the answer's ids stand for
	HasText   bool
	Tokens    int  // tokens of the answer, the end token included; if Cut and not by ids, an estimate
	Cut       bool // Positions are those of the answer's beginning, for want of context; Text is all of it
}

// engine is one make of reference.
type engine struct {
	name  string
	local bool // it runs in this program
	open  func(ReferenceConfig, Deps) (Reference, error)
}

// engines are all there are. To add one, write a file and name it here.
func engines() []engine {
	return []engine{
		{"builtin", true, openBuiltin},
		{"vllm", false, openVLLM},
		{"sglang", false, openSGLang},
		{"llama.cpp", false, openLlamaCPP},
		{"completions-echo", false, openEcho},
		{"openai", false, openPlain},
	}
}

func engineNamed(name string) (engine, bool) {
	all := engines()
	i := slices.IndexFunc(all, func(e engine) bool { return e.name == name })
	if i < 0 {
		return engine{}, false
	}
	return all[i], true
}

func engineNames() (names []string) {
	for _, e := range engines() {
		names = append(names, e.name)
	}
	return names
}

// verdict is how a judge found.
type verdict struct {
	quality float64
	work    int64
	test    string
	detail  string
	e       float64
	copy    outcome.Copy // zero: none
}

// judge judges one kind of evidence.
type judge func(ctx context.Context, ref Reference, s *sample) (verdict, error)

// judges are all there are. To add one, write a file and name it here.
var judges = map[task.Evidence]judge{
	task.Tokens: judgeText,
	task.Image:  judgeImages,
	task.Vector: judgeVectors,
}

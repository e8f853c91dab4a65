package task

import (
	"math/rand/v2"
	"slices"

	"vision/internal/prompt"
)

// Evidence is how answers of a kind can be checked.
type Evidence string

const (
	Tokens Evidence = "tokens" // token ids against a reference model's log-probabilities
	Image  Evidence = "image"  // pixels against a picture made again from the same seed
	Vector Evidence = "vector" // numbers against a vector computed again
)

// Kind is what the program knows of one kind of service. To add one, write a
// file here with a type that implements it, and name it in kinds.
type Kind interface {
	// Name is how catalogues name the kind.
	Name() string
	// Path is the HTTP path at gateways and miners alike, "/v1/chat/completions".
	// Several kinds may share one: the model says which it is.
	Path() string
	// Unit is what the kind's work is counted in.
	Unit() Unit
	// Evidence is how its answers can be checked.
	Evidence() Evidence
	// Check lists what is wrong with the parts of a Task that are the kind's own.
	Check(*Task) []Problem
	// Describe says what customers are told of a task besides its limits.
	Describe(*Task) Description
	// Parse reads a customer's body for the task. Its errors are *fault.Error
	// of kind Invalid and name the field.
	Parse(body []byte, t *Task) (Request, error)
	// Synthesise makes up a request as a customer could have sent it, with
	// lengths and parameters drawn from shape. All randomness comes from r.
	Synthesise(r *rand.Rand, shape Shape, t *Task) Request
	// Plausible draws lengths and parameters such as customers' requests may
	// have, for where nobody knows them. It may ask for more than a task allows.
	Plausible(r *rand.Rand) Features
	// Count counts the work in a whole answer that was not streamed, and says
	// what is wrong with an answer that is not one. Streams are counted by
	// openai.Stream while they pass.
	Count(response []byte, req Request) (Work, error)
	// Show gives the answer that the customer is shown for one that Count
	// accepted: with our counts as its usage, the task as its model, and
	// without what only validators need.
	Show(response []byte, work Work, req Request, t *Task) ([]byte, error)
}

// Request is one valid request of any kind, a customer's or the validator's own.
type Request interface {
	// Stream says whether the answer comes as server-sent events.
	Stream() bool
	// Work is the most units that the answer can hold: what it may cost at worst.
	Work() int64
	// Seed is the seed that the caller chose, if it chose one.
	Seed() (uint64, bool)
	// Payload is the body for the miner: always the same fields in the same
	// order whoever asks, with the given seed in place of none.
	Payload(seed uint64) []byte
	// Wants says what the customer asked to see that miners always send.
	Wants() Wants
	// Features are the request's lengths and parameters, for Shape.
	Features() Features
}

// Wants is what of a miner's answer the customer asked to see.
type Wants struct {
	Usage      bool // a last chunk with usage (stream_options.include_usage)
	TokenIDs   bool // the token ids that miners always send (return_token_ids)
	Dimensions int  // numbers of each vector; 0 is all that there are
	Base64     bool // vectors in base64 rather than as numbers (encoding_format)
}

// Work is what an answer held.
type Work struct {
	Units  int64 // of the task's unit
	Prompt int64 // prompt tokens
}

// Features are what Shape learns from. Fields that a kind lacks are 0.
type Features struct {
	Stream      bool
	Turns       int     // messages
	PromptBytes int     // of text, all turns
	Output      int     // max tokens asked, steps, or inputs
	Temperature float64 // as asked; -1 if not given
	TopP        float64 // as asked; -1 if not given
	Size        string  // of images
	Task        string  // which was asked; "" is not known
	Options     string  // what else the request has, in lengths and parameters; see options.go
}

// Shape gives lengths and parameters like those of past customers' requests.
// An empty history gives plausible ones.
type Shape interface {
	// Draw gives what a request for the task is to be like.
	Draw(r *rand.Rand, t *Task) Features
	// Written gives messages that people wrote, about as many, and of about as
	// many bytes in all, as asked; nil where there are none, and they have to be made up.
	Written(r *rand.Rand, t *Task, turns, bytes int) []prompt.Turn
}

// kinds are all the kinds there are.
var kinds = []Kind{
	Chat{},
	Completion{},
	TextToImage{},
	Embedding{},
	ImageToImage{},
	Inpaint{},
	Upscale{},
	Avatar{},
}

// KindNamed finds a kind.
func KindNamed(name string) (Kind, bool) {
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name() == name })
	if i < 0 {
		return nil, false
	}
	return kinds[i], true
}

// Paths lists the kinds' paths, each once, in the kinds' order.
func Paths() []string {
	var paths []string
	for _, k := range kinds {
		if !slices.Contains(paths, k.Path()) {
			paths = append(paths, k.Path())
		}
	}
	return paths
}

// KindNames lists the kinds' names.
func KindNames() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.Name()
	}
	return names
}

// Kinds lists the kinds. The slice must not be changed.
func Kinds() []Kind { return kinds }

package task

// Description is what customers are told of a task besides its limits.
type Description struct {
	Input      []string // what its requests hold: "text", "image"
	Output     []string // what its answers hold: "text", "image", "embedding"
	Parameters []string // the fields that change an answer, beyond model and the input itself
}

// Describe describes a task by its kind.
func Describe(t *Task) Description {
	if k, ok := KindNamed(t.Kind); ok {
		return k.Describe(t)
	}
	return Description{}
}

// What requests and answers hold.
var (
	onlyText    = []string{"text"}
	onlyPicture = []string{"image"}
	both        = []string{"text", "image"}
)

// reads is what a model takes that may see pictures.
func reads(t *Task) []string {
	if t.Model.Images {
		return both
	}
	return onlyText
}

// samplingParameters are those of both kinds of text, as customers call them.
var samplingParameters = []string{"max_tokens", "max_completion_tokens", "stream", "stream_options", "temperature", "top_p", "top_k", "min_p",
	"presence_penalty", "frequency_penalty", "repetition_penalty", "stop", "logit_bias", "seed", "logprobs", "return_token_ids"}

var paintingParameters = []string{"negative_prompt", "num_inference_steps", "guidance_scale", "seed", "n", "size"}

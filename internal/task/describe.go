package task

// Description is what customers are told of a task besides its limits.
type Description struct {
	Input      []string // what its requests hold: "text", "image"
	Output     []string // what its answers hold: "text", "image", "embedding"
	Parameters []string // the fields that change an answer, beyond model and the input itself
}

// samplingParameters are those of both kinds of text, as customers call them.
var samplingParameters = []string{"max_tokens", "max_completion_tokens", "stream", "stream_options", "temperature", "top_p", "top_k", "min_p",
	"presence_penalty", "frequency_penalty", "repetition_penalty", "stop", "logit_bias", "seed", "logprobs", "return_token_ids"}

var paintingParameters = []string{"negative_prompt", "num_inference_steps", "guidance_scale", "seed", "n", "size"}

// Describe describes a task by its kind.
func Describe(t *Task) Description {
	text, picture := []string{"text"}, []string{"image"}
	reads := text
	if t.Model.Images {
		reads = []string{"text", "image"}
	}
	switch t.Kind {
	case Chat{}.Name():
		return Description{reads, text, concat(samplingParameters, []string{"top_logprobs", "response_format", "structured_outputs",
			"tools", "tool_choice", "parallel_tool_calls", "reasoning_effort", "verbosity"})}
	case Completion{}.Name():
		return Description{text, text, samplingParameters}
	case Embedding{}.Name():
		d := Description{reads, []string{"embedding"}, []string{"encoding_format"}}
		if t.Limits.Dimensions > 0 {
			d.Parameters = append(d.Parameters, "dimensions")
		}
		return d
	case TextToImage{}.Name():
		return Description{text, picture, paintingParameters}
	case ImageToImage{}.Name(), Inpaint{}.Name():
		return Description{[]string{"text", "image"}, picture, concat(paintingParameters, []string{"strength"})}
	case Avatar{}.Name():
		return Description{[]string{"text", "image"}, picture, concat(paintingParameters, []string{"adapter_strength", "control_strength"})}
	case Upscale{}.Name():
		return Description{picture, picture, nil}
	}
	return Description{}
}

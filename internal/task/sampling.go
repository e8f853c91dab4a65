package task

import (
	"math/rand/v2"
	"strconv"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/prompt"
)

// What chat and completions have in common.

var one = unless("ask once for each answer", "1")

// textFields are the fields of both, between the prompt and the kind's own.
var textFields = []field{
	{name: "max_tokens", read: maxTokens, always: true},
	{name: "max_completion_tokens", read: ignored}, // read by maxTokens
	{name: "stream", read: stream, always: true},
	{name: "stream_options", read: streamOptions},
	{name: "temperature", read: temperature, always: true},
	{name: "top_p", read: topP, always: true},
	{name: "top_k", read: whole(-1, 1<<20)},
	{name: "min_p", read: number(0, 1)},
	{name: "presence_penalty", read: number(-2, 2)},
	{name: "frequency_penalty", read: number(-2, 2)},
	{name: "repetition_penalty", read: number(0.01, 10)},
	{name: "stop", read: stop},
	{name: "logit_bias", read: logitBias},
	{name: "n", read: choices},
	{name: "best_of", read: one},
	{name: "use_beam_search", read: unless("answers are sampled", "false")},
	{name: "prompt_logprobs", read: refused("ask for logprobs of the answer")},
	{name: "user", read: ignored},
	{name: "metadata", read: ignored},
	{name: "store", read: ignored},
	{name: "service_tier", read: ignored},
	{name: "safety_identifier", read: ignored},
	{name: "prompt_cache_key", read: ignored},
	{name: "prompt_cache_retention", read: ignored},
	{name: "prompt_cache_options", read: ignored},
	{name: "moderation", read: ignored},
	{name: "request_id", read: ignored},
}

// lastFields end the payloads of both.
var lastFields = []field{
	{name: "seed", read: seed, always: true},
	{name: "return_token_ids", read: returnTokenIDs, always: true},
}

func returnTokenIDs(p *parsing, name string, v []byte) error {
	p.key(name)
	p.out = append(p.out, "true"...)
	if v == nil {
		return nil
	}
	return wanted(p, name, v)
}

// maxTokens settles how long the answer may be. Without a word from the
// customer it may be as long as the task allows and the context leaves room
// for, guessing two bytes a token so as not to ask for more than fits.
func maxTokens(p *parsing, name string, v []byte) error {
	limit := int64(p.task.Limits.Output)
	if other := p.given("max_completion_tokens"); other != nil {
		name, v = "max_completion_tokens", other
	}
	n := limit
	context := int64(p.task.Model.Context)
	prompt := int64(p.r.features.PromptBytes)
	if v == nil {
		if left := context - prompt/2 - 16*int64(p.r.features.Turns); context > 0 {
			n = min(limit, max(left, 16))
		}
	} else {
		var err error
		if n, err = openai.Int(v, name, 1, 1<<40); err != nil {
			return err
		}
		if n > limit {
			return fault.BadParam(name, "%s is %d, but %s answers with at most %d tokens.", name, n, p.task.Name, limit)
		}
	}
	// Hardly any text has more than eight bytes a token.
	if context > 0 && prompt/8+n > context {
		e := fault.BadParam("messages", "The prompt (%d bytes) and %s (%d) together are more than the %d tokens that %s can hold.",
			prompt, name, n, context, p.task.Name)
		e.Code = "context_length_exceeded"
		return e
	}
	p.r.work = n
	p.r.features.Output = int(n)
	p.int("max_tokens", n)
	return nil
}

// stream asks for usage always, whoever asks: what customers are shown is
// counted by us.
func stream(p *parsing, name string, v []byte) error {
	if v != nil {
		var err error
		if p.r.stream, err = openai.Bool(v, name); err != nil {
			return err
		}
	}
	p.r.features.Stream = p.r.stream
	p.key(name)
	p.out = strconv.AppendBool(p.out, p.r.stream)
	if p.r.stream {
		p.key("stream_options")
		p.out = append(p.out, `{"include_usage":true}`...)
	}
	return nil
}

func streamOptions(p *parsing, name string, v []byte) error {
	members, err := openai.ObjectMembers(v, name)
	if err != nil {
		return err
	}
	if !p.r.stream {
		return fault.BadParam(name, "stream_options may only be given together with \"stream\": true.")
	}
	for _, m := range members {
		if m.Name == "include_usage" && !openai.IsNull(m.Value) {
			if p.r.wants.Usage, err = openai.Bool(m.Value, "stream_options.include_usage"); err != nil {
				return err
			}
		}
	}
	return nil
}

// temperature and topP are said to miners even where the customer leaves them
// out: a server's own defaults may be others than 1, which is what answers are
// checked by.
func temperature(p *parsing, name string, v []byte) (err error) {
	p.r.features.Temperature, err = orOne(p, name, v, 0, 2)
	return err
}

// lowestTopP is the least share that may be asked for: servers refuse 0, which
// would leave no token to choose.
const lowestTopP = 1e-6

func topP(p *parsing, name string, v []byte) (err error) {
	p.r.features.TopP, err = orOne(p, name, v, lowestTopP, 1)
	return err
}

// orOne reads a number and writes it, or 1 if it is absent, which gives -1.
func orOne(p *parsing, name string, v []byte, low, high float64) (feature float64, err error) {
	f, feature := 1.0, -1.0
	if v != nil {
		if f, err = openai.Float(v, name, low, high); err != nil {
			return 0, err
		}
		feature = f
	}
	p.key(name)
	p.out = openai.AppendFloat(p.out, f)
	return feature, nil
}

// maxStops is how many texts may end an answer.
const maxStops = 16

func stop(p *parsing, name string, v []byte) error {
	wrong := fault.BadParam(name, "stop must be a string or an array of at most %d strings.", maxStops)
	if !openai.IsString(v) && !openai.IsArray(v) {
		return wrong
	}
	n := 0
	for e := range openai.Elements(v) {
		if n++; !openai.IsString(e) || n > maxStops {
			return wrong
		}
	}
	return asIs(p, name, v)
}

// checkText lists what is wrong with a task of either kind.
func checkText(t *Task) []Problem {
	var problems []Problem
	if t.Limits.Output <= 0 {
		problems = append(problems, problem("limits.output", "is missing: say how many tokens an answer may have"))
	}
	if t.Model.Context < 0 {
		problems = append(problems, problem("model.context", "is negative"))
	}
	if t.Model.Context > 0 && t.Limits.Output > t.Model.Context {
		problems = append(problems, problem("limits.output", "is more than model.context"))
	}
	return problems
}

// countText counts an answer of either kind.
func countText(response []byte, req Request) (Work, error) {
	tally, err := openai.CountAnswer(response, openai.Bounds{Completion: req.Work(), Prompt: MostPrompt(req)})
	if err != nil {
		return Work{}, err
	}
	if tally.Excess {
		return Work{}, fault.New(fault.Upstream, "too_many_tokens", "The upstream's answer is longer than was asked for.")
	}
	return Work{Units: tally.Completion, Prompt: tally.Prompt}, nil
}

func showText(response []byte, work Work, req Request, t *Task) ([]byte, error) {
	return openai.RewriteAnswer(make([]byte, 0, len(response)+128), response, work.Prompt, work.Units, t.Name, req.Wants().TokenIDs)
}

// appendSampling appends the fields of both that a made up request has.
func appendSampling(body []byte, f Features, t *Task) []byte {
	body = append(body, `,"max_tokens":`...)
	body = strconv.AppendInt(body, int64(min(max(f.Output, 1), t.Limits.Output)), 10)
	body = append(body, `,"stream":`...)
	body = strconv.AppendBool(body, f.Stream)
	if f.Temperature >= 0 {
		body = append(body, `,"temperature":`...)
		body = openai.AppendFloat(body, min(f.Temperature, 2))
	}
	if f.TopP >= 0 {
		body = append(body, `,"top_p":`...)
		body = openai.AppendFloat(body, min(max(f.TopP, lowestTopP), 1))
	}
	return body
}

// promptBytes is how long a made up prompt should be: as drawn, but leaving
// room in the context.
func promptBytes(f Features, t *Task) int {
	n := max(f.PromptBytes, 1)
	if t.Model.Context > 0 {
		n = min(n, max(t.Model.Context-min(f.Output, t.Limits.Output), 16)*2)
	}
	return min(n, 1<<20)
}

// must gives a request that was made up by us.
func must(r *request, err error) Request {
	if err != nil {
		panic("task: a made up request is not valid: " + err.Error())
	}
	return r
}

// written is the last message that somebody wrote, if shape has such, or made up.
func written(r *rand.Rand, shape Shape, t *Task, bytes int) string {
	if turns := shape.Written(r, t, 1, bytes); len(turns) > 0 && turns[len(turns)-1].Text != "" {
		return turns[len(turns)-1].Text
	}
	return prompt.Text(r, bytes)
}

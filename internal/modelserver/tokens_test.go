package modelserver

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"vision/internal/refmodel"
)

// One event per token; ids, text and the reference's own scoring all agree.
func TestStreamCarriesVerifiableTokenIDs(t *testing.T) {
	s, _ := serve(t, testConfig())
	body := `{"model":"ref-chat","messages":[{"role":"user","content":"Tell me about cats."}],"stream":true,"seed":7,
		"temperature":1,"return_token_ids":true,"logprobs":true,"stream_options":{"include_usage":true},"a_field_of_tomorrow":[1]}`
	list := events(t, s, "/v1/chat/completions", body)
	var ids, prompt []int
	var logprobs []float64
	var text, finish string
	for i, data := range list[:len(list)-2] {
		var chunk chatAnswer
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			t.Fatal(err)
		}
		c := chunk.Choices[0]
		if i == 0 {
			if prompt = chunk.PromptTokenIDs; c.Delta.Role != "assistant" || len(c.TokenIDs) > 0 {
				t.Errorf("first event %s", data)
			}
			continue
		}
		if len(c.TokenIDs) != 1 || len(c.Logprobs.Content) != 1 || chunk.PromptTokenIDs != nil {
			t.Fatalf("event %d is not one token: %s", i, data)
		}
		ids = append(ids, c.TokenIDs[0])
		logprobs = append(logprobs, c.Logprobs.Content[0].Logprob)
		text += *c.Delta.Content
		if c.FinishReason != nil {
			finish = *c.FinishReason
		}
	}
	if list[len(list)-1] != "[DONE]" || finish != "stop" {
		t.Errorf("the stream ends with %q after finish_reason %q", list[len(list)-1], finish)
	}
	var last chatAnswer
	if err := json.Unmarshal([]byte(list[len(list)-2]), &last); err != nil || len(last.Choices) != 0 || *last.Usage != *newUsage(len(prompt), len(ids)) {
		t.Errorf("usage event %s", list[len(list)-2])
	}
	if text != refmodel.Decode(ids) || ids[len(ids)-1] != refmodel.TokenEnd {
		t.Errorf("ids spell %q, text is %q", refmodel.Decode(ids), text)
	}
	want, _ := refmodel.Chat([]refmodel.Message{{Role: "user", Content: "Tell me about cats."}})
	if !slices.Equal(prompt, want) {
		t.Errorf("prompt ids %v, want %v", prompt, want)
	}
	steps, err := refmodel.Load(refmodel.Full).Prefill(prompt, ids, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range steps {
		if step.Logprob != logprobs[i] {
			t.Fatalf("token %d was served with %v, prefill says %v", i, logprobs[i], step.Logprob)
		}
	}
}

// What a checker does: one prefill of prompt and answer by token ids.
func TestPromptLogprobsScoreAnAnswer(t *testing.T) {
	s, _ := serve(t, testConfig())
	prompt, _ := refmodel.Chat([]refmodel.Message{{Role: "user", Content: "Hi"}})
	ids := append(slices.Clone(prompt), refmodel.Encode("Hello there!")...)
	raw, _ := json.Marshal(ids)
	status, _ := post(t, s, "/v1/completions", `{"prompt":`+string(raw)+`,"max_tokens":1,"prompt_logprobs":5,"temperature":0}`)
	if status != 200 {
		t.Fatalf("status %d", status)
	}
	resp, err := s.Client().Post(s.URL+"/v1/completions", "application/json",
		strings.NewReader(`{"prompt":`+string(raw)+`,"max_tokens":1,"prompt_logprobs":5,"return_token_ids":true}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer completionAnswer
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	c := answer.Choices[0]
	steps, _ := refmodel.Load(refmodel.Full).Prefill(ids[:1], ids[1:], 5)
	if len(c.PromptLogprobs) != len(ids) || c.PromptLogprobs[0] != nil || !slices.Equal(c.PromptTokenIDs, ids) || len(c.TokenIDs) != 1 {
		t.Fatalf("%d positions for %d ids; token ids %v", len(c.PromptLogprobs), len(ids), c.TokenIDs)
	}
	for i, step := range steps {
		at := c.PromptLogprobs[i+1]
		if got := at[step.Token]; got.Logprob != step.Logprob || got.Rank != step.Rank || len(at) < 5 || len(at) > 6 {
			t.Fatalf("position %d: %v, want %+v", i+1, at, step)
		}
	}
}

func TestPromptForms(t *testing.T) {
	s, _ := serve(t, testConfig())
	for form, choices := range map[string]int{`"a"`: 1, `["a","b"]`: 2, `[1,300,301]`: 1, `[[1,300],[1,301],[1,302]]`: 3} {
		status, out := post(t, s, "/v1/completions", `{"prompt":`+form+`}`)
		if got, _ := out["choices"].([]any); status != 200 || len(got) != choices {
			t.Errorf("prompt %s: status %d, %d choices", form, status, len(got))
		}
	}
}

func TestStopStrings(t *testing.T) {
	s, _ := serve(t, testConfig())
	ask := func(extra string) map[string]any {
		_, out := post(t, s, "/v1/chat/completions", `{"messages":[{"role":"user","content":"Why is the sea salty?"}],"temperature":0`+extra+`}`)
		return out["choices"].([]any)[0].(map[string]any)
	}
	text := func(c map[string]any) string { return c["message"].(map[string]any)["content"].(string) }
	whole := text(ask(""))
	stop := whole[20:26]
	c := ask(`,"stop":["not in it",` + quote(stop) + `]`)
	if want, _, _ := strings.Cut(whole, stop); text(c) != want || c["finish_reason"] != "stop" || c["stop_reason"] != stop {
		t.Errorf("stop %q gave %q (%v, %v), want %q", stop, text(c), c["finish_reason"], c["stop_reason"], want)
	}
	if c := ask(`,"max_tokens":3`); c["finish_reason"] != "length" {
		t.Errorf("3 tokens at most finish with %v", c["finish_reason"])
	}
}

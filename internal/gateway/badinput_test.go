package gateway

import (
	"errors"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// What is wrong with a body is told in the same words whatever it is sent to, as
// an error that OpenAI's SDK reads, and costs no miner anything.
func TestBadInput(t *testing.T) {
	f := serve(t, func(c *Config) { c.Limits.Body = 100 << 10 }, ok(1))
	client := openai.NewClient(option.WithBaseURL(f.url), option.WithAPIKey(secret), option.WithHTTPClient(f.http), option.WithMaxRetries(0))
	paths := map[string]string{ // with a good request of each, but for its end
		chatPath:          `{"model":"talker-8b","messages":[{"role":"user","content":"x"}]`,
		"/v1/completions": `{"model":"writer-8b","prompt":"x"`,
		responsesPath:     `{"model":"talker-8b","input":"x"`,
	}
	output := map[string]string{chatPath: "max_completion_tokens", "/v1/completions": "max_tokens", responsesPath: "max_output_tokens"}
	choices := map[string][2]string{chatPath: {"invalid_value", "16"}, "/v1/completions": {"invalid_value", "16"}, responsesPath: {"unsupported_value", "ask once for each answer"}}
	for path, good := range paths {
		for _, c := range []struct {
			name, body        string
			status            int
			code, param, says string
		}{
			{"cut off", good, 400, "invalid_json", "", "byte"},
			{"something after it", good + "}}", 400, "invalid_json", "", "byte"},
			{"a list", "[" + good + "}]", 400, "", "", ""},
			{"not UTF-8", good + ",\"user\":\"\xff\"}", 400, "invalid_json", "", "UTF-8"},
			{"NaN", good + `,"temperature":NaN}`, 400, "invalid_json", "", "byte"},
			{"Infinity", good + `,"temperature":1e999}`, 400, "invalid_json", "", "float64"},
			{"too deep", good + `,"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, 400, "invalid_json", "", "64 deep"},
			{"very deep", good + `,"x":` + strings.Repeat("[", 40000), 400, "invalid_json", "", ""},
			{"a field twice", good + `,"top_p":1,"top_p":1}`, 400, "invalid_value", "top_p", "twice"},
			{"too many fields", good + many(300) + `}`, 400, "too_many_fields", "", "256"},
			{"a wrong type", good + `,"temperature":"hot"}`, 400, "invalid_value", "temperature", "number"},
			{"out of range", good + `,"temperature":-1}`, 400, "invalid_value", "temperature", "0 to 2"},
			{"half a token", good + `,"` + output[path] + `":1.5}`, 400, "invalid_value", output[path], "whole number"},
			{"too many tokens", good + `,"` + output[path] + `":257}`, 400, "invalid_value", output[path], "at most 256 tokens"},
			{"a huge number of tokens", good + `,"` + output[path] + `":99999999999999999999}`, 400, "invalid_value", output[path], ""},
			{"more answers than any request may ask for", good + `,"n":17}`, 400, choices[path][0], "n", choices[path][1]},
			{"too large", good + `,"x":"` + strings.Repeat("x", 100<<10) + `"}`, 413, "request_too_large", "", "102400 bytes"},
			{"an unknown model", strings.Replace(good, "-8b", "-9b", 1) + "}", 404, "model_not_found", "model", "Did you mean"},
			{"a model that is no text", strings.NewReplacer(`"talker-8b"`, "7", `"writer-8b"`, "7").Replace(good) + "}", 400, "invalid_value", "model", "required"},
		} {
			t.Run(path+" "+c.name, func(t *testing.T) {
				err := client.Post(t.Context(), strings.TrimPrefix(path, "/"), strings.NewReader(c.body), nil, option.WithHeader("Content-Type", "application/json"))
				var e *openai.Error
				if !errors.As(err, &e) {
					t.Fatal(err)
				}
				if c.status != 0 && (e.StatusCode != c.status || c.code != "" && e.Code != c.code || e.Param != c.param) || e.Type != "invalid_request_error" || !strings.Contains(e.Message, c.says) {
					t.Errorf("%d %+v", e.StatusCode, e)
				}
			})
		}
	}
	if n := len(f.relay.called()); n != 0 {
		t.Errorf("miners were asked %d times", n)
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`,"f` + string(rune('a'+i%26)) + strings.Repeat("x", i/26) + `":1`)
	}
	return b.String()
}

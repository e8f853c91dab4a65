//go:build llamaserver

package eval

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"vision/internal/checker"
	"vision/internal/outcome"
	"vision/internal/prompt"
	"vision/internal/proto"
	"vision/internal/task"
)

// The adapter of llama.cpp's own server against the server itself: honest
// answers pass, those of other weights and of cut answers do not.
// test/llama/server.sh starts the servers and names them in the environment.
func TestLlamaServer(t *testing.T) {
	config := checker.Defaults()
	config.References = []checker.ReferenceConfig{{Serves: "smollm2", Engine: "llama.cpp", URL: os.Getenv("LLAMA_REFERENCE"), Slots: 1}}
	check, err := checker.New(config, checker.Deps{Client: http.DefaultClient})
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []string{"chat", "completion"} {
		for _, temperature := range []float64{0, 0.8} {
			for _, miner := range []struct {
				name   string
				url    string
				change func([]byte) []byte
				honest bool
				most   float64 // the mean quality of its answers at temperature 0
			}{
				{"honest, 16 bits", os.Getenv("LLAMA_HONEST"), nil, true, 1},
				{"another model", os.Getenv("LLAMA_PRUNED"), nil, false, 0.2},
				{"4 bits", os.Getenv("LLAMA_Q4"), nil, false, 0.5},
				{"truncated", os.Getenv("LLAMA_HONEST"), cutStream, false, 1},
			} {
				const n = 6
				sum, e, judged := 0.0, 0.0, 0.0
				test := map[string]int{}
				for i := range n {
					sample := llamaSample(t, of, miner.url, temperature, uint64(i), miner.change)
					if sample.Sample.Response == nil { // a chat model may have nothing to add to a text
						continue
					}
					got, err := check.Judge(t.Context(), sample)
					if err != nil {
						t.Fatalf("%s, %s, T = %v: %v", of, miner.name, temperature, err)
					}
					if test[got.Test]++; miner.honest && (got.E > 3 || got.Work == 0) {
						t.Errorf("%s, %s, T = %v: %+v", of, miner.name, temperature, got)
					}
					sum, e, judged = sum+got.Quality, max(e, got.E), judged+1
				}
				if judged < n/2 {
					t.Fatalf("%s, %s: only %v answers to judge", of, miner.name, judged)
				}
				sum /= judged
				t.Logf("%-10s T = %-3v %-16s quality %.2f, largest E %.3g, tests %v", of, temperature, miner.name, sum, e, test)
				if temperature == 0 && sum > miner.most {
					t.Errorf("%s, %s: mean quality %.2f, want at most %v", of, miner.name, sum, miner.most)
				}
			}
		}
	}
}

// llamaSample is a llama-server's answer to a made-up request, as its miner would pass it on.
func llamaSample(t *testing.T, of, url string, temperature float64, i uint64, change func([]byte) []byte) proto.CheckRequest {
	t.Helper()
	tk := task.Task{Name: "small", Kind: of, Limits: task.Limits{Output: 256},
		Model: task.Model{Name: "smollm2", Template: "smollm2", Context: 1024, EndTokens: []int{2}}}
	kind, _ := task.KindNamed(of)
	r := rand.New(rand.NewPCG(11, i))
	what := `"prompt":%q`
	if of == "chat" {
		what = `"messages":[{"role":"user","content":%q}]`
	}
	req, err := kind.Parse(fmt.Appendf(nil, `{`+what+`,"max_tokens":64,"temperature":%v,"stream":%v}`, prompt.Text(r, 200), temperature, i%2 == 0 || change != nil), &tk)
	if err != nil {
		t.Fatal(err)
	}
	payload := req.Payload(r.Uint64() >> 1)
	stack := Stack{Name: "miner", URL: url, Engine: "llama.cpp", Model: "smollm2"}
	answer, spec, err := stack.ask(t.Context(), http.DefaultClient, kind, &tk, payload)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(answer, []byte(`"content":"`)) && of == "chat" || of != "chat" && !regexp.MustCompile(`"text":"[^"]`).Match(answer) {
		answer = nil
	} else if change != nil {
		answer = change(answer)
	}
	return proto.CheckRequest{Task: tk, Spec: spec, Sample: outcome.Sample{ID: int64(i), Request: payload, Response: answer,
		Outcome: outcome.Outcome{Request: "req-llama", Task: tk.Name, Stream: req.Stream(), Work: req.Work()}}}
}

// cutStream drops the second half of an answer's events and says that the model ended it there.
func cutStream(answer []byte) []byte {
	events := strings.Split(strings.TrimSpace(string(answer)), "\n\n")
	n := len(events) / 2
	last := strings.Replace(events[n], `"finish_reason":null`, `"finish_reason":"stop"`, 1)
	return []byte(strings.Join(append(events[:n:n], last, "data: [DONE]"), "\n\n") + "\n\n")
}

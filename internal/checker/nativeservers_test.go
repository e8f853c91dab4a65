package checker

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"vision/internal/fault"
	"vision/internal/refmodel"
)

// sglangServer answers as SGLang 0.5 does, with the reference model behind it:
// rows of [log-probability, id, text], the first without the former, texts null.
func sglangServer(t *testing.T, asked *[]string) *httptest.Server {
	mux := http.NewServeMux()
	mux.Handle("/", stack(refmodel.Full))
	mux.HandleFunc("POST /tokenize", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Prompt  string
			Special bool `json:"add_special_tokens"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		ids := refmodel.Encode(body.Prompt)
		if body.Special {
			ids = refmodel.Prompt(body.Prompt)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"tokens": ids, "count": len(ids), "max_model_len": 8192})
	})
	mux.HandleFunc("POST /detokenize", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Tokens []int }
		_ = json.NewDecoder(r.Body).Decode(&body)
		if slices.ContainsFunc(body.Tokens, func(id int) bool { return !refmodel.ValidID(id) }) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"text": refmodel.Decode(body.Tokens)})
	})
	mux.HandleFunc("POST /generate", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			IDs   []int `json:"input_ids"`
			Start int   `json:"logprob_start_len"`
			Top   int   `json:"top_logprobs_num"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		*asked = append(*asked, fmt.Sprintf("%d from %d", len(body.IDs), body.Start))
		steps, err := refmodel.Load(refmodel.Full).Prefill(body.IDs[:body.Start+1], append(slices.Clone(body.IDs[body.Start+1:]), 0), body.Top)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		own, top := [][]any{{nil, body.IDs[body.Start], nil}}, []any{nil}
		var next any
		for i, s := range steps {
			var row [][]any
			for _, x := range s.Top {
				row = append(row, []any{x.Logprob, x.ID, nil})
			}
			if i == len(steps)-1 {
				next = []any{row}
				break
			}
			own, top = append(own, []any{s.Logprob, s.Token, nil}), append(top, row)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"text": " x", "meta_info": map[string]any{
			"finish_reason":        map[string]any{"type": "length", "length": 1},
			"input_token_logprobs": own, "input_top_logprobs": top, "output_top_logprobs": next}})
	})
	return listen(t, mux)
}

// llamaServer answers as llama.cpp's server does: greedily, a token of which the
// text ends within a character without its probabilities.
func llamaServer(t *testing.T, steps *int) *httptest.Server {
	mux := http.NewServeMux()
	mux.Handle("/", stack(refmodel.Full))
	mux.HandleFunc("POST /apply-template", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Messages []refmodel.Message }
		_ = json.NewDecoder(r.Body).Decode(&body)
		raw, _ := json.Marshal(body.Messages)
		_ = json.NewEncoder(w).Encode(map[string]string{"prompt": "chat:" + string(raw)})
	})
	mux.HandleFunc("POST /tokenize", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Content string
			Special bool `json:"add_special"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		ids := refmodel.Encode(body.Content)
		if raw, ok := strings.CutPrefix(body.Content, "chat:"); ok {
			var messages []refmodel.Message
			_ = json.Unmarshal([]byte(raw), &messages)
			ids, _ = refmodel.Chat(messages)
		} else if body.Special {
			ids = refmodel.Prompt(body.Content)
		}
		_ = json.NewEncoder(w).Encode(map[string][]int{"tokens": ids})
	})
	mux.HandleFunc("POST /detokenize", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Tokens []int }
		_ = json.NewDecoder(r.Body).Decode(&body)
		if slices.ContainsFunc(body.Tokens, func(id int) bool { return !refmodel.ValidID(id) }) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"content": refmodel.Decode(body.Tokens)})
	})
	mux.HandleFunc("POST /completion", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Prompt []int
			N      int `json:"n_predict"`
			Probs  int `json:"n_probs"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		*steps++
		var tokens []int
		var probs []map[string]any
		err := refmodel.Load(refmodel.Full).Generate(r.Context(), refmodel.Request{Prompt: body.Prompt, MaxTokens: body.N, TopLogprobs: body.Probs}, func(k refmodel.Token) bool {
			tokens = append(tokens, k.ID)
			if k.Text == "" && !refmodel.IsEnd(k.ID) {
				return true
			}
			var top []map[string]any
			for _, x := range k.Top {
				top = append(top, map[string]any{"id": x.ID, "token": refmodel.TokenText(x.ID), "bytes": []int{}, "logprob": x.Logprob})
			}
			probs = append(probs, map[string]any{"id": k.ID, "token": k.Text, "bytes": []int{}, "logprob": k.Logprob, "top_logprobs": top})
			return true
		})
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"content": refmodel.Decode(tokens), "tokens": tokens, "stop": true, "stop_type": "limit", "completion_probabilities": probs})
	})
	return listen(t, mux)
}

// What the two servers' own interfaces tell is what the built-in reference
// knows: honest answers pass, with ids or by their text, and other models do not.
func TestNativeServersAsReferences(t *testing.T) {
	var asked []string
	var steps int
	sg, ll := sglangServer(t, &asked), llamaServer(t, &steps)
	text := func(temperature float64) string {
		return fmt.Sprintf(`{"prompt":"The sea is","max_tokens":100,"stream":true,"temperature":%v}`, temperature)
	}
	chat := func(temperature float64) string {
		return fmt.Sprintf(`{"messages":[{"role":"user","content":"Tell me of the sea"}],"max_tokens":100,"stream":true,"temperature":%v}`, temperature)
	}
	for _, x := range []struct {
		name    string
		checker *Checker
		body    string
		test    string
	}{
		{"sglang, completion, T = 0", judgedBy(t, "sglang", sg.URL, "ref-completion", ""), text(0), "prefill-t0"},
		{"sglang, completion, T = 1", judgedBy(t, "sglang", sg.URL, "ref-completion", ""), text(1), "likelihood"},
		{"sglang, completion, T = 1, its own sampler", judgedBy(t, "sglang", sg.URL, "ref-completion", "vision-ref"), text(1), "likelihood+replay"},
		{"sglang, chat of an unknown template", judgedBy(t, "sglang", sg.URL, "ref-chat", ""), chat(0), "replay"},
		{"llama.cpp, chat, T = 0", judgedBy(t, "llama.cpp", ll.URL, "ref-chat", ""), chat(0), "prefill-t0"},
		{"llama.cpp, completion, T = 0", judgedBy(t, "llama.cpp", ll.URL, "ref-completion", ""), text(0), "prefill-t0"},
		{"llama.cpp, chat, T = 0.8", judgedBy(t, "llama.cpp", ll.URL, "ref-chat", ""), chat(0.8), "likelihood"},
	} {
		tk := chatTask
		if strings.Contains(x.body, "prompt") {
			tk = completionTask
		}
		for i := range uint64(2) {
			s := serve(t, stack(refmodel.Full), tk, i, x.body)
			for _, ids := range []bool{true, false} {
				if s.Spec.TokenIDs = ids; !ids {
					s.Sample.Response = withoutIDs(s.Sample.Response)
				}
				if r := judgeIt(t, x.checker, s); r.Quality < 0.9 || r.Test != x.test || r.Work == 0 {
					t.Errorf("%s, honest, ids %v: %+v", x.name, ids, r)
				}
			}
		}
		r := judgeIt(t, x.checker, serve(t, stack(refmodel.Sibling), tk, 3, x.body))
		if limit := map[string]float64{"prefill-t0": 0.1, "replay": 0.95}[x.test]; limit > 0 && r.Quality > limit {
			t.Errorf("%s, another model: %+v", x.name, r)
		}
	}
	for _, a := range asked { // one prefill each, from the prompt's last token
		var n, from int
		if _, err := fmt.Sscanf(a, "%d from %d", &n, &from); err != nil || from != len(refmodel.Prompt("The sea is"))-1 || n <= from {
			t.Errorf("SGLang was asked for %s", a)
		}
	}
	if want := 3 * 5; len(asked) != want {
		t.Errorf("SGLang was asked %d times for %d answers", len(asked), want)
	}
}

// withoutIDs is an answer of a server that shows no token ids.
func withoutIDs(response []byte) []byte {
	s := strings.ReplaceAll(string(response), `"token_ids":`, `"x":`)
	return []byte(strings.ReplaceAll(s, `"prompt_token_ids":`, `"y":`))
}

// The walk of llama.cpp's server gives what one prefill does, in few steps
// where the answer is the server's own.
func TestWalkIsAPrefill(t *testing.T) {
	steps := 0
	server := llamaServer(t, &steps)
	ref, err := openLlamaCPP(ReferenceConfig{URL: server.URL, Model: "ref-chat"}, Deps{Client: client(t)})
	if err != nil {
		t.Fatal(err)
	}
	for _, temperature := range []float64{0, 0.8} {
		s := serve(t, stack(refmodel.Full), chatTask, 9, fmt.Sprintf(`{"messages":[{"role":"user","content":"Tell me of bread, and of the sea"}],"max_tokens":90,"stream":true,"temperature":%v}`, temperature))
		q, err := readTextQuery(s.Sample.Request, &s.Task.Model)
		if err != nil {
			t.Fatal(err)
		}
		if q.answer, err = readAnswer(s.Sample.Response, true); err != nil {
			t.Fatal(err)
		}
		q.noise, steps = 0.02, 0
		got, err := ref.Score(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		want, err := (&builtin{noise: 0.02, lm: refmodel.Load(refmodel.Full)}).Score(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		byPlace := map[int]bool{}
		k := 0
		for _, p := range got.Positions { // those within a character are left out
			for k < len(want.Positions) && (want.Positions[k].Token != p.Token || math.Abs(want.Positions[k].Gap-p.Gap) > 1e-9 || math.Abs(want.Positions[k].Logprob-p.Logprob) > 1e-9 && p.Rank <= topListed) {
				k++
			}
			if k == len(want.Positions) {
				t.Fatalf("T = %v: position of token %d, gap %v, is none of a prefill's", temperature, p.Token, p.Gap)
			}
			byPlace[k] = true
			k++
		}
		if len(byPlace) < len(want.Positions)*9/10 {
			t.Errorf("T = %v: %d of %d positions", temperature, len(byPlace), len(want.Positions))
		}
		most := len(q.answer.ids) + 5
		if temperature == 0 {
			most = 12
		}
		if steps > most {
			t.Errorf("T = %v: %d steps for %d tokens", temperature, steps, len(q.answer.ids))
		}
	}
}

// Above temperature 1 the likeliest tokens say too little: no guilt, and no pass.
func TestHotAnswersAreNotJudgedByLists(t *testing.T) {
	c := judgedBy(t, "vllm", vllmServer(t, refmodel.Full).URL, "ref-chat", "")
	s := serve(t, stack(refmodel.Full), chatTask, 1, `{"messages":[{"role":"user","content":"Tell me of the sea"}],"max_tokens":20,"stream":true,"temperature":1.5}`)
	if r, err := c.Judge(t.Context(), s); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "temperature 1.5") {
		t.Errorf("%+v, %v", r, err)
	}
}

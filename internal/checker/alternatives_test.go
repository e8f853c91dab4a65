package checker

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vision/internal/hotkey"
	"vision/internal/refmodel"
)

// vllmServer is a vLLM server with a variant of the reference model behind it.
func vllmServer(t *testing.T, v refmodel.Variant) *httptest.Server {
	mux := http.NewServeMux()
	mux.Handle("/", stack(v))
	mux.HandleFunc("POST /detokenize", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Tokens []int }
		_ = json.NewDecoder(r.Body).Decode(&body)
		_ = json.NewEncoder(w).Encode(map[string]string{"prompt": refmodel.Decode(body.Tokens)})
	})
	return listen(t, mux)
}

// What a watched miner writes is also compared with what a cheat may run: that
// finds one who runs it, in answers that say nothing by themselves.
func TestAlternativesOfWatchedMiners(t *testing.T) {
	config := Defaults()
	config.References = []ReferenceConfig{{Tasks: []string{"ref-chat"}, Engine: "vllm", URL: vllmServer(t, refmodel.Full).URL, Model: "ref-chat", Slots: 2, Noise: 0.02,
		Alternatives: []AlternativeConfig{
			{URL: vllmServer(t, refmodel.Bits(2)).URL, Model: "ref-chat"},
			{URL: "http://127.0.0.1:1", Model: "ref-chat"}, // one that is down is left out
		}}}
	c, err := New(config, Deps{Client: client(t)})
	if err != nil {
		t.Fatal(err)
	}
	trusted, watched, honest := 1.0, 1.0, 1.0
	for i := range 3 {
		body := fmt.Sprintf(`{"messages":[{"role":"user","content":"Tell me of the sea, %d"}],"max_tokens":60,"stream":true,"temperature":0.9}`, i)
		cheat := serve(t, stack(refmodel.Bits(2)), chatTask, uint64(i), body)
		trusted *= judgeIt(t, c, cheat).E
		cheat.Turn = 1
		watched *= judgeIt(t, c, cheat).E
		fair := serve(t, stack(refmodel.Full), chatTask, uint64(i), body)
		fair.Turn = 1
		honest *= judgeIt(t, c, fair).E
	}
	if watched < 100*max(trusted, 1) || honest > 1 {
		t.Errorf("evidence of three answers: %.3g while trusted, %.3g while watched, %.3g of an honest miner", trusted, watched, honest)
	}
	config.References[0].Engine = "completions-echo"
	if _, err := New(config, Deps{Client: client(t)}); err == nil || !strings.Contains(err.Error(), "alternatives") {
		t.Errorf("alternatives of a reference that scores no ids: %v", err)
	}
}

// One answer to a prompt under two seeds is a kept one; two answers are not, and
// neither are those of two miners, nor one that is judged twice.
func TestKeptAnswersAreFound(t *testing.T) {
	c := newChecker(t)
	body := `{"messages":[{"role":"user","content":"Tell me of the harbour"}],"max_tokens":60,"stream":true,"temperature":1}`
	judge := func(id int64, miner byte, seed, written uint64) string {
		s := serve(t, stack(refmodel.Full), chatTask, seed, body)
		s.Sample.Response = serve(t, stack(refmodel.Full), chatTask, written, body).Sample.Response
		s.Sample.ID, s.Spec.Engine = id, "other"
		s.Sample.Outcome.Miner = hotkey.FromSeed([32]byte{miner}).ID()
		r := judgeIt(t, c, s)
		verdict := "nothing"
		if strings.Contains(r.Test, "copies") {
			verdict = "another"
			if r.E > 1e6 {
				verdict = "kept"
			}
		}
		return verdict
	}
	for i, x := range []struct {
		id            int64
		miner         byte
		seed, written uint64
		want          string
	}{
		{1, 1, 10, 10, "nothing"},
		{1, 1, 10, 10, "nothing"}, // judged again
		{2, 1, 11, 11, "another"},
		{3, 1, 12, 10, "kept"},
		{4, 2, 13, 10, "nothing"}, // another miner's
		{5, 1, 10, 10, "nothing"}, // the same seed
	} {
		if got := judge(x.id, x.miner, x.seed, x.written); got != x.want {
			t.Errorf("step %d: %s, want %s", i, got, x.want)
		}
	}
}

// Near temperature 0 every honest answer to a prompt is the same.
func TestColdAnswersAreNoCopies(t *testing.T) {
	c := newChecker(t)
	for seed := range uint64(3) {
		s := serve(t, stack(refmodel.Full), chatTask, seed, `{"messages":[{"role":"user","content":"Tell me of the harbour"}],"max_tokens":40,"stream":true,"temperature":0.01}`)
		s.Sample.ID, s.Spec.Engine, s.Sample.Outcome.Miner = int64(seed), "other", hotkey.FromSeed([32]byte{1}).ID()
		if r := judgeIt(t, c, s); r.Quality != 1 || strings.Contains(r.Test, "copies") {
			t.Errorf("seed %d: %+v", seed, r)
		}
	}
}

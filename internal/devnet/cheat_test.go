package devnet

import (
	"net/http/httptest"
	"strings"
	"testing"

	"vision/internal/modelserver"
)

const chatBody = `{"model":"m","stream":true,"seed":3,"temperature":0.7,"max_tokens":200,"return_token_ids":true,"messages":[{"role":"user","content":"Tell me about rivers."}]}`

func TestTruncateHalvesStreamsAndClaimsThatTheyAreWhole(t *testing.T) {
	honest := modelserver.New(modelserver.Config{Text: modelserver.Capability{Models: []string{"m"}}})
	ask := func(cheating bool) string {
		h := honest
		if cheating {
			h = truncate.crooked(honest)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(chatBody)))
		return w.Body.String()
	}
	whole, cut := ask(false), ask(true)
	n, m := strings.Count(whole, "token_ids"), strings.Count(cut, `"token_ids":`)
	if m*3 > n*2 || m == 0 {
		t.Errorf("the honest stream has %d tokens, the truncated one %d\n%s", n, m, cut)
	}
	if strings.Count(cut, `"finish_reason":"stop"`) != 1 || !strings.HasSuffix(cut, "data: [DONE]\n\n") {
		t.Errorf("the truncated stream should claim to be whole:\n%s", cut)
	}
}

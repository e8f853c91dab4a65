package modelserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"unicode/utf8"

	"vision/internal/refmodel"
)

type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

func newUsage(prompt, completion int) *usage { return &usage{prompt, completion, prompt + completion} }

// sse writes server-sent events, each flushed at once.
type sse struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func newSSE(w http.ResponseWriter) *sse {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusOK)
	return &sse{w, http.NewResponseController(w)}
}

// send writes one event; false means that the client is gone.
func (s *sse) send(event any) bool {
	raw, err := json.Marshal(event)
	if err != nil {
		return false
	}
	return s.raw(raw)
}

func (s *sse) raw(data []byte) bool {
	line := make([]byte, 0, len(data)+8)
	line = append(append(append(line, "data: "...), data...), "\n\n"...)
	if _, err := s.w.Write(line); err != nil {
		return false
	}
	return s.c.Flush() == nil
}

// fail ends a broken stream with an error event instead of [DONE].
func (s *sse) fail() {
	s.raw([]byte(`{"error":{"message":"the answer broke off","type":"server_error","code":"internal_error"}}`))
}

// naming decides how tokens are called in listings of log-probabilities.
type naming bool // true: "token_id:123" (return_tokens_as_token_ids)

func (asIDs naming) name(id int) string {
	if asIDs {
		return fmt.Sprintf("token_id:%d", id)
	}
	return refmodel.TokenText(id)
}

// chatLogprob is one entry of chat's logprobs.content.
type chatLogprob struct {
	Token   string        `json:"token"`
	Logprob float64       `json:"logprob"`
	Bytes   []int         `json:"bytes"`
	Top     []chatLogprob `json:"top_logprobs,omitempty"`
}

type chatLogprobs struct {
	Content []chatLogprob `json:"content"`
}

func (n naming) chat(id int, logprob float64) chatLogprob {
	text := refmodel.TokenText(id)
	raw := make([]int, len(text))
	for i := range raw {
		raw[i] = int(text[i])
	}
	return chatLogprob{Token: n.name(id), Logprob: logprob, Bytes: raw}
}

func (n naming) chatToken(t refmodel.Token) chatLogprob {
	entry := n.chat(t.ID, t.Logprob)
	for _, x := range t.Top {
		entry.Top = append(entry.Top, n.chat(x.ID, x.Logprob))
	}
	return entry
}

// completionLogprobs is the legacy shape: parallel lists over tokens.
type completionLogprobs struct {
	TextOffset    []int                `json:"text_offset"` // in code points
	TokenLogprobs []*float64           `json:"token_logprobs"`
	Tokens        []string             `json:"tokens"`
	TopLogprobs   []map[string]float64 `json:"top_logprobs"`
	offset        int
}

// add appends a token; without a logprob (the first of an echoed prompt), nulls.
func (l *completionLogprobs) add(n naming, id int, logprob *float64, top []refmodel.TokenLogprob) {
	l.TextOffset = append(l.TextOffset, l.offset)
	l.TokenLogprobs = append(l.TokenLogprobs, logprob)
	l.Tokens = append(l.Tokens, n.name(id))
	var m map[string]float64
	if logprob != nil {
		m = map[string]float64{n.name(id): *logprob}
		for _, x := range top {
			if name := n.name(x.ID); !has(m, name) { // of two tokens that print alike, the likelier
				m[name] = x.Logprob
			}
		}
	}
	l.TopLogprobs = append(l.TopLogprobs, m)
	if !refmodel.IsSpecial(id) {
		l.offset += utf8.RuneCountInString(refmodel.TokenText(id))
	}
}

func has(m map[string]float64, k string) bool { _, ok := m[k]; return ok }

// promptLogprob is vLLM's: for each prompt token but the first, the token
// itself and the best k, by id.
type promptLogprob struct {
	Logprob float64 `json:"logprob"`
	Rank    int     `json:"rank"`
	Token   string  `json:"decoded_token"`
}

func promptLogprobs(m *refmodel.LM, prompt []int, k int) ([]map[int]promptLogprob, error) {
	steps, err := m.Prefill(prompt[:1], prompt[1:], k)
	if err != nil {
		return nil, err
	}
	list := make([]map[int]promptLogprob, 1, len(prompt))
	for _, s := range steps {
		entry := make(map[int]promptLogprob, k+1)
		for i, x := range s.Top {
			entry[x.ID] = promptLogprob{x.Logprob, i + 1, refmodel.TokenText(x.ID)}
		}
		entry[s.Token] = promptLogprob{s.Logprob, s.Rank, refmodel.TokenText(s.Token)}
		list = append(list, entry)
	}
	return list, nil
}

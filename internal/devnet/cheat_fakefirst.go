package devnet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"vision/internal/refmodel"
)

// fakeFirst wants to look quick: it begins each stream with a token that it
// guesses, while its model takes its time.
var fakeFirst = cheat{
	name:  "fakefirst",
	about: "begins streams at once with a guessed token; its model begins a second later",
	crooked: func(honest http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			var asked struct {
				Stream bool `json:"stream"`
			}
			if json.Unmarshal(body, &asked) == nil && asked.Stream && strings.HasSuffix(r.URL.Path, "/completions") {
				guess(w, strings.HasSuffix(r.URL.Path, "/chat/completions"))
				w = &headed{w}
			}
			select {
			case <-time.After(time.Second):
				honest.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		})
	},
}

// headed is a response whose head has been sent.
type headed struct{ http.ResponseWriter }

func (h *headed) WriteHeader(int) {}

func (h *headed) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// guess sends a chunk with one token, as the model's own look.
func guess(w http.ResponseWriter, chat bool) {
	const text = "The"
	said := fmt.Sprintf(`"text":%q`, text)
	if chat {
		said = fmt.Sprintf(`"delta":{"role":"assistant","content":%q}`, text)
	}
	ids, err := json.Marshal(refmodel.Encode(text)[:1])
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,%s,"token_ids":%s,"finish_reason":null}]}`+"\n\n", said, ids)
	_ = http.NewResponseController(w).Flush()
}

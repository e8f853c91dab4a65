package devnet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
)

// truncate ends answers early and says that the model stopped by itself.
var truncate = cheat{
	name:  "truncate",
	about: "ends texts after about half and claims that they are whole",
	crooked: func(honest http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/completions") {
				honest.ServeHTTP(w, r)
				return
			}
			whole := httptest.NewRecorder() // in memory: the cheat needs to see the end to cut before it
			honest.ServeHTTP(whole, r)
			cut(w, whole)
		})
	},
}

// cut passes on the first half of a streamed answer, and what is not streamed
// as it is.
func cut(w http.ResponseWriter, whole *httptest.ResponseRecorder) {
	for name, values := range whole.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(whole.Code)
	if !strings.HasPrefix(whole.Header().Get("Content-Type"), "text/event-stream") {
		_, _ = io.Copy(w, whole.Body)
		return
	}
	var events [][]byte
	lines := bufio.NewScanner(whole.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: {")); ok {
			events = append(events, append([]byte("{"), data...))
		}
	}
	keep := max(len(events)/2, 1)
	for i, e := range events[:min(keep, len(events))] {
		if i == keep-1 {
			e = finished(e)
		}
		_, _ = w.Write([]byte("data: " + string(e) + "\n\n"))
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

// finished gives a chunk a finish_reason.
func finished(event []byte) []byte {
	var chunk map[string]any
	if json.Unmarshal(event, &chunk) != nil {
		return event
	}
	if choices, ok := chunk["choices"].([]any); ok && len(choices) > 0 {
		if choice, ok := choices[0].(map[string]any); ok {
			choice["finish_reason"] = "stop"
		}
	}
	changed, err := json.Marshal(chunk)
	if err != nil {
		return event
	}
	return changed
}

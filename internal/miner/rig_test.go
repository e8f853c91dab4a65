package miner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vision/internal/hotkey"
	"vision/internal/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// alice and bob are validators with 3/4 and 1/4 of the stake; eve is nobody.
var alice, bob, eve = hotkey.ID{1}, hotkey.ID{2}, hotkey.ID{3}

type stakes map[hotkey.ID]float64

func (s stakes) Share(id hotkey.ID) (float64, bool) { v, ok := s[id]; return v, ok }

type fixed struct{ c *task.Catalogue }

func (f fixed) Catalogue() *task.Catalogue { return f.c }

func catalogue(t testing.TB) *task.Catalogue {
	t.Helper()
	base := task.Task{
		Weight: 1, Capacity: 1_000_000, Typical: 10,
		Timeouts: task.Timeouts{First: time.Second, Gap: time.Second, Total: 5 * time.Second},
		Speed:    task.Speed{Mean: 0.01, Steepness: 1},
		Model:    task.Model{Name: "m", Quantisation: "none", Context: 4096, SeedBits: 63},
	}
	chat, embed := base, base
	chat.Name, chat.Kind, chat.Limits = "chat", "chat", task.Limits{Output: 100}
	embed.Name, embed.Kind, embed.Limits = "embed", "embedding", task.Limits{Items: 8}
	c, err := task.NewCatalogue([]task.Task{chat, embed})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// served is what the miner told its metrics.
type served struct {
	mu      sync.Mutex // guards results
	results []string
}

func (s *served) note(_, result string, _ int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results = append(s.results, result)
}

// rig is a miner in front of a model server that a test scripts.
type rig struct {
	*Miner
	now    time.Time
	config Config
	served served
	log    bytes.Buffer
}

func newRig(t testing.TB, server http.HandlerFunc, change func(*Config)) *rig {
	t.Helper()
	upstream := httptest.NewServer(server)
	t.Cleanup(upstream.Close)
	r := &rig{now: time.Unix(1_700_000_000, 0), config: Config{
		Period:  time.Hour,
		Servers: []Server{{Name: "main", URL: upstream.URL, Engine: "vllm"}},
		Groups:  []Group{{Name: "gpu0", Slots: 2}},
		Tasks: []Task{
			{Task: "chat", Server: "main", Model: "served-name", Units: 1000, Slots: 4, Group: "gpu0"},
			{Task: "embed", Server: "main", Units: 100, Slots: 1},
		},
	}}
	if change != nil {
		change(&r.config)
	}
	m, err := New(r.config, Deps{
		Validators: stakes{alice: 0.75, bob: 0.25},
		Catalogue:  fixed{catalogue(t)},
		Caller: func(r *http.Request) (hotkey.ID, error) {
			if r.Header.Get("Test-Caller") == "" {
				return hotkey.ID{}, errors.New("no certificate")
			}
			return hotkey.ParseID(r.Header.Get("Test-Caller"))
		},
		Secret: func(string) (string, error) { return "server-key", nil },
		Clock:  func() time.Time { return r.now },
		Log:    slog.New(slog.NewTextHandler(&r.log, nil)),
		Served: r.served.note,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Miner = m
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
		defer cancel()
		if err := m.Wait(ctx); err != nil {
			t.Errorf("requests still run: %v", err)
		}
	})
	return r
}

func (r *rig) ask(caller hotkey.ID, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	req := httptest.NewRequest("POST", path, strings.NewReader(body))
	req.Header.Set("Test-Caller", caller.String())
	r.ServeHTTP(w, req)
	return w
}

const (
	chatPath = "/v1/chat/completions"
	chatBody = `{"model":"chat","messages":[{"role":"user","content":"hello"}],"max_tokens":100,"stream":%t,"seed":7}`
)

func chunk(id int, text, finish string) string {
	f := "null"
	if finish != "" {
		f = `"` + finish + `"`
	}
	return fmt.Sprintf(`data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"served-name","choices":[{"index":0,"delta":{"content":%q},"token_ids":[%d],"finish_reason":%s}]}`+"\n\n", text, id, f)
}

// speak streams the given number of tokens, whole or not.
func speak(tokens int, whole bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range tokens {
			finish := ""
			if whole && i == tokens-1 {
				finish = "stop"
			}
			_, _ = io.WriteString(w, chunk(i+5, "word ", finish))
			w.(http.Flusher).Flush()
		}
		if whole {
			_, _ = io.WriteString(w, "data: [DONE]\n\n")
		}
	}
}

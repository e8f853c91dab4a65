package modelserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"vision/internal/refmodel"
)

// Capability is one kind of model and the names it answers to.
type Capability struct {
	Models  []string         // names in requests and /v1/models; none turns the endpoints off
	Variant refmodel.Variant // which weights run
}

// Clock is where pacing gets its time.
type Clock interface {
	Now() time.Time
	// Sleep returns nil after d, or ctx's error if that ends first.
	Sleep(ctx context.Context, d time.Duration) error
}

// Config says what to serve. The zero value serves nothing.
type Config struct {
	Text      Capability // chat and completions
	Image     Capability
	Embedding Capability

	// TokensPerSecond paces each answer's tokens; 0 is as fast as they come.
	TokensPerSecond float64
	// MaxConcurrent is how many requests run at once; one more gets 429. 0 is no limit.
	MaxConcurrent int
	// MaxBody is the largest request body in bytes; 0 is 16 MiB.
	MaxBody int64
	// MaxImageSteps, if positive, silently runs no more steps than this. It is
	// what a cheat does, for tests of checks.
	MaxImageSteps int
	// Clock is the system's if nil.
	Clock Clock
	// Seed gives seeds to requests without one; random if nil.
	Seed func() uint64
}

type server struct {
	Config
	slots chan struct{} // nil: no limit
	text  *refmodel.LM
	image *refmodel.Imager
	embed *refmodel.Embedder
	start int64 // Unix seconds, the models' created time
}

// New returns the handler. It panics if a variant is not valid, or if a limit
// is negative; the first call for a variant builds its weights, some 0.1 s.
func New(c Config) http.Handler {
	if c.TokensPerSecond < 0 || c.MaxConcurrent < 0 || c.MaxBody < 0 || c.MaxImageSteps < 0 {
		panic("modelserver.New: a limit is negative")
	}
	if c.Clock == nil {
		c.Clock = systemClock{}
	}
	if c.Seed == nil {
		c.Seed = rand.Uint64
	}
	if c.MaxBody == 0 {
		c.MaxBody = 16 << 20
	}
	s := &server{Config: c, start: c.Clock.Now().Unix()}
	if c.MaxConcurrent > 0 {
		s.slots = make(chan struct{}, c.MaxConcurrent)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /v1/models", s.models)
	if len(c.Text.Models) > 0 {
		s.text = refmodel.Load(c.Text.Variant)
		mux.HandleFunc("POST /v1/chat/completions", endpoint(s, s.chat))
		mux.HandleFunc("POST /v1/completions", endpoint(s, s.completions))
	}
	if len(c.Image.Models) > 0 {
		s.image = refmodel.LoadImager(c.Image.Variant)
		mux.HandleFunc("POST /v1/images/generations", endpoint(s, s.images))
		mux.HandleFunc("POST /v1/images/edits", endpoint(s, s.edits))
		mux.HandleFunc("POST /v1/images/variations", endpoint(s, s.variations))
		mux.HandleFunc("POST /v1/avatars", endpoint(s, s.avatars))
	}
	if len(c.Embedding.Models) > 0 {
		s.embed = refmodel.LoadEmbedder(c.Embedding.Variant)
		mux.HandleFunc("POST /v1/embeddings", endpoint(s, s.embeddings))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, &httpError{404, "not_found", "", fmt.Sprintf("%s %s is not served here", r.Method, r.URL.Path)})
	})
	return mux
}

// endpoint limits concurrency, reads the body into a T and writes the error
// that handle returns, unless the answer has begun.
func endpoint[T any](s *server, handle func(http.ResponseWriter, *http.Request, *T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.slots != nil {
			select {
			case s.slots <- struct{}{}:
				defer func() { <-s.slots }()
			default:
				w.Header().Set("Retry-After", "1")
				writeError(w, &httpError{429, "rate_limit_exceeded", "", fmt.Sprintf("%d requests are running, which is the limit: try again in a second", s.MaxConcurrent)})
				return
			}
		}
		req, err := decode[T](http.MaxBytesReader(w, r.Body, s.MaxBody))
		if err == nil {
			err = handle(w, r, req)
		}
		if err != nil && r.Context().Err() == nil {
			writeError(w, err)
		}
	}
}

func decode[T any](body io.Reader) (*T, error) {
	raw, err := io.ReadAll(body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, &httpError{413, "request_too_large", "", fmt.Sprintf("the body has more than %d bytes", tooLarge.Limit)}
	}
	if err != nil {
		return nil, badRequest("", "reading the body: %v", err)
	}
	req := new(T)
	if err := json.Unmarshal(raw, req); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return nil, badRequest(wrong.Field, "%s is a %s: send %s", wrong.Field, wrong.Value, wrong.Type)
		}
		return nil, badRequest("", "the body is not valid JSON: %v", err)
	}
	return req, nil
}

// httpError is an error as OpenAI's clients read it.
type httpError struct {
	status      int
	code, param string
	message     string
}

func (e *httpError) Error() string { return e.message }

func badRequest(param, format string, args ...any) error {
	return &httpError{http.StatusBadRequest, "invalid_value", param, fmt.Sprintf(format, args...)}
}

func writeError(w http.ResponseWriter, err error) {
	e := &httpError{status: 500, code: "internal_error", message: "internal error"}
	errors.As(err, &e)
	kind := map[int]string{404: "invalid_request_error", 429: "rate_limit_error", 500: "server_error"}[e.status]
	if kind == "" {
		kind = "invalid_request_error"
	}
	var param any
	if e.param != "" {
		param = e.param
	}
	writeJSON(w, e.status, map[string]any{"error": map[string]any{
		"message": e.message, "type": kind, "param": param, "code": e.code,
	}})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		http.Error(w, `{"error":{"message":"internal error","type":"server_error"}}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client is gone: nobody to tell
}

// pick returns the name to answer under; an empty one means the first.
func (c *Capability) pick(name string) (string, error) {
	if name == "" {
		return c.Models[0], nil
	}
	if !slices.Contains(c.Models, name) {
		return "", &httpError{404, "model_not_found", "model", fmt.Sprintf("the model %q does not exist: /v1/models lists those that do", name)}
	}
	return name, nil
}

func (s *server) models(w http.ResponseWriter, _ *http.Request) {
	type model struct {
		ID          string `json:"id"`
		Object      string `json:"object"`
		Created     int64  `json:"created"`
		OwnedBy     string `json:"owned_by"`
		MaxModelLen int    `json:"max_model_len,omitempty"`
	}
	list := []model{}
	for _, c := range []struct {
		names []string
		limit int
	}{{s.Text.Models, refmodel.MaxContext}, {s.Image.Models, 0}, {s.Embedding.Models, 0}} {
		for _, name := range c.names {
			list = append(list, model{name, "model", s.start, "vision-reference", c.limit})
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": list})
}

func (s *server) seed(asked *int64) uint64 {
	if asked != nil {
		return uint64(*asked)
	}
	return s.Seed()
}

// pacer lets token i pass at i/rate seconds after the start.
type pacer struct {
	clock Clock
	rate  float64
	start time.Time
	n     int
}

func (s *server) newPacer() *pacer {
	return &pacer{clock: s.Clock, rate: s.TokensPerSecond, start: s.Clock.Now()}
}

func (p *pacer) wait(ctx context.Context) error {
	if p.rate == 0 {
		return nil
	}
	p.n++
	due := p.start.Add(time.Duration(float64(p.n) / p.rate * float64(time.Second)))
	if d := due.Sub(p.clock.Now()); d > 0 {
		return p.clock.Sleep(ctx, d)
	}
	return nil
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

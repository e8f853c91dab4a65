package eval

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"vision/internal/miner"
	"vision/internal/modelserver"
	"vision/internal/proto"
	"vision/internal/refmodel"
	"vision/internal/task"
)

// Stack is a model server that a calibration asks: an honest one, or one that
// a cheat may run.
type Stack struct {
	Name    string
	URL     string // up to but without /v1; "builtin:VARIANT" for the built-in model, such as builtin:full or builtin:q4
	Engine  string // as miners declare it
	Version string // of the engine, for the record
	Model   string // what the server calls the model
	Key     string // of its API, if it wants one

	noise float64 // of a built-in one
	seed  uint64
}

// ParseStack reads "name=…,url=…,engine=…,version=…,model=…,key_file=…", and for
// the built-in model "name=…,url=builtin:full,noise=0.02,seed=3". secret reads a
// key's file.
func ParseStack(text string, secret func(file string) (string, error)) (s Stack, err error) {
	for part := range strings.SplitSeq(text, ",") {
		name, v, ok := strings.Cut(part, "=")
		if !ok {
			return s, fmt.Errorf("stack %q: want name=…,url=…,engine=…", text)
		}
		switch strings.TrimSpace(name) {
		case "name":
			s.Name = v
		case "url":
			s.URL = strings.TrimSuffix(v, "/")
		case "engine":
			s.Engine = v
		case "version":
			s.Version = v
		case "model":
			s.Model = v
		case "key_file":
			if s.Key, err = secret(v); err != nil {
				return s, err
			}
		case "noise":
			if s.noise, err = strconv.ParseFloat(v, 64); err != nil {
				return s, fmt.Errorf("stack %q: noise: %w", text, err)
			}
		case "seed":
			if s.seed, err = strconv.ParseUint(v, 10, 64); err != nil {
				return s, fmt.Errorf("stack %q: seed: %w", text, err)
			}
		default:
			return s, fmt.Errorf("stack %q: %q is not known: use name, url, engine, version, model, key_file, noise, seed", text, name)
		}
	}
	if s.Name == "" || s.URL == "" {
		return s, fmt.Errorf("stack %q lacks a name or a url", text)
	}
	if strings.HasPrefix(s.URL, builtinScheme) {
		s.Engine = "vision-ref"
		_, err := s.variant()
		return s, err
	}
	if u, err := url.Parse(s.URL); err != nil || u.Host == "" {
		return s, fmt.Errorf("stack %q: %q is not a URL", text, s.URL)
	}
	if s.Engine == "" {
		return s, fmt.Errorf("stack %q lacks an engine", text)
	}
	return s, nil
}

const builtinScheme = "builtin:"

func (s *Stack) variant() (refmodel.Variant, error) {
	v, err := refmodel.ParseVariant(strings.TrimPrefix(s.URL, builtinScheme))
	if err != nil {
		return v, err
	}
	v = v.Noisy(s.noise, s.seed)
	return v, v.Validate()
}

// ask gives a stack's answer to a payload, as its miner would pass it on.
func (s *Stack) ask(ctx context.Context, client *http.Client, kind task.Kind, t *task.Task, payload []byte) ([]byte, proto.Spec, error) {
	model := s.Model
	if model == "" {
		model = t.Model.Name
	}
	if strings.HasPrefix(s.URL, builtinScheme) {
		v, err := s.variant()
		if err != nil {
			return nil, proto.Spec{}, err
		}
		one := modelserver.Capability{Models: []string{model}, Variant: v}
		var config modelserver.Config
		switch kind.Evidence() {
		case task.Image:
			config.Image = one
		case task.Vector:
			config.Embedding = one
		default:
			config.Text = one
		}
		client = &http.Client{Transport: inside{modelserver.New(config)}}
	}
	body, contentType, spec, err := miner.ForServer(s.Engine, kind, payload, model)
	if err != nil {
		return nil, spec, err
	}
	base := s.URL
	if strings.HasPrefix(base, builtinScheme) {
		base = "http://builtin"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+kind.Path(), bytes.NewReader(body))
	if err != nil {
		return nil, spec, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header["Idempotency-Key"] = nil // not sent: asked anew if the server closes an idle connection meanwhile
	if s.Key != "" {
		req.Header.Set("Authorization", "Bearer "+s.Key)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, spec, fmt.Errorf("ask %s: %w", s.Name, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, proto.MaxResponse+1))
	switch {
	case err != nil:
		return nil, spec, fmt.Errorf("ask %s: %w", s.Name, err)
	case res.StatusCode != http.StatusOK:
		return nil, spec, fmt.Errorf("ask %s: status %d: %.200s", s.Name, res.StatusCode, answer)
	case len(answer) > proto.MaxResponse:
		return nil, spec, fmt.Errorf("ask %s: %w", s.Name, errors.New("its answer is too long"))
	}
	return answer, spec, nil
}

// inside is a transport to a handler in this program.
type inside struct{ http.Handler }

func (h inside) RoundTrip(req *http.Request) (*http.Response, error) {
	w := &written{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(w, req)
	return &http.Response{StatusCode: w.status, Header: w.header, Body: io.NopCloser(&w.body), Request: req}, nil
}

type written struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *written) Header() http.Header         { return w.header }
func (w *written) WriteHeader(status int)      { w.status = status }
func (w *written) Write(b []byte) (int, error) { return w.body.Write(b) }

package gateway

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/task"
)

// Pictures in requests: forms become JSON, links are followed, and few pictures
// are decoded at once.

// Fetcher fetches the files that requests link to.
type Fetcher interface {
	// Fetch gives the file at an http or https URL. Its errors are *fault.Error
	// and may be shown.
	Fetch(ctx context.Context, url string) ([]byte, error)
}

// unfold turns a form into the JSON body that says the same, for the kinds that
// OpenAI's clients send forms for. Other bodies it leaves alone.
func (x *exchange) unfold(b *body, kind task.Kind) error {
	contentType := x.r.Header.Get("Content-Type")
	if kind.Evidence() != task.Image || !openai.IsForm(contentType) {
		return nil
	}
	size := openai.FormSize(len(b.bytes))
	if !b.charge(int64(size)) {
		return tooManyLarge()
	}
	asJSON, err := openai.AppendForm(make([]byte, 0, size), contentType, b.bytes)
	if err != nil {
		return err
	}
	b.bytes = asJSON
	return nil
}

// turnWait is how long a body waits for its turn to be parsed.
const turnWait = 10 * time.Second

// parse reads a body by its kind. Large ones, and those that may hold a picture,
// take turns: a picture that is being decoded takes far more memory than its
// file, whose size says nothing of it.
func (x *exchange) parse(kind task.Kind, body []byte, t *task.Task) (task.Request, error) {
	if len(body) > keptBody || mayDecode(kind, body, t) {
		if err := x.turn(); err != nil {
			return nil, err
		}
		defer func() { <-x.g.turns }()
	}
	return kind.Parse(body, t)
}

// mayDecode says whether a body may hold pictures, which are decoded to be
// checked. All members that hold them have "image" in their names, or beside
// them; an escape may stand for a letter of it.
func mayDecode(kind task.Kind, body []byte, t *task.Task) bool {
	switch {
	case kind == task.Kind(task.TextToImage{}): // none of its fields holds one
		return false
	case kind.Evidence() == task.Image:
		return true
	default:
		return t.Model.Images && (bytes.Contains(body, []byte("image")) || bytes.Contains(body, []byte(`\u006`)))
	}
}

// turn waits for a turn, which whoever got it gives back.
func (x *exchange) turn() error {
	select {
	case x.g.turns <- struct{}{}:
		return nil
	default:
	}
	late := time.NewTimer(turnWait)
	defer late.Stop()
	select {
	case x.g.turns <- struct{}{}:
		return nil
	case <-x.r.Context().Done():
		return fault.New(fault.Canceled, "canceled", "The request was cancelled.")
	case <-late.C:
		return tooManyLarge()
	}
}

// request reads a body by its kind, and once more if it holds links, with what
// they lead to.
func (x *exchange) request(kind task.Kind, b *body, asked []byte, t *task.Task) (task.Request, error) {
	req, err := x.parse(kind, asked, t)
	if err != nil {
		return nil, err
	}
	linked, ok := req.(task.Linked)
	if !ok || linked.Links() == nil {
		return req, nil
	}
	links := linked.Links()
	files, err := x.follow(links)
	if err != nil {
		return nil, err
	}
	size := len(asked)
	for _, f := range files {
		size += len(f)*4/3 + 64
	}
	if !b.charge(int64(size)) {
		return nil, tooManyLarge()
	}
	return x.parse(kind, task.Embed(asked, links, files), t)
}

// follow fetches all links, or fails with the error of the first that could not
// be, in their order.
func (x *exchange) follow(links []task.Link) ([][]byte, error) {
	if x.g.Fetcher == nil {
		e := fault.BadParam(links[0].Param, "Pictures are not fetched by URL here; send the picture itself, as a data URL in base64.")
		e.Code = "unsupported_value"
		return nil, e
	}
	ctx, cancel := context.WithCancel(x.r.Context())
	defer cancel()
	files, errs := make([][]byte, len(links)), make([]error, len(links))
	var all sync.WaitGroup
	for i, l := range links {
		all.Go(func() {
			if files[i], errs[i] = x.g.Fetcher.Fetch(ctx, l.URL); errs[i] != nil {
				cancel()
			}
		})
	}
	all.Wait()
	var first error
	for i, err := range errs {
		var e *fault.Error
		if errors.As(err, &e) && e.Param == "" {
			e.Param = links[i].Param
		}
		if err != nil && (first == nil || fault.KindOf(first) == fault.Canceled) { // those after it were cancelled for it
			first = err
		}
	}
	return files, first
}

func tooManyLarge() error {
	e := fault.New(fault.Unavailable, "overloaded", "Too many requests that are large or hold pictures are under way.")
	e.RetryAfter = 2 * time.Second
	return e
}

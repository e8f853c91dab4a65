package checker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"math"
	"net/url"
	"slices"
	"strings"

	"vision/internal/openai"
	"vision/internal/picture"
)

// ClipConfig is a server that embeds pictures. It says of a miner's picture and
// the reference's how alike what they show is.
type ClipConfig struct {
	// URL is the server's base, up to but without /v1; empty turns this off. It is
	// asked POST /v1/embeddings with "input": [{"image": "data:image/png;base64,…"}, …],
	// as Jina's CLIP servers and this network's own are.
	URL string `yaml:"url"`
	// Model is what the server calls the model.
	Model string `yaml:"model"`
	// KeyFile names a file that holds the server's API key, if it wants one.
	KeyFile string `yaml:"key_file"`
}

// NSFWConfig is a server that says how unsafe a picture is.
type NSFWConfig struct {
	// URL is the server's base, up to but without /v1; empty turns this off. It is
	// asked POST /v1/moderations as OpenAI's is, with "input": [{"type": "image_url",
	// "image_url": {"url": "data:image/png;base64,…"}}], one picture at a time, and answers
	// {"results": [{"category_scores": {"sexual": 0.02, …}}]}, from 0 to 1.
	URL string `yaml:"url"`
	// Model is what the server calls the model.
	Model string `yaml:"model"`
	// KeyFile names a file that holds the server's API key, if it wants one.
	KeyFile string `yaml:"key_file"`
	// Categories are those that count, the largest of them; empty counts all.
	Categories []string `yaml:"categories"`
	// Threshold is where unsafe begins.
	Threshold float64 `yaml:"threshold"`
	// Margin is by how much a miner's picture must be above Threshold, and the
	// reference's below it, for the difference to count against the miner.
	Margin float64 `yaml:"margin"`
}

func (c *ClipConfig) check(report func(field, format string, args ...any)) {
	if c.URL != "" {
		checkBase(c.URL, func(format string, args ...any) { report("clip.url", format, args...) })
		if c.Model == "" {
			report("clip.model", "is missing: say what the server calls the model")
		}
	}
}

func (c *NSFWConfig) check(report func(field, format string, args ...any)) {
	if c.URL == "" {
		return
	}
	checkBase(c.URL, func(format string, args ...any) { report("nsfw.url", format, args...) })
	if !(c.Threshold > 0 && c.Threshold < 1) {
		report("nsfw.threshold", "is %v, want more than 0 and less than 1", c.Threshold)
	}
	if c.Threshold > 0 && c.Threshold < 1 && !(c.Margin >= 0 && c.Margin < min(c.Threshold, 1-c.Threshold)) {
		report("nsfw.margin", "is %v, want 0 or more, and threshold plus and minus margin between 0 and 1", c.Margin)
	}
}

// checkBase reports what is wrong with a server's base URL.
func checkBase(base string, report func(format string, args ...any)) {
	switch u, err := url.Parse(base); {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		report("%q is not a URL such as http://127.0.0.1:8000", base)
	case strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), "/v1"):
		report("%q ends in /v1: leave that out, it is added", base)
	}
}

// eyes are networks that look at pictures for the checker. Their errors are ours:
// the sample is judged later. nil looks at nothing.
type eyes struct {
	clip, nsfw *server // nil if not configured
	config     NSFWConfig
}

func openEyes(c Config, d Deps) (*eyes, error) {
	e := &eyes{config: c.NSFW}
	open := func(to **server, base, model, keyFile string) error {
		if base == "" {
			return nil
		}
		s, err := openServer(ReferenceConfig{URL: base, Model: model, KeyFile: keyFile}, d, "")
		*to = &s
		return err
	}
	if err := open(&e.clip, c.Clip.URL, c.Clip.Model, c.Clip.KeyFile); err != nil {
		return nil, fmt.Errorf("open clip: %w", err)
	}
	if err := open(&e.nsfw, c.NSFW.URL, c.NSFW.Model, c.NSFW.KeyFile); err != nil {
		return nil, fmt.Errorf("open nsfw: %w", err)
	}
	return e, nil
}

// look says whether anything looks at pictures.
func (e *eyes) look() bool { return e != nil && (e.clip != nil || e.nsfw != nil) }

// seenSide is the longest side that a picture is shown at; networks see no more.
const seenSide = 512

// shown is a picture as it is shown, small enough to be kept.
func shown(img image.Image) *image.RGBA { return picture.Within(img, seenSide) }

func dataURL(img image.Image) string { return string(picture.AppendURL(nil, picture.PNG(img))) }

// alike gives the cosines of pairs of pictures. It must be configured.
func (e *eyes) alike(ctx context.Context, ours, theirs []*image.RGBA) ([]float64, error) {
	var input []map[string]string
	for _, img := range slices.Concat(ours, theirs) {
		input = append(input, map[string]string{"image": dataURL(img)})
	}
	raw, err := e.clip.post(ctx, "/v1/embeddings", map[string]any{"model": e.clip.model, "input": input})
	if err != nil {
		return nil, fmt.Errorf("embed pictures: %w", blameless(err))
	}
	vectors, err := openai.Vectors(raw, len(input))
	if err != nil {
		return nil, unreadable(err, "embeddings of pictures")
	}
	var out []float64
	for i := range ours {
		a, b := vectors[i], vectors[len(ours)+i]
		c, err := cosine(a, b)
		if err != nil {
			return nil, unreadable(err, "embeddings of pictures")
		}
		out = append(out, c)
	}
	return out, nil
}

// unsafe gives how unsafe a picture is, 0 to 1. It must be configured.
func (e *eyes) unsafe(ctx context.Context, img *image.RGBA) (float64, error) {
	body := map[string]any{"input": []any{map[string]any{"type": "image_url", "image_url": map[string]string{"url": dataURL(img)}}}}
	if e.nsfw.model != "" {
		body["model"] = e.nsfw.model
	}
	raw, err := e.nsfw.post(ctx, "/v1/moderations", body)
	if err != nil {
		return 0, fmt.Errorf("ask whether a picture is safe: %w", blameless(err))
	}
	var answer struct {
		Results []struct {
			Scores map[string]float64 `json:"category_scores"`
		} `json:"results"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return 0, unreadable(err, "scores of a picture")
	}
	if len(answer.Results) != 1 {
		return 0, unreadable(fmt.Errorf("%d results, want 1", len(answer.Results)), "scores of a picture")
	}
	worst, found := 0.0, false
	for name, score := range answer.Results[0].Scores {
		if len(e.config.Categories) > 0 && !slices.Contains(e.config.Categories, name) {
			continue
		}
		if !(score >= 0 && score <= 1) {
			return 0, unreadable(fmt.Errorf("a score of %v", score), "scores of a picture")
		}
		worst, found = max(worst, score), true
	}
	if !found {
		return 0, unreadable(errors.New("none of the categories that count"), "scores of a picture")
	}
	return worst, nil
}

// unsafeBeside says whether a miner's picture is unsafe and the reference's is not,
// each by the margin.
func (e *eyes) unsafeBeside(ctx context.Context, ours, theirs *image.RGBA) (bool, error) {
	their, err := e.unsafe(ctx, theirs)
	if err != nil || their < e.config.Threshold+e.config.Margin {
		return false, err
	}
	own, err := e.unsafe(ctx, ours)
	return err == nil && own <= e.config.Threshold-e.config.Margin, err
}

// blameless makes a refusal an error of ours: these servers are shown what we
// drew to size ourselves, and say nothing of miners.
func blameless(err error) error {
	var r *refusal
	if errors.As(err, &r) {
		return errors.New(r.Error())
	}
	return err
}

// cosine is that of two vectors of one length that are not 0.
func cosine(a, b []float32) (float64, error) {
	if len(a) != len(b) {
		return 0, fmt.Errorf("vectors of %d and %d numbers", len(a), len(b))
	}
	var dot, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		dot, aa, bb = dot+x*y, aa+x*x, bb+y*y
	}
	if c := dot / math.Sqrt(aa) / math.Sqrt(bb); c >= -1.01 && c <= 1.01 {
		return c, nil
	}
	return 0, errors.New("a vector without a direction")
}

package devnet

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"

	"vision/internal/checker"
)

// What a miner in front of a real server declares: little, for the server may
// run on this machine's processor and all miners share it.
const (
	realPace  = 10 // tokens a second
	realSlots = 2
)

// realServerMark begins the catalogues of devnets on real servers.
const realServerMark = "# The task of a devnet on a real model server."

// realCatalogue is the one task of a network on a real model server. Its
// speed's mean is modest, for the same reason.
func realCatalogue(o Options) []byte {
	return fmt.Appendf(nil, realServerMark+`
tasks:
  - name: %s
    kind: chat
    weight: 1
    capacity: 360000
    typical: 40
    timeouts: {first: 60s, gap: 60s, total: 120s}
    speed: {overhead: 2, mean: 0.2, steepness: 2}
    model: {name: %q, revision: as-served, quantisation: as-served, template: %q, context: 2048, seed_bits: 31}
    limits: {output: 256}
    price: {prompt: 15, output: 30}
`, slug(o.Model), o.Model, o.Template)
}

// realReferences is what the checker judges by: the same server.
func realReferences(o Options) []checker.ReferenceConfig {
	engine := "openai"
	switch {
	case o.Engine == "vllm":
		engine = "vllm"
	case o.Engine == "llama-cpp-python":
		engine = "completions-echo"
	}
	return []checker.ReferenceConfig{{Serves: o.Model, Engine: engine, URL: o.Server, Model: o.Model, Slots: 1}}
}

// passOn is an honest detour to a real server, for cheats to stand in front of.
func passOn(target string) (http.Handler, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("model server %q: %w", target, err)
	}
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		FlushInterval: -1,
	}, nil
}

// slug is a task's name made of a model's.
func slug(model string) string {
	model = strings.ToLower(filepath.Base(model))
	model = strings.TrimSuffix(model, ".gguf")
	var b strings.Builder
	for _, r := range model {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '-':
			b.WriteRune(r)
		default:
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), ".-")
}

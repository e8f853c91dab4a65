package gateway

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"vision/internal/fault"
	"vision/internal/task"
	"vision/internal/typo"
)

// unknownModel says that there is no such model, and which are nearest to it.
func unknownModel(c *task.Catalogue, name, kind string) error {
	shown := name
	if len(shown) > 64 {
		shown = strings.ToValidUTF8(shown[:64], "") + "…"
	}
	text := "The model " + strconv.Quote(shown) + " does not exist."
	if near := nearest(c, name, kind); len(near) > 0 {
		text += " Did you mean " + strings.Join(near, " or ") + "?"
	}
	e := fault.New(fault.NotFound, "model_not_found", "%s All models are listed by GET %s.", text, modelsPath)
	e.Param = "model"
	return e
}

// mostNear is how many names are suggested.
const mostNear = 3

// nearest gives the names of tasks most like name, quoted; those of the kind
// that was asked for before others as near. kind may be "".
func nearest(c *task.Catalogue, name, kind string) []string {
	name = strings.ToLower(name)
	if len(name) > 64 {
		name = name[:64]
	}
	type candidate struct {
		name  string
		apart int
	}
	var all []candidate
	for _, t := range c.Tasks() {
		d := 2 * typo.Distance(name, t.Name)
		// "llama-3" is near "llama-3-8b-instruct", and "openai/gpt-x" near "gpt-x".
		if len(name) >= 3 && (strings.Contains(t.Name, name) || strings.Contains(name, t.Name)) {
			d = min(d, 4)
		}
		if d > max(len(name), len(t.Name)) {
			continue // less than half of it is alike
		}
		if t.Kind != kind {
			d++
		}
		all = append(all, candidate{t.Name, d})
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.apart, b.apart) })
	var names []string
	for _, a := range all[:min(len(all), mostNear)] {
		names = append(names, strconv.Quote(a.name))
	}
	return names
}

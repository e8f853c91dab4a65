package gateway

import (
	"encoding/json"
	"fmt"
	"strings"

	"vision/internal/task"
)

// model is a task as /v1/models shows it: OpenAI's fields, then ours.
type model struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`

	Kind          string        `json:"kind"`
	Path          string        `json:"path"`
	Unit          task.Unit     `json:"unit"`
	ContextLength int           `json:"context_length,omitempty"` // tokens
	MaxOutput     int           `json:"max_output,omitempty"`     // tokens
	Price         price         `json:"price"`
	Capacity      modelCapacity `json:"capacity"`
	Speed         modelSpeed    `json:"speed"`
	Weights       modelWeights  `json:"weights"`

	// As OpenRouter publishes them.
	Name         string            `json:"name"`
	Architecture modelArchitecture `json:"architecture"`
	Pricing      map[string]string `json:"pricing"` // credits each, as decimal numbers
	TopProvider  modelProvider     `json:"top_provider"`
	Parameters   []string          `json:"supported_parameters"`
}

// modelWeights say what miners run.
type modelWeights struct {
	Name         string `json:"name"`
	Revision     string `json:"revision"`
	Quantisation string `json:"quantisation"`
}

type modelArchitecture struct {
	Modality string   `json:"modality"` // "text+image->text"
	Input    []string `json:"input_modalities"`
	Output   []string `json:"output_modalities"`
}

type modelProvider struct {
	Context   *int `json:"context_length"`
	MaxOutput *int `json:"max_completion_tokens"`
	Moderated bool `json:"is_moderated"`
}

// price is in micro-credits per thousand.
type price struct {
	Prompt int64 `json:"prompt"`
	Output int64 `json:"output"`
}

// modelCapacity is what can be had now.
type modelCapacity struct {
	Miners     int   `json:"miners"`     // that serve the model
	Available  int   `json:"available"`  // of them, that would be asked now
	Slots      int64 `json:"slots"`      // requests that those would take at once
	UnitsFree  int64 `json:"units_free"` // units left in this period
	UnitsTotal int64 `json:"units_total"`
}

// modelSpeed is an average of recent answers; null is unknown.
type modelSpeed struct {
	FirstOutput    *float64 `json:"first_output_seconds"` // to a stream's first output
	UnitsPerSecond *float64 `json:"units_per_second"`     // of one request, from its beginning to its end
}

// models answers with the models that the key may use, or the one of an id.
func (x *exchange) models(id string) error {
	c := x.g.Catalogue()
	var answer any
	if id != "" {
		t, ok := c.Lookup(id)
		if !ok {
			return unknownModel(c, id, "")
		}
		x.event.Task = t.Name
		answer = x.model(t)
	} else {
		data := make([]model, 0, len(c.Tasks()))
		for i := range c.Tasks() {
			if t := &c.Tasks()[i]; x.holder.key.Tasks.Allows(t.Name) {
				data = append(data, x.model(t))
			}
		}
		answer = struct {
			Object string  `json:"object"`
			Data   []model `json:"data"`
		}{"list", data}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("write the list of models: %w", err)
	}
	x.event.Status = 200
	x.respond(200, body)
	return nil
}

func (x *exchange) model(t *task.Task) model {
	kind, _ := task.KindNamed(t.Kind)
	s := x.g.Board.Supply(t.Name, x.arrived)
	m := model{
		ID: t.Name, Object: "model", Created: x.g.started, OwnedBy: "vision",
		Kind: t.Kind, Path: kind.Path(), Unit: kind.Unit(), ContextLength: t.Model.Context, MaxOutput: t.Limits.Output,
		Price:    price(t.Price),
		Capacity: modelCapacity{Miners: s.Miners, Available: s.Ready, Slots: s.Slots, UnitsFree: s.Left, UnitsTotal: s.Capacity},
	}
	about := task.Describe(t)
	m.Weights = modelWeights{t.Model.Name, t.Model.Revision, t.Model.Quantisation}
	m.Name = t.Name
	m.Architecture = modelArchitecture{strings.Join(about.Input, "+") + "->" + strings.Join(about.Output, "+"), about.Input, about.Output}
	m.Parameters = append([]string{}, about.Parameters...)
	m.Pricing = map[string]string{"prompt": credits(t.Price.Prompt), "request": "0"}
	if kind.Unit() == task.Token {
		m.Pricing["completion"] = credits(t.Price.Output)
		if m.ContextLength > 0 {
			m.TopProvider.Context = &m.ContextLength
		}
		m.TopProvider.MaxOutput = &m.MaxOutput
	} else {
		m.Pricing[string(kind.Unit())] = credits(t.Price.Output)
	}
	if s.First > 0 {
		m.Speed.FirstOutput = &s.First
	}
	if s.Pace > 0 {
		rate := 1 / s.Pace
		m.Speed.UnitsPerSecond = &rate
	}
	return m
}

// credits writes a price in micro-credits per thousand as credits each: a
// thousand millionths of what is given, without a float on the way.
func credits(perThousand int64) string {
	const digits = 9
	s := fmt.Sprintf("%0*d", digits+1, max(perThousand, 0))
	whole, rest := s[:len(s)-digits], strings.TrimRight(s[len(s)-digits:], "0")
	if rest == "" {
		return whole
	}
	return whole + "." + rest
}

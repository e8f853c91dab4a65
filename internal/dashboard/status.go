package dashboard

import (
	"encoding/json"
	"time"

	"vision/internal/task"
)

// fresh is how long an answer at StatusPath serves everybody.
const fresh = time.Second

// offer is what /status.json says. Its fields are the whole of what strangers
// are told.
type offer struct {
	Name   string  `json:"name"`
	At     int64   `json:"at"` // Unix seconds
	Models []model `json:"models"`
}

type model struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Path    string    `json:"path"`
	Unit    task.Unit `json:"unit"`
	Context int       `json:"context_length,omitempty"` // tokens
	Price   price     `json:"price"`
	Limits  limits    `json:"limits"`
	Live    *live     `json:"live,omitempty"`
}

// price is in micro-credits per thousand units.
type price struct {
	Prompt int64 `json:"prompt"`
	Output int64 `json:"output"`
}

type limits struct {
	Output int      `json:"output,omitempty"` // tokens a request
	Steps  int      `json:"steps,omitempty"`  // an image
	Images int      `json:"images,omitempty"` // a request
	Items  int      `json:"items,omitempty"`  // inputs a request
	Sizes  []string `json:"sizes,omitempty"`
}

// live is what can be had now.
type live struct {
	Miners    int      `json:"miners"`
	Available int      `json:"available"` // of them, that would be asked now
	Free      int64    `json:"units_free"`
	Total     int64    `json:"units_total"` // in this period
	First     *float64 `json:"first_output_seconds"`
	Speed     *float64 `json:"units_per_second"` // of one request
}

// current is the offer, of the last second.
func (d *Dashboard) current() *file {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.config.Now()
	if age := now.Sub(d.made); d.status == nil || age < 0 || age >= fresh {
		d.status, d.made = d.offer(now), now
	}
	return d.status
}

func (d *Dashboard) offer(now time.Time) *file {
	o := offer{Name: d.config.Name, At: now.Unix(), Models: []model{}}
	for _, t := range d.config.Catalogue().Tasks() {
		kind, ok := task.KindNamed(t.Kind)
		if !ok {
			continue
		}
		m := model{
			ID: t.Name, Kind: t.Kind, Path: kind.Path(), Unit: kind.Unit(), Context: t.Model.Context,
			Price:  price{t.Price.Prompt, t.Price.Output},
			Limits: limits{t.Limits.Output, t.Limits.Steps, t.Limits.Images, t.Limits.Items, t.Limits.Sizes},
		}
		if !d.config.Quiet {
			m.Live = d.live(t.Name, now)
		}
		o.Models = append(o.Models, m)
	}
	text, err := json.Marshal(o)
	if err != nil {
		text = []byte(`{"models":[]}`) // only a number that is not one could do that
	}
	f := newFile(text, "application/json", revalidate)
	f.open = true
	return f
}

func (d *Dashboard) live(task string, now time.Time) *live {
	s := d.config.Supply(task, now)
	l := &live{Miners: s.Miners, Available: s.Ready, Free: s.Left, Total: s.Capacity}
	if s.First > 0 {
		l.First = &s.First
	}
	if s.Pace > 0 {
		speed := 1 / s.Pace
		l.Speed = &speed
	}
	return l
}

package node

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"vision/internal/capacity"
	"vision/internal/config"
	"vision/internal/measure"
	"vision/internal/miner"
	"vision/internal/modelserver"
	"vision/internal/score"
	"vision/internal/task"
)

// An operator's servers are asked for every kind of task as validators ask, by the miner that would stand in front of
// them, whatever limits are configured; and why one fails is known.
func TestRehearsal(t *testing.T) {
	devnet, err := config.ParseCatalogue("devnet.yaml", config.DevnetCatalogue())
	if err != nil {
		t.Fatal(err)
	}
	tasks := slices.Clone(devnet.Tasks())
	for i := range tasks { // so that no machine is too slow
		tasks[i].Timeouts = task.Timeouts{First: time.Hour, Gap: time.Hour, Total: time.Hour}
	}
	catalogue, err := task.NewCatalogue(tasks)
	if err != nil {
		t.Fatal(err)
	}
	toy := modelserver.New(modelserver.For(catalogue, 0))
	up := httptest.NewServer(toy)
	defer up.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }))
	defer broken.Close()
	c := miner.Defaults()
	c.Servers = []miner.Server{{Name: "up", URL: up.URL, Engine: "vision-ref"}, {Name: "broken", URL: broken.URL, Engine: "vllm"}}
	c.Groups = []miner.Group{{Name: "gpu0", Slots: 1}}
	for _, tk := range catalogue.Tasks() {
		c.Tasks = append(c.Tasks, miner.Task{Task: tk.Name, Server: "up", Units: 1, Slots: 1, Group: "gpu0"})
	}
	r, err := Rehearse(c, catalogue)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	v, err := score.NewVision7(score.Defaults7)
	if err != nil {
		t.Fatal(err)
	}
	m := &measure.Measurer{
		Relay: r.Relay, Peer: r.Peer, Rules: capacity.Rules{Mechanism: v, Period: time.Hour, Network: 10 * time.Second}, For: time.Nanosecond, Most: 1,
		Now: time.Now, Seed: 1, Why: r.Errors,
	}
	var members []measure.Member
	for i, tk := range catalogue.Tasks() {
		kind, _ := task.KindNamed(tk.Kind)
		members = append(members, measure.Member{Task: &catalogue.Tasks()[i], Kind: kind, Units: 1, Slots: 1})
	}
	results, err := m.Mix(t.Context(), members)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Alone.Answers == 0 || r.Alone.Failed > 0 || len(r.Loads) != 1 || r.Loads[0].Asked == 0 || r.Loads[0].Refused+r.Loads[0].Failed > 0 || len(r.Errors) > 0 {
			t.Errorf("%+v", r)
		}
	}

	c.Tasks = c.Tasks[:1]
	c.Tasks[0].Server = "broken"
	refused, err := Rehearse(c, catalogue)
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Close()
	m.Relay, m.Peer, m.Why = refused.Relay, refused.Peer, refused.Errors
	if _, err = m.Mix(t.Context(), members[:1]); err == nil || !strings.Contains(err.Error(), "model server answered 404 Not Found") {
		t.Errorf("%v", err)
	}
	broken.Close()
	again, err := Rehearse(c, catalogue)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	m.Relay, m.Peer, m.Why = again.Relay, again.Peer, again.Errors
	if _, err = m.Mix(t.Context(), members[:1]); err == nil || !strings.Contains(err.Error(), "the model server cannot be reached") {
		t.Errorf("%v", err)
	}
}

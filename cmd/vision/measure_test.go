package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vision/internal/capacity"
	"vision/internal/config"
	"vision/internal/miner"
	"vision/internal/modelserver"
	"vision/internal/node"
	"vision/internal/task"
)

// measured is what was found of two tasks on one GPU and of one that answers nothing in time.
func measured() (capacity.Measurement, miner.Config) {
	c := miner.Defaults()
	c.Servers = []miner.Server{{Name: "main: #1", URL: "http://127.0.0.1:1", Engine: "vllm"}}
	c.Groups = []miner.Group{{Name: "gpu: 0", Slots: 16}, {Name: "spare", Slots: 3}}
	c.Tasks = []miner.Task{
		{Task: "chat", Server: "main: #1", Model: "llama", Units: 1_500_000, Slots: 8, Group: "gpu: 0"},
		{Task: "image", Server: "main: #1", Units: 9000, Slots: 2, Group: "gpu: 0", Quantisation: "fp8"},
		{Task: "slow", Server: "main: #1", Units: 10, Slots: 1},
	}
	m := capacity.Measurement{Version: 1, Period: 3600, Tasks: []capacity.Measured{
		{
			Task: "chat", Kind: "chat", Unit: "token", Together: []string{"image"}, Maximum: 1e9,
			Alone: capacity.Alone{Answers: 20, Units: 2000, Seconds: 24}, Declared: capacity.Declared{Units: 1_500_000, Slots: 8},
			Loads: []capacity.Judged{
				{Slots: 4, Asked: 20, InTime: 20, Held: 0.012, Slowdown: 1, Speed: 1.1, Units: 1_200_000, Credited: 1_200_000, Paid: 1_200_000},
				{Slots: 8, Asked: 40, InTime: 30, Late: 6, Refused: 3, Failed: 1, Held: 0.02, Slowdown: 1.4, Speed: 0.9, Units: 1_440_000, Credited: 800_000, Paid: 300_000, Worth: 270_000},
			},
			Errors: []capacity.Error{{What: "the model server failed", Times: 1}},
		},
		{
			Task: "image", Kind: "text-to-image", Unit: "step", Together: []string{"chat"}, Maximum: 9000,
			Alone: capacity.Alone{Answers: 9, Failed: 1, Units: 180, Seconds: 18}, Declared: capacity.Declared{Units: 9000, Slots: 2},
			Loads: []capacity.Judged{{Slots: 1, Asked: 5, InTime: 5, Held: 0.1, Slowdown: 1, Speed: 1, Units: 9000, Credited: 9000, Paid: 9000}, {Slots: 2}},
		},
		{Task: "slow", Kind: "chat", Unit: "token", Alone: capacity.Alone{Answers: 1, Units: 1, Seconds: 9}, Loads: []capacity.Judged{{Slots: 1, Asked: 2, Late: 2}}},
	}}
	m.Tasks[0].Declared.As = &m.Tasks[0].Loads[1]
	for i := range m.Tasks {
		m.Tasks[i].Conclude(0)
	}
	return m, c
}

func TestMeasuredLines(t *testing.T) {
	m, c := measured()
	busy := capacity.Measured{
		Task: "busy", Kind: "embedding", Unit: "item", Maximum: 1e6, Alone: capacity.Alone{Answers: 9, Units: 9, Seconds: 9}, Declared: capacity.Declared{Units: 100, Slots: 1},
		Loads: []capacity.Judged{{Slots: 1, Asked: 5, InTime: 3, Late: 2, Held: 1, Slowdown: 1, Speed: 1, Units: 100, Credited: 50, Paid: 5}},
	}
	busy.Conclude(0)
	m.Tasks = append(m.Tasks, busy)
	var out strings.Builder
	if err := printMeasurement(&out, m, c); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"chat (chat, in tokens), together with image:\n  One at a time: 0.012 s per token, of 20 answers.\n",
		"Answers count with up to 4 at once. Worth most, by paid x speed: 4 at once.",
		"Failed or refused (1): the model server failed",
		"Note: 4 too many slots are declared, 8 in place of 4.",
		"Note: 25% too many units are declared, 1500000 in place of 1200000.",
		"Note: as it is declared, the task earns 20% of what it could.",
		"Note: 9000 steps a period are the most that the task counts: more slots earn nothing.",
		"Note: 1 of 10 requests failed although they came alone",
		"Note: no answer counts, even one request at a time",
		"At no number do all answers count. Worth most, by paid x speed: 1 at once.",
		"To declare, per 1h0m0s (lines for the miner's file):",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing:\n%s", want, out.String())
		}
	}
	var row []string
	for line := range strings.Lines(out.String()) {
		if f := strings.Fields(line); len(f) > 4 && f[0] == "8" {
			row = f
		}
	}
	if want := []string{"8", "30", "of", "40", "6", "3", "1", "0.02", "1.40", "0.90", "1440000", "800000", "300000"}; !slices.Equal(row, want) {
		t.Errorf("%q, want %q", row, want)
	}

	// The lines, pasted over those of the file, are what was found.
	_, lines, _ := strings.Cut(out.String(), "file):\n\n")
	if !strings.HasPrefix(lines, "groups:\n  - name: \"gpu: 0\"\n    slots: 5\ntasks:\n") {
		t.Errorf("%s", lines)
	}
	pasted := "ledger: {kind: devnet, url: \"http://127.0.0.1:2\"}\nservers: [{name: \"main: #1\", url: \"http://127.0.0.1:1\", engine: vllm}]\n" + lines
	into := node.MinerDefaults()
	if err := config.Parse("miner.yaml", []byte(pasted), &into); err != nil {
		t.Fatalf("%v:\n%s", err, pasted)
	}
	want := slices.Clone(c.Tasks[:2])
	want[0].Units, want[0].Slots, want[1].Units, want[1].Slots = 1_200_000, 4, 9000, 1
	if !slices.Equal(into.Tasks, want) {
		t.Errorf("%+v, want %+v", into.Tasks, want)
	}
}

// A group keeps room for those of its tasks that were left out, and none for those of which no answer counts.
func TestAGroupOfWhichNotAllWasMeasured(t *testing.T) {
	for _, c := range []struct {
		name string
		left func(m *capacity.Measurement)
		want string
	}{
		{"left out", func(m *capacity.Measurement) { m.Tasks = m.Tasks[:1] }, "  - name: \"gpu: 0\"\n    slots: 6\n"},
		{"without answers", func(m *capacity.Measurement) { m.Tasks[1].Units, m.Tasks[1].Slots = 0, 0 }, "  - name: \"gpu: 0\"\n    slots: 4\n"},
	} {
		m, config := measured()
		c.left(&m)
		var out strings.Builder
		if err := printDeclaration(&out, m, config); err != nil || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: want %q:\n%s", c.name, c.want, out.String())
		}
	}
}

// What shares a server or a group, by whatever way, is measured together; what does not, is not.
func TestMixes(t *testing.T) {
	catalogue, err := config.ParseCatalogue("devnet.yaml", config.DevnetCatalogue())
	if err != nil {
		t.Fatal(err)
	}
	c := miner.Config{}
	for i, of := range []struct{ server, group string }{{"a", ""}, {"b", "gpu0"}, {"c", "gpu1"}, {"a", "gpu0"}, {"d", ""}} {
		c.Tasks = append(c.Tasks, miner.Task{Task: catalogue.Tasks()[i].Name, Server: of.server, Group: of.group, Units: int64(i) + 1, Slots: i + 1})
	}
	shape := func(only ...string) (list [][]int64) {
		mixes, err := mixesOf(c, catalogue, only)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mixes {
			var units []int64
			for _, one := range m {
				units = append(units, one.Units)
			}
			list = append(list, units)
		}
		return list
	}
	same := func(a, b []int64) bool { slices.Sort(a); return slices.Equal(a, b) }
	if got := shape(); !slices.EqualFunc(got, [][]int64{{3}, {1, 2, 4}, {5}}, same) {
		t.Errorf("%v", got)
	}
	if got := shape(c.Tasks[1].Task, c.Tasks[4].Task); !slices.EqualFunc(got, [][]int64{{2}, {5}}, same) {
		t.Errorf("%v", got)
	}
	c.Groups = []miner.Group{{Name: "gpu0", Slots: 3}, {Name: "gpu1", Slots: 9}}
	var crowded strings.Builder
	if warnCrowded(&crowded, c); !strings.Contains(crowded.String(), "group gpu0 declare 5 slots together, and it has 3") || strings.Contains(crowded.String(), "gpu1") {
		t.Errorf("%s", crowded.String())
	}
	mixes, _ := mixesOf(c, catalogue, []string{c.Tasks[3].Task})
	if mixes[0][0].Slots != 3 {
		t.Errorf("%d slots of a group of 3", mixes[0][0].Slots)
	}
	mixes, _ = mixesOf(c, catalogue, []string{c.Tasks[1].Task})
	var said strings.Builder
	warnApart(&said, c, mixes[0])
	if want := c.Tasks[3].Task; !strings.HasSuffix(said.String(), ": "+want+"\n") {
		t.Errorf("%s, want %s", said.String(), want)
	}
}

// Against the servers of a miner's own file: a measurement that calculate reads.
func TestMeasure(t *testing.T) {
	catalogue, err := config.ParseCatalogue("devnet.yaml", config.DevnetCatalogue())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(modelserver.New(modelserver.For(catalogue, 0)))
	defer server.Close()
	lab := t.TempDir()
	vision(t, "init", "network", "--dir", lab, "--miners", "1")
	file := filepath.Join(lab, "miner-1.yaml")
	edit(t, file, "http://127.0.0.1:8000", server.URL)
	if err := os.WriteFile(filepath.Join(lab, "catalogue.yaml"), patientCatalogue(config.DevnetCatalogue()), 0o600); err != nil {
		t.Fatal(err)
	}
	tasks := slices.Clone(catalogue.Tasks())
	args := []string{"miner", "measure", "--config", file, "--task", "vision-ref-chat", "--task", "vision-ref-embed", "--for", "1ms", "--most", "2"}
	text := vision(t, append(args, "--json")...)
	m, err := capacity.Read([]byte(text))
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	if m.Mechanism != "vision7" || m.Parameters["late"] != 1.6 || m.Period != 60 || m.Window != (time.Minute/720).Seconds() || len(m.Tasks) != 2 {
		t.Fatalf("%+v", m)
	}
	for i, found := range m.Tasks {
		at := slices.IndexFunc(tasks, func(t task.Task) bool { return t.Name == found.Task })
		if at < 0 || found.Kind != tasks[at].Kind || len(found.Together) != 1 || found.Together[0] != m.Tasks[1-i].Task || len(found.Loads) == 0 {
			t.Errorf("%+v", found)
		}
		for _, l := range found.Loads {
			if l.Asked == 0 || l.InTime+l.Late+l.Refused+l.Failed != l.Asked {
				t.Errorf("%+v", l)
			}
		}
	}

	server.Close()
	for _, wrong := range []struct {
		args []string
		code int
		want string
	}{
		{args, exitFailure, "vision-ref-chat is not served: the model server cannot be reached"},
		{append(slices.Clone(args), "--report", hardenedReport(t)), exitFailure, "the report's network has no task vision-ref-chat, vision-ref-embed; it has chat"},
		{[]string{"miner", "measure", "--config", file, "--task", "painting"}, exitUsage, `no task "painting"; it has vision-ref-chat, `},
		{append(slices.Clone(args), "--most", "0"), exitUsage, "--most is 0"},
		{append(slices.Clone(args), "--for", "-1s"), exitUsage, "--for is -1s"},
		{[]string{"miner", "measure", "--config", filepath.Join(lab, "none.yaml")}, exitFailure, "`vision init miner` writes one"},
	} {
		var out, errs strings.Builder
		if code := run(t.Context(), wrong.args, nil, &out, &errs); code != wrong.code || !strings.Contains(errs.String(), wrong.want) {
			t.Errorf("%v: code %d, want %d and %q:\n%s%s", wrong.args, code, wrong.code, wrong.want, out.String(), errs.String())
		}
	}
}

package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vision/internal/capacity"
	"vision/internal/hotkey"
	"vision/internal/report"
	"vision/internal/score"
)

// hardenedReport writes a report of a network with one miner that shows 4 slots of 600 units a period of ten minutes each, at
// quality x speed 1.
func hardenedReport(t *testing.T) (file string) {
	t.Helper()
	m, err := score.NewVision7(score.Defaults7)
	if err != nil {
		t.Fatal(err)
	}
	offer := score.Offer{Declared: 2400, Maximum: 6000, StakeShare: 1, PerRequest: 10, Length: 10 * time.Minute, Speed: score.Speed{Mean: 1, Steepness: 1}}
	var state score.State
	see := func(o score.Observation) {
		if state, err = m.Observe(state, o); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		see(score.Observation{Answer: &score.Answer{Kind: score.OK, Asked: 10, Served: 10, Took: 10 * time.Second}})
	}
	for range 100 {
		see(score.Observation{Check: &score.Check{Quality: 1, Speed: 1}})
	}
	see(score.Observation{Closed: &score.Closed{Number: 1, Offer: offer, Counts: score.Counts{Requests: 20, OK: 20, Consumed: 200}}})
	for range 200 {
		b := score.Beacon{Offer: offer, Asked: m.Burst(state, offer, 0.5)}
		for range b.Asked {
			b.Answers = append(b.Answers, score.Arrived{Served: 10, Elapsed: 10 * time.Second})
		}
		see(score.Observation{Beacon: &b})
	}
	tasks := []score.Task{{Name: "chat", Weight: 1, Contenders: []score.Contender{{Hotkey: hotkey.ID{2}, Offer: offer, State: state}}}}
	out, err := m.Weights(tasks)
	if err != nil {
		t.Fatal(err)
	}
	r := report.Report{Period: 1, StakeShare: 1, Start: time.Unix(0, 0), End: time.Unix(600, 0), At: time.Unix(605, 0), Tasks: []report.Task{{Task: "chat", Unit: "token", Weight: 1}}}
	if err := r.Fill(m, tasks, out); err != nil {
		t.Fatal(err)
	}
	body, err := report.Sign(r, hotkey.FromSeed([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "report.json")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// write makes a file of a measurement, as measure --json prints it.
func write(t *testing.T, m capacity.Measurement) (file string) {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "m.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func calculated(t *testing.T, args ...string) (c calculation) {
	t.Helper()
	if err := json.Unmarshal([]byte(vision(t, append([]string{"calculate", "--json"}, args...)...)), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// What was measured earns what a miner would that shows it; of other GPUs, as many times as much.
func TestCalculateMeasured(t *testing.T) {
	file := hardenedReport(t)
	m, _ := measured()
	m.Tasks[0].Loads[0].Slowdown = 1.2
	m.Tasks[0].Units, m.Tasks[0].Paid, m.Tasks[0].Speed = 1_200_000, 1_200_000*math.Pow(1.2, -score.Defaults7.SlowPower), 1 // an hour; 200,000 in ten minutes
	m.Tasks[0].Loads[0].Units = 1_200_000
	big := calculated(t, "--report", file, "--measured", write(t, m))
	// Of 200,000 the task counts 6000.
	if want := 6000 * math.Pow(1.2, -score.Defaults7.SlowPower); math.Abs(big.Tasks[0].Capacity-want) > 0.01*want {
		t.Errorf("%+v, want a capacity of %v", big.Tasks[0], want)
	}
	m.Tasks[0].Units, m.Tasks[0].Paid, m.Tasks[0].Loads[0].Units, m.Tasks[0].Loads[0].Slowdown = 14_400, 14_400, 14_400, 1 // 2400 in ten minutes
	one := calculated(t, "--report", file, "--measured", write(t, m), "--paid", "100")
	if math.Abs(one.Weight-0.5) > 0.01 || one.Measured == nil || one.Measured.Scale != 1 || !slices.Equal(one.Measured.Absent, []string{"image", "slow"}) {
		t.Errorf("%+v, %+v", one, one.Measured)
	}
	two := calculated(t, "--report", file, "--measured", write(t, m), "--gpus", "4", "--measured-gpus", "2")
	if math.Abs(two.Weight-2.0/3) > 0.01 || two.Measured.Scale != 2 || math.Abs(two.Tasks[0].Capacity-2*one.Tasks[0].Capacity) > 1 {
		t.Errorf("%+v, %+v", two, two.Measured)
	}
	text := vision(t, "calculate", "--report", file, "--measured", write(t, m), "--gpus", "2", "--declare", "chat=9600", "--paid", "100")
	for _, want := range []string{"and scaled by 2: so many GPUs are taken", "Left out, for the network does not have it or no answer counted: image, slow.", "chat, if it can do 4800 tokens a period and declares:", "as asked", "exactly"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
}

// What was judged by other rules than the network's is said to be so, and nothing is said if they are the same.
func TestCalculateMeasuredByOtherRules(t *testing.T) {
	file := hardenedReport(t)
	for _, c := range []struct {
		mechanism string
		power     float64
		want      string
	}{
		{"vision7", score.Defaults7.SlowPower, ""},
		{"vision7", 1.5, "its parameters differ: slow_power is 2, not 1.5"},
		{"vision8", 2, "it scores by vision7, not vision8"},
	} {
		m, _ := measured()
		m.Mechanism, m.Parameters = c.mechanism, score.Defaults7.Map()
		m.Parameters["slow_power"] = c.power
		name := write(t, m)
		if got := calculated(t, "--report", file, "--measured", name); got.Measured.Rules != c.want {
			t.Errorf("%s, %v: %q, want %q", c.mechanism, c.power, got.Measured.Rules, c.want)
		}
		printed := vision(t, "calculate", "--report", file, "--measured", name)
		if said := strings.Contains(printed, "Measured by other rules than the network's: "+c.want+"."); said != (c.want != "") {
			t.Errorf("%s, %v:\n%s", c.mechanism, c.power, printed)
		}
	}
}

// Where answers come too late with all slots at work, no declaration has a part of the pay: there is none.
func TestNothingToDeclare(t *testing.T) {
	m, _ := measured()
	m.Tasks[0].Loads[0].Slowdown = 1.9 // short answers were in time, by the slack
	name := write(t, m)
	var out, errs strings.Builder
	code := run(t.Context(), []string{"calculate", "--report", hardenedReport(t), "--measured", name, "--declare", "chat=5000"}, nil, &out, &errs)
	if want := "--declare chat: answers that take 1.90 times as long as alone come too late: nothing is paid, whatever is declared"; code != exitFailure || !strings.Contains(errs.String(), want) {
		t.Errorf("code %d, want %q:\n%s%s", code, want, out.String(), errs.String())
	}
}

// Declaring exactly what one can do earns more than anything else.
func TestDeclareInCalculate(t *testing.T) {
	file := hardenedReport(t)
	exact := calculated(t, "--report", file, "--task", "chat=2400", "--declare", "chat=2400")
	plain := calculated(t, "--report", file, "--task", "chat=2400")
	if math.Abs(exact.Weight-plain.Weight) > 1e-9 || plain.Tasks[0].Declaring != nil {
		t.Errorf("declared exactly %v, without a word %v", exact.Weight, plain.Weight)
	}
	for _, units := range []string{"1200", "2200", "2700", "4800"} {
		c := calculated(t, "--report", file, "--task", "chat=2400", "--declare", "chat="+units)
		if c.Weight >= exact.Weight {
			t.Errorf("%s declared earn %v, exactly as much as it can do %v", units, c.Weight, exact.Weight)
		}
		for _, d := range c.Tasks[0].Declaring.Others {
			if d.Part == c.Tasks[0].Declaring.Declared.Part && math.Abs(d.Weight-c.Weight) > 1e-9 {
				t.Errorf("%s declared earn %v, in the table %v", units, c.Weight, d.Weight)
			}
		}
	}
	for _, wrong := range []struct {
		args []string
		want string
	}{
		{[]string{"--task", "chat=5", "--declare", "image=5"}, "does not do that task; it does chat"},
		{[]string{"--task", "chat=5", "--declare", "chat=5", "--declare", "chat=6"}, "says chat twice"},
		{[]string{"--task", "chat=5", "--measured", file}, "--task or --measured"},
		{[]string{"--measured", file, "--measured-gpus", "0"}, "--measured-gpus is 0"},
		{[]string{"--measured", file}, "it has version 0, want 1"},
		{[]string{"--measured", file + ".none"}, "no such file"},
		{[]string{"--task", "chat=0.5", "--declare", "chat=5"}, "0.5 units can be done of it and 0.5 are declared, want 1 to 2305843009213693951"},
		{[]string{"--task", "chat=5", "--declare", "chat=Inf"}, "5 units can be done of it and +Inf are declared, want 1 to"},
	} {
		var out, errs strings.Builder
		if code := run(t.Context(), append([]string{"calculate", "--report", file}, wrong.args...), nil, &out, &errs); code == exitOK || !strings.Contains(errs.String(), wrong.want) {
			t.Errorf("%v: want %q:\n%s%s", wrong.args, wrong.want, out.String(), errs.String())
		}
	}
}

// The rules to measure by are a validator's, if its report is there: the network's period says how long beacons ask.
func TestRulesOfAReport(t *testing.T) {
	r, err := rulesFor(t.Context(), time.Hour, "", hardenedReport(t), nil)
	if err != nil || r.Period != time.Hour || r.Network != 10*time.Minute || r.Window() != 10*time.Minute/720 || r.Mechanism.Params() != score.Defaults7 {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err = rulesFor(t.Context(), time.Hour, "", "", nil); err != nil || r.Window() != 5*time.Second {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err = rulesFor(t.Context(), time.Hour, "http://127.0.0.1:1", "file", nil); err == nil || !strings.Contains(err.Error(), "not both") {
		t.Errorf("%v", err)
	}
}

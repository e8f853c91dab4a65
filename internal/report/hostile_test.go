package report

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"vision/internal/proto"
	"vision/internal/score"
)

// What a validator signs may be anything. It is refused, or comes to weights that sum to 1 or nothing; it is never a panic.
func TestNonsenseThatIsSignedComesToNothing(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *Report)
		want   string // of the error; "": there is none
	}{
		"as it was":            {func(*Report) {}, ""},
		"of a period far off":  {func(r *Report) { r.Period = math.MaxInt64; r.At = r.At.AddDate(5000, 0, 0) }, ""},
		"weights of its own":   {func(r *Report) { r.Miners[0].Weight = -7 }, ""},
		"an unknown mechanism": {func(r *Report) { r.Mechanism = "vision8" }, "no mechanism"},
		"unknown parameters":   {func(r *Report) { r.Parameters["x"] = 1 }, `no parameter "x"`},
		"a parameter too low":  {func(r *Report) { r.Parameters["fade"] = -1 }, "fade is -1"},
		"a task twice":         {func(r *Report) { r.Tasks = append(r.Tasks, r.Tasks[0]) }, "given twice"},
		"a miner twice": {func(r *Report) { r.Tasks[0].Contenders = append(r.Tasks[0].Contenders, r.Tasks[0].Contenders[0]) },
			"given twice"},
		"a negative weight":   {func(r *Report) { r.Tasks[0].Weight = -1 }, "weight -1"},
		"weights of 2":        {func(r *Report) { r.Tasks[0].Weight = 0.5; r.Tasks = append(r.Tasks, Task{Task: "b", Weight: 1}) }, "sum to 1.5"},
		"a negative offer":    {func(r *Report) { r.Tasks[0].Contenders[0].Offer.Declared = -1 }, "none may be negative"},
		"a stake of 2":        {func(r *Report) { r.Tasks[0].Contenders[0].Offer.StakeShare = 2 }, "share of stake"},
		"a period of nothing": {func(r *Report) { r.Tasks[0].Contenders[0].Offer.Length = 0 }, "a period of 0s"},
		"an endless pace":     {func(r *Report) { r.Tasks[0].Contenders[0].Offer.Speed.Mean = math.MaxFloat64 }, ""},
		"no base64":           {func(r *Report) { r.Tasks[0].Contenders[0].State = "!" }, "state of"},
		"no state":            {func(r *Report) { r.Tasks[0].Contenders[0].State = "AAAA" }, "not a state"},
		"a state that is cut": {func(r *Report) { s := &r.Tasks[0].Contenders[0].State; *s = (*s)[:80] }, "state of"},
		"much on offer":       {func(r *Report) { r.Tasks[0].Contenders[0].Offer.Declared = math.MaxInt64 }, ""},
	} {
		r, _ := made(t, nil)
		c.change(&r)
		body, err := Sign(r, key("validator"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		read, err := Read(body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out, err := read.Outcome()
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, want one about %q", name, err, c.want)
			}
			continue
		}
		total := 0.0
		for _, w := range out.Weights {
			if !(w.Weight >= 0 && w.Weight <= 1) {
				t.Errorf("%s: a weight of %v", name, w.Weight)
			}
			total += w.Weight
		}
		if err != nil || total != 0 && math.Abs(total-1) > 1e-9 {
			t.Errorf("%s: weights sum to %v, error %v", name, total, err)
		}
	}
}

func TestReportsHaveBounds(t *testing.T) {
	if _, err := Read(make([]byte, proto.MaxReport+1)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("one too large: %v", err)
	}
	r, _ := made(t, nil)
	body, err := Sign(r, key("validator"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(bytes.Replace(body, []byte(`"version":1`), []byte(`"version":2`), 1)); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("of another version: %v", err)
	}
	r.Network = strings.Repeat("n", proto.MaxReport)
	if _, err := Sign(r, key("validator")); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("one too large is signed: %v", err)
	}
}

// Names that would do something to a terminal are not read.
func TestNamesArePrintable(t *testing.T) {
	for what, change := range map[string]func(r *Report){
		"network": func(r *Report) { r.Network = "net\x1b[2J" },
		"task":    func(r *Report) { r.Tasks[0].Task = "chat\n" },
		"unit":    func(r *Report) { r.Tasks[0].Unit = "\u202etoken" },
		"source":  func(r *Report) { r.Beacons = []Beacon{{Source: "\x00"}} },
	} {
		r, _ := made(t, nil)
		change(&r)
		body, err := Sign(r, key("validator"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(body); err == nil || !strings.Contains(err.Error(), "names something") || strings.ContainsAny(err.Error(), "\x1b\n\x00\u202e") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The capacity in a report is what is paid, to the fraction.
func TestWhatIsPaidIsReported(t *testing.T) {
	r, out := made(t, nil)
	for i, f := range out.Task("chat") {
		if c := r.Tasks[0].Contenders[i]; c.Hotkey != f.Hotkey || c.Capacity != f.Hardened.Paid || c.Effective != f.EffectiveVolume {
			t.Errorf("%+v of %+v", c, f)
		}
	}
	if paid := r.Tasks[0].Contenders[0].Capacity; paid == math.Trunc(paid) && r.Tasks[0].Contenders[1].Capacity == math.Trunc(r.Tasks[0].Contenders[1].Capacity) {
		t.Errorf("paid are %v, which shows nothing", paid)
	}
	m, err := score.Named("vision4", nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := ParametersOf(m); len(p) != 0 {
		t.Errorf("parameters %v", p)
	}
}

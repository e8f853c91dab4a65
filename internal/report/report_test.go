package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vision/internal/hotkey"
	"vision/internal/score"
)

func key(name string) *hotkey.Key { return hotkey.FromSeed(sha256.Sum256([]byte(name))) }

// made is a report of two miners of whom one has shown something.
func made(t *testing.T, params map[string]float64) (Report, score.Outcome) {
	t.Helper()
	m, err := score.Named("vision7", params)
	if err != nil {
		t.Fatal(err)
	}
	offer := score.Offer{Declared: 36000, Maximum: 72000, StakeShare: 1, PerRequest: 100, Slots: 8, PerSlot: 360000, Length: time.Hour,
		Speed: score.Speed{Overhead: time.Second / 2, Mean: 0.01, Steepness: 50}}
	var state score.State
	see := func(o score.Observation) {
		if state, err = m.Observe(state, o); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		see(score.Observation{Beacon: &score.Beacon{Offer: offer, Asked: 1, Answers: []score.Arrived{{Served: 100, Elapsed: time.Second}}}})
		see(score.Observation{Check: &score.Check{Quality: 1, Speed: 1.2, Work: 100}})
		see(score.Observation{Answer: &score.Answer{Kind: score.OK, Served: 100, Took: time.Second}})
	}
	see(score.Observation{Closed: &score.Closed{Number: 1, Offer: offer, Counts: score.Counts{Requests: 5, OK: 5, Consumed: 500, Declared: 36000}}})
	tasks := []score.Task{{Name: "chat", Weight: 1, Contenders: []score.Contender{
		{Hotkey: key("a").ID(), Offer: offer, State: state}, {Hotkey: key("b").ID(), Offer: offer},
	}}}
	out, err := m.Weights(tasks)
	if err != nil {
		t.Fatal(err)
	}
	r := Report{Network: "net", Netuid: 19, Period: 1, At: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Tasks: []Task{{Task: "chat", Unit: "token", Weight: 1}},
		Beacons: []Beacon{}, Miners: []Miner{{Hotkey: key("a").ID(), UID: 3, Weight: 1}}}
	if err := r.Fill(m, tasks, out); err != nil {
		t.Fatal(err)
	}
	return r, out
}

func TestWhoReadsAReportComputesTheSame(t *testing.T) {
	r, out := made(t, nil)
	body, err := Sign(r, key("validator"))
	if err != nil {
		t.Fatal(err)
	}
	read, err := Read(body)
	if err != nil {
		t.Fatal(err)
	}
	if read.Validator != key("validator").ID() || read.Mechanism != "vision7" || len(read.Parameters) < 20 {
		t.Errorf("it reads %+v", read)
	}
	again, err := read.Outcome()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(out.Weights, again.Weights); diff != "" {
		t.Errorf("weights differ:\n%s", diff)
	}
	if diff := cmp.Diff(out.Task("chat"), again.Task("chat")); diff != "" {
		t.Errorf("factors differ:\n%s", diff)
	}
	if w := again.Weights; w[0].Weight+w[1].Weight < 0.999 {
		t.Errorf("nobody earns anything: %v", w)
	}
}

func TestOnlyWhatItsValidatorSignedIsRead(t *testing.T) {
	r, _ := made(t, nil)
	body, err := Sign(r, key("validator"))
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Replace(body, []byte(`"weight":1`), []byte(`"weight":0`), 1)
	other := bytes.Replace(body, []byte(key("validator").ID().String()), []byte(key("other").ID().String()), 1)
	for name, b := range map[string][]byte{"changed": forged, "in another's name": other, "cut": body[:len(body)/2], "nothing": nil, "unsigned": []byte(`{"report":{"version":1}}`)} {
		if _, err := Read(b); err == nil {
			t.Errorf("a report that is %s was read", name)
		}
	}
}

func TestOtherRulesAreNamed(t *testing.T) {
	a, _ := made(t, nil)
	b, _ := made(t, map[string]float64{"beacons": 2})
	if d := a.Differs(&a); d != "" {
		t.Errorf("a report differs from itself: %s", d)
	}
	if d := a.Differs(&b); d != "its parameters differ: beacons is 2, not 4" {
		t.Errorf("%q", d)
	}
	b, _ = made(t, nil)
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	a.Network, a.Netuid, b.Network, b.Netuid = "finney", 18, "finney", 19
	a.Start, a.End, b.Start, b.End = start, start.Add(time.Hour), start, start.Add(30*time.Minute)
	a.Beacons, b.Beacons = []Beacon{{Source: "drand-quicknet"}}, []Beacon{{Source: "finney"}, {Source: "finney"}}
	a.Tasks = []Task{{Task: "chat", Weight: 0.75}, {Task: "embed", Weight: 0.25}}
	b.Tasks = []Task{{Task: "chat", Weight: 1}}
	want := "it scores the network finney 19, not finney 18; its tasks differ: chat pays 1, not 0.75; it has no embed; its periods last 30m0s, not 1h0m0s; " +
		"its beacons are called by finney, not drand-quicknet, so they are not at the same time"
	if d := a.Differs(&b); d != want {
		t.Errorf("%q, want %q", d, want)
	}
	b.Beacons = append(b.Beacons, Beacon{Source: "drand-quicknet"}) // some of them are
	b.Netuid, b.Tasks, b.End = 18, a.Tasks, start.Add(time.Hour-10*time.Second)
	if d := a.Differs(&b); d != "" {
		t.Errorf("%q, though they hardly differ", d)
	}
	// What either does not say is no difference.
	if d := a.Differs(&Report{Mechanism: a.Mechanism, Parameters: a.Parameters}); d != "" {
		t.Errorf("%q", d)
	}
	b.Mechanism = "vision4"
	if d := a.Differs(&b); !strings.Contains(d, "vision4") {
		t.Errorf("%q", d)
	}
	// Names are the other's: they are told in bounds, and do nothing to a terminal or a log.
	b.Mechanism = "\x1b[2J" + strings.Repeat("x", 1<<20)
	if d := a.Differs(&b); strings.ContainsRune(d, '\x1b') || len(d) > 200 {
		t.Errorf("%d bytes: %.300q", len(d), d)
	}
	b.Mechanism, b.Parameters = a.Mechanism, map[string]float64{}
	b.Tasks = a.Tasks
	for i := range 1000 {
		b.Parameters[strings.Repeat("\n", 1000)+strconv.Itoa(i)] = 1
	}
	if d := a.Differs(&b); strings.ContainsRune(d, '\n') || len(d) > 2000 || !strings.HasSuffix(d, " more") {
		t.Errorf("%d bytes: %.300q", len(d), d)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"report":{"version":1},"signature":"00"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := Read(body); err == nil {
			if _, err := json.Marshal(r); err != nil {
				t.Error(err)
			}
			_, _ = r.Outcome()
		}
	})
}

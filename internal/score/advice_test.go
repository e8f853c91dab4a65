package score

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vision/internal/hotkey"
)

// Advice is what comes of changing the thing, not a guess: it is compared with weighing anew.
func TestAdviceIsWhatWouldCome(t *testing.T) {
	v := seven(t)
	rapid.Check(t, func(t *rapid.T) {
		tasks := genTasks7(t, v)
		tasks[0].Contenders = append(tasks[0].Contenders, Contender{miner(9), chatOffer(3), honest(t, v, 5, 4)})
		out := weights7(t, v, tasks)
		for _, w := range out.Weights {
			list, ok := out.Advise(w.Hotkey)
			if !ok {
				t.Fatal("no advice to a contender")
			}
			for i, a := range list {
				if !(a.Weight >= 0 && a.Weight <= 1 && a.Gain >= 0 && a.Then > a.Now) || i > 0 && a.Gain > list[i-1].Gain {
					t.Fatalf("advice %+v", list)
				}
			}
			if got := out.weightWith(w.Hotkey, nil); !same(got, w.Weight) {
				t.Fatalf("changing nothing gives %v, the weight is %v", got, w.Weight)
			}
		}
		list, _ := out.Advise(miner(9))
		for _, a := range list {
			if a.Lever != LeverHistory || a.Task != tasks[0].Name {
				continue
			}
			trusted := *tasks[0].Contenders[len(tasks[0].Contenders)-1].State.(*state7)
			trusted.trusted = 1000
			tasks[0].Contenders[len(tasks[0].Contenders)-1].State = &trusted
			if want := weightOf(weights7(t, v, tasks), miner(9)); !same(a.Weight, want) {
				t.Fatalf("all trust would give %v, and gives %v", a.Weight, want)
			}
		}
	})
}

func TestAdviceNamesWhatIsWorst(t *testing.T) {
	v := seven(t)
	good := honest(t, v, 4, 20)
	slow := *good.(*state7)
	slow.slowdown = 0.5
	unsteady := *good.(*state7)
	unsteady.kept = unsteady.offered * 0.3
	failing := *good.(*state7)
	failing.failed = failing.passed * 0.03
	short := *good.(*state7)
	short.served /= 4
	for want, s := range map[Lever]State{LeverBrevity: &short, LeverSlowdown: &slow, LeverReliability: &unsteady, LeverFailures: &failing, LeverCredit: honest(t, v, 1, 20), LeverHistory: honest(t, v, 4, 4)} {
		tasks := []Task{{"chat", 1, []Contender{{miner(1), chatOffer(4), s}, {miner(2), chatOffer(4), good}, {miner(3), chatOffer(4), good}}}}
		list, ok := weights7(t, v, tasks).Advise(miner(1))
		if !ok || len(list) == 0 || list[0].Lever != want {
			t.Errorf("the first advice is %+v, want %s", list, want)
		}
	}
	// What one thing would bring is not mixed up with another: all credited, its answers are as short as before.
	tasks := []Task{{"chat", 1, []Contender{{miner(1), chatOffer(4), &short}, {miner(2), chatOffer(4), good}, {miner(3), chatOffer(4), good}}}}
	out := weights7(t, v, tasks)
	h := out.Task("chat")[0].Hardened
	if h.Brevity > 0.5 {
		t.Fatalf("its answers are a quarter of the others', and leave %v", h.Brevity)
	}
	brief, _ := out.Advise(miner(1))
	for _, a := range brief {
		if most := h.Ceiling * h.SlowFactor * h.Brevity; (a.Lever == LeverCredit || a.Lever == LeverCertainty) && a.Then > most*(1+1e-9) {
			t.Errorf("%+v: more than the %v that answers as short leave", a, most)
		}
	}
	// Of one that nothing is known of, everything is missing, and nothing alone helps.
	list, _ := weights7(t, v, []Task{{"chat", 1, []Contender{{miner(1), chatOffer(4), nil}, {miner(2), chatOffer(4), good}}}}).Advise(miner(1))
	if len(list) == 0 || list[0].Gain != 0 || list[0].Now != 0 {
		t.Errorf("advice to a newcomer: %+v", list)
	}
	if _, ok := (Outcome{}).Advise(miner(1)); ok {
		t.Error("a stranger is advised")
	}
	out = mustWeights(t, []taskEvidence{{Name: "chat", Weight: 1, Contenders: []Evidence{steady(miner(1), 100, 0.5), steady(miner(2), 100, 1)}}})
	if list, _ := out.Advise(miner(1)); len(list) == 0 || list[0].Lever != LeverQuality || !same(list[0].Weight, 0.5) {
		t.Errorf("under vision4: %+v, want a weight of 0.5 by quality", list)
	}
}

func TestEstimate(t *testing.T) {
	v := seven(t)
	good := honest(t, v, 4, 20)
	tasks := []Task{{"chat", 0.75, []Contender{{miner(1), chatOffer(4), good}, {miner(2), chatOffer(4), good}}}, {"image", 0.25, nil}}
	out := weights7(t, v, tasks)
	paid := out.Task("chat")[0].Hardened.Paid

	// As much as the two others, and all that they have: a third of chat.
	e, err := out.Estimate(hotkey.ID{}, []Joining{{Task: "chat", Capacity: paid}}, 900)
	if err != nil || !same(e.Weight, 1.0/3) || math.Abs(e.Income-300) > 1e-9 || !same(e.Tasks[0].Share, 1.0/3) || e.Tasks[0].Trust != 1 {
		t.Errorf("%+v, error %v; want a third", e, err)
	}
	// One that is there is not counted twice.
	if e, err := out.Estimate(miner(1), []Joining{{Task: "chat", Capacity: paid}}, 900); err != nil || !same(e.Weight, 0.5) {
		t.Errorf("%+v, error %v; want a half", e, err)
	}
	// Nor does what it has count for what others have.
	poor := *good.(*state7)
	poor.product /= 2
	mixed := weights7(t, v, []Task{{"chat", 1, []Contender{{miner(1), chatOffer(4), &poor}, {miner(2), chatOffer(4), good}}}})
	e, err = mixed.Estimate(miner(1), []Joining{{Task: "chat", Capacity: paid}}, 900)
	if err != nil || !same(e.Weight, 0.5) || !same(e.Tasks[0].Quality, mixed.Task("chat")[1].Quality.Combined) {
		t.Errorf("%+v, error %v; want the quality of the other alone", e, err)
	}
	// The first on a task takes its weight back from the others.
	e, err = out.Estimate(hotkey.ID{}, []Joining{{Task: "image", Capacity: 1, Quality: 1, Reliability: 1, Trust: 0.25}}, 900)
	if err != nil || !same(e.Weight, 0.25) {
		t.Errorf("%+v, error %v; want a quarter", e, err)
	}
	for want, j := range map[string][]Joining{
		"nobody else earns anything":                           {{Task: "image", Capacity: 1}},
		`the network has no task "speech"; it has chat, image`: {{Task: "speech", Capacity: 1}},
		`task "chat" is given twice`:                           {{Task: "chat", Capacity: 1}, {Task: "chat", Capacity: 1}},
		"a capacity of 0 earns nothing":                        {{Task: "chat"}},
		"capacity is NaN":                                      {{Task: "chat", Capacity: math.NaN()}},
		"trust is 1.1, want 0 to 1":                            {{Task: "chat", Capacity: 1, Trust: 1.1}},
	} {
		if _, err := out.Estimate(hotkey.ID{}, j, 900); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if _, err := out.Estimate(hotkey.ID{}, nil, math.NaN()); err == nil {
		t.Error("NaN paid is accepted")
	}
}

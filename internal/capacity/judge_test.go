package capacity

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/score"
	"vision/internal/task"
)

// chat is a task of 100 units a request, at 0.01 s per unit and 0.2 s besides.
var chat = &task.Task{Name: "chat", Kind: "chat", Weight: 1, Capacity: 1e12, Typical: 100, Speed: task.Speed{Overhead: 0.2, Mean: 0.01, Steepness: 50}}

func hourly(t testing.TB) Rules {
	t.Helper()
	m, err := score.NewVision7(score.Defaults7)
	if err != nil {
		t.Fatal(err)
	}
	return Rules{Mechanism: m, Period: time.Hour}
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * 1e9)) }

// served is a miner that takes 0.2 s and 0.01 s per unit, times slow, for 100 units.
func served(slow float64) time.Duration { return seconds(0.2 + slow*100*0.01) }

func singles(n int) (list []Single) {
	for range n {
		list = append(list, Single{Served: 100, Total: served(1)})
	}
	return list
}

// load is beacons of so many slots, of which good answer in the time and the others are refused.
func load(slots, good int, took time.Duration) Load {
	l := Load{Slots: slots}
	for range 3 {
		b := Answered{Slots: slots, Asked: slots, Refused: slots - good}
		for range good {
			b.Answers = append(b.Answers, score.Arrived{Served: 100, Elapsed: took, Of: 1})
			b.Taken = append(b.Taken, took)
		}
		l.Beacons = append(l.Beacons, b)
	}
	return l
}

func about(x, want float64) bool { return math.Abs(x-want) <= 1e-6*math.Abs(want) }

// Who answers all is credited all that its slots do, and told to declare that.
func TestAllInTime(t *testing.T) {
	r := hourly(t)
	j, err := r.Judge(chat, singles(20), []Load{load(8, 8, served(1))}, 0)
	if err != nil {
		t.Fatal(err)
	}
	// 3600 s / 1.2 s x 100 units, eight times.
	if j.Units != 2_400_000 || !about(j.Credited, 2_400_000) || !about(j.Paid, 2_400_000) || !about(j.Slowdown, 1) || !j.Counts() {
		t.Errorf("%+v", j)
	}
	if j.InTime != 24 || j.Late+j.Refused+j.Failed != 0 || !about(j.Held, 0.012) || !about(j.Speed, 1) || !about(j.Worth, 2_400_000) {
		t.Errorf("%+v", j)
	}
	if usual, ok := r.Usual(chat, singles(20)); !ok || !about(usual, 0.01) {
		t.Errorf("usually %v s a unit", usual)
	}
	if _, ok := r.Usual(chat, nil); ok {
		t.Error("a pace of nothing")
	}
}

// Slower answers are worth less by the mechanism's power of it. Beyond 1.6
// times they are late, and show nothing.
func TestSlower(t *testing.T) {
	r := hourly(t)
	slow, err := r.Judge(chat, singles(20), []Load{load(4, 4, served(1.5))}, 0)
	if err != nil {
		t.Fatal(err)
	}
	units := 4 * 3600 / 1.7 * 100
	if slow.Units != int64(units) || !about(slow.Slowdown, 1.5) || !about(slow.Paid, units/math.Pow(1.5, r.Mechanism.Params().SlowPower)) || !about(slow.Speed, math.Exp(-0.005*50)) || !slow.Counts() {
		t.Errorf("%+v", slow)
	}
	// 0.2 + 0.4 + 1.6 x 1 s is the last moment.
	late, err := r.Judge(chat, singles(20), []Load{load(4, 4, served(2.01))}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if late.Late != 12 || late.InTime != 0 || late.Paid != 0 || late.Worth != 0 || late.Counts() {
		t.Errorf("%+v", late)
	}
}

// Who can do three at once and declares four is asked for four until it is credited so little that three are asked.
func TestRefused(t *testing.T) {
	r := hourly(t)
	loads := []Load{load(1, 1, served(1)), load(2, 2, served(1)), load(3, 3, served(1)), load(4, 3, served(1))}
	three, err := r.Judge(chat, singles(20), loads, 2)
	if err != nil || three.Units != 900_000 || !about(three.Paid, 900_000) {
		t.Errorf("%+v, %v", three, err)
	}
	four, err := r.Judge(chat, singles(20), loads, 3)
	if err != nil {
		t.Fatal(err)
	}
	if four.Units != 1_200_000 || four.Refused != 3 || four.Counts() || !(four.Credited < 600_000) || !(four.Paid < 300_000) {
		t.Errorf("%+v", four)
	}
	// Fewer units than the slots do are all that is credited of them; more change nothing, for slots bound what is asked.
	less, err := r.JudgeDeclared(chat, singles(20), []Load{load(4, 4, served(1))}, 0, 600_000, 4)
	if err != nil || !about(less.Paid, 600_000) {
		t.Errorf("%+v, %v", less, err)
	}
	more, err := r.JudgeDeclared(chat, singles(20), []Load{load(4, 4, served(1))}, 0, 6_000_000, 4)
	if err != nil || !about(more.Paid, 1_200_000) {
		t.Errorf("%+v, %v", more, err)
	}
	small := *chat
	small.Capacity = 500_000
	if most, err := r.Judge(&small, singles(20), []Load{load(4, 4, served(1))}, 0); err != nil || most.Units != 500_000 || !about(most.Paid, 500_000) {
		t.Errorf("%+v, %v", most, err)
	}
}

// Nobody was asked, or nothing answered: no number is NaN.
func TestNothing(t *testing.T) {
	r := hourly(t)
	for _, l := range []Load{{Slots: 3}, load(3, 0, 0)} {
		j, err := r.Judge(chat, nil, []Load{l}, 0)
		if err != nil || j.Paid != 0 || j.Worth != 0 || j.Counts() || math.IsNaN(j.Held+j.Slowdown+j.Speed) {
			t.Errorf("%+v, %v", j, err)
		}
	}
	if r.Window() != 5*time.Second {
		t.Errorf("a beacon of an hour's period asks for %v", r.Window())
	}
	r.Network = time.Minute
	if r.Window() != time.Minute/720 {
		t.Errorf("a beacon of a minute's period asks for %v", r.Window())
	}
}

// Whatever is as good as the best that there is, to within the gaps that are left, is found, in few steps.
func TestSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 500).Draw(t, "most")
		knee := rapid.Float64Range(1, 300).Draw(t, "knee")
		full := rapid.Float64Range(1, 600).Draw(t, "full")
		power := rapid.Float64Range(1, 3).Draw(t, "power")
		// Throughput grows until the GPU is full; each more at once slows all.
		worth := func(n int) float64 {
			slow := 1 + float64(n-1)/knee
			if float64(n) > full {
				slow *= float64(n) / full
			}
			return float64(n) / slow * math.Pow(slow, -power)
		}
		s := Search{Most: most}
		steps := 0
		for {
			n, ok := s.Next()
			if !ok {
				break
			}
			if n < 1 || n > most {
				t.Fatalf("tries %d of %d", n, most)
			}
			if steps++; steps > 24 {
				t.Fatal("no end")
			}
			s.Note(n, worth(n))
		}
		best := 0.0
		for n := 1; n <= most; n++ {
			best = max(best, worth(n))
		}
		if got := worth(s.Best()); got < 0.93*best {
			t.Errorf("%d slots are worth %v, the best %v", s.Best(), got, best)
		}
	})
}

func TestSearchSteps(t *testing.T) {
	for name, c := range map[string]struct {
		most int
		of   func(n int) float64
		want []int
	}{
		"more is better":       {6, func(n int) float64 { return float64(n) }, []int{1, 2, 4, 6, 5}},
		"one is most":          {64, func(n int) float64 { return 1 / float64(n*n) }, []int{1, 2}},
		"nothing is worth any": {64, func(int) float64 { return 0 }, []int{1}},
		"none beyond 10":       {64, func(n int) float64 { return float64(min(n, 10)) }, []int{1, 2, 4, 8, 16, 32, 64, 12, 10, 9}},
		"refused beyond 3": {64, func(n int) float64 {
			if n > 3 {
				return 0
			}
			return float64(n)
		}, []int{1, 2, 4, 3}},
	} {
		s := Search{Most: c.most}
		var tried []int
		for {
			n, ok := s.Next()
			if !ok || len(tried) > 20 {
				break
			}
			tried = append(tried, n)
			s.Note(n, c.of(n))
		}
		if len(tried) != len(c.want) {
			t.Errorf("%s: %v, want %v", name, tried, c.want)
			continue
		}
		for i := range tried {
			if tried[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", name, tried, c.want)
				break
			}
		}
	}
	if (&Search{Most: 1}).Best() != 0 {
		t.Error("a best of nothing")
	}
}

// Of loads with as many slots the last counts: beside it others of the miner's were asked for most.
func TestEnoughFor(t *testing.T) {
	loads := []Load{{Slots: 1}, {Slots: 1}, {Slots: 3}, {Slots: 3}}
	for asked, want := range map[int]int{1: 1, 2: 3, 3: 3, 4: 3} {
		if got := enoughFor(loads, asked); got != want {
			t.Errorf("%d slots are answered as load %d, want %d", asked, got, want)
		}
	}
	if enoughFor(loads[:1], 9) != 0 || enoughFor(loads[:3], 1) != 1 {
		t.Error("not the last, or not the fewest")
	}
}

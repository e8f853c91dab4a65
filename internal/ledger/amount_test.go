package ledger

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"vision/internal/task"
)

func TestAmountText(t *testing.T) {
	for text, want := range map[string]Amount{
		"0.00": 0, "12.50": 12_500_000, "0.000001": 1, "-3.00": -3_000_000, "-0.00001": -10,
		"9223372036854.775807": math.MaxInt64, "-9223372036854.775808": math.MinInt64,
	} {
		if got := want.String(); got != text {
			t.Errorf("%d is written %s, want %s", int64(want), got, text)
		}
	}
	for text, want := range map[string]Amount{"5": 5 * Credit, "0.1": 100_000, "-2.5": -2_500_000, "007": 7 * Credit} {
		if got, err := ParseAmount(text); err != nil || got != want {
			t.Errorf("%s is read as %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "-", "1.", ".5", "1.0000001", "1e3", "1,5", "+1", "--1", "1.-1", " 1", "٣"} {
		if got, err := ParseAmount(bad); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
	for _, large := range []string{"9223372036854.775808", "-9223372036854.775809", "99999999999999999999999999"} {
		if _, err := ParseAmount(large); !errors.Is(err, ErrOverflow) {
			t.Errorf("%s: %v, want ErrOverflow", large, err)
		}
	}
}

func TestAmountRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Amount(rapid.Int64().Draw(t, "amount"))
		if got, err := ParseAmount(a.String()); err != nil || got != a {
			t.Fatalf("%d is written %s and read as %d (%v)", int64(a), a, int64(got), err)
		}
	})
}

// Sums and differences are right, or errors.
func TestAddSub(t *testing.T) {
	edge := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, 1, -1, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1}))
	rapid.Check(t, func(t *rapid.T) {
		a, b := edge.Draw(t, "a"), edge.Draw(t, "b")
		check := func(name string, got Amount, err error, want *big.Int) {
			if want.IsInt64() {
				if err != nil || int64(got) != want.Int64() {
					t.Fatalf("%s of %d and %d is %d (%v), want %v", name, a, b, int64(got), err, want)
				}
			} else if !errors.Is(err, ErrOverflow) {
				t.Fatalf("%s of %d and %d is %d (%v), want ErrOverflow", name, a, b, int64(got), err)
			}
		}
		x, y := big.NewInt(a), big.NewInt(b)
		plus, err := Amount(a).Add(Amount(b))
		check("the sum", plus, err, new(big.Int).Add(x, y))
		minus, err := Amount(a).Sub(Amount(b))
		check("the difference", minus, err, new(big.Int).Sub(x, y))
	})
}

// A cost is the exact product, rounded up; or an error.
func TestCost(t *testing.T) {
	number := rapid.OneOf(rapid.Int64Range(0, 1e6), rapid.Int64Range(0, math.MaxInt64), rapid.SampledFrom([]int64{0, 1, 999, 1000, 1001, math.MaxInt64}))
	rapid.Check(t, func(t *rapid.T) {
		p := task.Price{Prompt: number.Draw(t, "prompt price"), Output: number.Draw(t, "output price")}
		w := task.Work{Prompt: number.Draw(t, "prompt"), Units: number.Draw(t, "units")}
		n := new(big.Int).Mul(big.NewInt(p.Prompt), big.NewInt(w.Prompt))
		n.Add(n, new(big.Int).Mul(big.NewInt(p.Output), big.NewInt(w.Units)))
		n.Add(n, big.NewInt(999)).Div(n, big.NewInt(1000))
		got, err := Cost(p, w)
		if n.IsInt64() && (err != nil || int64(got) != n.Int64()) {
			t.Fatalf("%+v at %+v costs %d (%v), want %v", w, p, int64(got), err, n)
		}
		if !n.IsInt64() && !errors.Is(err, ErrOverflow) {
			t.Fatalf("%+v at %+v costs %d (%v), want ErrOverflow", w, p, int64(got), err)
		}
	})
	// A thousandth of it is 2^64, the least that no word holds.
	if got, err := Cost(task.Price{Prompt: 1 << 62}, task.Work{Prompt: 4000}); !errors.Is(err, ErrOverflow) {
		t.Errorf("4000 units at 2^62 cost %v (%v)", got, err)
	}
	for _, c := range []struct {
		p task.Price
		w task.Work
	}{
		{task.Price{Prompt: -1}, task.Work{}}, {task.Price{Output: -1}, task.Work{}},
		{task.Price{}, task.Work{Prompt: -1}}, {task.Price{}, task.Work{Units: -1}},
	} {
		if got, err := Cost(c.p, c.w); err == nil {
			t.Errorf("%+v at %+v costs %v", c.w, c.p, got)
		}
	}
}

// No answer costs more than the worst case, whatever a miner claims; nor does
// it pay to split work.
func TestWorstCaseCovers(t *testing.T) {
	small := rapid.Int64Range(0, 1e9)
	rapid.Check(t, func(t *rapid.T) {
		p := task.Price{Prompt: rapid.Int64Range(0, 1e6).Draw(t, "prompt price"), Output: rapid.Int64Range(0, 1e6).Draw(t, "output price")}
		worst := task.Work{Prompt: small.Draw(t, "worst prompt"), Units: small.Draw(t, "worst units")}
		claimed := task.Work{Prompt: rapid.Int64().Draw(t, "claimed prompt"), Units: rapid.Int64().Draw(t, "claimed units")}
		hold, err := Cost(p, worst)
		if err != nil {
			t.Fatal(err)
		}
		paid := Clamp(claimed, worst)
		cost, err := Cost(p, paid)
		if err != nil || cost > hold {
			t.Fatalf("%+v, as %+v of at most %+v, costs %v (%v), held %v", claimed, paid, worst, cost, err, hold)
		}
		rest := task.Work{Prompt: worst.Prompt - paid.Prompt, Units: worst.Units - paid.Units}
		other, err := Cost(p, rest)
		if err != nil || cost+other < hold {
			t.Fatalf("two parts cost %v and %v (%v), the whole %v", cost, other, err, hold)
		}
	})
}

func TestWorst(t *testing.T) {
	chat := task.Chat{}
	tk := &task.Task{Name: "m", Kind: "chat", Model: task.Model{Context: 100}, Limits: task.Limits{Output: 50}}
	r, err := chat.Parse([]byte(`{"model":"m","messages":[{"role":"user","content":"hello"}],"max_tokens":7}`), tk)
	if err != nil {
		t.Fatal(err)
	}
	want := task.Work{Units: 7, Prompt: task.MostPrompt(r)}
	if want.Prompt > 100 {
		want.Prompt = 100
	}
	if got := Worst(tk, r); got != want {
		t.Errorf("the worst case is %+v, want %+v", got, want)
	}
	tk.Model.Context = 3
	if got := Worst(tk, r); got.Prompt != 3 {
		t.Errorf("with a context of 3 tokens, the worst case is %+v", got)
	}
}

func TestAccountText(t *testing.T) {
	for text, a := range map[string]Account{
		"bank": {Kind: Bank}, "revenue": {Kind: Revenue}, "project:7": {Kind: Project, Project: 7},
		"lease:ABC:7": {Kind: Lease, Process: "ABC", Project: 7},
	} {
		if got := a.String(); got != text {
			t.Errorf("%+v is written %s", a, got)
		}
	}
}

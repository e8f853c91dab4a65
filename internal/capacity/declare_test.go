package capacity

import (
	"math"
	"testing"
)

// Less than it can do is paid as it is declared; more is paid less than all that it can do, whatever its size.
func TestDeclareExactly(t *testing.T) {
	r := hourly(t)
	for _, can := range []Can{
		{Units: 1_000_000},
		{Units: 1_000_000, Slots: 1},
		{Units: 1_234, Slots: 2},
		{Units: 5_000_000, Slots: 8, Slowdown: 1.4},
		{Units: 1e9, Slots: 64, Slowdown: 1.2},
	} {
		exact, err := r.Declare(can, can.Units)
		if err != nil {
			t.Fatal(err)
		}
		if want := can.Units * math.Pow(max(1, can.Slowdown), -r.Mechanism.Params().SlowPower); math.Abs(exact.Paid-want) > 0.01*want || exact.Proof < 1-1e-9 || exact.Part != 1 {
			t.Errorf("%+v: declared exactly %+v, want %v paid", can, exact, want)
		}
		last := 0.0
		for _, part := range Ladder {
			d, err := r.Declare(can, part*can.Units)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case part < 1 && (math.Abs(d.Paid-part*exact.Paid) > 0.01*exact.Paid || d.Paid < last):
				t.Errorf("%+v: %v of it declared is paid %v, all of it %v", can, part, d.Paid, exact.Paid)
			case part > 1 && d.Paid > 0.95*exact.Paid:
				t.Errorf("%+v: %v of it declared is paid %v, all of it %v", can, part, d.Paid, exact.Paid)
			case part >= 2 && d.Paid > 0.1*exact.Paid:
				t.Errorf("%+v: %v of it declared is paid %v, all of it %v", can, part, d.Paid, exact.Paid)
			}
			last = d.Paid
		}
	}
	if d, err := r.Declare(Can{Units: 1000, Maximum: 500}, 1000); err != nil || math.Abs(d.Paid-500) > 5 {
		t.Errorf("%+v, %v", d, err)
	}
	for _, wrong := range []Can{{}, {Units: math.NaN()}, {Units: 1e30}, {Units: 10, Slots: -1}} {
		if _, err := r.Declare(wrong, 5); err == nil {
			t.Errorf("%+v can be declared", wrong)
		}
	}
	if _, err := r.Declare(Can{Units: 10}, 0); err == nil {
		t.Error("nothing can be declared")
	}
}

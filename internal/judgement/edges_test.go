package judgement

import "testing"

func seen(t *testing.T, s State, e ...float64) State {
	t.Helper()
	for _, x := range e {
		var err error
		if s, err = Default().Observe(s, x); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// Evidence of 3 is suspicious, and what is below is not.
func TestWhatIsSuspicious(t *testing.T) {
	if s := seen(t, State{}, Suspect, 2.999, 0, 100); s.Suspicious != 2 || s.Checked != 4 {
		t.Errorf("%+v", s)
	}
}

// Who is watched stays so until the wealth is below 2.
func TestWhoIsWatchedStaysSo(t *testing.T) {
	s := State{}
	for i := 0; s.Standing == Trusted; i++ {
		if s = seen(t, s, 5); i > 20 {
			t.Fatalf("not watched at a wealth of %v", s.Wealth())
		}
	}
	if w := s.Wealth(); s.Standing != Watched || w < Default().Watch {
		t.Fatalf("%v at a wealth of %v", s.Standing, w)
	}
	below := false
	for range 1000 {
		if s = seen(t, s, 0.9); (s.Wealth() < 2) != (s.Standing == Trusted) {
			t.Fatalf("%v at a wealth of %v", s.Standing, s.Wealth())
		}
		if below = s.Standing == Trusted; below {
			break
		}
	}
	if !below {
		t.Fatal("watched for ever")
	}
}

// On probation, a wealth at which a miner would be watched takes its record, and ends nothing else.
func TestProbationBeginsItsRecordAgain(t *testing.T) {
	s := State{Checked: 500, Convictions: 1, Standing: Watched, Probation: true, Record: 199, term: 200, low: 0.5, bets: [len(fractions)]float64{10, 10, 10}}
	if got := seen(t, s, 1); got.Record != 0 || !got.Probation || got.Standing != Watched || got.term != 201 {
		t.Errorf("%+v", got)
	}
	s.bets = [len(fractions)]float64{}
	if got := seen(t, s, 1); got.Record != 0 || got.Probation || got.Standing != Trusted {
		t.Errorf("at its end: %+v", got)
	}
}

// Each conviction takes a clean record twice as long to end, up to 64 times.
func TestRecordsDouble(t *testing.T) {
	r := Default()
	for n, want := range map[int]int64{0: 200, 1: 200, 2: 400, 6: 6400, 7: 12800, 8: 12800, 1 << 30: 12800} {
		if got := r.Record(n); got != want {
			t.Errorf("after %d convictions %d, want %d", n, got, want)
		}
	}
}

package beacon

import (
	"testing"
	"time"
)

func TestWindows(t *testing.T) {
	t0 := time.Unix(1_800_000_000, 0)
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	var w Windows
	if _, _, ok := w.Within(at(0), at(100)); ok {
		t.Error("a beacon of which nobody told")
	}
	w.Add(at(10), at(15))
	w.Add(at(50), at(55))
	for _, c := range []struct{ start, end, from, until int }{
		{0, 12, 10, 12}, {12, 30, 12, 15}, {0, 30, 10, 15}, {11, 13, 11, 13}, {0, 100, 50, 55}, {0, 51, 50, 51},
		{0, 10, 0, 0}, {15, 50, 0, 0}, {60, 70, 0, 0},
	} {
		from, until, ok := w.Within(at(c.start), at(c.end))
		if ok != (c.from > 0) || ok && (!from.Equal(at(c.from)) || !until.Equal(at(c.until))) {
			t.Errorf("from %d to %d: %v to %v, %v; want %d to %d", c.start, c.end, from.Sub(t0), until.Sub(t0), ok, c.from, c.until)
		}
	}
	for i := range 20 { // older ones are forgotten, the last never
		w.Add(at(1000+10*i), at(1005+10*i))
	}
	if _, _, ok := w.Within(at(0), at(100)); ok {
		t.Error("more beacons are remembered than there is room for")
	}
	if from, _, ok := w.Within(at(1190), at(1193)); !ok || !from.Equal(at(1190)) {
		t.Errorf("the last is forgotten: %v, %v", from, ok)
	}
}

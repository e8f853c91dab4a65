package outcome

import (
	"regexp"
	"testing"
	"time"
)

func TestNewID(t *testing.T) {
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	shape := regexp.MustCompile(`^req-[0-9a-v]{26}$`)
	last := ""
	for i, c := range []struct {
		at   time.Time
		a, b uint64
	}{{t0, 0, 0}, {t0, 1, 0}, {t0, 0, 1}, {t0.Add(time.Millisecond), 0, 0}, {t0.AddDate(100, 0, 0), 1 << 63, 1 << 63}} {
		id := NewID(c.at, c.a, c.b)
		if !shape.MatchString(id) {
			t.Errorf("id %q", id)
		}
		if id <= last {
			t.Errorf("id %d, %q, does not sort after %q", i, id, last)
		}
		last = id
	}
}

package node

import (
	"strings"
	"testing"
	"time"
)

func TestBoundsOfWhatIsRemembered(t *testing.T) {
	for _, c := range []struct {
		memory int64
		keep   time.Duration
		wrong  string // the field that is
	}{
		{64 << 20, time.Hour, ""},
		{0, 0, ""}, // off
		{-1, time.Hour, "gateway.responses.memory"},
		{1000, time.Hour, "gateway.responses.memory"},
		{1 << 20, 0, "gateway.responses.keep"},
		{1 << 20, 31 * 24 * time.Hour, "gateway.responses.keep"},
	} {
		v := ValidatorDefaults()
		v.Gateway.Responses = ResponsesConfig{Memory: c.memory, Keep: c.keep}
		found := ""
		v.Check(func(field, _ string, _ ...any) {
			if strings.HasPrefix(field, "gateway.responses.") {
				found = field
			}
		})
		if found != c.wrong {
			t.Errorf("%d bytes for %v: %q is wrong, want %q", c.memory, c.keep, found, c.wrong)
		}
	}
}

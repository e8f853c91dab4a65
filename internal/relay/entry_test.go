package relay

import (
	"testing"

	"vision/internal/fault"
	"vision/internal/outcome"
)

func TestExcuse(t *testing.T) {
	for _, c := range []struct {
		source     outcome.Source
		status     outcome.Status
		reason     string
		overloaded bool
		want       outcome.Status
		as         string
	}{
		{outcome.Organic, outcome.Failed, "http_400", false, outcome.Canceled, "refused"},
		{outcome.Organic, outcome.Failed, "http_413", false, outcome.Canceled, "refused"},
		{outcome.Organic, outcome.Failed, "http_422", true, outcome.Canceled, "refused"},
		{outcome.Synthetic, outcome.Failed, "http_400", true, outcome.Failed, "http_400"}, // ours are known to be good
		{outcome.Organic, outcome.Failed, "http_404", false, outcome.Failed, "http_404"},  // of the miner, not of the request
		{outcome.Organic, outcome.Failed, "http_500", true, outcome.Failed, "http_500"},
		{outcome.Organic, outcome.RateLimited, "http_429", false, outcome.RateLimited, "http_429"},
		{outcome.Organic, outcome.RateLimited, "http_429", true, outcome.Canceled, "our_overload"},
		{outcome.Synthetic, outcome.RateLimited, "http_429", true, outcome.Canceled, "our_overload"},
		{outcome.Synthetic, outcome.OK, "", true, outcome.OK, ""},
	} {
		a := Answer{Outcome: outcome.Outcome{Source: c.source, Status: c.status, Reason: c.reason}}
		Excuse(&a, c.overloaded)
		if a.Outcome.Status != c.want || a.Outcome.Reason != c.as {
			t.Errorf("%v %v %q, overloaded %v: %v %q, want %v %q", c.source, c.status, c.reason, c.overloaded, a.Outcome.Status, a.Outcome.Reason, c.want, c.as)
		}
		if c.as == "refused" && fault.KindOf(a.Err) != fault.Invalid {
			t.Errorf("the customer of a refused request is told %v", a.Err)
		}
	}
}

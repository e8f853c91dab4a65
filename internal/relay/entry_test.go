package relay

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"vision/internal/fault"
	"vision/internal/outcome"
	"vision/internal/task"
)

func TestExcuse(t *testing.T) {
	for _, c := range []struct {
		source     outcome.Source
		status     outcome.Status
		reason     string
		overloaded bool
		want       outcome.Status
		as         string
		body       string // of the request; a plain one if empty
	}{
		{outcome.Synthetic, outcome.Failed, "http_400", false, outcome.Canceled, "refused", `{"messages":[{"role":"user","content":"hi"}],"top_k":40}`}, // a server may not know the field
		{outcome.Synthetic, outcome.Failed, "http_500", false, outcome.Failed, "http_500", `{"messages":[{"role":"user","content":"hi"}],"top_k":40}`},
		{outcome.Organic, outcome.Failed, "http_400", false, outcome.Canceled, "refused", ""},
		{outcome.Organic, outcome.Failed, "http_413", false, outcome.Canceled, "refused", ""},
		{outcome.Organic, outcome.Failed, "http_422", true, outcome.Canceled, "refused", ""},
		{outcome.Synthetic, outcome.Failed, "http_400", true, outcome.Failed, "http_400", ""}, // ours are known to be good
		{outcome.Organic, outcome.Failed, "http_404", false, outcome.Failed, "http_404", ""},  // of the miner, not of the request
		{outcome.Organic, outcome.Failed, "http_500", true, outcome.Failed, "http_500", ""},
		{outcome.Organic, outcome.RateLimited, "http_429", false, outcome.RateLimited, "http_429", ""},
		{outcome.Organic, outcome.RateLimited, "http_429", true, outcome.Canceled, "our_overload", ""},
		{outcome.Synthetic, outcome.RateLimited, "http_429", true, outcome.Canceled, "our_overload", ""},
		{outcome.Synthetic, outcome.OK, "", true, outcome.OK, "", ""},
	} {
		a := Answer{Outcome: outcome.Outcome{Source: c.source, Status: c.status, Reason: c.reason}}
		Excuse(&a, c.overloaded, asked(t, c.body))
		if a.Outcome.Status != c.want || a.Outcome.Reason != c.as {
			t.Errorf("%v %v %q, overloaded %v: %v %q, want %v %q", c.source, c.status, c.reason, c.overloaded, a.Outcome.Status, a.Outcome.Reason, c.want, c.as)
		}
		if c.as == "refused" && fault.KindOf(a.Err) != fault.Invalid {
			t.Errorf("the customer of a refused request is told %v", a.Err)
		}
	}
}

func asked(t *testing.T, body string) task.Request {
	t.Helper()
	if body == "" {
		body = `{"messages":[{"role":"user","content":"hi"}]}`
	}
	r, err := task.Chat{}.Parse([]byte(body), chatTask)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestWhatIsSampled: what was drawn is kept to be checked if it is good, or was
// as far as it went, whoever asked.
func TestWhatIsSampled(t *testing.T) {
	for _, source := range []outcome.Source{outcome.Organic, outcome.Synthetic} {
		for _, c := range []struct {
			status outcome.Status
			work   int64
			kept   string
			keep   bool
			want   bool
		}{
			{outcome.OK, 2, "text", true, true},
			{outcome.OK, 2, "text", false, false},
			{outcome.OK, 2, "", true, false},
			{outcome.Canceled, 1, "te", true, true},
			{outcome.Canceled, 1, "te", false, false},
			{outcome.Canceled, 0, "role", true, false}, // nothing to judge
			{outcome.Failed, 1, "te", true, false},     // counts as it is
			{outcome.Ours, 1, "te", true, false},
		} {
			call := &Call{Keep: c.keep, Source: source, Payload: []byte("asked")}
			a := &Answer{Outcome: outcome.Outcome{Status: c.status, Work: c.work, Source: source}, Kept: []byte(c.kept)}
			s := Entry(call, a, false).Sample
			if (s != nil) != c.want {
				t.Errorf("%v, %v, work %d, kept %q, drawn %v: sampled %v, want %v", source, c.status, c.work, c.kept, c.keep, s != nil, c.want)
			}
			if s != nil && (string(s.Request) != "asked" || string(s.Response) != c.kept || s.Outcome.Status != c.status) {
				t.Errorf("sample %+v", s)
			}
		}
	}
}

// TestAnAbandonedStreamIsSampled, all that was read of it, however the customer left.
func TestAnAbandonedStreamIsSampled(t *testing.T) {
	const sent = token + token
	addr := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		request(r)
		io.WriteString(c, eventStream+"\r\n"+sent)
		io.Copy(io.Discard, r)
	})
	for name, leave := range map[string]func(*shown, context.CancelFunc){
		"hangs up":      func(_ *shown, cancel context.CancelFunc) { cancel() },
		"takes no more": func(s *shown, _ context.CancelFunc) { s.err = errors.New("broken pipe") },
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t)
			call := newCall(t, c, addr, true)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var s shown
			s.after = func() {
				if strings.Count(s.String(), "hi") == 2 {
					leave(&s, cancel)
				}
			}
			a := c.Do(ctx, call, &s)
			sample := Entry(&call, &a, true).Sample
			if a.Outcome.Status != outcome.Canceled || sample == nil {
				t.Fatalf("%v %q, sample %v", a.Outcome.Status, a.Outcome.Reason, sample)
			}
			if string(sample.Response) != sent || sample.Outcome.Work != 2 {
				t.Errorf("kept %q, work %d", sample.Response, sample.Outcome.Work)
			}
		})
	}
}

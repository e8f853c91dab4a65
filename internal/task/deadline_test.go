package task

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAllowance(t *testing.T) {
	tk := Task{Name: "m", Timeouts: Timeouts{First: 2 * time.Second, Gap: time.Second, Total: time.Minute},
		Speed: Speed{Overhead: 0.5, Mean: 0.01, Steepness: 1}, Limits: Limits{Output: 4096, Items: 4}}
	for _, c := range []struct {
		kind         Kind
		body         string
		first, total time.Duration
	}{
		{Chat{}, `{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":100,"stream":true}`, 2 * time.Second, time.Minute},
		{Chat{}, `{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":100}`, 8 * time.Second, 8 * time.Second}, // 2 + 4 x (0.5 + 100 x 0.01)
		{Completion{}, `{"model":"m","prompt":"x","max_tokens":4096}`, time.Minute, time.Minute},
		{Embedding{}, `{"model":"m","input":"x"}`, 2 * time.Second, time.Minute},
	} {
		req, err := c.kind.Parse([]byte(c.body), &tk)
		if err != nil {
			t.Fatal(err)
		}
		if first, total := tk.Allowance(c.kind, req); first != c.first || total != c.total {
			t.Errorf("%s: %v and %v, want %v and %v", c.body, first, total, c.first, c.total)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		tk := tk
		tk.Timeouts.Total = time.Duration(rapid.Int64Range(1, 1<<60).Draw(t, "total"))
		tk.Timeouts.First = time.Duration(rapid.Int64Range(1, int64(tk.Timeouts.Total)).Draw(t, "first"))
		tk.Speed.Mean = rapid.Float64Range(1e-9, 1e300).Draw(t, "mean")
		req, err := Chat{}.Parse(fmt.Appendf(nil, `{"model":"m","messages":[{"role":"user","content":"x"}],"stream":%t}`, rapid.Bool().Draw(t, "stream")), &tk)
		if err != nil {
			t.Fatal(err)
		}
		if first, total := tk.Allowance(Chat{}, req); first <= 0 || first < tk.Timeouts.First || total < first || total > tk.Timeouts.Total {
			t.Fatalf("%v and %v with timeouts %+v", first, total, tk.Timeouts)
		}
	})
}

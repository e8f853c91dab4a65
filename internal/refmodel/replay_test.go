package refmodel

import "testing"

// Redraw must draw what Generate drew, call the token drawn no miss, and see
// the difference that another seed makes.
func TestRedrawFollowsGenerate(t *testing.T) {
	m := Load(Full)
	prompt := chatPrompt(t, "How do I bake bread?")
	for _, r := range []Request{
		{Temperature: 0, TopP: 1, Seed: 1},
		{Temperature: 0.7, TopP: 0.9, Seed: 2},
		{Temperature: 1, TopP: 1, Seed: 3},
		{Temperature: 1.5, TopP: 0.5, Seed: 4},
	} {
		r.Prompt = prompt
		tokens, _ := generate(t, m, r)
		ids := idsOf(tokens)
		follow := func(seed uint64) (missed int) {
			c := m.NewContext()
			for _, id := range prompt {
				c.Append(id)
			}
			s := NewSampler(r.Temperature, r.TopP, seed)
			var d Distribution
			for _, id := range ids {
				c.Next(&d)
				got := s.Redraw(&d, id, 0.02)
				if got.Margin < 0 || got.Margin > 1 || got.Miss < 0 || got.Miss > 1 {
					t.Fatalf("%+v is out of range", got)
				}
				if got.ID != id {
					missed++
				} else if got.Miss != 0 || got.Share == 0 {
					t.Fatalf("token %d was drawn, yet %+v", id, got)
				}
				c.Append(id)
			}
			return missed
		}
		if n := follow(r.Seed); n != 0 {
			t.Errorf("temperature %v, top_p %v: %d of %d tokens redrawn otherwise", r.Temperature, r.TopP, n, len(ids))
		}
		if n := follow(r.Seed + 99); r.Temperature >= 0.7 && r.TopP > 0.6 && n < len(ids)/20 {
			t.Errorf("temperature %v: another seed drew %d of %d tokens otherwise", r.Temperature, n, len(ids))
		}
	}
}

package checker

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vision/internal/checker/evidence"
	"vision/internal/proto"
	"vision/internal/refmodel"
)

// behaviour is a way to answer the i-th request.
type behaviour struct {
	name   string
	answer func(t testing.TB, i int, temperature float64) proto.CheckRequest
}

// rest limits the answers to a length that probes have.
const rest = `,"max_tokens":128`

func runs(name string, v refmodel.Variant) behaviour {
	h := stack(v)
	return behaviour{name, func(t testing.TB, i int, temperature float64) proto.CheckRequest {
		return serve(t, h, chatTask, uint64(1000+i), chatBody(i, temperature, rest))
	}}
}

// tampers answers honestly and then changes what was written.
func tampers(name string, change func(prompt, ids []int, finish string) ([]int, []int, string)) behaviour {
	h := stack(refmodel.Full)
	return behaviour{name, func(t testing.TB, i int, temperature float64) proto.CheckRequest {
		s := serve(t, h, chatTask, uint64(1000+i), chatBody(i, temperature, rest))
		a, err := readAnswer(s.Sample.Response, s.Sample.Outcome.Stream)
		if err != nil {
			t.Fatal(err)
		}
		prompt, ids, finish := change(a.promptIDs, a.ids, a.finish)
		s.Sample.Response = written(prompt, ids, textOf(ids), finish)
		s.Sample.Outcome.Stream = true
		return s
	}}
}

func textOf(ids []int) string {
	var d refmodel.Decoder
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(d.Add(id))
	}
	return b.String() + d.Flush()
}

func cut(share float64) func(prompt, ids []int, finish string) ([]int, []int, string) {
	return func(prompt, ids []int, _ string) ([]int, []int, string) {
		n := max(1, int(share*float64(len(ids))))
		return prompt, append(slices.Clone(ids[:n]), refmodel.TokenEnd), "stop"
	}
}

func behaviours() []behaviour {
	small := stack(refmodel.Bits(2))
	return []behaviour{
		runs("honest", refmodel.Full),
		runs("honest, noise 0.01", refmodel.Full.Noisy(0.01, 5)),
		runs("honest, noise 0.02", refmodel.Full.Noisy(0.02, 6)),
		runs("8 bits", refmodel.Bits(8)),
		runs("6 bits", refmodel.Bits(6)),
		runs("4 bits", refmodel.Bits(4)),
		runs("3 bits", refmodel.Bits(3)),
		runs("2 bits", refmodel.Bits(2)),
		runs("another model", refmodel.Sibling),
		tampers("truncated at 50%", cut(0.5)),
		tampers("truncated at 80%", cut(0.8)),
		tampers("truncated, says length", func(p, ids []int, _ string) ([]int, []int, string) {
			return p, ids[:max(1, len(ids)/2)], "length"
		}),
		tampers("padded by 20%", func(p, ids []int, _ string) ([]int, []int, string) {
			for len(ids) > 0 && refmodel.IsEnd(ids[len(ids)-1]) {
				ids = ids[:len(ids)-1]
			}
			ids = slices.Clone(ids[:min(len(ids), 106)])
			ids = append(ids, ids[len(ids)-len(ids)/5-1:]...)
			return p, append(ids, refmodel.TokenEnd), "stop"
		}),
		{"prefill attack (2 bits write)", func(t testing.TB, i int, temperature float64) proto.CheckRequest {
			// The real model's log-probabilities come with it; they are not believed.
			return serve(t, small, chatTask, uint64(1000+i), chatBody(i, temperature, rest+`,"logprobs":true,"top_logprobs":5`))
		}},
		{"wrong seed", func(t testing.TB, i int, temperature float64) proto.CheckRequest {
			h := stack(refmodel.Full)
			_, req, sent := payload(t, chatTask, uint64(1000+i), chatBody(i, temperature, rest))
			kind, _, other := payload(t, chatTask, uint64(77+i), chatBody(i, temperature, rest))
			return sampleOf(chatTask, req, sent, ask(t, h, kind.Path(), other))
		}},
		{"another prompt's reply", func(t testing.TB, i int, temperature float64) proto.CheckRequest {
			h := stack(refmodel.Full)
			_, req, sent := payload(t, chatTask, uint64(1000+i), chatBody(i, temperature, rest))
			kind, _, other := payload(t, chatTask, uint64(1000+i), chatBody(i+2, temperature, rest))
			a, err := readAnswer(ask(t, h, kind.Path(), other), req.Stream())
			if err != nil {
				t.Fatal(err)
			}
			// It hides that by the right prompt's ids.
			own, err := readAnswer(ask(t, h, kind.Path(), sent), req.Stream())
			if err != nil {
				t.Fatal(err)
			}
			s := sampleOf(chatTask, req, sent, written(own.promptIDs, a.ids, string(a.text), a.finish))
			s.Sample.Outcome.Stream = true
			return s
		}},
		{"temperature off by 0.3", func(t testing.TB, i int, temperature float64) proto.CheckRequest {
			h := stack(refmodel.Full)
			_, req, sent := payload(t, chatTask, uint64(1000+i), chatBody(i, temperature, rest))
			kind, _, other := payload(t, chatTask, uint64(1000+i), chatBody(i, temperature+0.3, rest))
			return sampleOf(chatTask, req, sent, ask(t, h, kind.Path(), other))
		}},
	}
}

// mode is how requests ask, and what the miner says of its sampler.
type mode struct {
	name        string
	temperature float64
	engine      string
}

var modes = []mode{
	{"T = 0", 0, "vision-ref"},
	{"T = 0.7, same sampler", 0.7, "vision-ref"},
	{"T = 1, same sampler", 1, "vision-ref"},
	{"T = 1, another sampler", 1, "other"},
}

// measured is what one behaviour got in one mode.
type measured struct {
	mean, low float64 // quality: the mean, and the share of answers below 0.5
	worstE    float64
	n         int
}

func measure(t testing.TB, c *Checker, answers []proto.CheckRequest, m mode) (got measured) {
	t.Helper()
	n := len(answers)
	got.n = n
	for _, s := range answers {
		s.Spec.Engine = m.engine
		r := judgeIt(t, c, s)
		got.mean += r.Quality / float64(n)
		if r.Quality < 0.5 {
			got.low += 1 / float64(n)
		}
		got.worstE = max(got.worstE, r.E)
	}
	return got
}

// TestQualityOfBehaviours is the table of docs/verification.md: honest answers
// keep their quality, cheats lose it. VISION_CHECK_ANSWERS=200 measures with
// as many answers for each cell; the usual number is for speed.
func TestQualityOfBehaviours(t *testing.T) {
	t.Parallel()
	const usual = 4
	n := usual
	if s := os.Getenv("VISION_CHECK_ANSWERS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	c := newChecker(t)
	// The most that a mean quality may be, by mode; for honest ones the least.
	limits := map[string][]float64{
		"4 bits":                        {0.4, 0.8, 0.8, 1},
		"3 bits":                        {0.3, 0.5, 0.5, 1},
		"2 bits":                        {0.1, 0.1, 0.1, 0.3},
		"another model":                 {0.1, 0.1, 0.1, 0.3},
		"truncated at 50%":              {0.1, 0.3, 0.3, 0.7},
		"truncated at 80%":              {0.1, 0.8, 0.8, 0.9},
		"truncated, says length":        {0.1, 0.1, 0.1, 0.1},
		"padded by 20%":                 {0.1, 0.1, 0.1, 0.7},
		"prefill attack (2 bits write)": {0.1, 0.1, 0.1, 0.3},
		"wrong seed":                    {1, 0.2, 0.2, 1},
		"another prompt's reply":        {0.2, 0.4, 0.4, 1},
		"temperature off by 0.3":        {0.3, 0.5, 0.5, 1},
	}
	var table strings.Builder
	for _, b := range behaviours() {
		least, most := strings.HasPrefix(b.name, "honest"), limits[b.name]
		if n == usual && !least && most == nil {
			continue // it is only for the table
		}
		answers := map[float64][]proto.CheckRequest{} // by temperature
		fmt.Fprintf(&table, "| %-30s |", b.name)
		for k, m := range modes {
			if answers[m.temperature] == nil {
				for i := range n {
					answers[m.temperature] = append(answers[m.temperature], b.answer(t, i, m.temperature))
				}
			}
			got := measure(t, c, answers[m.temperature], m)
			fmt.Fprintf(&table, " %.3f (%3.0f%%) |", got.mean, 100*got.low)
			if least {
				if got.mean < 0.97 {
					t.Errorf("%s, %s: mean quality %.3f of %d, want at least 0.97 (worst evidence %.3g)", b.name, m.name, got.mean, n, got.worstE)
				}
			} else if most != nil && got.mean > most[k]+1e-9 {
				t.Errorf("%s, %s: mean quality %.3f of %d, want at most %v", b.name, m.name, got.mean, n, most[k])
			}
		}
		table.WriteString("\n")
	}
	t.Logf("mean quality (share below 0.5) of %d answers each\n%s", n, &table)
}

// The bounds on honest noise must hold, or no false-alarm figure means
// anything: in every bin the share of disagreements of the noisiest honest
// stack stays below its bound.
func TestHonestBoundsHold(t *testing.T) {
	t.Parallel()
	noise := openNoise(t)
	bounds := evidence.Bounds{Noise: noise}
	full := &builtin{noise: noise, lm: refmodel.Load(refmodel.Full)}
	for _, temperature := range []float64{0, 0.7, 1} {
		type count struct{ n, near, far int }
		var bins [evidence.Bins]count
		for i := range 16 {
			h := runs("", refmodel.Full.Noisy(noise, uint64(i)))
			s := h.answer(t, i, temperature)
			q, err := readTextQuery(s.Sample.Request, &s.Task.Model)
			if err != nil {
				t.Fatal(err)
			}
			if q.answer, err = readAnswer(s.Sample.Response, s.Sample.Outcome.Stream); err != nil {
				t.Fatal(err)
			}
			q.redraw = temperature > 0
			sc, err := full.Score(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range sc.Positions {
				bin, r := evidence.Bin(p.Gap), bounds.GreedyOutcome(&p)
				if q.redraw {
					bin, r = evidence.RedrawnBin(&p, temperature), bounds.RedrawnOutcome(&p, temperature)
				}
				bins[bin].n++
				switch r {
				case evidence.Near:
					bins[bin].near++
				case evidence.Far, evidence.Absurd:
					bins[bin].far++
				}
			}
		}
		for bin, b := range bins {
			bound := bounds.Honest(temperature > 0, bin)
			expected := bound.Near * float64(b.n)
			if float64(b.near) > expected+4*math.Sqrt(expected)+3 || b.far > 0 {
				t.Errorf("T = %v, bin from %.4f: %d near and %d far of %d, bound %.5f", temperature, evidence.Low(bin), b.near, b.far, b.n, bound.Near)
			}
		}
	}
}

func openNoise(t *testing.T) float64 {
	r, err := openBuiltin(ReferenceConfig{}, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Proves().Noise
}

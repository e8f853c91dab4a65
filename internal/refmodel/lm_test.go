package refmodel

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func chatPrompt(t testing.TB, user string) []int {
	t.Helper()
	ids, err := Chat([]Message{{"user", user}})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func generate(t testing.TB, m *LM, r Request) (tokens []Token, text string) {
	t.Helper()
	if r.MaxTokens == 0 {
		r.MaxTokens = 400
	}
	err := m.Generate(context.Background(), r, func(k Token) bool {
		tokens = append(tokens, k)
		text += k.Text
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return tokens, text
}

func idsOf(tokens []Token) []int {
	ids := make([]int, len(tokens))
	for i, k := range tokens {
		ids[i] = k.ID
	}
	return ids
}

var testPrompts = []string{
	"How do I bake bread at home?", "Why is the sea salty?", "Write a story about a wolf.",
	"How do I write a loop in Go?", "Hello, who are you?", "What is a prime number?",
	"Recommend some music for work.", "Should I save money?", "zxqv jkw 日本",
	"How can I sleep better?", "Who built the old roads?", "Why do birds sing?",
}

func TestPrefillEqualsGenerationExactly(t *testing.T) {
	t.Parallel()
	variants := []Variant{Full, Bits(4), Sibling, Full.Noisy(0.01, 7)}
	rapid.Check(t, func(t2 *rapid.T) {
		m := Load(rapid.SampledFrom(variants).Draw(t2, "variant"))
		prompt := chatPrompt(t, rapid.String().Draw(t2, "prompt"))
		r := Request{
			Prompt: prompt, MaxTokens: 60, TopLogprobs: 3,
			Temperature: rapid.Float64Range(0, 2).Draw(t2, "temperature"),
			TopP:        rapid.Float64Range(0.05, 1).Draw(t2, "top_p"),
			Seed:        rapid.Uint64().Draw(t2, "seed"),
		}
		tokens, _ := generate(t, m, r)
		steps, err := m.Prefill(prompt, idsOf(tokens), 3)
		if err != nil {
			t2.Fatal(err)
		}
		for i, s := range steps {
			if s.Logprob != tokens[i].Logprob || !slices.Equal(s.Top, tokens[i].Top) {
				t2.Fatalf("token %d: prefill %v %v, generation %v %v", i, s.Logprob, s.Top, tokens[i].Logprob, tokens[i].Top)
			}
			if s.Rank == 1 != (s.Token == s.Top[0].ID) || s.Above < 0 || s.Above > 1 || s.Entropy < 0 || s.PEnd <= 0 || s.PEnd >= 1 {
				t2.Fatalf("token %d has implausible measures %+v", i, s)
			}
		}
	})
}

func TestTheSplitBetweenPromptAndCompletionDoesNotMatter(t *testing.T) {
	m := Load(Full)
	prompt := chatPrompt(t, testPrompts[0])
	tokens, _ := generate(t, m, Request{Prompt: prompt, Temperature: 1, Seed: 3})
	ids := idsOf(tokens)
	all, _ := m.Prefill(prompt, ids, 1)
	late, _ := m.Prefill(append(slices.Clone(prompt), ids[:10]...), ids[10:], 1)
	for i, s := range late {
		if s.Logprob != all[i+10].Logprob {
			t.Fatalf("token %d: %v and %v", i+10, s.Logprob, all[i+10].Logprob)
		}
	}
}

func TestProbabilitiesSumToOne(t *testing.T) {
	for _, v := range []Variant{Full, Bits(2), Sibling} {
		c := Load(v).NewContext()
		for _, id := range chatPrompt(t, "Describe the sea.") {
			c.Append(id)
		}
		var d Distribution
		for range 50 {
			c.Next(&d)
			sum := 0.0
			for _, lp := range d.Logprobs {
				if math.IsInf(lp, 0) || math.IsNaN(lp) {
					t.Fatalf("%v: a log-probability is %v", v, lp)
				}
				sum += math.Exp(lp)
			}
			if math.Abs(sum-1) > 1e-9 {
				t.Fatalf("%v: probabilities sum to %v", v, sum)
			}
			c.Append(d.Best())
		}
	}
}

const goldenSum = -12.351119149882

// Golden values pin the model: a change here changes what every check compares.
func TestGoldenLogprobs(t *testing.T) {
	m := Load(Full)
	steps, err := m.Prefill(chatPrompt(t, "Why is the sea salty?"), Encode("The sea is salty because rivers carry minerals."), 1)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, s := range steps {
		sum += s.Logprob
	}
	if math.Abs(sum-goldenSum) > 1e-8 {
		t.Errorf("the sum of log-probabilities is %.12f, want %.12f", sum, goldenSum)
	}
}

func TestSeedDecidesTheText(t *testing.T) {
	m := Load(Full)
	different := 0
	for i, p := range testPrompts {
		r := Request{Prompt: chatPrompt(t, p), Temperature: 1, TopP: 0.95, Seed: uint64(i)}
		_, a := generate(t, m, r)
		_, b := generate(t, m, r)
		if a != b {
			t.Fatalf("%q: the same seed gave %q and %q", p, a, b)
		}
		r.Seed += 1000
		if _, c := generate(t, m, r); c != a {
			different++
		}
	}
	if different != len(testPrompts) {
		t.Errorf("another seed changed only %d of %d texts", different, len(testPrompts))
	}
}

func TestGreedyAnswersAreNaturalAndDependOnThePrompt(t *testing.T) {
	m := Load(Full)
	texts := map[string]bool{}
	var lengths []int
	for _, p := range testPrompts {
		tokens, text := generate(t, m, Request{Prompt: chatPrompt(t, p), MaxTokens: 1000})
		last := tokens[len(tokens)-1]
		if last.ID != TokenEnd || last.Finish != FinishStop {
			t.Errorf("%q: %d tokens end with %q", p, len(tokens), TokenText(last.ID))
		}
		ids := idsOf(tokens)
		for i := 0; i+24 <= len(ids); i++ {
			if slices.Equal(ids[i:i+8], ids[i+8:i+16]) && slices.Equal(ids[i:i+8], ids[i+16:i+24]) {
				t.Errorf("%q: loops: %s", p, text)
				break
			}
		}
		texts[text] = true
		lengths = append(lengths, len(tokens))
	}
	if len(texts) != len(testPrompts) {
		t.Errorf("%d different greedy answers to %d prompts", len(texts), len(testPrompts))
	}
	slices.Sort(lengths)
	if lo, hi := lengths[0], lengths[len(lengths)-1]; lo < 20 || hi > 450 || hi < 2*lo {
		t.Errorf("answer lengths %v: want varied, about 40 to 300 tokens", lengths)
	}
	if _, text := generate(t, m, Request{Prompt: chatPrompt(t, "Why is the sea salty?")}); !strings.Contains(text, "salty") {
		t.Errorf("asked about the salty sea, it said %q", text)
	}
}

// The next token's frequencies over many seeds match the reported
// log-probabilities, by a chi-square test on tokens expected often enough.
func TestSamplingMatchesLogprobs(t *testing.T) {
	m := Load(Full)
	for _, tc := range []struct{ temperature, topP float64 }{{1, 1}, {0.7, 1}, {1.3, 0.8}} {
		c := m.NewContext()
		for _, id := range append(chatPrompt(t, "Tell me about cats."), Encode("The")...) {
			c.Append(id)
		}
		var d Distribution
		c.Next(&d)
		want := referenceDistribution(&d, tc.temperature, tc.topP)
		const draws = 8000
		counts := make([]int, VocabSize)
		for seed := range draws {
			counts[NewSampler(tc.temperature, tc.topP, uint64(seed)).Draw(&d)]++
		}
		chi, cells, restP, restN := 0.0, 0, 1.0, draws
		for v, p := range want {
			if p == 0 && counts[v] > 0 {
				t.Fatalf("%+v: drew token %d, which top_p excludes", tc, v)
			}
			if e := p * draws; e >= 20 {
				chi += (float64(counts[v]) - e) * (float64(counts[v]) - e) / e
				restP -= p
				restN -= counts[v]
				cells++
			}
		}
		if e := restP * draws; e >= 20 {
			chi += (float64(restN) - e) * (float64(restN) - e) / e
			cells++
		}
		df := float64(cells - 1)
		if limit := df + 4*math.Sqrt(2*df) + 4; cells < 5 || chi > limit {
			t.Errorf("%+v: chi-square %.1f over %d cells, limit %.1f", tc, chi, cells, limit)
		}
	}
}

// referenceDistribution computes temperature and top_p the plain way.
func referenceDistribution(d *Distribution, temperature, topP float64) []float64 {
	p := make([]float64, VocabSize)
	order := make([]int, VocabSize)
	total := 0.0
	for v, lp := range d.Logprobs {
		p[v] = math.Exp(lp / temperature)
		total += p[v]
		order[v] = v
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if p[a] > p[b] {
			return -1
		} else if p[a] < p[b] {
			return 1
		}
		return 0
	})
	cum, kept := 0.0, 0.0
	for _, v := range order {
		p[v] /= total
		if cum >= topP {
			p[v] = 0
		}
		cum += p[v]
		kept += p[v]
	}
	for v := range p {
		p[v] /= kept
	}
	return p
}

func TestGenerationStops(t *testing.T) {
	m := Load(Full)
	prompt := chatPrompt(t, "Why is the sea salty?")
	_, whole := generate(t, m, Request{Prompt: prompt})
	stop := "rivers wash"
	at := strings.Index(whole, stop)
	if at < 0 {
		stop = whole[30:40]
		at = strings.Index(whole, stop)
	}
	tokens, text := generate(t, m, Request{Prompt: prompt, Stop: []string{"never seen", stop}})
	last := tokens[len(tokens)-1]
	if text != whole[:at] || last.Finish != FinishStop || last.Stop != stop {
		t.Errorf("stopped at %q with %q (%s, %q), want %q", stop, text, last.Finish, last.Stop, whole[:at])
	}
	if !strings.HasPrefix(Decode(idsOf(tokens)), text) {
		t.Errorf("token ids %v do not spell %q", idsOf(tokens), text)
	}
	tokens, text = generate(t, m, Request{Prompt: prompt, MaxTokens: 7, Stop: []string{"never seen"}})
	if len(tokens) != 7 || tokens[6].Finish != FinishLength || text != Decode(idsOf(tokens)) {
		t.Errorf("7 tokens at most: %d, %q, %q", len(tokens), tokens[len(tokens)-1].Finish, text)
	}
}

func TestForcedTokensKeepRealLogprobs(t *testing.T) {
	m := Load(Full)
	prompt := chatPrompt(t, "Hi")
	forced := Encode(`{"city": "Zürich"}`)
	tokens, text := generate(t, m, Request{Prompt: prompt, Forced: forced})
	if text != `{"city": "Zürich"}` || !slices.Equal(idsOf(tokens), append(slices.Clone(forced), TokenEnd)) {
		t.Fatalf("forced answer is %q %v", text, idsOf(tokens))
	}
	steps, _ := m.Prefill(prompt, idsOf(tokens), 0)
	for i, s := range steps {
		if s.Logprob != tokens[i].Logprob {
			t.Fatalf("token %d: %v, prefill says %v", i, tokens[i].Logprob, s.Logprob)
		}
	}
}

func TestGenerationEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	err := Load(Full).Generate(ctx, Request{Prompt: chatPrompt(t, "Hi"), MaxTokens: 1000, Temperature: 1}, func(Token) bool {
		if n++; n == 5 {
			cancel()
		}
		return true
	})
	if !errors.Is(err, context.Canceled) || n != 5 {
		t.Fatalf("%d tokens, then %v", n, err)
	}
}

func TestBadRequestsSayWhatIsWrong(t *testing.T) {
	good := Request{Prompt: []int{TokenBOS}, MaxTokens: 1}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Request){
		"prompt is empty":  func(r *Request) { r.Prompt = nil },
		"maximum context":  func(r *Request) { r.Prompt = make([]int, MaxContext) },
		"ids are 0 to":     func(r *Request) { r.Prompt = []int{VocabSize} },
		"max_tokens is 0":  func(r *Request) { r.MaxTokens = 0 },
		"temperature is":   func(r *Request) { r.Temperature = math.NaN() },
		"top_p is":         func(r *Request) { r.TopP = 1.5 },
		"top logprobs is":  func(r *Request) { r.TopLogprobs = 21 },
		"stop string 0 is": func(r *Request) { r.Stop = []string{""} },
	} {
		r := good
		change(&r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := Load(Full).Prefill([]int{1}, []int{-1}, 1); err == nil {
		t.Error("Prefill took token -1")
	}
}

// Every program and every test that uses the model builds its weights first.
func BenchmarkBuild(b *testing.B) {
	vocab()
	b.ReportAllocs()
	for b.Loop() {
		build(weightsKey{})
	}
}

func BenchmarkGenerate(b *testing.B) {
	m, prompt := Load(Full), chatPrompt(b, "How do I bake bread?")
	b.ReportAllocs()
	for n := 0; n < b.N; {
		r := Request{Prompt: prompt, MaxTokens: 400, Temperature: 0.8, TopP: 0.95, Seed: uint64(n), TopLogprobs: 5}
		if err := m.Generate(b.Context(), r, func(Token) bool { n++; return n < b.N }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}

func BenchmarkPrefill(b *testing.B) {
	m, prompt := Load(Full), chatPrompt(b, "How do I bake bread?")
	ids := slices.Repeat(Encode("The bread is warm. "), 20)
	n := 0
	for b.Loop() {
		if _, err := m.Prefill(prompt, ids, 5); err != nil {
			b.Fatal(err)
		}
		n += len(ids)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "tokens/s")
}

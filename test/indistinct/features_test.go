package indistinct

import (
	"bytes"
	"encoding/json"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// group is one sort of thing that a miner sees.
type group struct {
	name   string
	learn  learner
	values func(x *seen, before, after *seen) []float64
	grams  func(x *seen) []uint32
	mark   bool // it has nothing to do with what texts there are
	timed  bool // it has to do with when requests come
}

const buckets = 1 << 15

// groups are looked at one by one, and the numbers all at once besides.
var groups = []group{
	{name: "text: character n-grams", learn: logistic(buckets), grams: textGrams},
	{name: "lengths", learn: stumps(80), values: lengths},
	{name: "fields present, their order", learn: stumps(80), values: fieldsPresent, mark: true},
	{name: "parameters, their digits, seed", learn: stumps(80), values: parameters},
	{name: "headers, their order", learn: stumps(80), values: headers, mark: true},
	{name: "cadence", timed: true, learn: stumps(80), values: cadence},
	{name: "connection", learn: stumps(80), values: connection, mark: true},
	{name: "all numbers together", timed: true, learn: stumps(120), values: func(x, before, after *seen) []float64 {
		var all []float64
		for _, f := range []func(x, before, after *seen) []float64{lengths, fieldsPresent, parameters, headers, cadence, connection} {
			all = append(all, f(x, before, after)...)
		}
		return all
	}},
}

// aucOf is how well a group's classifier tells what one miner sees, the mean over
// miners, and in how many requests. A classifier that is wrong more often than
// guessing would be right if it were turned around.
func aucOf(run []seen, g group) (mean float64, n int) {
	return meanAUC(g.learn, func(miner int) []row { return rowsOf(run, miner, g) }, everyMiner()...)
}

// meanAUC is how well a learner does on what each of some miners saw, the mean over
// requests, and how many there were of those of whom something can be said.
func meanAUC(learn learner, rowsOf func(miner int) []row, of ...int) (mean float64, n int) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, m := range of {
		rows := rowsOf(m)
		a := crossValidated(r, rows, learn)
		if math.IsNaN(a) {
			continue // it saw next to nothing
		}
		mean += a * float64(len(rows))
		n += len(rows)
	}
	return mean / float64(n), n
}

func everyMiner() (all []int) {
	for m := range miners {
		all = append(all, m)
	}
	return all
}

// paired is in how many of the requests of a run sorts can be compared.
func paired(run []seen) (n int) {
	nothing := group{values: func(_, _, _ *seen) []float64 { return nil }}
	for m := range miners {
		n += len(rowsOf(run, m, nothing))
	}
	return n
}

// rowsOf is what a miner saw as a group's classifier sees it.
func rowsOf(run []seen, miner int, g group) []row {
	ordered := slices.DeleteFunc(slices.Clone(run), func(x seen) bool { return x.miner != miner })
	slices.SortFunc(ordered, func(a, b seen) int { return a.at.Compare(b.at) })
	rows := make([]row, len(ordered))
	for i := range ordered {
		x := &ordered[i]
		rows[i].probe, rows[i].cell = x.probe, cellOf(x)
		var before, after *seen
		if i > 0 {
			before = &ordered[i-1]
		}
		if i+1 < len(ordered) {
			after = &ordered[i+1]
		}
		if g.grams != nil {
			rows[i].grams = g.grams(x)
		} else {
			rows[i].values = g.values(x, before, after)
		}
	}
	return balanced(ordered, rows)
}

// cellOf is in which quarter of a second it came.
func cellOf(x *seen) int64 { return x.at.UnixMilli() / 250 }

// balanced leaves as many probes as customers' requests of each quarter of a
// second, so that only what a request is like counts, and not how
// many of each sort a test's traffic had then.
func balanced(ordered []seen, rows []row) (even []row) {
	cells := map[int64][2][]row{}
	for i, x := range ordered {
		at := rows[i].cell
		c := cells[at]
		sort := 0
		if x.probe {
			sort = 1
		}
		c[sort] = append(c[sort], rows[i])
		cells[at] = c
	}
	r := rand.New(rand.NewPCG(3, 4))
	for _, at := range slices.Sorted(maps.Keys(cells)) {
		c := cells[at]
		if len(c[1]) > 3*len(c[0]) {
			continue // much of the capacity is tested at once, which is no secret
		}
		n := min(len(c[0]), len(c[1]))
		for _, list := range c {
			for _, i := range r.Perm(len(list))[:n] {
				even = append(even, list[i])
			}
		}
	}
	return even
}

// body is a request's as a miner reads it.
type body struct {
	Messages []struct {
		Role    string  `json:"role"`
		Content *string `json:"content"`
		Calls   []any   `json:"tool_calls"`
	} `json:"messages"`
	Tools json.RawMessage `json:"tools"`
}

func parsed(x *seen) (b body) {
	_ = json.Unmarshal(x.body, &b) // what is malformed has no features, which shows
	return b
}

func hash(s string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(s))
	return h.Sum32()
}

// textGrams are the n-grams of 3 to 5 bytes, and the words, of what was written.
func textGrams(x *seen) []uint32 {
	var grams []uint32
	there := map[uint32]bool{}
	add := func(s string) {
		if h := hash(s) % buckets; !there[h] {
			there[h] = true
			grams = append(grams, h)
		}
	}
	for _, m := range parsed(x).Messages {
		if m.Content == nil {
			continue
		}
		text := "^" + *m.Content + "$"
		for n := 3; n <= 5; n++ {
			for i := 0; i+n <= len(text); i++ {
				add(text[i : i+n])
			}
		}
		for _, w := range strings.Fields(text) {
			add("word " + w)
		}
	}
	return grams
}

func lengths(x *seen, _, _ *seen) []float64 {
	b := parsed(x)
	sum, longest, first, last, words, lines := 0, 0, 0, 0, 0, 0
	for i, m := range b.Messages {
		n := 0
		if m.Content != nil {
			n = len(*m.Content)
			words += len(strings.Fields(*m.Content))
			lines += strings.Count(*m.Content, "\n")
		}
		if i == 0 {
			first = n
		}
		sum, longest, last = sum+n, max(longest, n), n
	}
	return []float64{float64(len(x.body)), float64(sum), float64(longest), float64(first), float64(last), float64(len(b.Messages)), float64(words), float64(lines), float64(len(b.Tools))}
}

// known are the fields that are looked at one by one.
var known = strings.Fields("max_tokens stream stream_options temperature top_p top_k min_p presence_penalty frequency_penalty repetition_penalty stop logit_bias n logprobs top_logprobs response_format tools tool_choice parallel_tool_calls reasoning_effort verbosity seed return_token_ids min_tokens ignore_eos")

func fieldsPresent(x *seen, _, _ *seen) []float64 {
	d := json.NewDecoder(bytes.NewReader(x.body))
	var order []string
	depth, key := 0, false
	for {
		token, err := d.Token()
		if err != nil {
			break
		}
		if v, ok := token.(json.Delim); ok {
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
			key = depth == 1
			continue
		}
		if depth == 1 {
			if key {
				order = append(order, token.(string))
			}
			key = !key
		}
	}
	values := make([]float64, 0, len(known)+4)
	for _, name := range known {
		there := 0.0
		if slices.Contains(order, name) {
			there = 1
		}
		values = append(values, there)
	}
	roles := ""
	calls := 0
	for _, m := range parsed(x).Messages {
		roles += m.Role[:1]
		calls += len(m.Calls)
	}
	return append(values, float64(hash(strings.Join(order, " "))%1009), float64(hash(roles)%1009), float64(len(order)), float64(calls))
}

func parameters(x *seen, _, _ *seen) []float64 {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(x.body, &fields)
	var values []float64
	for _, name := range []string{"max_tokens", "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty", "top_logprobs", "seed"} {
		text := string(fields[name])
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			f = -99
		}
		values = append(values, f, float64(len(text)))
	}
	for _, name := range []string{"stop", "tool_choice", "response_format"} {
		values = append(values, float64(len(fields[name])), float64(bytes.Count(fields[name], []byte(","))))
	}
	seed, err := strconv.ParseUint(string(fields["seed"]), 10, 64)
	if err != nil {
		seed = 0
	}
	return append(values, float64(seed%2), float64(seed%10), float64(seed>>32&0xff))
}

func headers(x *seen, _, _ *seen) []float64 {
	var names, fixed strings.Builder
	lines := strings.Split(x.head, "\r\n")
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		names.WriteString(name + "|")
		if name != "X-Request-Id" && name != "Content-Length" && name != "Host" && name != "Vision-Signature" {
			fixed.WriteString(value + "|")
		}
	}
	return []float64{float64(hash(names.String()) % 1009), float64(hash(fixed.String()) % 1009), float64(len(x.head) - len(lines[0])), float64(len(x.id)), float64(hash(x.id[:min(5, len(x.id))]) % 64)}
}

func cadence(x, before, after *seen) []float64 {
	gap := func(a, b *seen) float64 {
		if a == nil || b == nil {
			return -1
		}
		return math.Log(1e-6 + b.at.Sub(a.at).Seconds())
	}
	return []float64{gap(before, x), gap(x, after), float64(x.busy), math.Mod(float64(x.at.UnixMicro()), 1e6), math.Mod(float64(x.at.UnixMicro()), 1e5)}
}

func connection(x, before, _ *seen) []float64 {
	same := 0.0
	if before != nil && before.conn == x.conn {
		same = 1
	}
	return []float64{float64(x.conn), float64(x.nth), same}
}

// corpusOf is a file of prompts such as an operator could have: of the same sort
// as customers', none of them a customer's.
func corpusOf(g *generator, n int) []byte {
	var out []byte
	for len(bytes.Split(out, []byte("\n"))) <= n {
		var b struct {
			Messages []map[string]any `json:"messages"`
		}
		if json.Unmarshal(g.next(model), &b) != nil {
			continue
		}
		if slices.ContainsFunc(b.Messages, func(m map[string]any) bool { return m["role"] == "tool" || m["content"] == nil }) {
			continue // the file's form has no calls
		}
		line, err := json.Marshal(b)
		if err != nil {
			panic(err)
		}
		out = append(append(out, line...), '\n')
	}
	return out
}

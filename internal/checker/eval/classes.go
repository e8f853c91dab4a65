package eval

import (
	"bytes"
	"math/rand/v2"

	"vision/internal/refmodel"
)

// Honest is the label of responses of honest miners.
const Honest = "honest"

// class is one way to answer. To add a cheat, name it in classes.
type class struct {
	label string
	// sampled says that it is one only at temperatures above 0.
	sampled bool
	// shown says that the miner shows its log-probabilities.
	shown bool
	// again says that the miner was asked the same before, under another seed.
	again bool
	// answer is what the miner sends for the i-th request; r is for its own chances.
	answer func(a asked, i int, r *rand.Rand) ([]byte, error)
}

// runs is a miner that honestly runs a variant.
func runs(label string, v refmodel.Variant) class {
	return class{label: label, answer: func(a asked, _ int, _ *rand.Rand) ([]byte, error) { return a.by(v) }}
}

// by answers as a variant does, token by token.
func (a asked) by(v refmodel.Variant) ([]byte, error) {
	t, err := a.write(v)
	return t.stream(1), err
}

// changes answers honestly to what it makes of the request.
func changes(label string, sampled bool, change func(a *asked)) class {
	return class{label: label, sampled: sampled, answer: func(a asked, _ int, _ *rand.Rand) ([]byte, error) {
		change(&a)
		return a.by(refmodel.Full)
	}}
}

// tampers changes an honest answer.
func tampers(label string, change func(t text, most int) text) class {
	return class{label: label, answer: func(a asked, _ int, _ *rand.Rand) ([]byte, error) {
		t, err := a.write(refmodel.Full)
		return change(t, a.tokens).stream(1), err
	}}
}

// mixes is a cheat on a share of the requests, and honest on the others.
func mixes(label string, share float64, v refmodel.Variant) class {
	return class{label: label, answer: func(a asked, _ int, r *rand.Rand) ([]byte, error) {
		if r.Float64() < share {
			return a.by(v)
		}
		return a.by(refmodel.Full)
	}}
}

// stack is an honest server.
type stack struct {
	name string
	refmodel.Variant
}

// The honest stacks. Those that are tested are not those that were measured:
// their noise is of other seeds, and one of them is of another kind.
var (
	measuredStacks = []stack{
		{"noise 0.01, a", refmodel.Full.Noisy(0.01, 101)},
		{"noise 0.02, b", refmodel.Full.Noisy(0.02, 102)},
	}
	testedStacks = []stack{
		{"full", refmodel.Full},
		{"16 bits", refmodel.Bits(16)},
		{"noise 0.01, c", refmodel.Full.Noisy(0.01, 203)},
		{"noise 0.02, d", refmodel.Full.Noisy(0.02, 204)},
		{"noise 0.02, e", refmodel.Full.Noisy(0.02, 205)},
	}
)

// alternatives are what a validator runs to know how cheats differ.
var alternatives = []stack{
	{"6 bits", refmodel.Bits(6)},
	{"4 bits", refmodel.Bits(4)},
	{"3 bits", refmodel.Bits(3)},
	{"2 bits", refmodel.Bits(2)},
	{"another model", refmodel.Sibling},
}

// classes are all cheats that are tried.
func classes() []class {
	two := refmodel.Bits(2)
	return []class{
		runs("8 bits", refmodel.Bits(8)),
		runs("6 bits", refmodel.Bits(6)),
		runs("4 bits", refmodel.Bits(4)),
		runs("3 bits", refmodel.Bits(3)),
		runs("2 bits", two),
		runs("another model", refmodel.Sibling),
		{label: "3 bits, temperature tuned", sampled: true, answer: func(a asked, _ int, _ *rand.Rand) ([]byte, error) {
			a.temperature *= 0.9
			return a.by(refmodel.Bits(3))
		}},
		changes("temperature + 0.1", false, func(a *asked) { a.temperature += 0.1 }),
		changes("temperature + 0.3", false, func(a *asked) { a.temperature += 0.3 }),
		changes("temperature - 0.3", true, func(a *asked) { a.temperature -= 0.3 }),
		changes("top_p ignored", true, func(a *asked) { a.topP = 1 }),
		changes("greedy for T", true, func(a *asked) { a.temperature = 0 }),
		changes("wrong seed", true, func(a *asked) { a.seed++ }),
		{label: "same answer to every seed", sampled: true, again: true, answer: func(a asked, _ int, _ *rand.Rand) ([]byte, error) {
			a.seed = a.first
			return a.by(refmodel.Full)
		}},
		tampers("truncated at 50%", func(t text, _ int) text { return t.cut(0.5) }),
		tampers("truncated at 80%", func(t text, _ int) text { return t.cut(0.8) }),
		tampers("padded by 20%", func(t text, most int) text { return t.padded(most) }),
		{label: "skipped end", answer: func(a asked, _ int, _ *rand.Rand) ([]byte, error) { return a.writeOn().stream(1), nil }},
		{label: "prefill attack, 2 bits", shown: true, answer: attack(two)},
		{label: "prefill attack, 4 bits", shown: true, answer: attack(refmodel.Bits(4))},
		{label: "4 bits, shows its logprobs", shown: true, answer: runs("", refmodel.Bits(4)).answer},
		{label: "cached reply", answer: func(a asked, i int, _ *rand.Rand) ([]byte, error) {
			own := a.prompt
			a.prompt, _ = refmodel.Chat([]refmodel.Message{{Role: "user", Content: question(7, i%8)}})
			t, err := a.write(refmodel.Full)
			t.prompt = own
			return t.stream(1), err
		}},
		mixes("10% by 2 bits", 0.1, two),
		mixes("30% by 2 bits", 0.3, two),
		{label: "many tokens at once", answer: func(a asked, _ int, _ *rand.Rand) ([]byte, error) {
			t, err := a.write(refmodel.Full)
			return t.stream(len(t.ids)), err
		}},
		{label: "malformed stream", answer: func(a asked, i int, _ *rand.Rand) ([]byte, error) {
			t, err := a.write(refmodel.Full)
			whole := t.stream(1)
			if i%2 == 0 {
				return bytes.ReplaceAll(whole, []byte(`"finish_reason":"`), []byte(`"reason":"`)), err
			}
			return whole[:len(whole)*2/3], err
		}},
	}
}

// attack lets a coarse model write, and the right one score what it wrote.
func attack(v refmodel.Variant) func(asked, int, *rand.Rand) ([]byte, error) {
	return func(a asked, _ int, _ *rand.Rand) ([]byte, error) {
		t, err := a.write(v)
		if err != nil {
			return nil, err
		}
		t, err = t.claimed()
		return t.stream(1), err
	}
}

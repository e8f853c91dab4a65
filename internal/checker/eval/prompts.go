package eval

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Words to ask about: of the things that the built-in model knows, and others.
var (
	things = []string{"bread", "the tide", "an engine", "a garden", "the moon", "a river", "a violin", "the market", "a bridge", "rain",
		"a library", "the sourdough starter", "a telescope", "a bicycle", "the harvest", "a glacier", "a compiler", "a cathedral", "the harbour", "an orchard"}
	asks = []string{"How does %s change over a year?", "Tell me about %s and %s.", "Why does %s need %s?", "What should I know before I look after %s?",
		"List what matters about %s.", "Explain %s to a child, then %s to an expert.", "Write a short note on %s, %s and %s.", "What is the difference between %s and %s?"}
)

// question is the i-th of a series of prompts that differ.
func question(seed uint64, i int) string {
	r := rand.New(rand.NewPCG(seed, uint64(i)))
	var b strings.Builder
	for turn := range 1 + r.IntN(3) {
		if turn > 0 {
			b.WriteString(" ")
		}
		ask := asks[r.IntN(len(asks))]
		words := make([]any, strings.Count(ask, "%s"))
		for k := range words {
			words[k] = things[r.IntN(len(things))]
		}
		fmt.Fprintf(&b, ask, words...)
	}
	fmt.Fprintf(&b, " (%d)", i)
	return b.String()
}

// body is a customer's request for a chat.
func body(text string, temperature, topP float64, tokens int) []byte {
	content, _ := json.Marshal(text)
	rest := ""
	if topP < 1 {
		rest = fmt.Sprintf(`,"top_p":%v`, topP)
	}
	return fmt.Appendf(nil, `{"messages":[{"role":"user","content":%s}],"max_tokens":%d,"temperature":%v,"stream":true,"logprobs":true%s}`, content, tokens, temperature, rest)
}

package refmodel

import (
	"strings"
	"testing"
)

// Whoever continues a text of many sentences wants a continuation: an empty
// answer counts as the miner's failure.
func TestPlainTextIsContinuedHoweverLongItIs(t *testing.T) {
	m := Load(Full)
	for _, sentences := range []int{1, 3, 10, 40, 120} {
		prompt := Prompt(strings.Repeat("The river rises in the hills and runs down to the sea. ", sentences))
		for seed := range uint64(10) {
			n := 0
			err := m.Generate(t.Context(), Request{Prompt: prompt, MaxTokens: 12, Temperature: 1, Seed: seed}, func(tok Token) bool {
				if !IsEnd(tok.ID) {
					n++
				}
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				t.Errorf("%d sentences, seed %d: the answer is empty", sentences, seed)
			}
		}
	}
}

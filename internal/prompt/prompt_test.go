package prompt

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func check(t interface{ Fatalf(string, ...any) }, what, text string, n int) {
	switch {
	case !utf8.ValidString(text):
		t.Fatalf("%s: not UTF-8: %q", what, text)
	case strings.TrimSpace(text) != text || text == "":
		t.Fatalf("%s: empty, or has space around it: %q", what, text)
	case strings.ContainsAny(text, "\x00\r") || strings.Contains(text, "%!"):
		t.Fatalf("%s: has control characters: %q", what, text)
	case abs(len(text)-n) > Slack(n):
		t.Fatalf("%s: %d bytes, asked for %d give or take %d:\n%s", what, len(text), n, Slack(n), text)
	}
}

func generator(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func lengths(t *rapid.T) int {
	return rapid.OneOf(rapid.IntRange(1, 120), rapid.IntRange(1, 4000), rapid.IntRange(1, 40000)).Draw(t, "bytes")
}

func TestTextsHaveTheLengthAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, seed := lengths(t), rapid.Uint64().Draw(t, "seed")
		text := Text(generator(seed), n)
		check(t, "text", text, n)
		if again := Text(generator(seed), n); again != text {
			t.Fatalf("the same generator gave two texts")
		}
		check(t, "scene", Scene(generator(seed), n), n)
	})
}

// TestEveryTemplateFills draws enough that every template and list entry is
// very likely used, at lengths where the forms differ.
func TestEveryTemplateFills(t *testing.T) {
	r := generator(3)
	for i := range 20000 {
		n := []int{8, 30, 60, 120, 220, 300, 700, 1500}[i%8]
		check(t, "text", Text(r, n), n)
		check(t, "scene", Scene(r, n), n)
		for _, turn := range Turns(r, 1+i%6, n) {
			if strings.ContainsAny(strings.ReplaceAll(turn.Text, "```", ""), "\x00") || !utf8.ValidString(turn.Text) || turn.Text == "" {
				t.Fatalf("turn %q", turn.Text)
			}
		}
	}
}

func TestConversationsAlternate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count, n := rapid.IntRange(-1, 30).Draw(t, "turns"), lengths(t)
		turns := Turns(generator(rapid.Uint64().Draw(t, "seed")), count, n)
		if len(turns) != max(count, 1) {
			t.Fatalf("%d messages, want %d", len(turns), max(count, 1))
		}
		total := 0
		for i, turn := range turns {
			want := "user"
			switch {
			case i == 0 && len(turns)%2 == 0:
				want = "system"
			case (len(turns)-i)%2 == 0:
				want = "assistant"
			}
			if turn.Role != want || turn.Text == "" || !utf8.ValidString(turn.Text) {
				t.Fatalf("message %d of %d is %s %q, want one of role %s", i, len(turns), turn.Role, turn.Text, want)
			}
			total += len(turn.Text)
		}
		// Every message may be off by its own slack.
		if off := abs(total - n); off > Slack(n)+40*len(turns) {
			t.Fatalf("%d bytes in %d messages, asked for %d", total, len(turns), n)
		}
	})
}

func TestTextsRarelyRepeat(t *testing.T) {
	const draws = 10000
	for _, c := range []struct {
		bytes, distinct int
	}{{60, draws * 70 / 100}, {120, draws * 97 / 100}, {300, draws * 999 / 1000}, {1200, draws}} {
		r := generator(uint64(c.bytes))
		texts, scenes := map[string]bool{}, map[string]bool{}
		openings := map[string]int{}
		for range draws {
			text := Text(r, c.bytes)
			texts[text] = true
			openings[text[:min(len(text), 24)]]++
			scenes[Scene(r, c.bytes)] = true
		}
		t.Logf("%d bytes: %d distinct texts, %d openings, %d distinct scenes of %d", c.bytes, len(texts), len(openings), len(scenes), draws)
		if len(texts) < c.distinct || len(scenes) < c.distinct {
			t.Errorf("%d bytes: %d distinct texts and %d distinct scenes in %d draws, want at least %d", c.bytes, len(texts), len(scenes), draws, c.distinct)
		}
		for opening, times := range openings {
			if times > draws/20 {
				t.Errorf("%d bytes: %d texts begin with %q: too easy to recognise", c.bytes, times, opening)
			}
		}
	}
}

func TestFormsVary(t *testing.T) {
	r := generator(9)
	seen := map[string]bool{}
	for range 3000 {
		text := Text(r, 600)
		for form, mark := range map[string]string{"code": "```", "list": "\n- ", "table": "date,place,", "Chinese": "。", "Spanish": "¿", "quoted": "\"\"\"", "paragraphs": ".\n\n"} {
			seen[form] = seen[form] || strings.Contains(text, mark)
		}
		seen["lower case"] = seen["lower case"] || strings.ToLower(text) == text
	}
	for _, form := range []string{"code", "list", "table", "Chinese", "Spanish", "quoted", "paragraphs", "lower case"} {
		if !seen[form] {
			t.Errorf("no text of 3000 has the form %q", form)
		}
	}
}

func BenchmarkText(b *testing.B) {
	r := generator(1)
	for b.Loop() {
		Text(r, 800)
	}
}

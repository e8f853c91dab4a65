package prompt

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const letter = "Hi Sarah, my order 48213907 from 12 March 2023 has not come. I called on Monday and talked to Kevin in Chicago. He said that it left on the 3rd. " +
	"My mail is sarah.miller81@example.com and the key is sk-Zx81kQpa92Lm4477aaQz. Please tell me what I should do now. I would be very glad about an answer this week."

func TestNothingPersonalIsLeft(t *testing.T) {
	for seed := range uint64(200) {
		got := Cross(generator(seed), letter, nil)
		for _, secret := range []string{"48213907", "miller81", "sarah.", "Zx81kQpa92Lm4477aaQz"} {
			if strings.Contains(got, secret) {
				t.Fatalf("%q is left in\n%s", secret, got)
			}
		}
		if len(got) != len(letter) || !strings.Contains(got, "@example.com and the key is sk-") {
			t.Fatalf("%q", got)
		}
	}
}

// What an application wraps its customers' words into stays, and what is theirs is mixed.
func TestTemplatesStay(t *testing.T) {
	form := func(name, what, days string) string {
		return "Write a reply to " + name + ", who asks about the " + what + " that was ordered " + days + " days ago.\nBe polite and brief."
	}
	donors := []string{form("Ann", "red chair", "9"), form("Ben", "lamp", "12"), form("Cara Lee", "old desk", "30")}
	seen := map[string]bool{}
	for seed := range uint64(300) {
		got := Cross(generator(seed), donors[0], donors)
		seen[got] = true
		if !strings.HasPrefix(got, "Write a reply to ") || !strings.HasSuffix(got, " days ago.\nBe polite and brief.") || strings.Contains(got, "  ") {
			t.Fatal(got)
		}
		if slices.Contains(donors, got) {
			t.Fatalf("asked as it was: %s", got)
		}
	}
	if len(seen) < 8 {
		t.Errorf("only %d texts of three", len(seen))
	}
}

func TestUnlikeTextsLendSentences(t *testing.T) {
	other := "The cellar is damp again. Water stands in one corner of it. Nobody has looked at the pump. It hums at night, though."
	lent := 0
	for seed := range uint64(100) {
		if got := Cross(generator(seed), letter, []string{other}); strings.Contains(got, "Water stands") || strings.Contains(got, "the pump") || strings.Contains(got, "The cellar") {
			lent++
		}
	}
	if lent < 90 {
		t.Errorf("%d texts of 100 have a sentence of another", lent)
	}
}

func TestShortTextsAreJoined(t *testing.T) {
	got := Cross(generator(1), "what should I cook tonight", []string{"where should I start with chess"})
	if got != "what should I start with chess" {
		t.Error(got)
	}
	if got := Cross(generator(1), "thanks!", []string{"ok", "why?"}); got != "thanks!" {
		t.Error(got)
	}
}

func TestCodeKeepsItsLines(t *testing.T) {
	const code = "Why does this fail?\n\n```go\nfunc f(a []int) int {\n\tif len(a) == 0 {\n\t\treturn 0\n\t}\n\treturn a[0]\n}\n```\nIt should not."
	for seed := range uint64(50) {
		got := Cross(generator(seed), code, []string{"Is it right?\n\n```go\nfunc g() {\n\tpanic(1)\n}\n```\nI doubt it."})
		for _, line := range strings.Split(got, "\n") {
			if !strings.Contains(code+"\nIs it right?\n\n```go\nfunc g() {\n\tpanic(1)\n}\n```\nI doubt it.", line) {
				t.Fatal(got)
			}
		}
	}
}

func FuzzCross(f *testing.F) {
	f.Add(letter, "A. B! C?\n", uint64(1))
	f.Fuzz(func(t *testing.T, text, donor string, seed uint64) {
		if !utf8.ValidString(text) || !utf8.ValidString(donor) {
			return
		}
		if got := Cross(generator(seed), text, []string{donor, text + donor}); !utf8.ValidString(got) || strings.TrimSpace(got) == "" && strings.TrimSpace(text) != "" {
			t.Fatalf("%q becomes %q", text, got)
		}
	})
}

func BenchmarkCross(b *testing.B) {
	r := generator(1)
	for b.Loop() {
		Cross(r, letter, []string{strings.Replace(letter, "order", "parcel", 1), "Something else. Entirely so. Or is it? Who knows."})
	}
}

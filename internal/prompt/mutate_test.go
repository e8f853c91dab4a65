package prompt

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

const letter = "Hi Sarah, my order 48213907 from 12 March 2023 has not come. I called on Monday and talked to Kevin in Chicago. He said that it left on the 3rd. " +
	"My mail is sarah.miller81@example.com and the key is sk-Zx81kQpa92Lm4477aaQz. Please tell me what I should do now. I would be very glad about an answer this week."

func TestNothingPersonalIsLeft(t *testing.T) {
	for seed := range uint64(200) {
		got := NewMutation(generator(seed)).Text(letter)
		for _, secret := range []string{"48213907", "sarah.miller81", "Zx81kQpa92Lm4477aaQz"} {
			if strings.Contains(got, secret) {
				t.Fatalf("%q is left in\n%s", secret, got)
			}
		}
		if got == letter || !utf8.ValidString(got) || strings.Contains(got, "  ") {
			t.Fatalf("%q", got)
		}
		if n := len(got); n < len(letter)/2 || n > len(letter)*2 {
			t.Fatalf("%d bytes of %d:\n%s", n, len(letter), got)
		}
	}
}

func TestMutationIsOfOnePiece(t *testing.T) {
	m := NewMutation(generator(4))
	first, second := m.Values("Order 5517 of Kevin, please."), m.Values("Kevin says that 5517 is his.")
	number := regexp.MustCompile(`\d+`).FindString(first)
	name := strings.TrimSuffix(first[strings.Index(first, " of ")+4:], ", please.")
	if number == "5517" || !strings.Contains(second, number) || !strings.HasPrefix(second, name) {
		t.Errorf("%q, then %q", first, second)
	}
}

func TestCodeKeepsItsForm(t *testing.T) {
	const code = "Why does this fail?\n\n```go\nfunc f(a []int) int {\n\tif len(a) == 0 {\n\t\treturn 0\n\t}\n\treturn a[0]\n}\n```\nIt should not."
	for seed := range uint64(50) {
		got := NewMutation(generator(seed)).Text(code)
		if strings.Count(got, "\n") != strings.Count(code, "\n") || !strings.Contains(got, "```go\nfunc f(a []int) int {\n\tif len(a) == 0 {") {
			t.Fatal(got)
		}
	}
}

func TestSentencesOfAnotherTextAreMixedIn(t *testing.T) {
	m := NewMutation(generator(1))
	mixed := 0
	for seed := range uint64(100) {
		m = NewMutation(generator(seed))
		m.Donor = "The cellar is damp again. Water stands in one corner of it. Nobody has looked at the pump. It hums at night, though."
		if got := m.Text(letter); strings.Contains(got, "Water stands") || strings.Contains(got, "the pump") {
			mixed++
		}
	}
	if mixed < 10 || mixed > 90 {
		t.Errorf("sentences were mixed in %d times of 100", mixed)
	}
}

func FuzzMutation(f *testing.F) {
	f.Add(letter, "A. B! C?\n", uint64(1))
	f.Fuzz(func(t *testing.T, text, donor string, seed uint64) {
		if !utf8.ValidString(text) || !utf8.ValidString(donor) {
			return
		}
		m := NewMutation(generator(seed))
		m.Donor = donor
		if got := m.Text(text); !utf8.ValidString(got) || got == "" && text != "" {
			t.Fatalf("%q becomes %q", text, got)
		}
	})
}

package corpus

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func many(form string) string {
	var b strings.Builder
	for i := range Fewest {
		fmt.Fprintf(&b, form, strings.Repeat("x", i+1))
	}
	return b.String()
}

func TestFormsOfFiles(t *testing.T) {
	for name, c := range map[string]struct {
		data          string
		chats, scenes int
		longest       string // of the first text
	}{
		"a prompt a line": {many("Explain %s.\n"), Fewest, 0, "Explain x."},
		"blocks":          {many("Explain\n\n%s.\n---\n"), Fewest, 0, "Explain\n\nx."},
		"windows":         {strings.ReplaceAll(many("Explain\n%s.\n---\n"), "\n", "\r\n"), Fewest, 0, "Explain\nx."},
		"json":            {many(`{"prompt":"Explain %s."}` + "\n"), Fewest, 0, "Explain x."},
		"chats":           {many(`{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Explain %s."}]}` + "\n\n"), Fewest, 0, "Be brief."},
		"scenes":          {many(`{"scene":"a house of %s"}` + "\n"), 0, Fewest, ""},
	} {
		got, err := Read([]byte(c.data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got.chats) != c.chats || len(got.scenes) != c.scenes {
			t.Errorf("%s: %d chats, %d scenes", name, len(got.chats), len(got.scenes))
		}
		if c.chats > 0 && got.chats[0][0].Text != c.longest {
			t.Errorf("%s: the first is %q, want %q", name, got.chats[0][0].Text, c.longest)
		}
	}
}

func TestMistakesAreNamedByTheirLine(t *testing.T) {
	for data, want := range map[string]string{
		"":                                   "0 prompts",
		"one\ntwo\n":                         "2 prompts",
		"\xff\xfe":                           "UTF-8",
		"{\"prompt\":\"a\"}\n{\"prompt\":1}": "line 2",
		"{\"prompts\":\"a\"}":                "line 1: json: unknown field",
		"{\"prompt\":\"a\"} {}":              "line 1: want one JSON object",
		"{\"prompt\":\" \"}":                 "line 1: a text is empty",
		"{}":                                 "want one of messages, prompt and scene",
		`{"prompt":"a","scene":"b"}`:         "want one of messages, prompt and scene",
		`{"messages":[]}`:                    "must end with a user's",
		`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}`:                            "must end with a user's",
		`{"messages":[{"role":"boss","content":"a"}]}`:                                                               `role is "boss"`,
		`{"messages":[{"role":"user","content":"a"},{"role":"system","content":"b"},{"role":"user","content":"c"}]}`: "only be the first",
		"{nonsense": "line 1",
	} {
		if _, err := Read([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want it to say %q", data, err, want)
		}
	}
}

// Of texts of many lengths those are asked that are as long as customers' are.
func TestDrawFollowsLengths(t *testing.T) {
	var b strings.Builder
	for n := range 200 {
		for i := range n + 1 {
			fmt.Fprintf(&b, "w%d%c ", i, 'a'+n%26)
		}
		b.WriteByte('\n')
	}
	c, err := Read([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, want := range []int{50, 200, 800} {
		sum := 0
		for range 200 {
			turns := c.Draw(r, "chat", 1, want)
			sum += len(turns[0].Text)
		}
		if mean := sum / 200; mean < want/2 || mean > want*2 {
			t.Errorf("%d bytes were asked for, the mean is %d", want, mean)
		}
	}
	if c.Draw(r, "text-to-image", 1, 50) != nil {
		t.Error("a prompt was drawn for a picture")
	}
	again := func() any { return c.Draw(rand.New(rand.NewPCG(5, 6)), "chat", 1, 300) }
	if !reflect.DeepEqual(again(), again()) {
		t.Error("the same generator draws two texts")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(many("Explain %s.\n")))
	f.Add([]byte(many(`{"messages":[{"role":"user","content":"Explain %s."}]}` + "\n")))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Read(data)
		if err != nil {
			return
		}
		r := rand.New(rand.NewPCG(1, 2))
		for _, kind := range []string{"chat", "completion", "text-to-image"} {
			for _, turn := range c.Draw(r, kind, 2, 100) {
				if turn.Text == "" || !utf8.ValidString(turn.Text) {
					t.Fatalf("%q", turn.Text)
				}
			}
		}
	})
}

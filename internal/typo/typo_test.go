package typo

import (
	"testing"

	"pgregory.net/rapid"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"units", "units", 0}, {"unit", "units", 1}, {"liste", "listen", 1},
		{"kitten", "sitting", 3}, {"", "abc", 3}, {"flaw", "lawn", 2},
	} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"chat", "chats", "image"}
	for _, c := range []struct {
		typed string
		most  int
		want  string
	}{{"chat", 3, "chat"}, {"chatz", 3, "chat"}, {"chat-s", 3, "chats"}, {"imge", 1, "image"}, {"imge", 0, ""}, {"video", 3, ""}, {"image", 0, "image"}} {
		if got := Nearest(c.typed, names, c.most); got != c.want {
			t.Errorf("%q, at most %d changes: %q, want %q", c.typed, c.most, got, c.want)
		}
	}
	if got := Nearest("chat", nil, 3); got != "" {
		t.Errorf("of no names: %q", got)
	}
}

func TestDistanceIsAMetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab")), 0, 8, -1)
		a, b, c := text.Draw(t, "a"), text.Draw(t, "b"), text.Draw(t, "c")
		if Distance(a, b) != Distance(b, a) || (Distance(a, b) == 0) != (a == b) || Distance(a, c) > Distance(a, b)+Distance(b, c) {
			t.Errorf("%q %q %q: %d %d %d", a, b, c, Distance(a, b), Distance(b, c), Distance(a, c))
		}
	})
}

package prompt

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// writer fills templates. One writer makes one message or one conversation:
// it keeps to one domain and, after the first mention, to one topic.
type writer struct {
	r      *rand.Rand
	d      *domain
	topic  string
	author string // whose text is pasted, when somebody's is
	city   string
	sloppy bool // types carelessly
	lower  bool // and without capitals
}

func newWriter(r *rand.Rand) *writer {
	w := &writer{r: r, d: &domains[r.IntN(len(domains))]}
	w.topic = w.pick(w.d.topics)
	w.author = w.pick(names)
	w.city = w.pick(cities)
	w.sloppy = r.IntN(9) == 0
	w.lower = w.sloppy && r.IntN(2) == 0
	return w
}

func (w *writer) pick(list []string) string { return list[w.r.IntN(len(list))] }

// chance is true in one of n cases.
func (w *writer) chance(n int) bool { return w.r.IntN(n) == 0 }

// fill replaces every {gap} of a template. {name} draws from the list of that
// name; {Name} begins it with a capital letter; {3-40} is a number in that
// range.
func (w *writer) fill(template string) string {
	var b strings.Builder
	for {
		before, rest, open := strings.Cut(template, "{")
		b.WriteString(before)
		if !open {
			return b.String()
		}
		gap, after, _ := strings.Cut(rest, "}")
		b.WriteString(w.gap(gap))
		template = after
	}
}

func (w *writer) gap(gap string) string {
	if low, high, ok := strings.Cut(gap, "-"); ok {
		from, err1 := strconv.Atoi(low)
		to, err2 := strconv.Atoi(high)
		if err1 == nil && err2 == nil && to >= from {
			return strconv.Itoa(from + w.r.IntN(to-from+1))
		}
	}
	if first, _ := utf8.DecodeRuneInString(gap); unicode.IsUpper(first) {
		return capital(w.gap(strings.ToLower(gap)))
	}
	switch gap {
	case "topic":
		return w.topic
	case "othertopic":
		return w.pick(w.d.topics)
	case "task":
		return w.pick(w.d.tasks)
	case "thing":
		return w.pick(w.d.things)
	case "people":
		return w.pick(w.d.people)
	case "trouble":
		return w.pick(w.d.troubles)
	case "finding":
		return w.fill(w.pick(w.d.findings))
	case "author":
		return w.author
	case "city":
		return w.city
	case "date":
		return fmt.Sprintf("%d %s %d", 1+w.r.IntN(28), w.pick(months), 2009+w.r.IntN(17))
	case "isodate":
		return fmt.Sprintf("%d-%02d-%02d", 2009+w.r.IntN(17), 1+w.r.IntN(12), 1+w.r.IntN(28))
	}
	list, ok := lists[gap]
	if !ok {
		panic("prompt: a template names an unknown gap {" + gap + "}")
	}
	return w.pick(list)
}

// some is a filled template of the list.
func (w *writer) some(templates []string) string { return w.fill(w.pick(templates)) }

// nearest draws filled templates until the length of one is close to n, and
// keeps the closest of those if that takes too long.
func (w *writer) nearest(n int, templates []string) string {
	best := w.some(templates)
	for range 23 {
		if abs(len(best)-n) <= max(16, n/4) {
			break
		}
		if next := w.some(templates); abs(len(next)-n) < abs(len(best)-n) {
			best = next
		}
	}
	return best
}

// deck draws filled templates in an order of its own, none twice before all
// have come.
func (w *writer) deck(templates []string) func() string {
	var left []int
	return func() string {
		if len(left) == 0 {
			left = w.r.Perm(len(templates))
		}
		next := left[0]
		left = left[1:]
		return w.fill(templates[next])
	}
}

// extend adds pieces to text, each after sep, while that brings its length
// near n.
func (w *writer) extend(text, sep string, n int, piece func() string) string {
	var b strings.Builder
	b.WriteString(text)
	for misses := 0; misses < 10; {
		next := piece()
		if b.Len()+len(sep)+len(next) > n+Slack(n)/2 {
			misses++
			continue
		}
		if b.Len() > 0 {
			b.WriteString(sep)
		}
		b.WriteString(next)
		if b.Len() >= n-8 {
			break
		}
	}
	return b.String()
}

// careless mistypes about one word in fifteen, as a hurried person does.
func (w *writer) careless(text string) string {
	words := strings.Split(text, " ")
	for i, word := range words {
		if len(word) < 4 || !w.chance(15) || strings.IndexFunc(word, notLetter) >= 0 {
			continue
		}
		at := 1 + w.r.IntN(len(word)-2)
		switch w.r.IntN(3) {
		case 0: // two letters swapped
			words[i] = word[:at] + word[at+1:at+2] + word[at:at+1] + word[at+2:]
		case 1: // one left out
			words[i] = word[:at] + word[at+1:]
		default: // one doubled
			words[i] = word[:at] + word[at:at+1] + word[at:]
		}
	}
	text = strings.Join(words, " ")
	if w.lower {
		text = strings.ToLower(text)
	}
	return text
}

func notLetter(c rune) bool { return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') }

func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

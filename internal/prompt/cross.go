package prompt

import (
	"math/rand/v2"
	"strings"
)

// Cross makes of a text that somebody wrote one that nobody has, out of pieces
// of it and of others (donors), so that it reads as these do: words, numbers and
// phrases are as frequent as they were, and what all have in common, such as an
// application's own words, stays. Mail addresses, long numbers and keys are
// drawn anew besides. It is no anonymisation: what is said stays said.
//
//	a donor that is much like it   where they differ, the one's words or the other's
//	one that is not, long texts    some sentences are the other's
//	one that is not, short texts   begins as the one and, from two words that
//	                               both have, goes on as the other
//	none of these                  the text itself
//
// It is empty only if text is.
func Cross(r *rand.Rand, text string, donors []string) string {
	return Scrub(r, crossed(r, text, donors))
}

const (
	mostTokens = 400 // words, or sentences, of texts that are compared
	tries      = 10  // donors that are tried
)

func crossed(r *rand.Rand, text string, donors []string) string {
	if len(donors) == 0 {
		return text
	}
	cut := wordsOf
	a := wordsOf(text)
	if len(a) > mostTokens || strings.Contains(text, "```") {
		cut = sentencesOf
		a = sentencesOf(text)
	}
	if len(a) > mostTokens {
		return text
	}
	var others [][]string
	best, nearest := "", 0.0
	for range tries {
		donor := donors[r.IntN(len(donors))]
		b := cut(donor)
		if donor == text || len(b) > mostTokens {
			continue
		}
		if mixed, near := aligned(r, a, b); near > nearest && mixed != text {
			best, nearest = mixed, near
		}
		others = append(others, b)
	}
	if best != "" {
		return best
	}
	for _, b := range others {
		if mixed, ok := lent(r, text, strings.Join(b, "")); ok {
			return mixed
		}
	}
	for _, b := range others {
		if mixed, ok := joined(r, wordsOf(text), wordsOf(strings.Join(b, ""))); ok {
			return mixed
		}
	}
	return text
}

// wordsOf cuts a text into words, each with the space after it.
func wordsOf(text string) (list []string) {
	start := 0
	for i := 1; i < len(text); i++ {
		if !space(text[i]) && space(text[i-1]) {
			list = append(list, text[start:i])
			start = i
		}
	}
	if start < len(text) {
		list = append(list, text[start:])
	}
	return list
}

func space(c byte) bool { return c == ' ' || c == '\n' || c == '\t' }

// sentencesOf cuts a text into sentences and lines, each with the space after it.
func sentencesOf(text string) (list []string) {
	start := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\n', (c == '.' || c == '?' || c == '!') && i+1 < len(text) && text[i+1] == ' ' && i-start > 12:
			for i+1 < len(text) && (text[i+1] == ' ' || text[i+1] == '\n') {
				i++
			}
			list = append(list, text[start:i+1])
			start = i + 1
		}
	}
	if start < len(text) {
		list = append(list, text[start:])
	}
	return list
}

// bare is a piece without the space around it, by which pieces are compared.
func bare(s string) string { return strings.TrimSpace(s) }

// aligned mixes two texts of which at least half is common, in the same order:
// between what is common it takes either's pieces. It says how much they have in
// common, 0 to 1; 0 where they are not for mixing.
func aligned(r *rand.Rand, a, b []string) (mixed string, near float64) {
	n, m := len(a), len(b)
	if n == 0 || m == 0 || n > 3*m || m > 3*n {
		return "", 0
	}
	barely := func(list []string) []string {
		out := make([]string, len(list))
		for i, s := range list {
			out[i] = strings.TrimSpace(s)
		}
		return out
	}
	x, y := barely(a), barely(b)
	// common[i][j] is how many pieces a[i:] and b[j:] have in common.
	common := make([][]int16, n+1)
	cells := make([]int16, (n+1)*(m+1))
	for i := range common {
		common[i] = cells[i*(m+1) : (i+1)*(m+1)]
	}
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if x[i] == y[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	same := int(common[0][0])
	if 2*same < min(n, m) || same == n && same == m {
		return "", 0
	}
	var out strings.Builder
	write := func(pieces ...string) { // what ended a text has no space after it
		for _, p := range pieces {
			if s := out.String(); s != "" && !space(s[len(s)-1]) {
				out.WriteByte(' ')
			}
			out.WriteString(p)
		}
	}
	i, j := 0, 0
	for i < n || j < m {
		if i < n && j < m && x[i] == y[j] {
			if i == n-1 && j < m-1 {
				write(b[j])
			} else {
				write(a[i])
			}
			i, j = i+1, j+1
			continue
		}
		i0, j0 := i, j
		for (i < n || j < m) && !(i < n && j < m && x[i] == y[j]) {
			if j == m || i < n && common[i+1][j] >= common[i][j+1] {
				i++
			} else {
				j++
			}
		}
		if r.IntN(2) == 0 {
			write(a[i0:i]...)
		} else {
			write(b[j0:j]...)
		}
	}
	mixed = strings.TrimSpace(out.String())
	if mixed == "" || mixed == strings.TrimSpace(strings.Join(b, "")) {
		return "", 0
	}
	return mixed, float64(2*same) / float64(n+m)
}

// lent puts some sentences of another text in the place of some of a text's own,
// where both have enough and what follows them is alike.
func lent(r *rand.Rand, text, other string) (string, bool) {
	list, from := sentencesOf(text), sentencesOf(other)
	if len(list) < 4 || len(from) < 3 || strings.ContainsAny(text+other, "{}<>|`\t") {
		return "", false
	}
	changed := false
	for range 1 + len(list)/4 {
		at, one := 1+r.IntN(len(list)-2), from[r.IntN(len(from)-1)]
		if tail(one) == tail(list[at]) {
			list[at], changed = one, true
		}
	}
	return strings.Join(list, ""), changed
}

// tail is the space that a sentence ends with.
func tail(s string) string { return s[len(strings.TrimRight(s, " \n")):] }

// joined begins as one text and goes on as another, at two words that both have.
func joined(r *rand.Rand, a, b []string) (string, bool) {
	at := map[[2]string][]int{}
	for j := 0; j+2 < len(b); j++ {
		two := [2]string{bare(b[j]), bare(b[j+1])}
		at[two] = append(at[two], j)
	}
	for _, i := range r.Perm(max(len(a)-2, 0)) {
		places := at[[2]string{bare(a[i]), bare(a[i+1])}]
		if len(places) == 0 {
			continue
		}
		j := places[r.IntN(len(places))]
		if n := i + 2 + len(b) - j - 2; n < len(a)/2 || n > 2*len(a) {
			continue
		}
		mixed := strings.Join(a[:i+2], "") + strings.Join(b[j+2:], "")
		if mixed != strings.Join(a, "") && mixed != strings.Join(b, "") {
			return mixed, true
		}
	}
	return "", false
}

// longNumber is from how many digits on a number is somebody's: of an account, an
// order, a phone.
const longNumber = 6

// Scrub draws anew, in the same form, what is somebody's: mail addresses, long numbers, keys.
// Within one text the same becomes the same.
func Scrub(r *rand.Rand, text string) string {
	drawn := map[string]string{}
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); {
		if !wordByte(text[i]) {
			b.WriteByte(text[i])
			i++
			continue
		}
		j := i
		for j < len(text) && (wordByte(text[j]) || text[j] >= 0x80) {
			j++
		}
		w := text[i:j]
		local := j < len(text) && (text[j] == '@' || (text[j] == '.' || text[j] == '-' || text[j] == '+') && localPart(text[j:]))
		if local || private(w) {
			other, ok := drawn[w]
			if !ok {
				other = redrawn(r, w)
				drawn[w] = other
			}
			w = other
		}
		b.WriteString(w)
		i = j
	}
	return b.String()
}

// localPart says whether what follows goes on to an @: "a.b-c@d".
func localPart(text string) bool {
	for i := range min(len(text), 64) {
		switch c := text[i]; {
		case c == '@':
			return i+1 < len(text) && wordByte(text[i+1])
		case !wordByte(c) && c != '.' && c != '-' && c != '+':
			return false
		}
	}
	return false
}

func wordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

// private says whether a word is a long number or a key.
func private(w string) bool {
	digits := 0
	for _, c := range []byte(w) {
		if '0' <= c && c <= '9' {
			digits++
		}
	}
	return digits == len(w) && digits >= longNumber || len(w) >= 16 && digits >= 3
}

// redrawn gives letters for letters and digits for digits.
func redrawn(r *rand.Rand, w string) string {
	b := []byte(w)
	for i, c := range b {
		switch {
		case 'a' <= c && c <= 'z':
			b[i] = 'a' + byte(r.IntN(26))
		case 'A' <= c && c <= 'Z':
			b[i] = 'A' + byte(r.IntN(26))
		case '1' <= c && c <= '9': // noughts stay: numbers remain as round as they are
			b[i] = '1' + byte(r.IntN(9))
		}
	}
	return string(b)
}

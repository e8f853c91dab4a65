package prompt

import (
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mutation turns what people wrote into something that nobody has: names,
// numbers, addresses and keys become others of the same form, a turn of phrase
// another that people use as often, and of texts with many sentences some go, move, or come from
// another text. Within one Mutation the same number or name becomes the same
// other, so that a conversation stays of one piece.
//
// It is no anonymisation: what is said stays said. But nothing of the kind that
// one looks for in others' texts (mail addresses, long numbers, keys) is left.
type Mutation struct {
	r     *rand.Rand
	words map[string]string // what was replaced by what
	Donor string            // a text whose sentences may be mixed in; may be empty
}

// NewMutation makes a mutation.
func NewMutation(r *rand.Rand) *Mutation { return &Mutation{r: r, words: map[string]string{}} }

// Text gives the changed text. It is empty only if text is.
func (m *Mutation) Text(text string) string {
	text = m.sentences(text)
	text = m.phrases(text)
	return m.replace(text)
}

// Values changes names, numbers and the like alone, for texts whose form matters.
func (m *Mutation) Values(text string) string { return m.replace(text) }

// sentences drops, moves and mixes sentences where there are enough of them, and
// the text is prose.
func (m *Mutation) sentences(text string) string {
	list := split(text)
	if len(list) < 4 || strings.Contains(text, "```") || strings.ContainsAny(text, "{}<>|\t") {
		return text
	}
	if n := len(list); m.r.IntN(2) == 0 { // one of the middle goes
		at := 1 + m.r.IntN(n-2)
		list = slices.Delete(list, at, at+1)
	}
	if n := len(list); n >= 5 && m.r.IntN(3) == 0 { // two neighbours change places, if both end alike
		at := 1 + m.r.IntN(n-3)
		if tail(list[at]) == tail(list[at+1]) {
			list[at], list[at+1] = list[at+1], list[at]
		}
	}
	if other := split(m.Donor); len(list) >= 4 && len(other) >= 4 && m.r.IntN(2) == 0 {
		from, at := 1+m.r.IntN(len(other)-2), 1+m.r.IntN(len(list)-2)
		if one := other[from]; tail(one) == tail(list[at]) && !strings.ContainsAny(one, "{}<>|\t`") {
			list = slices.Insert(list, at, one)
		}
	}
	return strings.Join(list, "")
}

// split cuts a text into sentences and lines, each with the space after it.
func split(text string) (list []string) {
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

// tail is the space that a sentence ends with.
func tail(s string) string { return s[len(strings.TrimRight(s, " \n")):] }

// phrasings are turns of phrase that people use in each other's place.
var phrasings = [][]string{
	{"Can you ", "Could you "}, {"can you ", "could you "}, {"What's ", "What is "}, {"what's ", "what is "}, {"I'm ", "I am "}, {"don't ", "do not "}, {"doesn't ", "does not "},
	{"Explain ", "Please explain "}, {"Write ", "Please write "}, {"Summarize ", "Summarise "}, {" e.g. ", " for example "}, {"How can I ", "How do I "}, {"how can I ", "how do I "},
	{" because ", " since "}, {" big ", " large "}, {" begin ", " start "}, {" quickly", " fast"}, {" maybe ", " perhaps "},
	{" show me ", " give me "}, {" very ", " really "}, {" need ", " want "}, {" currently ", " now "}, {" simple ", " easy "},
	{"Thanks", "Thank you"}, {" two ", " three "}, {" three ", " four "}, {" few ", " several "}, {"short ", "brief "}, {" tomorrow", " today"}, {" week", " month"},
	{" old ", " new "}, {" first ", " second "}, {" best ", " easiest "}, {" my ", " our "}, {" last ", " next "}, {" good ", " useful "}, {" nice ", " good "}, {" many ", " some "},
}

// Names that people have, places and days, for others of their kind to take their place.
var (
	firstNames = strings.Fields("Aaron Adam Ahmed Alan Alex Alice Ali Amanda Amir Amy Ana Andrea Andrew Angela Anna Anne Anthony Antonio Ben Bill Bob Brian Carl Carlos Carol Charles Chris " +
		"Christine Claire Daniel David Diana Diego Dmitri Ed Elena Emily Emma Eric Eva Fatima Frank George Grace Greg Hannah Hans Helen Henry Ivan Jack James Jan Jane Jason Jean Jennifer " +
		"Jessica Jim Joe John Jonas Jose Juan Julia Julie Karen Kate Kevin Kumar Laura Lee Leo Linda Lisa Lucas Lucy Luis Luke Mark Maria Marie Mario Martin Mary Matt Max Maya Megan Mei Mia Michael " +
		"Miguel Mike Mohammed Monica Nadia Nancy Nick Nina Noah Nora Olga Oliver Olivia Omar Oscar Pablo Patricia Patrick Paul Pedro Peter Priya Rachel Raj Ravi Richard Robert Rosa Ryan Sam Samuel " +
		"Sandra Sara Sarah Sofia Sophie Stefan Stephen Steve Susan Thomas Tim Tom Victor Wei Will William Yusuf Zoe")
	places = strings.Fields("Amsterdam Athens Atlanta Austin Bangkok Barcelona Beijing Berlin Boston Brussels Budapest Cairo Chicago Copenhagen Dallas Delhi Denver Dubai Dublin Edinburgh Geneva " +
		"Hamburg Helsinki Houston Istanbul Jakarta Johannesburg Lagos Lima Lisbon London Lyon Madrid Manchester Manila Melbourne Miami Milan Montreal Moscow Mumbai Munich Nairobi Oslo Paris " +
		"Philadelphia Phoenix Portland Porto Prague Rome Seattle Seoul Shanghai Singapore Stockholm Sydney Taipei Tokyo Toronto Vancouver Vienna Warsaw Zurich")
	weekdays = lists["weekday"]
)

// phrases changes a few turns of phrase.
func (m *Mutation) phrases(text string) string {
	changed := 0
	for _, i := range m.r.Perm(len(phrasings)) {
		p := phrasings[i]
		from, to := p[0], p[1]
		if m.r.IntN(2) == 0 {
			from, to = to, from
		}
		if at := strings.Index(text, from); at >= 0 && !strings.HasPrefix(text[at:], to) && (at == 0 || !wordBefore(text, at, from)) {
			text = text[:at] + to + text[at+len(from):]
			if changed++; changed >= 1+len(text)/400 {
				break
			}
		}
	}
	return text
}

// wordBefore says whether from begins within a word of the text.
func wordBefore(text string, at int, from string) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:at])
	first, _ := utf8.DecodeRuneInString(from)
	return unicode.IsLetter(before) && unicode.IsLetter(first)
}

// replace changes numbers, names, cities, months, mail addresses, keys.
func (m *Mutation) replace(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); {
		c := text[i]
		if !wordByte(c) {
			b.WriteByte(c)
			i++
			continue
		}
		j := i
		for j < len(text) && (wordByte(text[j]) || text[j] >= 0x80) {
			j++
		}
		b.WriteString(m.word(text[i:j], i > 0 && text[i-1] == '@' || j < len(text) && text[j] == '@'))
		i = j
	}
	return b.String()
}

func wordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

func (m *Mutation) word(w string, address bool) string {
	if other, ok := m.words[w]; ok {
		return other
	}
	digits := 0
	for _, c := range []byte(w) {
		if '0' <= c && c <= '9' {
			digits++
		}
	}
	other := w
	switch {
	case digits == len(w):
		other = m.number(w)
	case address, len(w) >= 16 && digits >= 3: // part of a mail address; a key or an id
		other = m.scrambled(w)
	case slices.Contains(firstNames, w):
		other = firstNames[m.r.IntN(len(firstNames))]
	case slices.Contains(places, w):
		other = places[m.r.IntN(len(places))]
	case slices.Contains(weekdays, w):
		other = weekdays[m.r.IntN(len(weekdays))]
	case slices.Contains(months, w) && w != "May": // also a verb
		other = months[m.r.IntN(len(months))]
	default:
		return w
	}
	m.words[w] = other
	return other
}

// number gives another number of as many digits: small ones are near, years stay
// years of the time, long ones are any.
func (m *Mutation) number(w string) string {
	if len(w) == 1 { // 1 is often "one of", 0 is an index: they stay
		if w < "3" {
			return w
		}
		return string('2' + byte(m.r.IntN(8)))
	}
	if len(w) == 4 && (w[:2] == "19" || w[:2] == "20") {
		return w[:3] + string('0'+byte(m.r.IntN(10)))
	}
	round := len(w) - len(strings.TrimRight(w, "0"))
	b := []byte(w)
	for i := range b[:len(w)-round] {
		low := byte(0)
		if i == 0 && w[0] != '0' || i == len(w)-round-1 { // no zero in front, and as round as before
			low = 1
		}
		if w[0] == '0' && i == 0 {
			continue
		}
		b[i] = '0' + low + byte(m.r.IntN(10-int(low)))
	}
	return string(b)
}

// scrambled gives letters for letters and digits for digits.
func (m *Mutation) scrambled(w string) string {
	b := []byte(w)
	for i, c := range b {
		switch {
		case 'a' <= c && c <= 'z':
			b[i] = 'a' + byte(m.r.IntN(26))
		case 'A' <= c && c <= 'Z':
			b[i] = 'A' + byte(m.r.IntN(26))
		case '0' <= c && c <= '9':
			b[i] = '0' + byte(m.r.IntN(10))
		}
	}
	return string(b)
}

package refmodel

import (
	_ "embed"
	"strings"
)

// corpusText is the training text in a compact form: topics, each with nouns
// (N), questions (Q), sentences (S) and list items (L). {a|b} offers a choice,
// $N is one of the topic's nouns, \n a line break. Sentences of the topic named
// shared may appear in a document of any topic.
//
//go:embed corpus.txt
var corpusText string

type topic struct {
	name             string
	nouns, questions []string
	sentences, items []string
}

// document is one training conversation.
type document struct {
	topic            int
	question, answer string
}

func parseCorpus(text string) (topics []topic, shared []string) {
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) < 3 {
			continue
		}
		rest := strings.ReplaceAll(line[2:], `\n`, "\n")
		if line[0] == '#' {
			topics = append(topics, topic{name: rest})
			continue
		}
		t := &topics[len(topics)-1]
		switch line[0] {
		case 'N':
			t.nouns = strings.Split(rest, "|")
		case 'Q':
			t.questions = append(t.questions, rest)
		case 'S':
			t.sentences = append(t.sentences, rest)
		case 'L':
			t.items = append(t.items, rest)
		}
	}
	last := len(topics) - 1
	return topics[:last], topics[last].sentences
}

// expand replaces every {a|b|c} by one alternative and $N by a noun. Braces
// without a bar are kept: they are code.
func expand(s string, nouns []string, r *rng) string {
	var b strings.Builder
	for {
		open := strings.IndexByte(s, '{')
		if open < 0 {
			break
		}
		end := strings.IndexByte(s[open:], '}')
		if end < 0 {
			break
		}
		body := s[open+1 : open+end]
		b.WriteString(s[:open])
		if choices := strings.Split(body, "|"); len(choices) > 1 {
			b.WriteString(choices[r.intn(len(choices))])
		} else {
			b.WriteString("{" + body + "}")
		}
		s = s[open+end+1:]
	}
	b.WriteString(s)
	out := b.String()
	if strings.Contains(out, "$N") {
		out = strings.ReplaceAll(out, "$N", nouns[r.intn(len(nouns))])
	}
	return out
}

// writeCorpus expands the templates into perTopic documents of every topic.
func writeCorpus(topics []topic, shared []string, perTopic int, seed uint64) []document {
	docs := make([]document, 0, len(topics)*perTopic)
	r := newRNG(seed, "corpus")
	for range perTopic {
		for ti := range topics {
			t := &topics[ti]
			docs = append(docs, document{
				topic:    ti,
				question: expand(t.questions[r.intn(len(t.questions))], t.nouns, r),
				answer:   writeAnswer(t, shared, r),
			})
		}
	}
	return docs
}

func writeAnswer(t *topic, shared []string, r *rng) string {
	var b strings.Builder
	order := permutation(len(t.sentences), r)
	n := 3 + r.intn(6)
	listAt := -1
	if len(t.items) > 0 && r.intn(3) == 0 {
		listAt = r.intn(n)
	}
	for i := range n {
		switch {
		case b.Len() == 0:
		case r.intn(5) == 0:
			b.WriteString("\n\n")
		default:
			b.WriteByte(' ')
		}
		s := t.sentences[order[i%len(order)]]
		if r.intn(6) == 0 {
			s = shared[r.intn(len(shared))]
		}
		b.WriteString(expand(s, t.nouns, r))
		if i == listAt {
			b.WriteString(expand(" {Here is a list|Some things to remember|Keep these in mind|You need}:\n", nil, r))
			for _, item := range t.items {
				b.WriteString("\n- " + expand(item, t.nouns, r))
			}
			b.WriteString("\n\n" + expand(shared[r.intn(len(shared))], t.nouns, r))
		}
	}
	return b.String()
}

func permutation(n int, r *rng) []int {
	p := make([]int, n)
	for i := range p {
		j := r.intn(i + 1)
		p[i] = p[j]
		p[j] = i
	}
	return p
}

package refmodel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// VocabSize is the number of token ids, 0 to VocabSize-1.
const VocabSize = 1536

// Special tokens. They are never produced by [Encode], so user text that spells
// "<|end|>" stays text. [Decode] renders them as nothing.
const (
	TokenPad = iota
	TokenBOS
	TokenEOS // ends a document; like TokenEnd it stops generation
	TokenSystem
	TokenUser
	TokenAssistant
	TokenTool
	TokenEnd // ends a message; the model's usual end of sequence

	firstByte  = 8 // ids firstByte to firstByte+255 are single bytes
	firstPiece = firstByte + 256
)

var specialNames = [firstByte]string{
	"<|pad|>", "<|bos|>", "<|eos|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|end|>",
}

// IsEnd reports whether generation stops after token id.
func IsEnd(id int) bool { return id == TokenEnd || id == TokenEOS }

// IsSpecial reports whether id is one of the special tokens.
func IsSpecial(id int) bool { return id >= 0 && id < firstByte }

// ValidID reports whether id is in the vocabulary.
func ValidID(id int) bool { return id >= 0 && id < VocabSize }

// vocabulary maps ids to bytes and, as a trie, bytes to ids.
type vocabulary struct {
	text [VocabSize]string
	trie []trieNode
}

type trieNode struct {
	next [256]uint16 // 0: none (the root is never a child)
	id   int16       // -1: no token ends here
}

var vocab = sync.OnceValue(func() *vocabulary {
	topics, shared := parseCorpus(corpusText)
	v := &vocabulary{trie: []trieNode{{id: -1}}}
	for b := range 256 {
		v.add(firstByte+b, string([]byte{byte(b)}))
	}
	pieces := choosePieces(writeCorpus(topics, shared, 12, 1), VocabSize-firstPiece)
	for i, p := range pieces {
		v.add(firstPiece+i, p)
	}
	return v
})

func (v *vocabulary) add(id int, s string) {
	v.text[id] = s
	n := 0
	for i := 0; i < len(s); i++ {
		c := v.trie[n].next[s[i]]
		if c == 0 {
			c = uint16(len(v.trie))
			v.trie = append(v.trie, trieNode{id: -1})
			v.trie[n].next[s[i]] = c
		}
		n = int(c)
	}
	v.trie[n].id = int16(id)
}

// choosePieces returns n distinct strings of two or more bytes: the most useful
// words of the corpus, then fragments of those that did not fit.
func choosePieces(docs []document, n int) []string {
	words := map[string]int{}
	for _, d := range docs {
		for _, w := range splitWords(d.question + "\n" + d.answer) {
			words[w]++
		}
	}
	byUse := func(counts map[string]int) []string {
		list := make([]string, 0, len(counts))
		for w := range counts {
			if len(w) > 1 && len(w) <= 16 {
				list = append(list, w)
			}
		}
		slices.SortFunc(list, func(a, b string) int {
			return cmp.Or(cmp.Compare(counts[b]*(len(b)+4), counts[a]*(len(a)+4)), strings.Compare(a, b))
		})
		return list
	}
	ranked := byUse(words)
	pieces := ranked[:min(len(ranked), n*3/4)]
	fragments := map[string]int{}
	for _, w := range ranked[len(pieces):] {
		for i := range len(w) {
			for l := 2; l <= 5 && i+l <= len(w); l++ {
				fragments[w[i:i+l]] += words[w]
			}
		}
	}
	for _, p := range pieces {
		delete(fragments, p)
	}
	more := byUse(fragments)
	if len(pieces)+len(more) < n {
		panic(fmt.Sprintf("refmodel: the corpus yields %d pieces, want %d", len(pieces)+len(more), n))
	}
	return append(slices.Clone(pieces), more[:n-len(pieces)]...)
}

// splitWords cuts text into words with their leading space, single digits and
// runs of one other character.
func splitWords(s string) []string {
	var out []string
	letter := func(c byte) bool { return c|32 >= 'a' && c|32 <= 'z' || c >= 0x80 }
	for i := 0; i < len(s); {
		j := i + 1
		switch {
		case letter(s[i]) || s[i] == ' ' && j < len(s) && letter(s[j]):
			for j < len(s) && letter(s[j]) {
				j++
			}
		case s[i] >= '0' && s[i] <= '9':
		default:
			for j < len(s) && s[j] == s[i] {
				j++
			}
		}
		out = append(out, s[i:j])
		i = j
	}
	return out
}

// Encode turns text into token ids, longest match first. Any string is valid:
// what no piece covers becomes byte tokens. It never returns special tokens.
func Encode(text string) []int {
	v := vocab()
	out := make([]int, 0, len(text)/3+1)
	for i := 0; i < len(text); {
		n, id, length := 0, 0, 0
		for j := i; j < len(text); j++ {
			c := v.trie[n].next[text[j]]
			if c == 0 {
				break
			}
			n = int(c)
			if v.trie[n].id >= 0 {
				id, length = int(v.trie[n].id), j-i+1
			}
		}
		out = append(out, id)
		i += length
	}
	return out
}

// Decode joins the bytes of the tokens. Special and unknown ids add nothing.
// Sampled byte tokens may form invalid UTF-8; [Decoder] handles that.
func Decode(ids []int) string {
	v := vocab()
	var b strings.Builder
	for _, id := range ids {
		if ValidID(id) {
			b.WriteString(v.text[id])
		}
	}
	return b.String()
}

// TokenText is the raw bytes of one token, or a special token's name, as shown
// in log-probability listings.
func TokenText(id int) string {
	switch {
	case IsSpecial(id):
		return specialNames[id]
	case ValidID(id):
		return vocab().text[id]
	}
	return ""
}

package checker

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	longestWord = 64 // bytes; longer ones are not of a script that parts words
	lastRunes   = 8  // left out where words are not parted
)

// wholeWords is a text that was cut somewhere, without its last word: that may
// have been cut, and half a word is read into other tokens than the whole. Tokens
// hardly ever span a space, so what is left is read as it was written. Where a script
// has no spaces, the last few characters are left out.
func wholeWords(s string) string {
	s = strings.TrimRightFunc(s, unicode.IsSpace)
	i := strings.LastIndexFunc(s, unicode.IsSpace)
	if i >= 0 && len(s)-i <= longestWord {
		return strings.TrimRightFunc(s[:i], unicode.IsSpace)
	}
	if i < 0 && len(s) <= longestWord {
		return ""
	}
	for range lastRunes {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

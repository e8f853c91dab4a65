package openai

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may nest, in requests and answers.
const MaxDepth = 64

// bad is what scanning functions return in place of an index for text that is
// not JSON.
const bad = -1

// plain holds the bytes that stand for themselves in a JSON string and need no
// closer look: printable ASCII but '"' and '\'.
var plain = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// space gives the index of the first byte at or after i that is not white space.
func space(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// Eight bytes with one bit, and with the high bit, of each set.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// notPlain has the high bit set of the first byte of w, in the order of memory,
// that is not plain; bits above that one mean nothing.
func notPlain(w uint64) uint64 {
	quote, slash := w^(ones*'"'), w^(ones*'\\')
	return ((quote-ones)&^quote | (slash-ones)&^slash | (w - ones*' ') | w) & highs
}

// skipString gives the index after the string that begins at b[i] == '"'. It
// insists on valid UTF-8, as encoding/json does not.
func skipString(b []byte, i int) int {
	i++
	for {
		for i+8 <= len(b) {
			if found := notPlain(binary.LittleEndian.Uint64(b[i:])); found != 0 {
				i += bits.TrailingZeros64(found) / 8
				break
			}
			i += 8
		}
		for i < len(b) && plain[b[i]] {
			i++
		}
		if i >= len(b) {
			return bad
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i = skipEscape(b, i); i == bad {
				return bad
			}
		case c < 0x20:
			return bad
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				return bad
			}
			i += n
		}
	}
}

// skipEscape gives the index after the escape that begins at b[i] == '\\'.
// A surrogate without its other half is let pass, as JSON's grammar does.
func skipEscape(b []byte, i int) int {
	if i+1 >= len(b) {
		return bad
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		if i+6 > len(b) {
			return bad
		}
		for _, c := range b[i+2 : i+6] {
			if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
				return bad
			}
		}
		return i + 6
	}
	return bad
}

// skipNumber gives the index after the number at b[i]. Numbers beyond a
// float64 are not let pass: many readers fail on them.
func skipNumber(b []byte, i int) int {
	start, exponent := i, false
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i >= len(b):
		return bad
	case b[i] == '0':
		i++
	case '1' <= b[i] && b[i] <= '9':
		i = digits(b, i)
	default:
		return bad
	}
	if i < len(b) && b[i] == '.' {
		first := i + 1
		if i = digits(b, first); i == first {
			return bad
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		exponent = true
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		first := i
		if i = digits(b, first); i == first {
			return bad
		}
	}
	if exponent || i-start > 300 {
		if _, err := strconv.ParseFloat(string(b[start:i]), 64); err != nil {
			return bad
		}
	}
	return i
}

func digits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}

// skipValue gives the index after the value at b[i], which has depth more
// levels below it at most.
func skipValue(b []byte, i, depth int) int {
	if i >= len(b) {
		return bad
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{':
		return skipObject(b, i, depth)
	case '[':
		return skipArray(b, i, depth)
	case 't':
		return skipWord(b, i, "true")
	case 'f':
		return skipWord(b, i, "false")
	case 'n':
		return skipWord(b, i, "null")
	}
	return skipNumber(b, i)
}

func skipWord(b []byte, i int, word string) int {
	if len(b)-i >= len(word) && string(b[i:i+len(word)]) == word {
		return i + len(word)
	}
	return bad
}

// skipText skips a string or null.
func skipText(b []byte, i int) int {
	if i < len(b) && b[i] == '"' {
		return skipString(b, i)
	}
	if i < len(b) {
		return skipWord(b, i, "null")
	}
	return bad
}

func skipObject(b []byte, i, depth int) int {
	if depth == 0 {
		return bad
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return bad
		}
		if i = skipString(b, i); i == bad {
			return bad
		}
		if i = space(b, i); i >= len(b) || b[i] != ':' {
			return bad
		}
		if i = skipValue(b, space(b, i+1), depth-1); i == bad {
			return bad
		}
		if i = space(b, i); i >= len(b) {
			return bad
		}
		switch b[i] {
		case '}':
			return i + 1
		case ',':
			i = space(b, i+1)
		default:
			return bad
		}
	}
}

func skipArray(b []byte, i, depth int) int {
	if depth == 0 {
		return bad
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = skipValue(b, i, depth-1); i == bad {
			return bad
		}
		if i = space(b, i); i >= len(b) {
			return bad
		}
		switch b[i] {
		case ']':
			return i + 1
		case ',':
			i = space(b, i+1)
		default:
			return bad
		}
	}
}

// object walks the members of one object: after next has said true, the
// member's name lies between key and keyEnd and its value begins at val; the
// walker's user must then set i to the index after the value.
type object struct {
	b       []byte
	i       int
	started bool
	failed  bool
	comma   int // the comma before this member; bad for the first
	key     int // after the opening quote
	keyEnd  int // the closing quote
	val     int
}

// open starts at b[i] == '{'; anything else fails.
func open(b []byte, i int) object {
	if i >= len(b) || b[i] != '{' {
		return object{b: b, i: i, failed: true}
	}
	return object{b: b, i: i + 1}
}

// next moves to the next member. When it says false, either failed is set or i
// is the index after the object.
func (o *object) next() bool {
	b := o.b
	if o.failed {
		return false
	}
	if o.i < 0 {
		o.failed = true
		return false
	}
	i := space(b, o.i)
	o.comma = bad
	if i < len(b) && b[i] == '}' {
		o.i = i + 1
		return false
	}
	if o.started {
		if i >= len(b) || b[i] != ',' {
			o.failed = true
			return false
		}
		o.comma = i
		i = space(b, i+1)
	}
	o.started = true
	if i >= len(b) || b[i] != '"' {
		o.failed = true
		return false
	}
	o.key = i + 1
	if i = skipString(b, i); i == bad {
		o.failed = true
		return false
	}
	o.keyEnd = i - 1
	if i = space(b, i); i >= len(b) || b[i] != ':' {
		o.failed = true
		return false
	}
	o.val = space(b, i+1)
	return true
}

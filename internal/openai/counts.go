package openai

import "math"

func (c *chunk) walkPromptIDs(b []byte, i int) int {
	n, end := countIDs(b, i)
	if end != bad && n >= 0 {
		c.promptIDs = n
		c.hasPrompt = true
	}
	return end
}

// walkUsage reads what the upstream claims, or null.
func (c *chunk) walkUsage(b []byte, i int) int {
	if i < len(b) && b[i] == 'n' {
		return skipWord(b, i, "null")
	}
	o := open(b, i)
	for o.next() {
		o.i = skipValue(b, o.val, MaxDepth-4)
		if o.i == bad {
			return bad
		}
		switch string(b[o.key:o.keyEnd]) {
		case "completion_tokens":
			c.claimed, _ = wholeNumber(b[o.val:o.i])
		case "prompt_tokens":
			c.claimedPrompt, _ = wholeNumber(b[o.val:o.i])
		}
	}
	if o.failed {
		return bad
	}
	return o.i
}

// countIDs counts the token ids in the array at b[i]; null gives -1. An id is
// a whole number below 2^31.
func countIDs(b []byte, i int) (n, end int) {
	if i >= len(b) || b[i] != '[' {
		if i < len(b) {
			return -1, skipWord(b, i, "null")
		}
		return 0, bad
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return 0, i + 1
	}
	for {
		first, id := i, int64(0)
		for i < len(b) && '0' <= b[i] && b[i] <= '9' && i-first < 10 {
			id = id*10 + int64(b[i]-'0')
			i++
		}
		if i == first || id > math.MaxInt32 || b[first] == '0' && i > first+1 {
			return 0, bad
		}
		n++
		if i = space(b, i); i >= len(b) {
			return 0, bad
		}
		switch b[i] {
		case ']':
			return n, i + 1
		case ',':
			i = space(b, i+1)
		default:
			return 0, bad
		}
	}
}

// wholeNumber reads a count; anything else is 0.
func wholeNumber(v []byte) (int64, bool) {
	if len(v) == 0 || len(v) > 15 {
		return 0, false
	}
	var n int64
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

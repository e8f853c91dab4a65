package openai

import "bytes"

// Bits that note which names an object has shown.
const (
	sawChoices = 1 << iota
	sawError
	sawUsage
	sawID
	sawObject
	sawModel
	sawCreated
	sawPromptIDs
	sawIDs
	sawIndex
	sawDelta
	sawText
	sawFinish
	sawContent
	sawReasoning
	sawReasoningContent
	sawRefusal
	sawToolCalls
	sawFunctionCall
)

// layer is an object being walked, with what is needed to cut members out.
type layer struct {
	object
	seen     uint32
	kept     bool // some member so far stays
	dangling int  // 1 + the cut whose end is where the next member begins
}

// once notes a name, and says false if it was there before.
func (l *layer) once(bit uint32) bool {
	old := l.seen
	l.seen |= bit
	return old&bit == 0
}

// more moves to the next member and ends a dangling cut.
func (c *chunk) more(l *layer) bool {
	ok := l.next()
	if l.dangling > 0 && !l.failed {
		to := l.i - 1 // the brace
		if ok {
			to = l.key - 1
		}
		c.cuts[l.dangling-1].to = to
		l.dangling = 0
	}
	return ok
}

// remove cuts the current member, whose value ends at l.i, and one comma.
func (c *chunk) remove(l *layer) {
	if l.kept {
		c.cuts = append(c.cuts, cut{from: l.comma, to: l.i})
		return
	}
	c.cuts = append(c.cuts, cut{from: l.key - 1, to: l.i})
	l.dangling = len(c.cuts)
}

// unknown skips a member that we do not look at.
func (l *layer) unknown() {
	if bytes.IndexByte(l.b[l.key:l.keyEnd], '\\') >= 0 {
		l.failed = true
		return
	}
	l.i = skipValue(l.b, l.val, MaxDepth-4)
	l.kept = true
}

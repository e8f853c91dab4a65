package openai

import (
	"bytes"
	"math"
)

// chunk is what one JSON object of an answer held: a chunk of a stream, or a
// whole answer.
type chunk struct {
	hasChoices    bool
	choices       int
	output        bool // some text, reasoning or tool call; see said
	text          int  // bytes of output, as JSON
	ids           int  // token ids shown
	hasIDs        bool
	promptIDs     int
	hasPrompt     bool
	finish        string
	failed        bool // it says that the upstream failed
	claimed       int64
	claimedPrompt int64

	id, object, model []byte // as JSON strings
	created           int64

	cuts []cut // in order; reused
}

// said reports whether the model said something: an answer may be without
// text, when the model ended it at once, but then shows the end token's id.
func (c *chunk) said() bool { return c.output || c.ids > 0 }

// cut is a part of the object to be replaced.
type cut struct {
	from, to int
	with     []byte
}

// prefix is how the last chunk of a stream began, up to the value of choices.
// Chunks of one stream begin alike: what has been read once need not be again.
type prefix struct {
	text []byte
	seen uint32
}

// maxPrefix is how long a beginning is remembered.
const maxPrefix = 512

// edits say what cuts are noted.
type edits struct {
	prefix  *prefix // nil for whole answers
	keepIDs bool
	usage   []byte // replaces usage; nil removes it
	model   []byte // replaces model; nil leaves it
}

// walkWhole reads an object that is all of b. whole tells a whole answer from
// a chunk.
func (c *chunk) walkWhole(b []byte, whole bool, cuts []cut, e edits) error {
	*c = chunk{cuts: cuts[:0]}
	end, ok := c.walk(b, space(b, 0), whole, &e)
	if !ok || space(b, end) != len(b) {
		return malformed("malformed_answer", "it is not the JSON of a completion")
	}
	return nil
}

// appendEdited appends b with its cuts made.
func (c *chunk) appendEdited(dst, b []byte) []byte {
	from := 0
	for _, k := range c.cuts {
		dst = append(dst, b[from:k.from]...)
		dst = append(dst, k.with...)
		from = k.to
	}
	return append(dst, b[from:]...)
}

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

// walk reads the object at b[i] and gives the index after it.
func (c *chunk) walk(b []byte, i int, whole bool, e *edits) (int, bool) {
	l := layer{object: open(b, i)}
	if p := e.prefix; p != nil && len(p.text) > 0 && bytes.HasPrefix(b, p.text) {
		l.seen, l.started, l.kept, c.hasChoices = p.seen, true, true, true
		l.i = c.walkChoices(b, len(p.text), whole, e)
	}
	for c.more(&l) {
		ok := true
		switch string(b[l.key:l.keyEnd]) {
		case "choices":
			ok = l.once(sawChoices)
			c.hasChoices = true
			if ok {
				c.remember(&l, e.prefix)
			}
			l.i = c.walkChoices(b, l.val, whole, e)
			l.kept = true
		case "error":
			ok = l.once(sawError)
			l.i = skipValue(b, l.val, MaxDepth-4)
			c.failed = c.failed || l.i != bad && !IsNull(b[l.val:l.i])
			l.kept = true
		case "usage":
			ok = l.once(sawUsage)
			if l.i = c.walkUsage(b, l.val); l.i == bad {
				return bad, false
			}
			if e.usage == nil {
				c.remove(&l)
			} else {
				c.cuts = append(c.cuts, cut{l.val, l.i, e.usage})
				l.kept = true
			}
		case "prompt_token_ids":
			ok = l.once(sawPromptIDs)
			if l.i = c.walkPromptIDs(b, l.val); l.i != bad {
				c.keepOrRemove(&l, e)
			}
		case "model":
			ok = l.once(sawModel)
			if l.i = skipText(b, l.val); l.i == bad {
				return bad, false
			}
			c.model = b[l.val:l.i]
			if e.model != nil && !bytes.Equal(c.model, e.model) {
				c.cuts = append(c.cuts, cut{l.val, l.i, e.model})
			}
			l.kept = true
		case "id":
			ok = l.once(sawID)
			if l.i = skipText(b, l.val); l.i != bad {
				c.id = b[l.val:l.i]
			}
			l.kept = true
		case "object":
			ok = l.once(sawObject)
			if l.i = skipText(b, l.val); l.i != bad {
				c.object = b[l.val:l.i]
			}
			l.kept = true
		case "created":
			ok = l.once(sawCreated)
			l.i = skipNumber(b, l.val)
			if l.i != bad {
				c.created, _ = wholeNumber(b[l.val:l.i])
			}
			l.kept = true
		default:
			l.unknown()
		}
		if !ok || l.i == bad {
			return bad, false
		}
	}
	if l.failed {
		return bad, false
	}
	if e.usage != nil && l.seen&sawUsage == 0 {
		with := append([]byte(`,"usage":`), e.usage...)
		if !l.kept {
			with = with[1:]
		}
		c.cuts = append(c.cuts, cut{l.i - 1, l.i - 1, with})
	}
	return l.i, true
}

// remember keeps how a chunk began, at the member choices, if nothing in it
// needs a second look.
func (c *chunk) remember(l *layer, p *prefix) {
	if p != nil && l.val <= maxPrefix && len(c.cuts) == 0 && !c.failed && !c.hasPrompt && c.claimedPrompt == 0 {
		p.text, p.seen = append(p.text[:0], l.b[:l.val]...), l.seen
	}
}

func (c *chunk) walkChoices(b []byte, i int, whole bool, e *edits) int {
	if i >= len(b) || b[i] != '[' {
		return bad
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		c.choices++
		if i = c.walkChoice(b, i, whole, e); i == bad {
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

func (c *chunk) walkChoice(b []byte, i int, whole bool, e *edits) int {
	l := layer{object: open(b, i)}
	for c.more(&l) {
		ok := true
		switch string(b[l.key:l.keyEnd]) {
		case "index":
			ok = l.once(sawIndex)
			l.i = skipNumber(b, l.val)
			ok = ok && l.i == l.val+1 && b[l.val] == '0'
			l.kept = true
		case "delta":
			ok = l.once(sawDelta) && !whole
			l.i = c.walkDelta(b, l.val)
			l.kept = true
		case "message":
			ok = l.once(sawDelta) && whole
			l.i = c.walkDelta(b, l.val)
			l.kept = true
		case "text":
			ok = l.once(sawText)
			l.i = c.walkText(b, l.val)
			l.kept = true
		case "finish_reason":
			ok = l.once(sawFinish)
			if l.i = skipText(b, l.val); l.i != bad && b[l.val] == '"' {
				c.finish = reason(b[l.val+1 : l.i-1])
				ok = ok && c.finish != ""
			}
			l.kept = true
		case "token_ids":
			ok = l.once(sawIDs)
			var n int
			if n, l.i = countIDs(b, l.val); l.i != bad {
				if n >= 0 {
					c.ids += n
					c.hasIDs = true
				}
				c.keepOrRemove(&l, e)
			}
		case "prompt_token_ids":
			ok = l.once(sawPromptIDs)
			if l.i = c.walkPromptIDs(b, l.val); l.i != bad {
				c.keepOrRemove(&l, e)
			}
		default:
			l.unknown()
		}
		if !ok || l.i == bad {
			return bad
		}
	}
	if l.failed || l.seen&sawDelta != 0 && l.seen&sawText != 0 { // two answers in one
		return bad
	}
	return l.i
}

func (c *chunk) keepOrRemove(l *layer, e *edits) {
	if e.keepIDs {
		l.kept = true
		return
	}
	c.remove(l)
}

// walkDelta reads a delta or a message.
func (c *chunk) walkDelta(b []byte, i int) int {
	l := layer{object: open(b, i)}
	for l.next() {
		ok := true
		switch string(b[l.key:l.keyEnd]) {
		case "content":
			ok = l.once(sawContent)
			l.i = c.walkText(b, l.val)
		case "reasoning_content":
			ok = l.once(sawReasoningContent)
			l.i = c.walkText(b, l.val)
		case "reasoning":
			ok = l.once(sawReasoning)
			l.i = c.walkText(b, l.val)
		case "refusal":
			ok = l.once(sawRefusal)
			l.i = c.walkText(b, l.val)
		case "tool_calls":
			ok = l.once(sawToolCalls)
			l.i = c.walkFilled(b, l.val, '[')
		case "function_call":
			ok = l.once(sawFunctionCall)
			l.i = c.walkFilled(b, l.val, '{')
		default:
			l.unknown()
		}
		if !ok || l.i == bad {
			return bad
		}
	}
	if l.failed {
		return bad
	}
	return l.i
}

// walkText reads output text, or null.
func (c *chunk) walkText(b []byte, i int) int {
	end := skipText(b, i)
	if end != bad && b[i] == '"' && end-i > 2 {
		c.output = true
		c.text += end - i - 2
	}
	return end
}

// walkFilled reads an array or object, or null. It is output if anything is in it.
func (c *chunk) walkFilled(b []byte, i int, opening byte) int {
	end := skipValue(b, i, MaxDepth-4)
	if end == bad || b[i] != opening {
		if end != bad && b[i] == 'n' {
			return end
		}
		return bad
	}
	if space(b, i+1) < end-1 {
		c.output = true
		c.text += end - i - 2
	}
	return end
}

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

// reason gives a finish_reason without allocating the usual ones; "" for one
// that is no plain word.
func reason(b []byte) string {
	switch string(b) {
	case "stop":
		return "stop"
	case "length":
		return "length"
	case "tool_calls":
		return "tool_calls"
	}
	if len(b) > 32 {
		return ""
	}
	for _, c := range b {
		if c != '_' && (c < 'a' || c > 'z') {
			return ""
		}
	}
	return string(b)
}

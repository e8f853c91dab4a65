package openai

import "bytes"

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

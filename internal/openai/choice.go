package openai

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

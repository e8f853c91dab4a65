package openai

import (
	"bytes"

	"vision/internal/fault"
)

// Options are what a Stream is to do with one answer.
type Options struct {
	Limit    int    // most bytes of one event; what exceeds it is malformed
	Model    string // what chunks say is their model; "" leaves what they say
	TokenIDs bool   // leave token ids in
	Max      Bounds // what may be counted
}

// phase is how far an answer has come.
type phase uint8

const (
	waiting  phase = iota // nothing that counts as output yet
	started               // some output has come
	finished              // the finish_reason has come
	done                  // [DONE] has come
)

// Stream translates and counts one streamed answer. The zero value needs a
// Reset. It holds little between events: the beginning of an incomplete one.
type Stream struct {
	opt   Options
	model []byte // opt.Model as JSON

	phase phase
	begun bool // the first line has been seen
	err   error

	tail []byte // an incomplete line
	data []byte // the data lines of an incomplete event, with line feeds between
	has  bool   // such an event has a data line
	head []byte // events before the first output

	chunk  chunk
	prefix prefix
	meta   Meta
	met    bool // meta is known
	chunks int
	ids    int64
	hasIDs bool
	noIDs  int64 // chunks with output

	promptIDs int64
	claimed   int64 // prompt tokens
	hasPrompt bool
	finish    string
}

// NewStream begins a stream.
func NewStream(opt Options) *Stream {
	s := new(Stream)
	s.Reset(opt)
	return s
}

// keepCapacity is what buffer a Stream keeps for its next use: an idle stream
// should hold little.
const keepCapacity = 512

// Reset makes the stream ready for another answer.
func (s *Stream) Reset(opt Options) {
	model := s.model
	if opt.Model != s.opt.Model || model == nil && opt.Model != "" {
		model = AppendString(nil, opt.Model)
	}
	if opt.Model == "" {
		model = nil
	}
	*s = Stream{
		opt: opt, model: model,
		tail: small(s.tail), data: small(s.data), head: small(s.head),
		chunk: chunk{cuts: s.chunk.cuts[:0]}, prefix: prefix{text: s.prefix.text[:0]},
	}
}

func small(b []byte) []byte {
	if cap(b) > keepCapacity {
		return nil
	}
	return b[:0]
}

// Feed takes the next bytes of the answer and appends to dst the whole events
// that may be passed on. After an error, which is of kind Upstream with a
// short stable code, the stream is over; events before the mistake are still
// appended.
func (s *Stream) Feed(dst, p []byte) ([]byte, error) {
	if s.err != nil {
		return dst, s.err
	}
	if len(s.tail) > 0 {
		i := bytes.IndexByte(p, '\n')
		s.tail = append(s.tail, p[:i+1]...)
		if i < 0 {
			s.tail = append(s.tail, p...)
			if len(s.tail) > s.opt.Limit {
				return dst, s.fail(tooLong(s.opt.Limit))
			}
			return dst, nil
		}
		line := s.tail[:len(s.tail)-1]
		if dst = s.line(dst, line); s.err != nil {
			return dst, s.err
		}
		s.tail = small(s.tail)
		p = p[i+1:]
	}
	if !s.begun && len(p) > 0 && p[0] != 0xEF {
		s.begun = true // there is no byte order mark
	}
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			break
		}
		if i+1 < len(p) && p[i+1] == '\n' && i > 6 && !s.has && s.begun && string(p[:6]) == "data: " && p[i-1] != '\r' {
			// The usual event: one line of data, then an empty line.
			if i > s.opt.Limit {
				s.fail(tooLong(s.opt.Limit))
			} else {
				dst = s.event(dst, p[6:i])
			}
			p = p[i+2:]
		} else {
			dst = s.line(dst, p[:i])
			p = p[i+1:]
		}
		if s.err != nil {
			return dst, s.err
		}
	}
	if len(p) > s.opt.Limit {
		return dst, s.fail(tooLong(s.opt.Limit))
	}
	s.tail = append(s.tail, p...)
	return dst, nil
}

func tooLong(limit int) *fault.Error {
	return malformed("event_too_long", "an event has more than %d bytes", limit)
}

func (s *Stream) fail(err *fault.Error) error {
	s.err = err
	return err
}

// line takes one line without its line feed.
func (s *Stream) line(dst, line []byte) []byte {
	if len(line) > s.opt.Limit {
		s.fail(tooLong(s.opt.Limit))
		return dst
	}
	if !s.begun {
		s.begun = true
		line = bytes.TrimPrefix(line, []byte("\xEF\xBB\xBF"))
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) == 0 {
		if !s.has {
			return dst
		}
		s.has = false
		dst = s.event(dst, s.data)
		s.data = small(s.data)
		return dst
	}
	name, value, _ := bytes.Cut(line, []byte(":"))
	switch string(name) {
	case "data":
		if s.has {
			s.data = append(s.data, '\n')
		}
		if len(value) > 0 && value[0] == ' ' {
			value = value[1:]
		}
		s.has = true
		if s.data = append(s.data, value...); len(s.data) > s.opt.Limit {
			s.fail(tooLong(s.opt.Limit))
		}
	case "error": // as some servers write their failures
		s.fail(upstreamFailed())
	}
	return dst // a comment, or a field that does not matter here
}

func upstreamFailed() *fault.Error {
	return malformed("upstream_error", "it is an error")
}

var doneText = []byte("[DONE]")

// event takes the data of one whole event.
func (s *Stream) event(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	if s.phase == done {
		s.fail(malformed("after_done", "something follows [DONE]"))
		return dst
	}
	if bytes.Equal(bytes.TrimSpace(data), doneText) {
		if s.phase != finished {
			s.fail(s.unfinished())
			return dst
		}
		s.phase = done
		return dst
	}
	c := &s.chunk
	if err := c.walkWhole(data, false, c.cuts, edits{prefix: &s.prefix, keepIDs: s.opt.TokenIDs, model: s.model}); err != nil {
		s.fail(malformed("malformed_event", "an event is not the JSON of a chunk"))
		return dst
	}
	switch {
	case c.failed:
		s.fail(upstreamFailed())
		return dst
	case !c.hasChoices || c.choices > 1:
		s.fail(malformed("malformed_event", "a chunk has %d choices, want 1", c.choices))
		return dst
	}
	s.note(c)
	if c.choices == 0 {
		return dst // usage, or what does not concern a customer
	}
	if s.phase == finished {
		if c.said() {
			s.fail(malformed("after_finish", "output follows the finish_reason"))
		}
		return dst
	}
	s.count(c)
	if c.said() && s.phase == waiting {
		s.phase = started
		dst = append(dst, s.head...)
		s.head = nil
	}
	if s.phase == waiting {
		s.head = s.emit(s.head, data)
		if len(s.head) > s.opt.Limit {
			s.fail(malformed("event_too_long", "more than %d bytes come before the first output", s.opt.Limit))
			return dst
		}
	} else {
		dst = s.emit(dst, data)
	}
	if c.finish != "" {
		s.finish = c.finish
		if s.phase == waiting {
			s.fail(malformed("empty", "it is empty"))
			return dst
		}
		s.phase = finished
	}
	return dst
}

// note keeps what any chunk may say.
func (s *Stream) note(c *chunk) {
	if !s.met {
		s.met = true
		s.meta = Meta{ID: textOf(c.id), Created: c.created, Object: textOf(c.object), Model: s.opt.Model}
		if s.meta.Model == "" {
			s.meta.Model = textOf(c.model)
		}
	}
	if c.hasPrompt {
		s.hasPrompt = true
		s.promptIDs = max(s.promptIDs, int64(c.promptIDs))
	}
	s.claimed = max(s.claimed, c.claimedPrompt)
}

func textOf(quoted []byte) string {
	if len(quoted) < 2 || quoted[0] != '"' {
		return ""
	}
	return unquote(quoted)
}

func (s *Stream) count(c *chunk) {
	if c.hasIDs {
		s.hasIDs = true
		s.ids += int64(c.ids)
	}
	if c.said() {
		s.noIDs++
		s.chunks++
	}
}

// emit appends an event with its cuts made, on one line.
func (s *Stream) emit(dst, data []byte) []byte {
	dst = append(dst, "data: "...)
	from := len(dst)
	if len(s.chunk.cuts) == 0 {
		dst = append(dst, data...)
	} else {
		dst = s.chunk.appendEdited(dst, data)
	}
	// What is valid JSON has line breaks only between its tokens.
	if bytes.IndexByte(data, '\n') >= 0 || bytes.IndexByte(data, '\r') >= 0 {
		for i, c := range dst[from:] {
			if c == '\n' || c == '\r' {
				dst[from+i] = ' '
			}
		}
	}
	return append(dst, "\n\n"...)
}

// End says whether the answer is whole, once its input has ended.
func (s *Stream) End() error {
	switch {
	case s.err != nil:
		return s.err
	case s.phase != done:
		return s.fail(s.unfinished())
	case len(s.tail) > 0 || s.has:
		return s.fail(malformed("after_done", "something follows [DONE]"))
	}
	return nil
}

func (s *Stream) unfinished() *fault.Error {
	if s.phase == waiting {
		return malformed("empty", "it ends before any output")
	}
	return malformed("truncated", "it ends before it is whole")
}

// Started says whether output has been passed on.
func (s *Stream) Started() bool { return s.phase != waiting }

// Done says whether the answer is whole: [DONE] has come.
func (s *Stream) Done() bool { return s.phase == done && s.err == nil }

// Chunks counts the events with output so far.
func (s *Stream) Chunks() int { return s.chunks }

// Meta is what the first chunk said of the stream.
func (s *Stream) Meta() Meta { return s.meta }

// Tally is what has been counted so far. Tokens are counted by the ids that
// chunks show, or, where none does, as one for each chunk with output.
func (s *Stream) Tally() Tally {
	t := Tally{Completion: s.ids, Prompt: s.promptIDs, Estimated: !s.hasIDs, Finish: s.finish}
	if !s.hasIDs {
		t.Completion = s.noIDs
	}
	if !s.hasPrompt {
		t.Prompt = bounded(s.claimed, s.opt.Max.Prompt)
	}
	if most := s.opt.Max.Completion; most > 0 && t.Completion > most {
		t.Completion, t.Excess = most, true
	}
	return t
}

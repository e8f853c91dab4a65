// Package corpus is texts that a validator's operator gave for probes: what
// people wrote reads more like what people write than what is made up.
//
// A file is one of two things:
//
//   - text: one prompt a line; or, if a line holds nothing but ---, prompts of
//     any number of lines with such a line between two;
//   - JSON, a line each (it begins with {): {"messages": [{"role": "user",
//     "content": "…"}]}, {"prompt": "…"} or, for pictures, {"scene": "…"}.
//
// Invariants: a Corpus does not change once read; what Draw gives ends with a
// user's message (for a chat), is never empty and is valid UTF-8; the same
// generator gives the same.
package corpus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"unicode/utf8"

	"vision/internal/prompt"
	"vision/internal/task"
)

const (
	// Fewest is how many prompts there must be: of fewer each would come again
	// so soon that miners knew it.
	Fewest = 20
	// MostBytes is how large a file may be.
	MostBytes = 64 << 20
	// mostPrompt is how many bytes one prompt may have.
	mostPrompt = 1 << 20
)

// Corpus is a file that was read.
type Corpus struct {
	chats  [][]prompt.Turn
	scenes [][]prompt.Turn
}

// Len is how many prompts there are.
func (c *Corpus) Len() int { return len(c.chats) + len(c.scenes) }

// Read reads a file's content. Errors name the line.
func Read(data []byte) (*Corpus, error) {
	switch {
	case len(data) > MostBytes:
		return nil, fmt.Errorf("it has %d bytes, more than the %d allowed", len(data), MostBytes)
	case !utf8.Valid(data):
		return nil, errors.New("it is not UTF-8 text")
	}
	c := &Corpus{}
	read := c.text
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		read = c.lines
	}
	if err := read(strings.ReplaceAll(string(data), "\r\n", "\n")); err != nil {
		return nil, err
	}
	if c.Len() < Fewest {
		return nil, fmt.Errorf("it has %d prompts, want at least %d: miners would soon know so few", c.Len(), Fewest)
	}
	return c, nil
}

func (c *Corpus) add(line int, to *[][]prompt.Turn, turns ...prompt.Turn) error {
	for i := range turns {
		turns[i].Text = strings.TrimSpace(turns[i].Text)
		switch n := len(turns[i].Text); {
		case n == 0:
			return fmt.Errorf("line %d: a text is empty", line)
		case n > mostPrompt:
			return fmt.Errorf("line %d: a text has %d bytes, more than the %d allowed", line, n, mostPrompt)
		}
	}
	*to = append(*to, turns)
	return nil
}

func (c *Corpus) text(data string) error {
	blocks, begun := strings.Contains("\n"+data+"\n", "\n---\n"), 1
	var block []string
	end := func() error {
		text := strings.Join(block, "\n")
		block = nil
		if strings.TrimSpace(text) == "" {
			return nil
		}
		return c.add(begun, &c.chats, prompt.Turn{Role: "user", Text: text})
	}
	for i, line := range strings.Split(data, "\n") {
		if blocks && line != "---" {
			if block == nil {
				begun = i + 1
			}
			block = append(block, line)
			continue
		}
		if !blocks {
			block, begun = []string{line}, i+1
		}
		if err := end(); err != nil {
			return err
		}
	}
	return end()
}

// entry is one line of JSON.
type entry struct {
	Messages []struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	} `json:"messages"`
	Prompt *string `json:"prompt"`
	Scene  *string `json:"scene"`
}

func (c *Corpus) lines(data string) error {
	for i, line := range strings.Split(data, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var e entry
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		if _, err := d.Token(); err != io.EOF {
			return fmt.Errorf("line %d: want one JSON object a line", i+1)
		}
		if err := c.entry(i+1, &e); err != nil {
			return err
		}
	}
	return nil
}

func (c *Corpus) entry(line int, e *entry) error {
	given := 0
	for _, there := range []bool{e.Messages != nil, e.Prompt != nil, e.Scene != nil} {
		if there {
			given++
		}
	}
	switch {
	case given != 1:
		return fmt.Errorf("line %d: want one of messages, prompt and scene", line)
	case e.Prompt != nil:
		return c.add(line, &c.chats, prompt.Turn{Role: "user", Text: *e.Prompt})
	case e.Scene != nil:
		return c.add(line, &c.scenes, prompt.Turn{Role: "user", Text: *e.Scene})
	}
	var turns []prompt.Turn
	for i, m := range e.Messages {
		switch {
		case m.Role != "system" && m.Role != "user" && m.Role != "assistant":
			return fmt.Errorf("line %d: messages[%d].role is %q, want system, user or assistant", line, i, m.Role)
		case m.Role == "system" && i > 0:
			return fmt.Errorf("line %d: messages[%d] is the system's, which may only be the first", line, i)
		}
		turns = append(turns, prompt.Turn{Role: m.Role, Text: m.Content})
	}
	if len(turns) == 0 || turns[len(turns)-1].Role != "user" {
		return fmt.Errorf("line %d: messages must end with a user's", line)
	}
	return c.add(line, &c.chats, turns...)
}

// candidates is how many texts are looked at for one of the length wanted.
const candidates = 24

// Draw gives a conversation for a task of the kind: of some that are drawn, the
// one whose number of messages and bytes are nearest to what is asked, crossed
// with others (prompt.Cross). It is nil if there is none.
func (c *Corpus) Draw(r *rand.Rand, kind string, turns, bytes int) []prompt.Turn {
	from := c.chats
	if k, ok := task.KindNamed(kind); ok && k.Evidence() == task.Image {
		from = c.scenes
	}
	if len(from) == 0 {
		return nil
	}
	var best []prompt.Turn
	least := math.Inf(1)
	for range candidates {
		one := from[r.IntN(len(from))]
		size := 1
		for _, t := range one {
			size += len(t.Text)
		}
		off := math.Abs(math.Log(float64(size) / float64(max(bytes, 1))))
		if kind == "chat" {
			off += math.Abs(math.Log(float64(len(one)) / float64(max(turns, 1))))
		}
		if off < least {
			best, least = one, off
		}
	}
	return c.crossed(r, from, best)
}

// crossed is a conversation out of one and of what others have in the same place.
func (c *Corpus) crossed(r *rand.Rand, from [][]prompt.Turn, one []prompt.Turn) []prompt.Turn {
	others := make([][]prompt.Turn, 0, candidates)
	for range candidates {
		o := from[r.IntN(len(from))]
		if (o[0].Role == "system") != (one[0].Role == "system") || o[0].Role == "system" && o[0].Text != one[0].Text {
			continue // another application's
		}
		others = append(others, o)
	}
	fresh := make([]prompt.Turn, len(one))
	for i, t := range one {
		var donors []string
		for _, o := range others {
			if i < len(o) && o[i].Role == t.Role {
				donors = append(donors, o[i].Text)
			}
		}
		if t.Role == "system" {
			donors = nil
		}
		fresh[i] = prompt.Turn{Role: t.Role, Text: prompt.Cross(r, t.Text, donors)}
	}
	return fresh
}

package task

import (
	"math/rand/v2"
	"slices"
	"strings"

	"vision/internal/openai"
	"vision/internal/prompt"
)

// Unseeded is a payload without its seed, and whether it had one.
func Unseeded(payload []byte) ([]byte, bool) {
	members, err := openai.Members(payload)
	if err != nil {
		return payload, false
	}
	out, seeded := []byte{'{'}, false
	for _, m := range members {
		if m.Name == "seed" {
			seeded = true
			continue
		}
		out = appendMember(out, m.Name, m.Value)
	}
	return append(out, '}'), seeded
}

func appendMember(out []byte, name string, value []byte) []byte {
	if len(out) > 1 {
		out = append(out, ',')
	}
	out = openai.AppendString(out, name)
	return append(append(out, ':'), value...)
}

// Likeness says which application a payload is likely to come from: those of one
// have the same fields and begin with the same words of the system's. "" is
// that it cannot be told.
func Likeness(payload []byte) string {
	members, err := openai.Members(payload)
	if err != nil {
		return ""
	}
	var key strings.Builder
	for _, m := range members {
		key.WriteString(m.Name + " ")
	}
	for _, s := range said(members) {
		if s.role == "system" {
			key.WriteString("\n" + s.text)
		}
	}
	return key.String()
}

// saying is one text of a payload.
type saying struct {
	role  string
	first bool // nothing before it has its role
	text  string
}

// said are the texts of a payload, in their order.
func said(members []openai.Member) (list []saying) {
	add := func(role string, v []byte) {
		if text, err := openai.Text(v, ""); err == nil && openai.IsString(v) {
			first := !slices.ContainsFunc(list, func(s saying) bool { return s.role == role })
			list = append(list, saying{role, first, text})
		}
	}
	for _, m := range members {
		switch m.Name {
		case "prompt", "negative_prompt":
			add(m.Name, m.Value)
		case "input":
			for e := range openai.Elements(m.Value) {
				add("input", e)
			}
		case "messages":
			for e := range openai.Elements(m.Value) {
				if o, err := membersOf("", e); err == nil {
					add(roleOf(o.Given("role")), o.Given("content"))
				}
			}
		}
	}
	return list
}

// Mutated makes of a payload one that nobody has asked. Its texts are crossed
// (prompt.Cross) with those in the same place of others, which should be of the
// same application; its parameters stay, but that a seed of many digits becomes
// another. What it does not understand it leaves as it is: the result has to be
// parsed.
func Mutated(r *rand.Rand, payload []byte, others [][]byte) []byte {
	members, err := openai.Members(payload)
	if err != nil {
		return payload
	}
	c := crossing{r: r, donors: map[saying][]string{}}
	for _, o := range others {
		if theirs, err := openai.Members(o); err == nil {
			for _, s := range said(theirs) {
				place := saying{role: s.role, first: s.first}
				c.donors[place] = append(c.donors[place], s.text)
			}
		}
	}
	out := []byte{'{'}
	for _, m := range members {
		switch v := m.Value; m.Name {
		case "messages":
			v = c.messages(v)
			out = appendMember(out, m.Name, v)
		case "prompt", "negative_prompt":
			out = appendMember(out, m.Name, c.text(m.Name, v))
		case "input":
			out = appendMember(out, m.Name, c.list(v))
		case "seed":
			out = appendMember(out, m.Name, []byte(madeSeed(r, noteSeed(v))))
		default:
			out = appendMember(out, m.Name, v)
		}
	}
	return append(out, '}')
}

// crossing is a payload being mutated.
type crossing struct {
	r      *rand.Rand
	donors map[saying][]string // texts of others, by their places
	seen   []string            // roles so far
}

// text changes a JSON string that stands in the place of a role.
func (c *crossing) text(role string, v []byte) []byte {
	place := saying{role: role, first: !slices.Contains(c.seen, role)}
	c.seen = append(c.seen, role)
	s, err := openai.Text(v, "")
	if err != nil || s == "" {
		return v
	}
	donors := c.donors[place]
	switch {
	case role == "system" && slices.Contains(donors, s), role == "tool":
		s = prompt.Scrub(c.r, s) // an application's own; the answer to a call that stays
	case !place.first && len(donors) > 0 && c.r.IntN(2) == 0: // later in a conversation
		s = prompt.Scrub(c.r, donors[c.r.IntN(len(donors))])
	default:
		s = prompt.Cross(c.r, s, donors)
	}
	return openai.AppendString(nil, s)
}

func (c *crossing) list(v []byte) []byte {
	if !openai.IsArray(v) {
		return c.text("input", v)
	}
	out := []byte{'['}
	for e := range openai.Elements(v) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		if openai.IsString(e) {
			e = c.text("input", e)
		}
		out = append(out, e...)
	}
	return append(out, ']')
}

// messages changes what was said; calls stay as they were.
func (c *crossing) messages(v []byte) []byte {
	out := []byte{'['}
	for e := range openai.Elements(v) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		o, err := membersOf("", e)
		if err != nil {
			return v
		}
		role, one := roleOf(o.Given("role")), []byte{'{'}
		for _, m := range o.Members {
			value := m.Value
			if m.Name == "content" && openai.IsString(value) {
				value = c.text(role, value)
			}
			one = appendMember(one, m.Name, value)
		}
		out = append(append(out, one...), '}')
	}
	return append(out, ']')
}

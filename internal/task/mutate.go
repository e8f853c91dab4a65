package task

import (
	"math/rand/v2"
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

// Mutated makes of a payload one that nobody has asked: its texts are changed
// (prompt.Mutation), now and then with a sentence of donor, another payload, and
// all parameters stay; a seed of many digits becomes another. What it does not
// understand it leaves as it is: the result has to be parsed.
func Mutated(r *rand.Rand, payload, donor []byte) []byte {
	members, err := openai.Members(payload)
	if err != nil {
		return payload
	}
	change := prompt.NewMutation(r)
	change.Donor = lastText(donor)
	out := []byte{'{'}
	for _, m := range members {
		switch v := m.Value; m.Name {
		case "messages":
			out = appendMember(out, m.Name, mutatedMessages(change, v))
		case "prompt", "negative_prompt":
			out = appendMember(out, m.Name, mutatedText(change, v))
		case "input":
			out = appendMember(out, m.Name, mutatedList(change, v))
		case "seed":
			out = appendMember(out, m.Name, []byte(madeSeed(r, noteSeed(v))))
		default:
			out = appendMember(out, m.Name, v)
		}
	}
	return append(out, '}')
}

// mutatedText changes a JSON string.
func mutatedText(change *prompt.Mutation, v []byte) []byte {
	s, err := openai.Text(v, "")
	if err != nil || s == "" {
		return v
	}
	return openai.AppendString(nil, change.Text(s))
}

func mutatedList(change *prompt.Mutation, v []byte) []byte {
	if !openai.IsArray(v) {
		return mutatedText(change, v)
	}
	out := []byte{'['}
	for e := range openai.Elements(v) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		if openai.IsString(e) {
			e = mutatedText(change, e)
		}
		out = append(out, e...)
	}
	return append(out, ']')
}

// mutatedMessages changes what was said. What tools answered keeps its form, and
// calls stay as they were.
func mutatedMessages(change *prompt.Mutation, v []byte) []byte {
	out := []byte{'['}
	for e := range openai.Elements(v) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		members, err := openai.ObjectMembers(e, "")
		if err != nil {
			return v
		}
		role := ""
		for _, m := range members {
			if m.Name == "role" {
				role = roleOf(m.Value)
			}
		}
		one := []byte{'{'}
		for _, m := range members {
			value := m.Value
			if m.Name == "content" && openai.IsString(value) {
				if s, err := openai.Text(value, ""); err == nil && (role == "tool" || role == "system") {
					value = openai.AppendString(nil, change.Values(s))
				} else {
					value = mutatedText(change, value)
				}
			}
			one = appendMember(one, m.Name, value)
		}
		out = append(append(out, one...), '}')
	}
	return append(out, ']')
}

// lastText is the last text that a payload's customer wrote, "" if there is none.
func lastText(payload []byte) string {
	members, err := openai.Members(payload)
	if err != nil {
		return ""
	}
	text := ""
	for _, m := range members {
		switch m.Name {
		case "prompt":
			text, _ = openai.Text(m.Value, "")
		case "messages":
			for e := range openai.Elements(m.Value) {
				o, err := membersOf("", e)
				if err != nil || string(o.given("role")) != `"user"` || !openai.IsString(o.given("content")) {
					continue
				}
				text, _ = openai.Text(o.given("content"), "")
			}
		}
	}
	return strings.TrimSpace(text)
}

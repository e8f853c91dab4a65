package prompt

import (
	"math/rand/v2"
	"strconv"
)

// Part is one message of a conversation to be made up.
type Part struct {
	Role      string // as Turn's
	Bytes     int    // of text
	Calls     bool   // the assistant calls a tool
	Arguments int    // bytes of the call, its name included
}

// Talk makes up a conversation of messages of these roles and lengths, in which
// assistants call these tools. What answers a call is JSON.
func Talk(r *rand.Rand, parts []Part, tools []Tool) []Turn {
	w := newWriter(r)
	turns := make([]Turn, 0, len(parts))
	asked := false
	for _, p := range parts {
		n := clampLength(p.Bytes)
		turn := Turn{Role: p.Role}
		switch {
		case p.Role == "system":
			turn.Text = w.system(n)
		case p.Role == "tool":
			turn.Text = w.result(n)
		case p.Calls:
			t := w.tool(tools)
			turn.Calls, turn.Arguments = t.Name, w.arguments(t, p.Arguments-80)
			if p.Bytes > 2 {
				turn.Text = w.answer(n)
			}
		case p.Role == "assistant":
			turn.Text = w.answer(n)
		case asked:
			turn.Text = w.followUp(n)
		default:
			turn.Text, asked = w.message(n), true
		}
		turns = append(turns, turn)
	}
	return turns
}

func (w *writer) tool(tools []Tool) Tool {
	if len(tools) == 0 {
		return w.known()
	}
	return tools[w.r.IntN(len(tools))]
}

// result is what a tool answered: JSON of about n bytes.
func (w *writer) result(n int) string {
	if n < 24 {
		return w.pick([]string{"ok", "null", "[]", "true", "{}", "not found", `{"ok":true}`})
	}
	open, close := "{", "}"
	list := n > 200 && w.chance(2)
	if list {
		open, close = `{"results":[`, "]}"
	}
	body := w.extend("", ",", max(n-len(open)-len(close), 8), func() string {
		if list {
			return "{" + w.member() + "," + w.member() + "," + w.member() + "}"
		}
		return w.member()
	})
	return open + body + close
}

// member is one of a JSON object, with a value that goes with its name.
func (w *writer) member() string {
	switch w.r.IntN(9) {
	case 0:
		return `"id":` + strconv.Itoa(w.r.IntN(90000)+100)
	case 1:
		return w.fill(`"name":"{name}"`)
	case 2:
		return w.fill(`"city":"{city}"`)
	case 3:
		return w.fill(`"date":"{isodate}"`)
	case 4:
		return `"` + w.pick(fields) + `":` + strconv.Itoa(w.r.IntN(900))
	case 5:
		return `"` + w.pick(fields) + `":` + strconv.Itoa(w.r.IntN(90)) + "." + strconv.Itoa(w.r.IntN(99))
	case 6:
		return w.fill(`"status":"`) + w.pick([]string{"open", "closed", "pending", "shipped", "failed", "active"}) + `"`
	case 7:
		return `"note":` + strconv.Quote(w.fill("{Trouble}"))
	}
	return `"title":` + strconv.Quote(w.fill("{Topic}"))
}

package prompt

var (
	systems = []string{
		"You are a helpful assistant.",
		"You are a helpful assistant. Answer {limit}.",
		"You are an experienced adviser on {topic}. Be {tone}.",
		"You answer questions of {people}. If you do not know something, say so.",
		"You are {name}, a {role} from {city}. Stay in character and be {tone}.",
		"Answer in British English, {limit}. Never invent sources.",
		"You help {people} to {task}. Today is {date}.",
	}
	systemRules = []string{
		"Keep answers {tone}.",
		"Prefer {format} where it helps.",
		"Do not talk about {othertopic} unless asked.",
		"Ask back when the question is unclear.",
		"Write for {audience}.",
		"Mention {aspect} whenever it matters.",
		"If somebody reports that {trouble}, ask about {thing} first.",
		"Refer billing questions to {name}, on weekdays from {7-10} to {15-19}.",
		"Use metric units and dates like {isodate}.",
	}
	answers = []string{
		"Sure. To {task}, start with {thing}.",
		"That depends mostly on {aspect}.",
		"A common reason is that {trouble}.",
		"{finding}",
		"Many {people} begin with {topic} and only later look at {othertopic}.",
		"Give it {2-30} days before you judge the result.",
		"First check {thing}; if that changes nothing, look at {aspect}.",
		"It helps to write down what you did and when, for instance on {weekday}s.",
		"In short: {topic} matters, but less than {aspect}.",
		"If {trouble}, it is worth asking someone who has managed to {task}.",
		"I would set aside about {20-900} euros and {2-20} hours for it.",
	}
	followUps = []string{
		"Thanks. And what about {aspect}?",
		"Can you make that shorter?",
		"Hm, but {trouble}. Does that change anything?",
		"Could you put that into {format}?",
		"Why?",
		"I don't understand the part about {thing}.",
		"Now explain it to {audience}.",
		"OK, and how does {othertopic} fit in?",
		"What would you do in my place, as a {role}?",
		"Give me {number} more examples.",
		"Are you sure? {name} told me the opposite.",
		"Continue.",
		"Please make it more {tone}.",
		"How much of that can I do by {weekday}?",
		"Let's say I only want to {task}. What can I leave out?",
	}
)

// conversation makes messages of about n bytes in all: a system message if the
// number is even, then users and assistants in turn.
func (w *writer) conversation(count, n int) []Turn {
	turns := make([]Turn, 0, count)
	remaining := n
	add := func(role string, make func(n int) string) {
		left := count - len(turns)
		size := remaining / left
		if left > 1 { // uneven: half to one and a half times a fair part
			size = size/2 + w.r.IntN(size+1)
		}
		text := make(max(size, 1))
		remaining = max(remaining-len(text), 1)
		turns = append(turns, Turn{Role: role, Text: text})
	}
	if count%2 == 0 {
		add("system", w.system)
	}
	for first := true; len(turns) < count; first = false {
		if first {
			add("user", w.message)
		} else {
			add("user", w.followUp)
		}
		if len(turns) < count {
			add("assistant", w.answer)
		}
	}
	return turns
}

func (w *writer) system(n int) string {
	if n < 28 {
		return w.pick([]string{"Be brief.", "Be helpful.", "Answer in English."})
	}
	return w.extend(w.nearest(min(n, 120), systems), " ", n, w.deck(systemRules))
}

func (w *writer) answer(n int) string {
	if n < 20 {
		return w.pick([]string{"Yes.", "No.", "It depends.", "Sure!", "OK."})
	}
	if n > 500 && w.chance(3) {
		return w.around(w.some(answers), n, w.code)
	}
	sep := " "
	if n > 300 && w.chance(2) {
		sep = "\n\n"
	}
	next := w.deck(answers)
	return w.extend(capital(w.nearest(min(n, 90), answers)), sep, n, func() string { return capital(next()) })
}

func (w *writer) followUp(n int) string {
	text := w.plain(w.nearest(min(n, 90), followUps))
	if n-len(text) > 300 {
		return w.around(text, n, w.document)
	}
	if n-len(text) < 32 {
		return text
	}
	return w.extend(text, " ", n, w.aside())
}

package prompt

import "strings"

// Openings. Each is a whole message on its own; short ones serve short lengths.
var (
	greetings = []string{"hi", "hello", "hey, are you there?", "thanks!", "test", "ok go on", "Hi, who are you?", "what can you do", "Tell me a joke.", "good morning",
		"{4-99} * {4-99}?", "What is {12-980} / {2-9}?", "sqrt of {20-999}", "{topic}?", "What day was {isodate}?", "a synonym for {mood}", "Define {mood}.", "Rhymes with {season}?",
		"Name {number} {fruit}.", "capital of the country {city} is in?"}

	questions = []string{
		"What should I know about {topic}?",
		"Why is it that {trouble}?",
		"How do {people} usually deal with {topic}?",
		"What is the best way to {task}?",
		"Can you explain {topic} to {audience}, {limit}?",
		"Is it worth spending {2-40} hours to {task}, or is there an easier way?",
		"How long does it take to {task}?",
		"What are {number} things that {people} wish they had known about {topic}?",
		"When it comes to {topic}, what matters more: {aspect} or {aspect}?",
		"{Thing} worked fine until {weekday}, and now {trouble}. What changed?",
		"I want to {task}. Where do I start?",
		"{Task}: realistic or not?",
		"Any tips for {people} about {topic}?",
		"{Trouble} :( any idea?",
		"Who invented {topic}, if anyone?",
		"Help! {Trouble}.",
		"What is the difference between {topic} and {othertopic}?",
		"Do I have to care about {topic} if I only want to {task}?",
		"How would you explain to {audience} why {trouble}?",
		"What would happen if I ignored {topic} for {2-18} months?",
		"Which books about {topic} would you recommend to {people}, and why?",
		"Why do {people} disagree so much about {topic}?",
		"Is it true that {topic} matters less in {season}?",
		"What questions should I ask before I pay {20-900} euros for help to {task}?",
		"{hedge} {trouble} because of {thing}. Is that plausible?",
		"My neighbour {name} says that {topic} was different before {1950-2015}. Is that right?",
	}

	instructions = []string{
		"Explain {topic} {limit}.",
		"Write {format} about {topic} for {people}.",
		"Give me a plan to {task}, as {format}.",
		"List {number} reasons why {trouble}, most likely first.",
		"Compare {topic} and {othertopic} with regard to {aspect}. Answer {limit}.",
		"Write a {tone} email to {name} explaining that {trouble}.",
		"Draft a {tone} message to {people} about {thing}, {limit}.",
		"Make a quiz of {4-15} questions about {topic} with the answers at the end.",
		"Write a scene set in {city} in which {thing} plays a part.",
		"A short story about {name}, {thing} and {weekday}, please.",
		"{Number} tips to {task}, please.",
		"Checklist: {task}.",
		"Pros and cons of {topic} for {people}.",
		"eli5 {topic}",
		"Beginner's guide to {topic}, {limit}",
		"Need a {tone} toast about {topic}, {limit}.",
		"Play {audience} and ask me questions about {topic}, one at a time.",
		"Write a dialogue between {name} and {name}, who disagree about {topic}.",
		"Act as a critic: what is wrong with the idea to {task} in {2-14} days?",
		"Suggest {5-20} titles for an article about {topic}.",
		"Write a poem of {number} stanzas about {thing} in {season}.",
		"Make a table that compares {number} ways to {task} by cost, time and risk.",
		"Rewrite this so that it sounds {tone}: \"{name}, {trouble}. Please look at it by {weekday}.\"",
		"Turn this into {format}: to {task}, first look at {thing}, then ask {name}, then wait {2-30} days.",
		"Solve this step by step: {name} has {12-400} {fruit}, gives away {2-11} every day and receives {20-60} each {weekday}. How many are left after {3-9} weeks?",
		"Correct the grammar: \"Yesterday me and {name} was trying to {task} but {trouble}, so we has stopped.\"",
	}

	backgrounds = []string{
		"I am a {role} in {city} and have {2-30} years of experience, but none with {topic}.",
		"Some context: {trouble}, and it has been like that since {date}.",
		"I already tried to {task}, without success.",
		"My budget is {50-5000} euros and I have about {2-20} hours a week.",
		"{name} told me to look at {thing} first, which did not help.",
		"It does not have to be perfect; I care mostly about {aspect}.",
		"Please answer {limit}.",
		"Assume that the reader is {audience}.",
		"Leave out {aspect}, I have that covered.",
		"If something is uncertain, say so instead of guessing.",
		"We are {number} people, and only {name} has done this before.",
		"In {city} it is {2-38} degrees at the moment, in case that matters.",
		"{Thing} is about {2-60} years old.",
		"On {weekday} {trouble}; on {weekday} everything was fine.",
		"{hedge} most {people} would just {task}.",
		"The tone should be {tone}.",
		"Please end with one question that I should ask {name}.",
		"I need this by {weekday} for a meeting with {3-40} {people}.",
		"Don't repeat the question, and no introduction please.",
		"Give an example with {thing}.",
		"I also read about {othertopic}, but I am not sure whether it is related.",
		"Last {season} I spent {10-900} euros on it and nothing changed.",
	}
)

// message makes a user's message of about n bytes.
func (w *writer) message(n int) string {
	if n < 24 {
		return w.nearest(n, greetings)
	}
	if n >= 60 && w.chance(11) {
		return w.foreign(n)
	}
	ask := w.ask(n)
	if len(ask) >= n-24 {
		return ask
	}
	if text := w.pasted(n, n-len(ask)); text != "" && abs(len(text)-n) <= Slack(n) { // what is pasted comes in large pieces
		return text
	}
	text := w.extend(ask, " ", n, w.aside())
	if w.chance(6) && n > 200 {
		text = strings.Replace(text, ". ", ".\n\n", 1)
	}
	return text
}

// pasted is something pasted and an ask about it, about n bytes in all, room of which
// another ask would leave; or nothing.
func (w *writer) pasted(n, room int) string {
	switch kind := w.r.IntN(10); {
	case room > 160 && kind < 3:
		return w.around(w.plain(w.some(documentAsks)), n, w.document)
	case room > 160 && kind < 5:
		return w.around(w.codeAsk(), n, w.code)
	case room > 240 && kind == 5:
		return w.around(w.some(tableAsks), n, w.table)
	case room > 160 && kind == 6:
		return w.around(w.some(listAsks), n, w.bullets)
	case room > 900:
		return w.around(w.plain(w.some(documentAsks)), n, w.document)
	}
	return ""
}

// ask is a question or an instruction of at most about n bytes.
func (w *writer) ask(n int) string {
	from := questions
	if w.chance(2) {
		from = instructions
	}
	if n < 72 {
		return w.plain(w.nearest(n, append(append([]string(nil), greetings...), from...)))
	}
	text := w.some(from)
	for range 8 {
		if len(text) <= n {
			break
		}
		text = w.some(from)
	}
	return w.plain(text)
}

// aside gives sentences of background.
func (w *writer) aside() func() string {
	next := w.deck(backgrounds)
	return func() string { return w.plain(next()) }
}

// plain is text as this writer types it.
func (w *writer) plain(text string) string {
	if w.sloppy {
		return w.careless(text)
	}
	return capital(text)
}

var (
	documentAsks = []string{
		"Summarise the following text {limit}.",
		"Here is a report about {topic}. What are the {number} main points?",
		"Read this and tell me what {name} should do next.",
		"Shorten the text below to {40-90}% of its length without losing any numbers.",
		"Which claims in this text about {topic} need a source?",
		"Translate the text below into simple English for {audience}.",
		"What is missing from this draft? Be {tone}.",
		"Extract all names, dates and amounts from this text as JSON.",
		"Write a {tone} reply to this message.",
	}
	sentences = []string{
		"{finding}", "{finding}", "{finding}", "{finding}", "{finding}", "{finding}",
		"{linking}, {people} in {city} began to {task}.",
		"The report of {date} says that {trouble}.",
		"{author} and {name} looked at {thing} on {date} and found nothing unusual.",
		"{People} asked about {topic} {3-90} times in {month}.",
		"It remains open whether {topic} explains why {trouble}.",
		"To {task} took the group {2-40} days, {2-9} more than planned.",
		"{linking}, {name} proposed to replace {thing}, at a cost of {2-95},{100-999} euros.",
		"Opinions on {topic} differ: {name} calls it essential, {name} a distraction.",
		"The {ordinal} attempt, in {month}, was more careful.",
		"\"We wanted to {task}\", says {name} from {city}, \"and learned more about {othertopic} than we had planned.\"",
		"About {11-88}% of the {people} who answered had heard of {topic}.",
		"Nobody had expected that {thing} would matter so much.",
		"In {season} the same question came up again.",
		"A second look at {othertopic} is planned for {date}.",
	}
)

// document is pasted prose of about n bytes.
func (w *writer) document(n int) string {
	var parts []string
	if n > 400 && w.chance(2) {
		head := w.fill("{Topic}: notes from {city}, {date}")
		parts, n = append(parts, head), n-len(head)-2
	}
	next := w.deck(sentences)
	for n > 60 || len(parts) == 0 {
		size := min(n, 260+w.r.IntN(420))
		if n-size < 120 {
			size = n
		}
		p := w.extend("", " ", size, func() string { return capital(next()) })
		if p == "" {
			break
		}
		parts, n = append(parts, p), n-len(p)-2
	}
	return strings.Join(parts, "\n\n")
}

// around puts an ask before or after pasted material, about n bytes in all.
func (w *writer) around(ask string, n int, material func(int) string) string {
	open, close := "\n\n", ""
	switch w.r.IntN(6) {
	case 0:
		open, close = "\n\n---\n", "\n---"
	case 1:
		open, close = "\n\n\"\"\"\n", "\n\"\"\""
	}
	text := material(max(n-len(ask)-len(open)-len(close), 40))
	if room := n - len(text) - len(open) - len(close); room > len(ask)+24 { // the material comes in large pieces
		ask = w.extend(ask, " ", room, w.aside())
	}
	if close == "" && w.chance(3) {
		return text + "\n\n" + ask
	}
	return ask + open + text + close
}

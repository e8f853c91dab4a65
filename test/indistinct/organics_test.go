package indistinct

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// application is one sort of customer: what it asks, and how its client is set up.
type application struct {
	share int // of requests, in parts of all
	ask   func(g *generator) map[string]any
}

// generator makes up customers' requests. It shares nothing with internal/prompt.
type generator struct{ *rand.Rand }

func one[T any](g *generator, list []T) T { return list[g.IntN(len(list))] }

// fill replaces each % of a text by a word of the next list, in turn.
func (g *generator) fill(text string, lists ...[]string) string {
	for _, l := range lists {
		text = strings.Replace(text, "%", one(g, l), 1)
	}
	return text
}

func message(role, text string) map[string]any { return map[string]any{"role": role, "content": text} }

// next is a customer's request, of an application drawn by share.
func (g *generator) next(model string) []byte {
	total := 0
	for _, a := range applications {
		total += a.share
	}
	n := g.IntN(total)
	for _, a := range applications {
		if n -= a.share; n < 0 {
			body := a.ask(g)
			body["model"] = model
			b, err := json.Marshal(body)
			if err != nil {
				panic(err)
			}
			return b
		}
	}
	panic("unreachable")
}

var applications = []application{
	{24, chatWindow}, {14, codeAssistant}, {10, supportBot}, {9, extraction}, {8, translation}, {8, roleplay},
	{8, agent}, {6, labels}, {6, summaries}, {5, examples},
}

var (
	people  = strings.Fields("John Maria Ahmed Sarah Wei Tom Anna Carlos Priya Lucas Emma David Olivia Kevin Nina Paul Laura Mike Sofia James")
	placesO = strings.Fields("London Berlin Paris Madrid Toronto Chicago Sydney Dublin Vienna Amsterdam Seattle Boston Tokyo Mumbai Oslo Lisbon")
	things  = strings.Fields("laptop invoice router bicycle subscription printer headset passport apartment mortgage washing-machine phone keyboard parcel contract refund booking ticket")
	subject = []string{"photosynthesis", "the French Revolution", "black holes", "compound interest", "the Krebs cycle", "recursion", "supply and demand", "plate tectonics", "TCP handshakes",
		"natural selection", "the Cold War", "vaccines", "Kubernetes", "REST vs GraphQL", "stoicism", "the blockchain", "gradient descent", "quantum entanglement", "the water cycle", "inflation"}
	hobbies = []string{"hiking", "chess", "watercolor painting", "running a half marathon", "sourdough", "learning guitar", "bouldering", "gardening on a balcony", "board games", "3D printing", "birdwatching", "meal prep"}
	// What people type into a chat window.
	openers = []string{
		"explain % like im 5", "Can you explain % in simple terms?", "what is %", "Write a short essay about %.", "give me 5 facts about %", "I have an exam about % tomorrow. What are the key points?",
		"why is % important", "Explain % with an example and a quiz question at the end.", "what's the difference between % and % ?", "How does % actually work? I read the wikipedia page and got lost.",
	}
	chores = []string{
		"Write an email to % asking for a refund for my %.", "my % stopped working after the update, what can i do", "Plan a 3 day trip to % for two people who like %.", "I want to get into %. Where should I start?",
		"write a birthday message for my friend % who loves %", "what should I cook tonight? I have eggs, rice and half a cabbage", "is it normal that my % makes a clicking noise",
		"Help me write a cover letter for a job at a company in %.", "Make a weekly schedule: work 9-5, gym twice, 30 minutes of % a day.", "What's a good gift under $50 for someone into %?",
		"I feel stuck lately. I moved to % three months ago and don't know anyone.", "Rewrite this to be more polite: send me the % by Friday or I cancel.", "Tell me a joke about %", "name ideas for a % blog",
		"How do I politely decline an invitation from %?", "My landlord in % wants to keep the deposit because of a scratch on the floor. Can he do that?", "Draft a LinkedIn post about finishing a course on %.",
		"what's the weather usually like in % in October", "suggest 3 movies similar to Inception", "Translate 'where is the nearest pharmacy' to Japanese with pronunciation.", "I'm allergic to nuts, give me a pesto recipe without them",
	}
	chatReplies = []string{
		"Sure! Here's a quick overview. It starts with the basics, then builds up step by step, and the last part is usually where people get confused.", "Great question! In short, it depends on your situation, but most people start small.",
		"Of course. Could you tell me a bit more about what you have tried so far?", "Here are a few options:\n\n1. The simple one\n2. The thorough one\n3. The one that costs money", "Absolutely! I'd be happy to help with that.",
		"That sounds frustrating. First, make sure that nothing is loose, then restart it and see whether the problem persists.",
	}
	followsO = []string{"thanks!", "can you make it shorter?", "ok but why", "give me another example", "in German please", "that doesn't work", "more formal", "and what about the cost?", "continue", "hmm, are you sure?",
		"make it funnier", "Put it in a table.", "what would you recommend", "I don't get the second point", "perfect, now write it as a tweet"}
	foreign = []string{
		"¿Cuál es la capital de Australia y por qué no es Sídney?", "Escribe un correo para pedir vacaciones en agosto.", "Explique-moi la différence entre le passé composé et l'imparfait.", "Rédige une lettre de résiliation pour ma salle de sport.",
		"Wie schreibe ich eine Kündigung für meine Wohnung?", "Was ist der Unterschied zwischen Hafermilch und Mandelmilch?", "帮我写一封请假邮件，明天要去医院。", "用简单的话解释一下区块链是什么。", "Qual a diferença entre CDB e Tesouro Direto?",
		"Напиши поздравление с днём рождения для коллеги.", "来週の会議の議題を三つ考えてください。", "Scrivi una ricetta veloce con zucchine e feta.", "कृपया मुझे एक छोटा निबंध लिखो।", "Vertel een mop over een kaasboer.",
	}
)

// chatWindow is people who talk, through a web page with default parameters.
func chatWindow(g *generator) map[string]any {
	system := one(g, []string{"", "You are a helpful assistant.", "You are a helpful assistant.", "You are a helpful, respectful and honest assistant."})
	var m []any
	if system != "" {
		m = append(m, message("system", system))
	}
	ask := func() string {
		switch g.IntN(10) {
		case 0, 1, 2, 3:
			return g.fill(one(g, openers), subject, subject)
		case 4:
			return one(g, foreign)
		}
		return g.fill(one(g, chores), append(people[:len(people):len(people)], placesO...), hobbies)
	}
	m = append(m, message("user", ask()))
	for g.IntN(5) < 2 && len(m) < 12 {
		m = append(m, message("assistant", one(g, chatReplies)), message("user", one(g, followsO)))
	}
	b := map[string]any{"messages": m, "stream": true, "temperature": one(g, []float64{0.7, 0.7, 0.7, 1, 0.5}), "max_tokens": one(g, []int{1024, 1024, 2048, 512})}
	if g.IntN(3) == 0 {
		b["top_p"] = one(g, []float64{0.95, 0.9, 1})
	}
	return b
}

var (
	snippets = []string{
		"def fetch_users(ids):\n    users = []\n    for id in ids:\n        r = requests.get(f\"{API}/users/{id}\")\n        users.append(r.json())\n    return users",
		"const [items, setItems] = useState([]);\nuseEffect(() => {\n  fetch('/api/items').then(r => r.json()).then(setItems);\n}, [items]);",
		"SELECT c.name, SUM(o.total)\nFROM customers c, orders o\nWHERE c.id = o.customer_id\nGROUP BY c.name\nHAVING SUM(o.total) > 1000",
		"for (int i = 0; i <= arr.length; i++) {\n    System.out.println(arr[i]);\n}", "fn main() {\n    let s = String::from(\"hi\");\n    let t = s;\n    println!(\"{}\", s);\n}",
		"func worker(jobs <-chan int, results chan<- int) {\n\tfor j := range jobs {\n\t\tresults <- j * 2\n\t}\n\tclose(results)\n}",
		"#!/bin/bash\nfor f in $(ls *.log); do\n  gzip $f && rm $f\ndone", "import pandas as pd\ndf = pd.read_csv('sales.csv')\ndf[df.region == 'EU']['total'] = 0\nprint(df.total.sum())",
		".container { display: flex; }\n.item { width: 33%; margin: 10px; }", "resource \"aws_s3_bucket\" \"logs\" {\n  bucket = \"my-logs\"\n  acl    = \"public-read\"\n}",
		"class Node:\n    def __init__(self, val, next=None):\n        self.val = val\n        self.next = next\n\ndef reverse(head):\n    prev = None\n    while head:\n        head.next = prev\n        prev = head\n        head = head.next\n    return prev",
		"try {\n  await db.save(user);\n} catch (e) {}\nres.status(200).send('ok');",
	}
	codeQuestions = []string{"Why does this not work?", "Fix the bug in this code.", "Refactor this to be more readable.", "Write unit tests for this.", "What is the time complexity?", "Add type hints and docstrings.",
		"This throws an error in production but not locally, any idea?", "Convert this to TypeScript.", "Is there a security problem here?", "Explain what this does line by line.", "Make it async.", "Optimize this, it takes % seconds for %0000 rows."}
	traces = []string{"Traceback (most recent call last):\n  File \"app.py\", line %2, in <module>\n    main()\n  File \"app.py\", line %7, in main\n    total += row['price']\nKeyError: 'price'",
		"TypeError: Cannot read properties of undefined (reading 'map')\n    at ProductList (ProductList.jsx:%4:23)\n    at renderWithHooks (react-dom.development.js:1%305:18)", "panic: runtime error: index out of range [%] with length 3\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:4% +0x1d"}
	digit = strings.Fields("2 3 4 5 6 7 8 9")
)

// codeAssistant is an editor's extension.
func codeAssistant(g *generator) map[string]any {
	text := g.fill(one(g, codeQuestions), digit, digit) + "\n\n```" + one(g, []string{"", "python", "js", "go"}) + "\n" + one(g, snippets) + "\n```"
	if g.IntN(4) == 0 {
		text += "\n\nError:\n" + g.fill(one(g, traces), digit, digit, digit)
	}
	m := []any{message("system", "You are an expert programmer. Answer with code first and keep explanations short. Never invent APIs. Current file: src/"+one(g, []string{"main", "app", "utils", "api", "db"})+one(g, []string{".py", ".ts", ".go"})), message("user", text)}
	if g.IntN(3) == 0 {
		m = append(m, message("assistant", "```\n"+one(g, snippets)+"\n```\n\nThe loop was off by one."), message("user", one(g, followsO)))
	}
	return map[string]any{"messages": m, "stream": true, "temperature": 0, "max_tokens": 4096}
}

var complaints = []string{
	"Hi, I ordered a % on Monday and it still says processing. My order number is %%%%%. Can you check?", "The % I received is damaged. How do I return it?", "I was charged twice for my %. Please refund one of them.",
	"How do I reset my password? The mail never arrives.", "Can I change the delivery address for order %%%%%?", "is there a student discount", "I want to cancel my subscription and delete my account",
	"Your app crashes when I open settings on my %. I use version 4.%.", "Do you ship to %?", "My coupon SUMMER% does not work", "WHERE IS MY PACKAGE??? it's been % weeks", "I'd like an invoice with our VAT number on it for the last % months.",
}

const supportRules = "You are the support assistant of Northwind Gear, an online shop for outdoor equipment. Answer politely in the customer's language. Use the tools to look up orders. Never promise refunds above 200 EUR; hand over to a human instead. Shipping takes 3-5 working days. Returns are free within 30 days."

var supportTools = json.RawMessage(`[{"type":"function","function":{"name":"get_order","description":"Fetch an order by id","parameters":{"type":"object","properties":{"order_id":{"type":"string"}},"required":["order_id"]}}},{"type":"function","function":{"name":"start_return","description":"Open a return for an order","parameters":{"type":"object","properties":{"order_id":{"type":"string"},"reason":{"type":"string","enum":["damaged","wrong_item","other"]}},"required":["order_id","reason"]}}},{"type":"function","function":{"name":"handover","description":"Hand the conversation over to a human agent","parameters":{"type":"object","properties":{"summary":{"type":"string"}},"required":["summary"]}}}]`)

func supportBot(g *generator) map[string]any {
	text := g.fill(one(g, complaints), things)
	for strings.Contains(text, "%") {
		text = strings.Replace(text, "%", one(g, digit), 1)
	}
	return map[string]any{"messages": []any{message("system", supportRules), message("user", text)}, "temperature": 0.2, "max_tokens": 400, "tools": supportTools, "tool_choice": "auto"}
}

var mails = []string{
	"Dear Sir or Madam, please find attached invoice no. 20%-%%% over %%0.00 EUR for the % delivered on %/0%/2025. Payment is due within 30 days. Kind regards, %",
	"Hi %, quick reminder that we meet on the %th at 1% o'clock in room %. Please bring the % and the numbers of last month. Best, %", "Hello, I would like to book a table for % people on Friday at 7 pm. One of us is vegetarian. My number is 0%%% %%%%%%. Thanks, %",
	"Ticket #%%%%: user reports that the % cannot be connected since the update to 2.%. Severity: high. Reported by % from the % office.",
}

var extractionForm = json.RawMessage(`{"type":"json_schema","json_schema":{"name":"document","strict":true,"schema":{"type":"object","properties":{"type":{"type":"string","enum":["invoice","meeting","booking","ticket"]},"person":{"type":"string"},"amount":{"type":"number"},"date":{"type":"string"},"summary":{"type":"string"}},"required":["type","summary"],"additionalProperties":false}}}`)

func extraction(g *generator) map[string]any {
	text := one(g, mails)
	for strings.Contains(text, "%") {
		i := strings.Index(text, "%")
		before := text[:i]
		switch {
		case strings.HasSuffix(before, "the "), strings.HasSuffix(before, "bring the "):
			text = g.fill(text, things)
		case strings.HasSuffix(before, "Hi "), strings.HasSuffix(before, ", ") && i > len(text)-4, strings.HasSuffix(before, "by "):
			text = g.fill(text, people)
		default:
			text = g.fill(text, digit)
		}
	}
	return map[string]any{"messages": []any{message("system", "Extract the fields from the document. Answer in JSON."), message("user", text)}, "temperature": 0, "max_tokens": 500, "response_format": extractionForm}
}

var sentencesO = []string{
	"The meeting has been moved to Thursday because % is ill.", "Please make sure that the % is switched off before you leave.", "We regret to inform you that your application was not successful.",
	"% lives in % and works as a nurse.", "The museum is closed on Mondays, but the garden is open all year.", "If the problem persists, contact our support team.", "Our new % is lighter, faster and lasts all day.",
	"He had never seen so much snow in % before.", "Add the flour and stir until the dough no longer sticks.", "Terms and conditions apply.", "The train to % departs from platform 7 instead of platform 4.", "I can't believe that % is already twelve!",
}

func translation(g *generator) map[string]any {
	var parts []string
	for range 1 + g.IntN(4) {
		parts = append(parts, g.fill(one(g, sentencesO), people, placesO))
	}
	return map[string]any{"messages": []any{message("user", "Translate the following text to "+one(g, []string{"German", "French", "Spanish", "Polish", "Japanese"})+". Only output the translation.\n\n"+strings.Join(parts, " "))},
		"temperature": 0.3, "top_p": 1, "max_tokens": 1000, "stop": []string{"\n\n\n"}}
}

var (
	cards = []string{
		"You are Captain Mirabel, a weathered sky pirate with a dry sense of humour. You never break character. You speak in short sentences and distrust the Empire. Scenario: {{user}} has stowed away on your airship.",
		"Write the next reply of Dr. Hale in a fictional chat between Dr. Hale and {{user}}. Dr. Hale is a brilliant but impatient archaeologist. Use *asterisks* for actions. Never speak for {{user}}. Keep replies under 150 words.",
		"You are Elowen, an elf ranger who guards the border forest. She is shy with strangers and fiercely loyal to friends. The tone is cozy fantasy.",
	}
	lines = []string{"*looks around nervously* Is anyone there?", "\"I don't have much time,\" I say, handing over the map.", "*laughs* You can't be serious.", "I sit down by the fire and wait.", "\"Tell me about the old war.\"", "*draws sword* Stay back!",
		"I nod slowly. \"And what do you want in return?\"", "*offers some bread* You look hungry.", "We walk on in silence until we reach the bridge."}
	repliesO = []string{"*narrows her eyes* You have a lot of nerve, stranger. Nobody has crossed this place in twenty winters, and you come with mud on your boots and a smile.", "\"Hm.\" *turns the map over twice* \"This is a copy. A bad one. Where is the other half?\"",
		"*the wind picks up, and somewhere below a bell rings* \"We should move. Now.\"", "*smiles faintly* \"Sit. The tea is still warm. You may ask one question, and I may answer it.\""}
)

func roleplay(g *generator) map[string]any {
	m := []any{message("system", one(g, cards))}
	for range g.IntN(6) {
		m = append(m, message("user", one(g, lines)), message("assistant", one(g, repliesO)))
	}
	m = append(m, message("user", one(g, lines)))
	return map[string]any{"messages": m, "stream": true, "temperature": one(g, []float64{1.1, 0.9}), "min_p": 0.05, "repetition_penalty": 1.08, "top_k": -1, "max_tokens": 250, "stop": []string{"\nUser:", "\n{{user}}:"}}
}

var agentTools = json.RawMessage(`[{"type":"function","function":{"name":"shell","description":"Run a command in the sandbox and return its output","parameters":{"type":"object","properties":{"cmd":{"type":"string"}},"required":["cmd"]}}},{"type":"function","function":{"name":"open_file","description":"Open a file at a line","parameters":{"type":"object","properties":{"path":{"type":"string"},"line":{"type":"integer"}},"required":["path"]}}},{"type":"function","function":{"name":"edit","description":"Replace lines of the open file","parameters":{"type":"object","properties":{"start":{"type":"integer"},"end":{"type":"integer"},"text":{"type":"string"}},"required":["start","end","text"]}}},{"type":"function","function":{"name":"submit","description":"Submit the patch and end the task","parameters":{"type":"object","properties":{}}}}]`)

func agent(g *generator) map[string]any {
	m := []any{message("system", "You are an autonomous software engineer. You work in a sandbox by calling tools, one at a time. Think before each call. When all tests pass, call submit."),
		message("user", g.fill("Fix issue #%%: ", digit, digit)+one(g, []string{"the date filter ignores time zones", "uploads above 5 MB fail with 413", "the CLI crashes without a config file", "search is case sensitive", "memory grows when tailing logs"})+". The repository is at /repo.")}
	for i := range g.IntN(5) {
		id := fmt.Sprintf("call_%d%s", i, one(g, strings.Fields("aXk2 Jp9d Qw3e zT7m")))
		m = append(m, map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{map[string]any{"id": id, "type": "function", "function": map[string]any{"name": "shell", "arguments": one(g, []string{`{"cmd":"ls -R /repo | head -50"}`, `{"cmd":"cd /repo && pytest -x -q"}`, `{"cmd":"grep -rn filter /repo/src"}`, `{"cmd":"cat /repo/README.md"}`})}}}},
			map[string]any{"role": "tool", "tool_call_id": id, "content": one(g, []string{"src/\nsrc/app.py\nsrc/filters.py\ntests/test_filters.py\nREADME.md\nsetup.py", "F.....\nFAILED tests/test_filters.py::test_timezone - AssertionError: assert 3 == 2\n1 failed, 5 passed in 0.42s", "src/filters.py:12:def date_filter(rows, start, end):\nsrc/filters.py:31:    return [r for r in rows if start <= r.date <= end]"})})
	}
	return map[string]any{"messages": m, "temperature": 0, "max_tokens": 2000, "tools": agentTools, "parallel_tool_calls": false}
}

var reviews = []string{"Great %, arrived in two days!", "Stopped working after % weeks. Avoid.", "It's okay I guess, nothing special.", "Love it love it love it", "The % is smaller than in the photos, but the quality is fine.", "Terrible customer service, I waited % days for an answer.",
	"Five stars. My mother uses her % every day.", "Not as described. Sent it back.", "Does what it should. A bit expensive.", "would buy again"}

func labels(g *generator) map[string]any {
	return map[string]any{"messages": []any{message("system", "Classify the sentiment of the review. Answer with one word: positive, negative or neutral."), message("user", g.fill(one(g, reviews), things))},
		"temperature": 0, "max_tokens": 1, "logprobs": true, "top_logprobs": 5}
}

var paragraphs = []string{
	"The city council voted on Tuesday to extend the tram line to the airport, a project that has been debated for more than a decade. Supporters argue that it will cut travel times by a third and take thousands of cars off the ring road every day. Critics point to the cost, which has doubled since the first estimate, and to three years of construction in the old town.",
	"Researchers have found that honeybees can learn to solve simple puzzles by watching others, a skill once thought to be reserved for larger brains. In the experiment, trained bees opened a two-step box for a reward of sugar water; untrained ones, placed beside them, copied the first step even though it brought no reward by itself.",
	"The company reported revenue of 4.2 billion for the third quarter, up 8 percent from a year earlier, but its shares fell after it lowered the outlook for the holiday season. Demand for its cheaper models remained strong, it said, while sales of the flagship line were held back by a shortage of displays.",
	"Sleep is not one state but several, and the body moves through them in cycles of about ninety minutes. Deep sleep, which dominates the first half of the night, is when tissue is repaired and memories of facts are sorted. Later cycles hold more of the dreaming kind, which seems to matter for skills and emotions.",
	"After a dry spring, farmers in the valley are counting their losses. Some fields of barley have been ploughed under; others will yield half of what they did last year. The wells still hold, but the water board has asked everyone to irrigate at night only, and a ban is on the table if there is no rain by July.",
	"The lighthouse was automated in 1987, and the last keeper, who had lived there with his wife and a goat, moved to the mainland with some reluctance. He still rows out on Sundays to polish the lens, although nobody has asked him to. The coast guard pretends not to know.",
	"Version 3 removes the old plugin interface. Plugins have to be ported to the new one, which runs each of them in a process of its own, so that a crash no longer takes the editor down. A compatibility layer is included for the most popular ones, but it will be dropped in the release after next.",
	"Most of the heat in an old house is lost through the roof, and that is where insulation pays first. Walls come next, then windows; replacing windows alone, as many do, saves less than the brochures promise and can lead to damp if the house is not aired more than before.",
}

func summaries(g *generator) map[string]any {
	var text []string
	for _, i := range g.Perm(len(paragraphs))[:1+g.IntN(4)] {
		text = append(text, paragraphs[i])
	}
	return map[string]any{"messages": []any{message("user", one(g, []string{"Summarize the following article in 3 bullet points:\n\n", "TL;DR of this please:\n\n", "Write a one-sentence summary.\n\nText: ", "Give this text a headline and three keywords.\n\n"})+strings.Join(text, "\n\n"))},
		"temperature": 0.3, "max_tokens": 200, "presence_penalty": 0.1}
}

// examples is an evaluation that runs at night: questions after worked ones.
func examples(g *generator) map[string]any {
	var b strings.Builder
	for range 3 {
		x, y := 2+g.IntN(30), 2+g.IntN(12)
		who, what := one(g, people), one(g, []string{"apples", "stickers", "books", "marbles", "coins"})
		fmt.Fprintf(&b, "Q: %s has %d %s and buys %d more boxes of %d. How many does %s have now?\nA: %d + %d x %d = %d. The answer is %d.\n\n", who, x, what, y, x, who, x, y, x, x+y*x, x+y*x)
	}
	fmt.Fprintf(&b, "Q: %s reads %d pages a day for %d days. How many pages is that?\nA:", one(g, people), 5+g.IntN(40), 2+g.IntN(20))
	return map[string]any{"messages": []any{message("user", b.String())}, "temperature": 0, "max_tokens": 256, "seed": one(g, []int{42, 1234}), "stop": []string{"Q:", "\n\n"}}
}

package prompt

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Tool is a function that a model may call.
type Tool struct {
	Name        string
	Description string
	Fields      []Field // its parameters
}

// Field is one parameter of a tool, or one member of an answer's form.
type Field struct {
	Name        string
	Type        string // "string", "integer", "number", "boolean" or "array", of strings
	Description string // may be empty
	Enum        string // what a string may be, with bars between; "" is anything
	Required    bool
}

// known are functions as applications offer them: "name(field:type=description)".
var functionsOffered = []string{
	"get_current_weather|Get the current weather in a given location|location:string!:The city and country, e.g. Oslo, Norway|unit:string::celsius/fahrenheit",
	"search_web|Search the web and return the top results|query:string!:What to search for|max_results:integer:How many results to return",
	"send_email|Send an email on behalf of the user|to:string!:Recipient address|subject:string!|body:string!:Plain text body",
	"create_calendar_event|Create an event in the user's calendar|title:string!|start:string!:ISO 8601 start time|end:string!:ISO 8601 end time|attendees:array:Email addresses",
	"query_database|Run a read-only SQL query against the analytics warehouse|sql:string!:A single SELECT statement|limit:integer:Maximum rows",
	"get_stock_price|Look up the latest price of a stock|symbol:string!:Ticker symbol",
	"convert_currency|Convert an amount between two currencies|amount:number!|from:string!:ISO 4217 code|to:string!:ISO 4217 code",
	"lookup_order|Fetch an order by its number|order_id:string!:Order number as on the invoice|include_items:boolean",
	"cancel_order|Cancel an order that has not been shipped yet|order_id:string!|reason:string::customer_request/duplicate/fraud/other",
	"read_file|Read a file from the workspace|path:string!:Path relative to the repository root|start_line:integer|end_line:integer",
	"write_file|Write content to a file, replacing it if it exists|path:string!|content:string!",
	"run_command|Execute a shell command and return stdout and stderr|command:string!:The command line to run|timeout:integer:Seconds before it is killed",
	"list_directory|List files and folders|path:string!|recursive:boolean",
	"grep_search|Search file contents with a regular expression|pattern:string!:RE2 syntax|include:string:Glob of files to look at",
	"get_user_profile|Return the profile of the signed-in user|user_id:string!",
	"update_ticket|Change the status or the assignee of a support ticket|ticket_id:integer!|status:string::open/pending/solved/closed|assignee:string|comment:string",
	"translate_text|Translate text into another language|text:string!|target_language:string!:BCP 47 tag",
	"generate_image|Create an image from a description|prompt:string!|size:string::256x256/512x512/1024x1024",
	"search_flights|Find flights between two airports|origin:string!:IATA code|destination:string!:IATA code|date:string!:YYYY-MM-DD|passengers:integer",
	"book_table|Reserve a table at a restaurant|restaurant:string!|people:integer!|time:string!",
	"get_directions|Directions between two places|from:string!|to:string!|mode:string::driving/walking/cycling/transit",
	"add_to_cart|Add a product to the shopping cart|sku:string!|quantity:integer!",
	"set_reminder|Remind the user at a given time|text:string!|at:string!:When, in the user's time zone",
	"calculate|Evaluate an arithmetic expression|expression:string!",
	"fetch_url|Download a page and return its text|url:string!|max_chars:integer",
	"save_memory|Store a fact about the user for later conversations|fact:string!|importance:integer:1 to 5",
	"extract_entities|Report the entities found in a document|people:array!|places:array|dates:array|amounts:array",
	"final_answer|Give the final answer once everything is known|answer:string!|confidence:number:0 to 1|sources:array",
	"get_availability|Free slots of a colleague|person:string!|week:integer",
	"control_light|Switch a lamp on or off or dim it|room:string!|on:boolean!|brightness:integer:0 to 100",
}

func parseTool(line string) Tool {
	parts := strings.Split(line, "|")
	t := Tool{Name: parts[0], Description: parts[1]}
	for _, p := range parts[2:] {
		f := strings.SplitN(p, ":", 4)
		kind, required := strings.CutSuffix(f[1], "!")
		one := Field{Name: f[0], Type: kind, Required: required}
		if len(f) > 2 {
			one.Description = f[2]
		}
		if len(f) > 3 {
			one.Enum = f[3]
		}
		t.Fields = append(t.Fields, one)
	}
	return t
}

func (w *writer) known() Tool { return parseTool(w.pick(functionsOffered)) }

// Tools makes up n tools, about as many bytes in all as asked once they are
// written by AppendTools; what is wanted beyond the usual goes into descriptions.
func Tools(r *rand.Rand, n, bytes int) []Tool {
	w := newWriter(r)
	var tools []Tool
	order := r.Perm(len(functionsOffered))
	if bytes < 130*n { // short ones first
		for i := range order {
			for j := i + 1; j < len(order); j++ {
				if len(functionsOffered[order[j]]) < len(functionsOffered[order[i]]) {
					order[i], order[j] = order[j], order[i]
				}
			}
		}
	}
	for i := range n {
		t := parseTool(functionsOffered[order[i%len(order)]])
		if again := i / len(order); again > 0 {
			t.Name += "_v" + strconv.Itoa(again+1)
		}
		tools = append(tools, t)
	}
	for round := range 12 { // fewer fields where there is no room, longer texts where there is
		size := len(AppendTools(nil, tools))
		switch spare := bytes - size; {
		case spare < -60:
			for i := range tools {
				t := &tools[i]
				switch {
				case len(t.Fields) > 1 && !t.Fields[len(t.Fields)-1].Required:
					t.Fields = t.Fields[:len(t.Fields)-1]
				case round > 1 && t.Description != "":
					t.Description = ""
				case round > 2:
					for j := range t.Fields {
						t.Fields[j].Description = ""
					}
				}
			}
		case spare > 90:
			each := min(spare/n, 400)
			for i := range tools {
				next := w.deck(toolNotes)
				tools[i].Description = w.extend(tools[i].Description+".", " ", len(tools[i].Description)+max(each, 40), next)
			}
		default:
			return tools
		}
	}
	return tools
}

// toolNotes are what descriptions go on with.
var toolNotes = []string{
	"Use this only when the user asks for it explicitly.", "Returns JSON.", "Results are sorted by date, newest first.", "Never call it twice with the same arguments.",
	"If nothing is found an empty list is returned.", "Ask the user to confirm before you call it.", "Dates are in UTC.", "Prefer this over guessing.",
	"At most {2-90} items are returned.", "Times out after {5-60} seconds.", "Example: {city}.", "Requires permission of the account owner.", "Amounts are in {number} decimal places at most.",
	"Fails with an error message if the id is unknown.", "Do not use it for {topic}.", "Available to {people} only.", "The result is cached for {2-30} minutes.", "Paths must not contain '..'.",
	"Call it at the end, once all other information is there.", "Deprecated fields are ignored.",
}

// AppendTools writes tools as requests have them.
func AppendTools(b []byte, tools []Tool) []byte {
	b = append(b, '[')
	for i, t := range tools {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"type":"function","function":{"name":`...)
		b = appendQuoted(b, t.Name)
		if t.Description != "" {
			b = append(b, `,"description":`...)
			b = appendQuoted(b, t.Description)
		}
		b = append(b, `,"parameters":`...)
		b = appendObject(b, t.Fields)
		b = append(b, `}}`...)
	}
	return append(b, ']')
}

// appendObject writes the JSON schema of an object.
func appendObject(b []byte, fields []Field) []byte {
	b = append(b, `{"type":"object","properties":{`...)
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(b, f.Name)
		b = append(append(append(b, `:{"type":"`...), f.Type...), '"')
		if f.Type == "array" {
			b = append(b, `,"items":{"type":"string"}`...)
		}
		if f.Description != "" {
			b = append(b, `,"description":`...)
			b = appendQuoted(b, f.Description)
		}
		if f.Enum != "" {
			b = append(b, `,"enum":[`...)
			for j, v := range strings.Split(f.Enum, "/") {
				if j > 0 {
					b = append(b, ',')
				}
				b = appendQuoted(b, v)
			}
			b = append(b, ']')
		}
		b = append(b, '}')
	}
	b = append(b, `},"required":[`...)
	first := true
	for _, f := range fields {
		if !f.Required {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendQuoted(b, f.Name)
	}
	return append(b, `]}`...)
}

func appendQuoted(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...)
	}
	return append(b, quoted...)
}

// arguments is a call's object, of about n bytes where a text may be long.
func (w *writer) arguments(t Tool, n int) string {
	b := []byte{'{'}
	for i, f := range t.Fields {
		if !f.Required && w.chance(2) {
			continue
		}
		if len(b) > 1 {
			b = append(b, ", "...)
		}
		b = append(appendQuoted(b, f.Name), ": "...)
		switch {
		case f.Enum != "":
			b = appendQuoted(b, w.pick(strings.Split(f.Enum, "/")))
		case f.Type == "integer":
			b = strconv.AppendInt(b, int64(1+w.r.IntN(40)), 10)
		case f.Type == "number":
			b = strconv.AppendFloat(b, float64(5+w.r.IntN(90000))/100, 'f', -1, 64)
		case f.Type == "boolean":
			b = strconv.AppendBool(b, w.chance(2))
		case f.Type == "array":
			b = appendQuoted(append(b, '['), w.pick(names))
			b = append(b, ']')
		default:
			last := i == len(t.Fields)-1
			if left := n - len(b); last && left > 60 {
				b = appendQuoted(b, w.document(left))
			} else {
				b = appendQuoted(b, w.value(f.Name))
			}
		}
	}
	return string(append(b, '}'))
}

// value is a text that goes with a field's name.
func (w *writer) value(name string) string {
	switch name {
	case "location", "origin", "destination", "from", "restaurant", "room":
		return w.pick(cities)
	case "path":
		return w.pick([]string{"src/", "internal/", "app/", "lib/", "tests/", "docs/"}) + w.pick(nouns) + w.pick([]string{".py", ".go", ".ts", ".md", ".sql", "s/index.js"})
	case "to":
		return strings.ToLower(w.pick(names)) + "@example.com"
	case "start", "end", "date", "at", "time":
		return w.fill("{isodate}")
	case "order_id", "user_id", "sku":
		return strconv.Itoa(10000 + w.r.IntN(899999))
	case "sql":
		return "SELECT " + w.pick(fields) + " FROM " + w.pick(nouns) + "s LIMIT " + strconv.Itoa(1+w.r.IntN(50))
	case "command":
		return w.pick([]string{"ls -la", "git status", "npm test", "go test ./...", "pytest -q", "grep -rn TODO src", "cat README.md", "docker ps"})
	case "url":
		return "https://example.com/" + w.pick(nouns) + "s/" + strconv.Itoa(w.r.IntN(5000))
	case "expression":
		return w.fill("{3-99} * {2-400} + {1-99}")
	case "symbol":
		return w.pick([]string{"AAPL", "MSFT", "NVDA", "SAP", "TSM", "ASML", "BMW.DE", "GOOG"})
	case "query", "pattern", "topic":
		return w.topic
	}
	return w.fill("{Topic}")
}

// AppendSchema writes an answer's form of about n bytes: a name and a JSON
// schema, as response_format has them.
func AppendSchema(b []byte, r *rand.Rand, n int) []byte {
	w := newWriter(r)
	names := []string{"result", "response", "extraction", "summary", "classification", "person", "invoice", "event", "recipe", "review", "answer", "report"}
	start := len(b)
	b = append(b, `{"name":`...)
	b = appendQuoted(b, w.pick(names))
	if w.chance(2) {
		b = append(b, `,"strict":true`...)
	}
	b = append(b, `,"schema":`...)
	pool := r.Perm(len(members))
	var fields []Field
	for i := range pool {
		f := parseTool("x|y|" + members[pool[i]]).Fields[0]
		f.Required = true
		fields = append(fields, f)
		if len(appendObject(nil, fields))+len(b)-start > n-40 {
			break
		}
	}
	return append(appendObject(b, fields), '}')
}

// members are what answers' forms ask for.
var members = []string{
	"title:string", "summary:string:Two or three sentences", "sentiment:string::positive/neutral/negative", "score:number:0 to 1", "tags:array", "name:string", "age:integer", "email:string",
	"date:string:YYYY-MM-DD", "amount:number", "currency:string:ISO 4217", "items:array", "reasoning:string:Think step by step before you answer", "answer:string", "confidence:number",
	"category:string::bug/feature/question/other", "priority:string::low/medium/high", "language:string", "steps:array", "is_spam:boolean", "location:string", "people:array", "keywords:array",
	"explanation:string", "translation:string", "year:integer", "author:string", "rating:integer:1 to 5", "ingredients:array", "minutes:integer", "entities:array", "next_action:string",
}

// Stop is a text that ends an answer, of about n bytes.
func Stop(r *rand.Rand, n int) string {
	usual := []string{"\n", "\n\n", "###", "END", "User:", "Human:", "</s>", "<|im_end|>", "```", "Q:", "\nUser:", "Observation:", ".", ";", "---", "</answer>", "\n\nHuman:", "<|eot_id|>", "[/INST]", "Question:", "assistant"}
	best := usual[r.IntN(len(usual))]
	for _, i := range r.Perm(len(usual)) {
		if abs(len(usual[i])-n) < abs(len(best)-n) {
			best = usual[i]
		}
	}
	return best
}

// Flaws is what is not to be seen on a picture, about n bytes.
func Flaws(r *rand.Rand, n int) string {
	w := newWriter(r)
	next := w.deck([]string{"blurry", "low quality", "bad anatomy", "extra fingers", "watermark", "text", "signature", "deformed", "ugly", "jpeg artifacts", "cropped", "out of frame", "worst quality",
		"lowres", "duplicate", "mutated hands", "poorly drawn face", "grainy", "oversaturated", "cartoon", "3d render", "people", "noise", "disfigured"})
	return w.extend(next(), ", ", clampLength(n), next)
}

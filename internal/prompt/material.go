package prompt

import (
	"fmt"
	"strings"
)

var codeAsks = []string{
	"What does this code do?",
	"There is a bug in here: {bug}. Can you find it?",
	"Please review this. I care mostly about {aspect}.",
	"Rewrite this so that it is easier to test.",
	"Add comments for {audience}.",
	"Why is this slow for {10-900}00 records?",
	"Port this to another language of your choice and explain the differences.",
	"Write {3-9} unit tests for the following.",
	"How would you make this safe for concurrent use?",
	"My colleague {name} says this is wrong for empty input. Is it?",
}

func (w *writer) codeAsk() string { return w.plain(w.some(codeAsks)) }

var (
	nouns  = []string{"order", "user", "reading", "invoice", "session", "ticket", "sample", "parcel", "event", "account", "route", "photo", "lesson", "booking"}
	fields = []string{"total", "count", "age", "score", "weight", "price", "duration", "size", "priority", "distance"}
	verbs  = []string{"filter", "collect", "merge", "group", "sum", "check", "load", "update", "export", "rank"}
)

// functions are code snippets; the marks are filled by code.
var functions = map[string][]string{
	"python": {
		"def VERB_NOUNs(NOUNs, limit=NUM):\n    result = []\n    for n in NOUNs:\n        if n.FIELD > limit:\n            result.append(n)\n    return result\n",
		"class NOUNStore:\n    def __init__(self, path):\n        self.path = path\n        self.cache = {}\n\n    def VERB(self, key):\n        if key not in self.cache:\n            self.cache[key] = self._read(key)\n        return self.cache[key].FIELD * NUM\n",
		"def average_FIELD(NOUNs):\n    total = 0\n    for i in range(1, len(NOUNs)):\n        total += NOUNs[i]['FIELD']\n    return total / len(NOUNs)\n",
		"with open('NOUNs.csv') as f:\n    rows = [line.strip().split(',') for line in f]\nFIELDs = [float(r[NUM % len(r)]) for r in rows]\nprint(max(FIELDs), sum(FIELDs) / len(FIELDs))\n",
	},
	"go": {
		"func VERBNOUNs(in []NOUN, limit int) []NOUN {\n\tvar out []NOUN\n\tfor _, n := range in {\n\t\tif n.FIELD >= limit {\n\t\t\tout = append(out, n)\n\t\t}\n\t}\n\treturn out\n}\n",
		"type NOUNCache struct {\n\tmu    sync.Mutex\n\titems map[string]NOUN\n}\n\nfunc (c *NOUNCache) VERB(key string) (NOUN, error) {\n\tc.mu.Lock()\n\tif n, ok := c.items[key]; ok {\n\t\treturn n, nil\n\t}\n\tc.mu.Unlock()\n\treturn NOUN{FIELD: NUM}, nil\n}\n",
		"for i := 0; i < NUM; i++ {\n\tgo func() {\n\t\tif err := VERB(NOUNs[i]); err != nil {\n\t\t\tlog.Println(\"FIELD:\", err)\n\t\t}\n\t}()\n}\n",
	},
	"javascript": {
		"async function VERBNOUNs(ids) {\n  const found = [];\n  ids.forEach(async (id) => {\n    const n = await fetch(`/api/NOUNs/${id}`);\n    found.push((await n.json()).FIELD);\n  });\n  return found.slice(0, NUM);\n}\n",
		"const byFIELD = NOUNs.reduce((acc, n) => {\n  (acc[n.FIELD] ||= []).push(n);\n  return acc;\n}, {});\nsetTimeout(() => VERB(byFIELD), NUM);\n",
		"export class NOUNList extends Component {\n  state = { FIELD: NUM };\n  componentDidMount() {\n    VERB(this.props.id).then((n) => (this.state.FIELD = n.FIELD));\n  }\n}\n",
	},
	"sql": {
		"SELECT n.id, n.FIELD, count(*) AS matches\nFROM NOUNs n\nLEFT JOIN logs l ON l.NOUN_id = n.id\nWHERE l.FIELD > NUM\nGROUP BY n.id\nORDER BY matches DESC;\n",
		"UPDATE NOUNs SET FIELD = FIELD + NUM\nWHERE id IN (SELECT NOUN_id FROM archive WHERE FIELD IS NULL);\n",
		"CREATE TABLE NOUNs (\n  id INTEGER PRIMARY KEY,\n  FIELD NUMERIC NOT NULL DEFAULT NUM,\n  created_at TIMESTAMP\n);\nCREATE INDEX NOUNs_FIELD ON NOUNs (FIELD);\n",
	},
	"bash": {
		"for f in NOUNs/*.csv; do\n  if [ $(wc -l < $f) -gt NUM ]; then\n    mv $f archive/\n  fi\ndone\n",
		"find . -name 'NOUN*.log' -mtime +NUM -exec gzip {} \\;\ngrep -c FIELD NOUNs.log | sort -n | tail -1\n",
	},
}

var languages = []string{"python", "go", "javascript", "sql", "bash"}

// code is a snippet of about n bytes in one programming language.
func (w *writer) code(n int) string {
	language := w.pick(languages)
	snippet := func() string {
		noun := w.pick(nouns)
		typeName := noun
		if language == "go" || language == "javascript" {
			typeName = capital(noun)
		}
		text := w.pick(functions[language])
		return strings.NewReplacer("NOUNs", noun+"s", "NOUN_", noun+"_", "VERBNOUN", w.pick(verbs)+typeName, "NOUN", typeName,
			"FIELD", w.pick(fields), "VERB", w.pick(verbs), "NUM", fmt.Sprint(2+w.r.IntN(900))).Replace(text)
	}
	fence := "```"
	if w.chance(2) {
		fence += language
	}
	first := snippet()
	body := w.extend(first, "\n", n-len(fence)-5, snippet)
	return fence + "\n" + strings.TrimRight(body, "\n") + "\n```"
}

var tableAsks = []string{
	"Which rows look wrong, and why?",
	"What is the trend in this data? Answer for {audience}.",
	"Write a query in SQL that gives the three largest values per place for this table.",
	"Compute the average per place and show it as {format}.",
	"Here is the export that {name} sent. Describe it {limit}.",
}

// table is comma-separated data of about n bytes.
func (w *writer) table(n int) string {
	first, second := w.pick(fields), w.pick(fields)
	head := "date,place," + first + "," + second
	return w.extend(head, "\n", n, func() string {
		return w.fill("{isodate}," + w.pick(cities) + ",{1-999}.{0-9},{0-99}")
	})
}

var listAsks = []string{
	"Sort these notes by importance for {people}.",
	"Turn these points into {format}.",
	"Which of these can wait until {season}?",
	"Group the following by topic and give each group a title.",
	"Here are my notes on {topic}. Write minutes from them, {limit}.",
}

var points = []string{
	"ask {name} about {thing}", "{task}", "{trouble} (since {date})", "{finding}", "compare {topic} and {othertopic}", "{2-90} euros for {thing}",
	"{name}: call back on {weekday}, {8-18}:{10-59}", "check {aspect}", "move {thing} to {season}", "{people} want to hear about {topic}",
}

// bullets is a list of notes of about n bytes.
func (w *writer) bullets(n int) string {
	mark := w.pick([]string{"- ", "* ", "• "})
	return w.extend(mark+w.some(points), "\n", n, func() string { return mark + w.some(points) })
}

package judgement

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The scenarios in testdata are for people who know no Go. Their lines:
//
//	start                      a miner of whom nothing is known
//	see E [x N]                N checked responses with that e-value, or "proof"
//	part E [x N]               the same, of responses that were broken off
//	repeat N … end             the lines between them, N times
//	standing S                 trusted, watched or convicted
//	wealth|quality|rise|checked|convictions A [to B]
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := play{t: t, file: file}
		p.run(strings.Split(string(text), "\n"), 1)
		if p.claims < 10 {
			t.Errorf("%s claims %d things only", file, p.claims)
		}
	}
}

type play struct {
	t      *testing.T
	file   string
	state  State
	claims int
}

func (p *play) run(lines []string, number int) {
	rules := Default()
	for i := 0; i < len(lines); i++ {
		words := strings.Fields(lines[i])
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		at := number + i
		switch words[0] {
		case "start":
			p.state = State{}
		case "see", "part":
			observe := rules.Observe
			if words[0] == "part" {
				observe = rules.ObservePart
			}
			e, n := Proof, 1
			if words[1] != "proof" {
				e = p.number(at, words[1])
			}
			if len(words) == 4 {
				n = int(p.number(at, words[3]))
			}
			for range n {
				var err error
				if p.state, err = observe(p.state, e); err != nil {
					p.t.Fatalf("%s:%d: %v", p.file, at, err)
				}
			}
		case "repeat":
			end := i + 1
			for lines[end] != "end" {
				end++
			}
			for range int(p.number(at, words[1])) {
				p.run(lines[i+1:end], at+1)
			}
			i = end
		case "standing":
			p.claims++
			if got := p.state.Standing.String(); got != words[1] {
				p.t.Errorf("%s:%d: standing is %s (wealth %.3g), want %s", p.file, at, got, p.state.Wealth(), words[1])
			}
		default:
			values := map[string]float64{
				"wealth": p.state.Wealth(), "quality": rules.Quality(p.state), "rise": float64(p.state.Rise),
				"checked": float64(p.state.Checked), "convictions": float64(p.state.Convictions),
			}
			got, known := values[words[0]]
			if !known {
				p.t.Fatalf("%s:%d: %q is not understood", p.file, at, lines[i])
			}
			low := p.number(at, words[1])
			high := low
			if len(words) == 4 {
				high = p.number(at, words[3])
			}
			p.claims++
			if !(got >= low && got <= high) {
				p.t.Errorf("%s:%d: %s is %v, want %s", p.file, at, words[0], got, strings.Join(words[1:], " "))
			}
		}
	}
}

func (p *play) number(line int, word string) float64 {
	n, err := strconv.ParseFloat(word, 64)
	if err != nil {
		p.t.Fatalf("%s:%d: %v", p.file, line, err)
	}
	return n
}

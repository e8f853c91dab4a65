package score

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"vision/internal/hotkey"
)

// A scenario is a text that someone who knows no Go can check with a
// calculator: who declared and did what, and which numbers follow.
// testdata/scenarios/README.txt lists the sentences. An expected number must
// be right to its last written digit.
type scenario struct {
	tasks  []taskEvidence
	limits map[string]taskLimits
	stake  float64 // this validator's share

	miners    map[string]hotkey.ID
	contender *Evidence // what indented lines describe
	on        string    // its task
	out       *Outcome
	err       error
	checked   int // expectations met or missed
}

type taskLimits struct {
	maximum, perRequest int64
	speed               Speed
}

// sentence is one form of line and what it does; args are its capitalised words.
type sentence[S any] struct {
	pattern *regexp.Regexp
	do      func(s S, args []string) error
}

const number = `([0-9]+(?:\.[0-9]+)?)`

func say[S any](form string, do func(s S, args []string) error) sentence[S] {
	form = strings.NewReplacer("NUMBER", number, "NAME", `(\S+)`, "TEXT", `(.*)`).Replace(form)
	return sentence[S]{regexp.MustCompile("^" + form + "$"), do}
}

var sentences = []sentence[*scenario]{
	say(`task NAME weighs NUMBER, counts at most NUMBER, NUMBER per request`, func(s *scenario, a []string) error {
		s.tasks = append(s.tasks, taskEvidence{Name: a[0], Weight: float(a[1])})
		s.limits[a[0]] = taskLimits{maximum: int64(float(a[2])), perRequest: int64(float(a[3]))}
		return nil
	}),
	say(`speed of NAME: overhead NUMBER s, mean NUMBER s per unit, steepness NUMBER`, func(s *scenario, a []string) error {
		l := s.limits[a[0]]
		l.speed = Speed{Overhead: time.Duration(float(a[1]) * float64(time.Second)), Mean: float(a[2]), Steepness: float(a[3])}
		s.limits[a[0]] = l
		return l.speed.Validate()
	}),
	say(`the validator holds NUMBER% of the stake`, func(s *scenario, a []string) error {
		s.stake = float(a[0]) / 100
		return nil
	}),
	say(`miner NAME declares NUMBER on NAME`, func(s *scenario, a []string) error {
		t := s.task(a[2])
		if t == nil {
			return fmt.Errorf("no task %s above", a[2])
		}
		if _, known := s.miners[a[0]]; !known {
			s.miners[a[0]] = hotkey.ID{byte(len(s.miners) + 1)}
		}
		declared := int64(float(a[1]))
		offer := Offer{Declared: declared, Maximum: s.limits[a[2]].maximum, StakeShare: s.stake}
		t.Contenders = append(t.Contenders, Evidence{Hotkey: s.miners[a[0]], Declared: declared, Capacity: offer.Capacity()})
		s.contender, s.on = &t.Contenders[len(t.Contenders)-1], a[2]
		return nil
	}),
	say(`  (?:NUMBER periods, each: |)NUMBER requests, NUMBER refused, NUMBER failed, consumed NUMBER`, func(s *scenario, a []string) error {
		for range times(a[0]) {
			total, refused, failed := int(float(a[1])), int(float(a[2])), int(float(a[3]))
			s.contender.History = append(s.contender.History, Period{Counts: Counts{
				Requests: total, OK: total - refused - failed, RateLimited: refused, Failed: failed,
				Consumed: int64(float(a[4])), Declared: s.contender.Capacity,
			}})
		}
		return nil
	}),
	say(`  (?:NUMBER checks, each: |)quality NUMBER, speed NUMBER`, func(s *scenario, a []string) error {
		for range times(a[0]) {
			s.contender.Checks = append(s.contender.Checks, Check{Quality: float(a[1]), Speed: float(a[2])})
		}
		return nil
	}),
	say(`  (?:NUMBER checks, each: |)quality NUMBER, NUMBER units in NUMBER s`, func(s *scenario, a []string) error {
		speed := s.limits[s.on].speed
		elapsed := time.Duration(float(a[3]) * float64(time.Second))
		for range times(a[0]) {
			s.contender.Checks = append(s.contender.Checks, Check{
				Quality: float(a[1]), Speed: speed.Factor(speed.PerUnit(elapsed, int64(float(a[2])))),
			})
		}
		return nil
	}),
	say(`=> a test of NUMBER% of NAME on NAME asks NUMBER requests`, func(s *scenario, a []string) error {
		f, err := s.factors(a[1], a[2])
		if err != nil {
			return err
		}
		limits := s.limits[a[2]]
		p := Vision4{}.Plan(nil, Offer{Declared: f.Declared, Maximum: limits.maximum, StakeShare: s.stake, PerRequest: limits.perRequest}, drawFor(float(a[0])))
		return s.expect(float64(p.Requests), a[3])
	}),
	say(`=> NAME on NAME: (capacity|period score|history factor|period average|quality|speed|quality x speed|effective volume|share|cubed share|task weight|contribution) NUMBER`, func(s *scenario, a []string) error {
		f, err := s.factors(a[0], a[1])
		if err != nil {
			return err
		}
		return s.expect(factor(f, a[2]), a[3])
	}),
	say(`=> NAME on NAME: no period score`, func(s *scenario, a []string) error {
		f, err := s.factors(a[0], a[1])
		if err == nil && len(f.Periods) > 0 {
			err = fmt.Errorf("%d periods have a score", len(f.Periods))
		}
		s.checked++
		return err
	}),
	say(`=> weight of NAME NUMBER`, func(s *scenario, a []string) error {
		e, err := s.explain(a[0])
		if err != nil {
			return err
		}
		return s.expect(e.Weight, a[1])
	}),
	say(`=> on the chain NAME has NUMBER`, func(s *scenario, a []string) error {
		if _, err := s.explain(a[0]); err != nil {
			return err
		}
		got, err := onChain(s.out.Weights, s.miners[a[0]])
		if err != nil {
			return err
		}
		return s.expect(got, a[1])
	}),
}

func factor(f Factors, name string) float64 {
	newest := math.NaN()
	if len(f.Periods) > 0 {
		newest = f.Periods[0].Score
	}
	return map[string]float64{
		"capacity":         float64(f.Capacity),
		"period score":     newest,
		"history factor":   f.History.Factor,
		"period average":   f.History.Score,
		"quality":          f.Quality.Mean,
		"speed":            f.Quality.Speed,
		"quality x speed":  f.Quality.Combined,
		"effective volume": f.EffectiveVolume,
		"share":            f.Share,
		"cubed share":      f.CubedShare,
		"task weight":      f.PaidTaskWeight,
		"contribution":     f.Contribution,
	}[name]
}

// drawFor is a draw that tests the given percentage.
func drawFor(percent float64) Draw {
	switch share := percent / 100; {
	case share == usualShare:
		return Draw{Choice: 0}
	case share <= someHigh:
		return Draw{Choice: 0.9, Within: (share - someLow) / (someHigh - someLow)}
	default:
		return Draw{Choice: 0.99, Within: (share - mostLow) / (mostHigh - mostLow)}
	}
}

func float(text string) float64 {
	x, _ := strconv.ParseFloat(text, 64) // the pattern lets only numbers through
	return x
}

func times(text string) int {
	if text == "" {
		return 1
	}
	return int(float(text))
}

func (s *scenario) task(name string) *taskEvidence {
	for i := range s.tasks {
		if s.tasks[i].Name == name {
			return &s.tasks[i]
		}
	}
	return nil
}

func (s *scenario) explain(name string) (Explanation, error) {
	if s.out == nil && s.err == nil {
		out, err := weigh(s.tasks)
		s.out, s.err = &out, err
	}
	if s.err != nil {
		return Explanation{}, s.err
	}
	e, ok := s.out.Explain(s.miners[name])
	if !ok {
		return e, fmt.Errorf("no miner %s above", name)
	}
	return e, nil
}

func (s *scenario) factors(name, task string) (Factors, error) {
	e, err := s.explain(name)
	if err != nil {
		return Factors{}, err
	}
	for _, f := range e.Tasks {
		if f.Task == task {
			return f, nil
		}
	}
	return Factors{}, fmt.Errorf("%s declares nothing on %s", name, task)
}

// expect compares to half a unit of the last written digit.
func (s *scenario) expect(got float64, want string) error {
	s.checked++
	return expect(got, want)
}

func expect(got float64, want string) error {
	_, fraction, _ := strings.Cut(want, ".")
	tolerance := 0.5*math.Pow10(-len(fraction)) + 1e-9
	if !(math.Abs(got-float(want)) <= tolerance) {
		return fmt.Errorf("it is %v", got)
	}
	return nil
}

// script is a scenario of some mechanism.
type script interface {
	describing() bool // a miner, so that indented lines have a meaning
	finished() bool   // results were computed: nothing may be added
}

func (s *scenario) describing() bool { return s.contender != nil }
func (s *scenario) finished() bool   { return s.out != nil }

// play runs a scenario and returns what is wrong with it, by line.
func play(text string) (problems []string, checked int) {
	if strings.Contains(text, "\n"+mechanism7+"\n") || strings.HasPrefix(text, mechanism7+"\n") {
		s := newScenario7()
		problems = read(s, sentences7, text)
		return problems, s.checked
	}
	s := &scenario{limits: map[string]taskLimits{}, miners: map[string]hotkey.ID{}, stake: 1}
	problems = read(s, sentences, text)
	return problems, s.checked
}

func read[S script](s S, sentences []sentence[S], text string) (problems []string) {
lines:
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, " ")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		for _, sentence := range sentences {
			args := sentence.pattern.FindStringSubmatch(line)
			if args == nil {
				continue
			}
			if strings.HasPrefix(line, " ") && !s.describing() {
				problems = append(problems, fmt.Sprintf("line %d: %q describes no miner", n+1, line))
			} else if !strings.HasPrefix(line, "=>") && s.finished() {
				problems = append(problems, fmt.Sprintf("line %d: %q comes after a result", n+1, line))
			} else if err := sentence.do(s, args[1:]); err != nil {
				problems = append(problems, fmt.Sprintf("line %d: %q: %v", n+1, line, err))
			}
			continue lines
		}
		problems = append(problems, fmt.Sprintf("line %d: cannot read %q", n+1, line))
	}
	return problems
}

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	hardened, _ := filepath.Glob("testdata/vision7/*.txt")
	files = append(files, hardened...)
	if err != nil || len(files) < 5 || len(hardened) < 5 {
		t.Fatalf("%d scenarios, error %v", len(files), err)
	}
	for _, file := range files {
		if filepath.Base(file) == "README.txt" {
			continue
		}
		t.Run(strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(file), "testdata/"), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			checkScenario(t, string(text))
		})
	}
}

// The numbers of the pages that miners read are checked like any scenario.
func TestMechanismPages(t *testing.T) {
	for _, name := range []string{"mechanism.md", "mechanism-vision4.md"} {
		page, err := os.ReadFile("../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		blocks := regexp.MustCompile("(?s)```scenario\n(.*?)```").FindAllStringSubmatch(string(page), -1)
		if len(blocks) == 0 {
			t.Errorf("%s has no worked example", name)
		}
		for _, b := range blocks {
			checkScenario(t, b[1])
		}
	}
}

func checkScenario(t *testing.T, text string) {
	t.Helper()
	problems, checked := play(text)
	for _, p := range problems {
		t.Error(p)
	}
	if checked == 0 {
		t.Error("the scenario expects nothing")
	}
}

func TestScenariosCanFail(t *testing.T) {
	good := "task chat weighs 1, counts at most 1000, 10 per request\nminer A declares 100 on chat\n  1 requests, 0 refused, 0 failed, consumed 10\n  quality 1, speed 1\n"
	for text, want := range map[string]string{
		good + "=> weight of A 0.99":                                            "it is 1",
		good + "=> A on chat: history factor 0.79":                              "it is 0.78125",
		good + "=> weight of B 1":                                               "no miner B above",
		good + "=> A on image: share 1":                                         "declares nothing",
		good + "=> weight of A 1\nminer C declares 1 on chat":                   "comes after a result",
		"the miner A is kind":                                                   "cannot read",
		"miner A declares 100 on chat":                                          "no task chat",
		"  quality 1, speed 1":                                                  "describes no miner",
		strings.Replace(good, "quality 1", "quality 2", 1) + "=> weight of A 1": "want 0 to 1",
	} {
		problems, _ := play(text)
		if len(problems) != 1 || !strings.Contains(problems[0], want) {
			t.Errorf("problems %q, want one about %q, in\n%s", problems, want, text)
		}
	}
	hardened := mechanism7 + "\ntask chat weighs 1, counts at most 1000000, 10 per request\nspeed of chat: overhead 0 s, mean 1 s per unit, steepness 1\nminer A declares 3600 on chat\n  beacon, draw 0: asks 1, 1 answered in 10 s\n"
	for text, want := range map[string]string{
		hardened + "=> A on chat: credited 2341":                               "it is 2340",
		hardened + "  beacon, draw 0: asks 2, 1 answered in 10 s\n":            "it asks 1",
		mechanism7 + "\nparameter luck is 2":                                   "no parameter",
		hardened + "=> weight of B 1":                                          "no miner B above",
		hardened + "=> weight of A 0\n  is convicted":                          "comes after a result",
		hardened + "miner A declares 1 on image":                               "no task image",
		mechanism7 + "\n  is convicted":                                        "describes no miner",
		hardened + "  quality 2, speed 1\n":                                    "want 0 to 1",
		hardened + "  period ends: asked 1, refused 2, failed 0, consumed 0\n": "asked 1, of which 2",
	} {
		problems, _ := play(text)
		if len(problems) != 1 || !strings.Contains(problems[0], want) {
			t.Errorf("problems %q, want one about %q, in\n%s", problems, want, text)
		}
	}
	if problems, checked := play(good + "=> weight of A 1"); len(problems) != 0 || checked != 1 {
		t.Errorf("a right scenario has problems %q", problems)
	}
}

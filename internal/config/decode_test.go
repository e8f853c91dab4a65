package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vision/internal/hotkey"
)

type inner struct {
	Units  int64    `yaml:"units"`
	Labels []string `yaml:"labels"`
}

type sample struct {
	Shared  `yaml:",inline"`
	Listen  string           `yaml:"listen"`
	Wait    time.Duration    `yaml:"wait"`
	Ratio   float64          `yaml:"ratio"`
	On      bool             `yaml:"on"`
	Key     hotkey.ID        `yaml:"key"`
	Maybe   *inner           `yaml:"maybe"`
	Many    []inner          `yaml:"many"`
	Limits  map[string]int64 `yaml:"limits"`
	Ignored string           `yaml:"-"`
}

type Shared struct {
	Data string `yaml:"data"`
}

func (s *sample) Check(report func(string, string, ...any)) {
	if s.Wait < 0 {
		report("wait", "is negative")
	}
	for i, m := range s.Many {
		if m.Units > 100 {
			report("many["+string(rune('0'+i))+"].units", "is %d, at most 100", m.Units)
		}
	}
	if s.Listen == "" {
		report("listen", "is missing")
	}
}

func TestDefaultsStayAndValuesOverride(t *testing.T) {
	got := sample{Listen: "127.0.0.1:1", Wait: time.Second, Ratio: 0.5}
	err := Parse("x.yaml", []byte(`
data: /var/lib/vision
wait: 90s
on: true
key: 5G6Fyo6U2fDhJXDJGp4Dr6XViVCdPcryiyLBDsusguSRcYvJ
maybe: {units: 3}
many:
  - units: 1
    labels: [a, b]
limits: {chat: 7}
ratio:
`), &got)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := hotkey.ParseID("5G6Fyo6U2fDhJXDJGp4Dr6XViVCdPcryiyLBDsusguSRcYvJ")
	want := sample{Shared: Shared{Data: "/var/lib/vision"}, Listen: "127.0.0.1:1", Wait: 90 * time.Second, Ratio: 0.5, On: true,
		Key: key, Maybe: &inner{Units: 3}, Many: []inner{{1, []string{"a", "b"}}}, Limits: map[string]int64{"chat": 7}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryMistakeIsReportedWithItsLine(t *testing.T) {
	var got sample
	err := Parse("x.yaml", []byte(`liste: here
wait: soon
ratio: much
on: [1]
key: 5G6F
many:
  - units: 500
  - unit: 1
  - units: 1.5
limits: 3
wait: 1s
`), &got)
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v", err)
	}
	want := []string{
		`x.yaml: listen: is missing`,
		`x.yaml:1: liste: unknown key; did you mean "listen"?`,
		`x.yaml:2: wait: "soon" is not a duration: write a number and a unit, such as 500ms, 60s or 1h`,
		`x.yaml:3: ratio: "much" is not a number`,
		`x.yaml:4: on: want true or false, not a list`,
		`x.yaml:5: key: not an SS58 address: "5G6F" has 4 characters, want the whole address, usually 48`,
		`x.yaml:7: many[0].units: is 500, at most 100`,
		`x.yaml:8: many[1].unit: unknown key; did you mean "units"?`,
		`x.yaml:9: many[2].units: "1.5" is not a whole number`,
		`x.yaml:10: limits: want keys and values, not "3"`,
		`x.yaml:11: wait: stands on line 2 already`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestSyntaxErrorNamesTheFileAndLine(t *testing.T) {
	var got sample
	err := Parse("x.yaml", []byte("a: [1\nb: 2\n"), &got)
	if err == nil || !strings.Contains(err.Error(), "x.yaml: line ") {
		t.Errorf("got %v, want the file and line", err)
	}
}

func TestLoadSaysWhatItCouldNotRead(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	if err := Load(missing, &sample{}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("got %v, want it to name the missing file", err)
	}
	big := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(big, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Load(big, &sample{}); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("got %v, want a size limit", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("listen: x\nmany: [{units: 1}]\n"))
	f.Add([]byte("a: &x {a: *x}\n"))
	f.Add([]byte("many: &m [*m]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var s sample
		_ = Parse("f", text, &s) // must end, and not panic
	})
}

package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vision/internal/chain/chaintest"
	"vision/internal/checker"
	"vision/internal/config"
	"vision/internal/hotkey/wallet"
	"vision/internal/miner"
)

// common is a configuration whose files are all there.
func common(t *testing.T) Common {
	t.Helper()
	folder := t.TempDir()
	c := commonDefaults("")
	c.Hotkey, c.Catalogue = filepath.Join(folder, "key"), filepath.Join(folder, "catalogue.yaml")
	for file, text := range map[string][]byte{c.Hotkey: nil, c.Catalogue: config.DevnetCatalogue()} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func expect(t *testing.T, name string, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %q, want %q", name, got, want)
		return
	}
	for i := range got {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("%s: %q, want %q", name, got[i], want[i])
		}
	}
}

// What is said of two files comes in the order in which they are named, each time.
func TestWarningsComeInOrder(t *testing.T) {
	m := MinerDefaults()
	m.Common = common(t)
	m.Hotkey, m.PasswordFile = "/nowhere/key", "/nowhere/password"
	for range 20 {
		expect(t, "two files that are not there", m.Warnings(), "hotkey: there is no file /nowhere/key", "password_file: there is no file /nowhere/password")
	}
}

// A miner that offers what the network does not know earns nothing by it, and would hear of it from nobody else.
func TestOffersThatCountForNothingAreWarnedOf(t *testing.T) {
	for name, c := range map[string]struct {
		task miner.Task
		want []string
	}{
		"good":            {miner.Task{Task: "vision-ref-chat", Units: 10000, Slots: 8}, nil},
		"misspelt":        {miner.Task{Task: "vision-ref-chta", Units: 10000, Slots: 8}, []string{`tasks[0].task: the catalogue has no task "vision-ref-chta"; did you mean "vision-ref-chat"?`}},
		"unknown":         {miner.Task{Task: "llama", Units: 10000, Slots: 8}, []string{`tasks[0].task: the catalogue has no task "llama"; it has vision-ref-chat, `}},
		"more than count": {miner.Task{Task: "vision-ref-chat", Units: 1e12, Slots: 1e8}, []string{"tasks[0].units: is 1000000000000, and no more than"}},
		"fast":            {miner.Task{Task: "vision-ref-chat", Units: 1e6, Slots: 1}, nil}, // as measured, 3.3 times the mean pace
		"few slots":       {miner.Task{Task: "vision-ref-chat", Units: 1.5e6, Slots: 1}, []string{"tasks[0].slots: is 1, and so many at once do 300000 in 1h0m0s at the pace that is usual for vision-ref-chat, and not the 1500000 of units even if they are 4 times as fast"}},
	} {
		m := MinerDefaults()
		m.Common, m.Period, m.Tasks = common(t), time.Hour, []miner.Task{c.task}
		expect(t, name, m.Warnings(), c.want...)
	}
}

func TestFilesThatAreNotThereAreWarnedOf(t *testing.T) {
	m := MinerDefaults()
	m.Common = common(t)
	m.Hotkey, m.Catalogue = filepath.Join(t.TempDir(), "none"), filepath.Join(t.TempDir(), "no.yaml")
	expect(t, "nothing there", m.Warnings(), "hotkey: there is no file "+m.Hotkey, "catalogue: open configuration: open "+m.Catalogue)
	m.Common = common(t)
	m.PasswordFile = filepath.Join(t.TempDir(), "none")
	expect(t, "no password", m.Warnings(), "password_file: there is no file "+m.PasswordFile)
}

func TestTasksThatNobodyJudgesAreWarnedOf(t *testing.T) {
	const embed = `checker.references: none judges vision-ref-embed: nobody is paid there`
	for name, c := range map[string]struct {
		change func(*ValidatorConfig)
		want   []string
	}{
		"all":     {func(*ValidatorConfig) {}, nil},
		"one not": {func(c *ValidatorConfig) { c.Checker.References = c.Checker.References[:2] }, []string{embed}},
		"misspelt": {func(c *ValidatorConfig) { c.Checker.References[2].Serves = "vision-ref-embde" },
			[]string{`checker.references[2].serves: no task of the catalogue has the model "vision-ref-embde"; did you mean "vision-ref-embed"?`, embed}},
		"no such task": {func(c *ValidatorConfig) {
			c.Checker.References = append(c.Checker.References, checker.ReferenceConfig{Tasks: []string{"vision-ref-chatt"}})
		}, []string{`checker.references[3].tasks: the catalogue has no task "vision-ref-chatt"; did you mean "vision-ref-chat"?`}},
		"others may": {func(c *ValidatorConfig) {
			c.Checker.References, c.Checkers = c.Checker.References[:1], []RemoteChecker{{}}
		}, nil},
		"in another process": {func(c *ValidatorConfig) { c.Checker.References, c.Roles = nil, []string{Gateway} }, nil},
	} {
		v := ValidatorDefaults()
		v.Common, v.Period, v.Scorer.Synthetic = common(t), time.Hour, 1
		v.Checker.References = append([]checker.ReferenceConfig(nil), v.Checker.References...)
		c.change(&v)
		expect(t, name, v.Warnings(), c.want...)
	}
	k := CheckerDefaults()
	k.Common = common(t)
	k.References = []checker.ReferenceConfig{{Serves: "other"}}
	expect(t, "a checking server", k.Warnings(), `references[0].serves: no task of the catalogue has the model "other"`)
}

// A hotkey that is not in the network's file, or is there as something else, is asked nothing and sets no weights that count.
func TestHotkeysThatAreNoMembersAreWarnedOf(t *testing.T) {
	mine, other := chaintest.Key("mine"), chaintest.Key("other")
	c := common(t)
	folder := filepath.Dir(c.Hotkey)
	c.Hotkey, c.Ledger.File = filepath.Join(folder, "mine"), filepath.Join(folder, "network.yaml")
	if err := wallet.Save(c.Hotkey, mine); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		neuron string
		want   []string
	}{
		"a member":        {"{hotkey: " + mine.ID().String() + ", role: miner, address: '127.0.0.1:1'}", nil},
		"a validator":     {"{hotkey: " + mine.ID().String() + ", role: validator, stake: 5000}", []string{"hotkey: " + mine.ID().String() + " is a validator by " + c.Ledger.File + ", not a miner"}},
		"somebody else":   {"{hotkey: " + other.ID().String() + ", role: miner, address: '127.0.0.1:1'}", []string{"hotkey: " + mine.ID().String() + " is no member of the network"}},
		"a broken file":   {"{hotkey: nobody, role: miner}", nil},
		"an empty file":   {"", nil},
		"not YAML at all": {"{", nil},
	} {
		if err := os.WriteFile(c.Ledger.File, []byte("network: lab\nnetuid: 1\nneurons:\n  - "+test.neuron+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		m := MinerDefaults()
		m.Common = c
		expect(t, name, m.Warnings(), test.want...)
	}
	if err := os.WriteFile(c.Ledger.File, []byte("network: lab\nnetuid: 1\nneurons:\n  - {hotkey: "+mine.ID().String()+", role: miner, address: '127.0.0.1:1'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := MinerDefaults()
	m.Common = c
	m.Hotkey = filepath.Join(folder, "key") // empty
	expect(t, "no hotkey's file", m.Warnings(), "not a usable wallet file")
}

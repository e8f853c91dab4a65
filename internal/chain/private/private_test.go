package private_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vision/internal/chain"
	"vision/internal/chain/chaintest"
	"vision/internal/chain/private"
)

// Test keys by name: a to d.
func address(name string) string { return chaintest.Key(name).ID().String() }

// expand puts addresses where a text says $a to $d.
func expand(text string) string { return os.Expand(text, address) }

const sample = `network: lab
netuid: 19
weights_rate_limit: 5
neurons:
  - hotkey: $a
    role: validator
    stake: 5000.5
  - hotkey: $b
    role: miner
    address: 192.0.2.7:9100
  - hotkey: $c
    role: miner
    address: miner.example.com:9100
`

func TestDefaults(t *testing.T) {
	n, err := private.Parse("net.yaml", []byte(expand(sample)))
	if err != nil {
		t.Fatal(err)
	}
	if n.Name != "lab" || n.Netuid != 19 || n.Params.BlockTime != 12*time.Second || n.Params.Tempo != 100 || n.Params.StakeThreshold != 1000*chain.TAO {
		t.Errorf("%+v", n)
	}
	if m := n.Members[0]; m.Stake != 5000*chain.TAO+chain.TAO/2 || m.Line != 5 || m.Role != "validator" || m.Address != "" {
		t.Errorf("%+v", m)
	}
	if m := n.Members[2]; m.UID != 2 || m.Address != "miner.example.com:9100" {
		t.Errorf("%+v", m)
	}
}

func TestEveryMistakeAtOnceWithItsLine(t *testing.T) {
	const text = `network: lab
netuid: 70000
tempo: 0
block_time: 12
blok_time: 12s
stake_threshold: 1e3
tempo: 5
neurons:
  - hotkey: $a
    role: validator
    stake: 1
  - hotkey: $b
    role: miner
  - hotkey: 5NotAnAddress
    role: boss
    stake: -1
    address: 0.0.0.0:80
  - hotkey: $c
    role: miner
    uid: 0
    address: 192.0.2.7
  - role: miner
    address: 192.0.2.7:1
    colour: red
  - just text
  - hotkey: $d
    role: miner
    address: 192.0.2.7:1
  - hotkey: $d
    role: miner
    address: 192.0.2.7:1
  - hotkey: $e
    role: miner
    uid: 6
    address: 192.0.2.8:1
`
	_, err := private.Parse("net.yaml", []byte(expand(text)))
	if err == nil {
		t.Fatal("it passes")
	}
	got := strings.Split(err.Error(), "\n")
	for _, want := range []string{
		`net.yaml:2: netuid: "70000"`,
		`net.yaml:3: tempo: "0"`,
		`net.yaml:4: block_time: "12", want a duration`,
		`net.yaml:5: unknown key "blok_time"`,
		`net.yaml:6: stake_threshold: "1e3" is not an amount`,
		`net.yaml:7: tempo is already set in line 3`,
		`net.yaml:9: this validator's stake of 1 TAO is below`,
		`net.yaml:12: address is missing`,
		`net.yaml:14: hotkey: not an SS58 address`,
		`net.yaml:15: role: "boss", want validator or miner`,
		`net.yaml:16: stake: "-1" is not an amount`,
		`net.yaml:17: address "0.0.0.0:80": others cannot reach`,
		`net.yaml:21: address "192.0.2.7": want host:port`,
		`net.yaml:22: hotkey is missing`,
		`net.yaml:24: unknown key "colour"`,
		`net.yaml:25: want keys and values here`,
		`is already in line 26`,
		`net.yaml:32: uid 6 is already that of line 26`,
	} {
		found := false
		for i, line := range got {
			if strings.Contains(line, want) {
				found = true
				got = append(got[:i], got[i+1:]...)
				break
			}
		}
		if !found {
			t.Errorf("not reported: %s", want)
		}
	}
	for _, line := range got {
		t.Errorf("reported without need: %s", line)
	}
}

func TestWholeFileMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "net.yaml:1: the file is empty",
		"- a":                          "net.yaml:1: want keys and values here",
		"network: [":                   "net.yaml: yaml: line 1",
		"network: a\nnetuid: 1\n":      "net.yaml:1: neurons is missing",
		"network:\nnetuid: 1\n":        "net.yaml:1: network: want a value",
		"network: a\nneurons: b\n":     "net.yaml:2: neurons: want a list",
		"neurons: []\n":                "net.yaml:1: network is missing",
		expand(sample) + "---\na: b\n": "something follows",
		"a: &x [*x]\nnetwork: a\n":     "net.yaml",
		strings.Repeat("#", 5<<20):     "at most",
	} {
		if _, err := private.Parse("net.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q in it", text, err, want)
		}
	}
}

// lab is a private network whose file the test edits.
type lab struct {
	*testing.T
	*private.Ledger
	clock *chaintest.Clock
	path  string
	edits int
}

func newLab(t *testing.T) *lab {
	l := &lab{T: t, clock: chaintest.NewClock(), path: filepath.Join(t.TempDir(), "net.yaml")}
	l.edit(sample)
	led, err := private.Open(private.Config{File: l.path, Weights: filepath.Join(t.TempDir(), "weights"), Now: l.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	l.Ledger = led
	return l
}

// edit replaces the file, with a time of its own whatever the disk's clock.
func (l *lab) edit(text string) {
	l.Helper()
	if err := os.WriteFile(l.path, []byte(expand(text)), 0o600); err != nil {
		l.Fatal(err)
	}
	l.edits++
	at := time.Unix(int64(1_000_000+l.edits), 0)
	if err := os.Chtimes(l.path, at, at); err != nil {
		l.Fatal(err)
	}
}

func TestEditsTakeEffect(t *testing.T) {
	l := newLab(t)
	old, err := l.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.edit(sample + "  - hotkey: $d\n    role: miner\n    address: 192.0.2.9:1\n")
	s, err := l.Snapshot(t.Context())
	if err != nil || s.Len() != 4 || old.Len() != 3 {
		t.Fatalf("after adding a miner: %d neurons, %v", s.Len(), err)
	}
	l.edit(strings.Replace(sample, "role: validator", "role: vladitor", 1))
	if _, err := l.Snapshot(t.Context()); err == nil || !strings.Contains(err.Error(), `net.yaml:6: role: "vladitor"`) {
		t.Errorf("after a wrong edit: %v", err)
	}
	l.edit(sample)
	if s, err := l.Snapshot(t.Context()); err != nil || s.Len() != 3 {
		t.Errorf("after mending it: %v", err)
	}
	if err := os.Remove(l.path); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Snapshot(t.Context()); err == nil || !strings.Contains(err.Error(), l.path) {
		t.Errorf("without the file: %v", err)
	}
}

func TestAnnounceSaysWhatToEdit(t *testing.T) {
	l := newLab(t)
	err := l.Announce(t.Context(), chaintest.Key("b"), "192.0.2.8:9100")
	if !errors.Is(err, chain.WrongEndpoint) || !strings.Contains(err.Error(), l.path+":8 has 192.0.2.7:9100") {
		t.Errorf("wrong address: %v", err)
	}
	err = l.Announce(t.Context(), chaintest.Key("a"), "192.0.2.8:9100")
	if !errors.Is(err, chain.WrongEndpoint) || !strings.Contains(err.Error(), "no address") {
		t.Errorf("no address: %v", err)
	}
	err = l.Announce(t.Context(), chaintest.Key("d"), "192.0.2.8:9100")
	if !errors.Is(err, chain.NotRegistered) || !strings.Contains(err.Error(), l.path+" does not list "+address("d")) {
		t.Errorf("not a member: %v", err)
	}
	if err := l.Announce(t.Context(), chaintest.Key("b"), "192.0.2.7:9100"); err != nil {
		t.Errorf("the right address: %v", err)
	}
}

func TestWeightsStayWithTheHotkeyWhenUIDsShift(t *testing.T) {
	l := newLab(t)
	if _, err := l.SetWeights(t.Context(), chaintest.Key("a"), chain.Weights{UIDs: []uint16{1, 2}, Values: []uint16{1, 4}}); err != nil {
		t.Fatal(err)
	}
	// b leaves, so c moves from uid 2 to 1.
	l.edit(strings.Replace(sample, "  - hotkey: $b\n    role: miner\n    address: 192.0.2.7:9100\n", "", 1))
	s, err := l.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, _ := s.ByUID(1)
	if c.Hotkey != chaintest.Key("c").ID() || c.Incentive != 1 {
		t.Errorf("%+v", c)
	}
}

func TestValidatorsShareADirectory(t *testing.T) {
	clock := chaintest.NewClock()
	dir := t.TempDir()
	path := filepath.Join(dir, "net.yaml")
	text := sample + "  - {hotkey: $d, role: validator, stake: 5000.5}\n"
	if err := os.WriteFile(path, []byte(expand(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	var ledgers [2]*private.Ledger
	for i := range ledgers {
		l, err := private.Open(private.Config{File: path, Weights: filepath.Join(dir, "weights"), Now: clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		ledgers[i] = l
	}
	for i, name := range []string{"a", "d"} {
		if _, err := ledgers[i].SetWeights(t.Context(), chaintest.Key(name), chain.Weights{UIDs: []uint16{1, 2}, Values: []uint16{3, 1}}); err != nil {
			t.Fatal(err)
		}
	}
	clock.Advance(12 * time.Second)
	for i, l := range ledgers {
		s, err := l.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a, _ := s.ByUID(0)
		d, _ := s.ByUID(3)
		if a.LastUpdate == 0 || d.LastUpdate == 0 || a.Dividends != .5 || d.Dividends != .5 {
			t.Errorf("ledger %d sees %+v and %+v", i, a, d)
		}
	}
}

func TestDamagedWeightsAreNamed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "net.yaml")
	if err := os.WriteFile(path, []byte(expand(sample)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"{", `{"hotkey":"` + address("b") + `"}`} {
		file := filepath.Join(dir, address("a")+".json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := private.Open(private.Config{File: path, Weights: dir, Now: time.Now}); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(expand(sample)))
	f.Add([]byte("network: a\nnetuid: 1\nneurons: [{hotkey: 1, role: {}, stake: [], address: !!null}]\n"))
	f.Add([]byte("a: &x {b: *x}\n"))
	f.Add([]byte("network: *x\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, err := private.Parse("f", raw)
		if (err == nil) != (n != nil) {
			t.Fatalf("%+v, %v", n, err)
		}
		if n == nil {
			return
		}
		for _, m := range n.Members {
			if m.Hotkey.IsZero() || m.Role == "miner" && m.Address.Validate() != nil {
				t.Fatalf("%+v passes", m)
			}
		}
	})
}

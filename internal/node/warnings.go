package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"vision/internal/chain/private"
	"vision/internal/checker"
	"vision/internal/config"
	"vision/internal/hotkey"
	"vision/internal/hotkey/wallet"
	"vision/internal/task"
	"vision/internal/typo"
)

// warnings collects what is no mistake in a file and will hardly be meant, each with its YAML path.
type warnings []string

func (w *warnings) say(field, format string, args ...any) {
	*w = append(*w, field+": "+fmt.Sprintf(format, args...))
}

// fast is how many times as fast as is usual in a task a miner may well be. What its slots are credited with goes by its own pace, which
// the file does not tell.
const fast = 4

// Warnings names what a miner's file refers to and is not there, and what of its offers counts for nothing.
func (c *MinerConfig) Warnings() []string {
	var w warnings
	catalogue := c.looseEnds(&w)
	c.looseMember("miner", &w)
	if catalogue == nil {
		return w
	}
	names := taskNames(catalogue)
	for i := range c.Tasks {
		offer, at := &c.Tasks[i], fmt.Sprintf("tasks[%d].", i)
		t, ok := catalogue.Lookup(offer.Task)
		if !ok {
			w.say(at+"task", "%s", unknownTask(offer.Task, names))
			continue
		}
		if most := t.CapacityIn(c.Period); offer.Units > most {
			w.say(at+"units", "is %d, and no more than %d in %v count of %s", offer.Units, most, c.Period, t.Name)
		}
		if t.Speed.Mean > 0 {
			if most := float64(offer.Slots) * c.Period.Seconds() / t.Speed.Mean; float64(offer.Units) > fast*most {
				w.say(at+"slots", "is %d, and so many at once do %.0f in %v at the pace that is usual for %s, and not the %d of units even if they are %d times as fast",
					offer.Slots, most, c.Period, t.Name, offer.Units, fast)
			}
		}
	}
	return w
}

// Warnings names what a validator's file refers to and is not there, tasks that nobody judges, and settings by which little is learned.
func (c *ValidatorConfig) Warnings() []string {
	var w warnings
	catalogue := c.looseEnds(&w)
	c.looseMember("validator", &w)
	if catalogue != nil && c.has(Checks) {
		looseReferences("checker.", &c.Checker, catalogue, &w)
	}
	if catalogue != nil && c.has(Checks) && len(c.Checkers) == 0 {
		var unjudged []string
		for _, t := range catalogue.Tasks() {
			if t.Weight > 0 && !hasReference(&c.Checker, &t) {
				unjudged = append(unjudged, t.Name)
			}
		}
		if len(unjudged) > 0 {
			w.say("checker.references", "none judges %s: nobody is paid there", strings.Join(unjudged, ", "))
		}
	}
	return append(w, c.learnable()...)
}

// Warnings names what a checking server's file refers to and is not there.
func (c *CheckerConfig) Warnings() []string {
	var w warnings
	if catalogue := c.looseEnds(&w); catalogue != nil {
		looseReferences("", &c.Config, catalogue, &w)
	}
	return w
}

// looseEnds warns of a hotkey, a password or a catalogue that cannot be read. It gives the catalogue, or nil.
func (c *Common) looseEnds(w *warnings) *task.Catalogue {
	for _, named := range [][2]string{{"hotkey", c.Hotkey}, {"password_file", c.PasswordFile}} {
		field, file := named[0], named[1]
		if file == "" {
			continue
		}
		path, err := wallet.Expand(file)
		if err == nil {
			_, err = os.Stat(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			w.say(field, "there is no file %s", path)
		} else if err != nil {
			w.say(field, "%v", err)
		}
	}
	catalogue, err := config.LoadCatalogue(c.Catalogue)
	if err != nil {
		w.say("catalogue", "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
		return nil
	}
	return catalogue
}

// looseMember warns of a hotkey that cannot be read, and of one that is not in a private network's file, or is there as something else. An
// encrypted one is not opened, for that takes seconds.
func (c *Common) looseMember(role string, w *warnings) {
	if c.Ledger.Kind != "private" {
		return
	}
	text, err := os.ReadFile(c.Ledger.File)
	if err != nil {
		return
	}
	network, err := private.Parse(c.Ledger.File, text)
	if err != nil {
		return // a mistake, and reported as one
	}
	key, err := wallet.Load(c.Hotkey, nil)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, hotkey.ErrEncrypted) {
		return
	}
	if err != nil {
		w.say("hotkey", "%v", err)
		return
	}
	for _, m := range network.Members {
		if m.Hotkey == key.ID() {
			if m.Role != role {
				w.say("hotkey", "%s is a %s by %s, not a %s", key.ID(), m.Role, c.Ledger.File, role)
			}
			return
		}
	}
	w.say("hotkey", "%s is no member of the network: %s does not list it; add it there, under neurons, with all members", key.ID(), c.Ledger.File)
}

// looseReferences warns of references that judge no task.
func looseReferences(at string, c *checker.Config, catalogue *task.Catalogue, w *warnings) {
	names := taskNames(catalogue)
	for i := range c.References {
		r := &c.References[i]
		for _, name := range r.Tasks {
			if _, ok := catalogue.Lookup(name); !ok {
				w.say(fmt.Sprintf("%sreferences[%d].tasks", at, i), "%s", unknownTask(name, names))
			}
		}
		if len(r.Tasks) > 0 {
			continue
		}
		var models []string
		for _, t := range catalogue.Tasks() {
			models = append(models, t.Model.Name)
		}
		used := false
		for _, t := range catalogue.Tasks() {
			used = used || r.Judges(t.Name, t.Model.Name)
		}
		if !used {
			w.say(fmt.Sprintf("%sreferences[%d].serves", at, i), "no task of the catalogue has the model %q%s", r.Serves, meant(r.Serves, models))
		}
	}
}

// hasReference says whether a checking server has a reference for a task.
func hasReference(c *checker.Config, t *task.Task) bool {
	for i := range c.References {
		if c.References[i].Judges(t.Name, t.Model.Name) {
			return true
		}
	}
	return false
}

func taskNames(catalogue *task.Catalogue) []string {
	var names []string
	for _, t := range catalogue.Tasks() {
		names = append(names, t.Name)
	}
	return names
}

func unknownTask(name string, names []string) string {
	if near := meant(name, names); near != "" {
		return fmt.Sprintf("the catalogue has no task %q%s", name, near)
	}
	return fmt.Sprintf("the catalogue has no task %q; it has %s", name, strings.Join(names, ", "))
}

// meant asks for the name that is nearest, if one is near.
func meant(name string, names []string) string {
	if near := typo.Nearest(name, names, 3); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

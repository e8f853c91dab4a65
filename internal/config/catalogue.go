package config

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"vision/internal/task"
)

//go:embed catalogue/default.yaml
var defaultCatalogue []byte

//go:embed catalogue/devnet.yaml
var devnetCatalogue []byte

// catalogueFile is a catalogue's file.
type catalogueFile struct {
	Tasks []task.Task `yaml:"tasks"`
}

// Check implements Checker.
func (f *catalogueFile) Check(report func(field, format string, args ...any)) {
	if len(f.Tasks) == 0 {
		report("tasks", "has no task: a network needs at least one")
	}
	for _, p := range task.Check(f.Tasks) {
		report(fmt.Sprintf("tasks[%d].%s", p.Task, p.Field), "%s", p.Message)
	}
}

// DevnetCatalogue is the text of the catalogue of the built-in reference models.
func DevnetCatalogue() []byte { return devnetCatalogue }

// ParseCatalogue reads a catalogue; file is only named in mistakes.
func ParseCatalogue(file string, text []byte) (*task.Catalogue, error) {
	var f catalogueFile
	if err := Parse(file, text, &f); err != nil {
		return nil, err
	}
	return task.NewCatalogue(f.Tasks)
}

// LoadCatalogue reads a catalogue's file; "" gives the default one.
func LoadCatalogue(file string) (*task.Catalogue, error) {
	if file == "" {
		return ParseCatalogue("default.yaml", defaultCatalogue)
	}
	var f catalogueFile
	if err := Load(file, &f); err != nil {
		return nil, err
	}
	return task.NewCatalogue(f.Tasks)
}

// Catalogue is a catalogue that follows its file.
type Catalogue struct {
	file    string
	log     *slog.Logger
	current atomic.Pointer[task.Catalogue]
}

// NewCatalogue loads a catalogue to be followed by Watch.
func NewCatalogue(file string, log *slog.Logger) (*Catalogue, error) {
	loaded, err := LoadCatalogue(file)
	if err != nil {
		return nil, err
	}
	c := &Catalogue{file: file, log: log}
	c.current.Store(loaded)
	return c, nil
}

// Catalogue is the newest valid catalogue.
func (c *Catalogue) Catalogue() *task.Catalogue { return c.current.Load() }

// Watch reloads the catalogue whenever its file changes, until ctx ends. A
// file with a mistake is logged and leaves the last good one in force.
func (c *Catalogue) Watch(ctx context.Context, every time.Duration) error {
	if c.file == "" {
		<-ctx.Done()
		return ctx.Err()
	}
	seen := stamp(c.file)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		now := stamp(c.file)
		if now == seen {
			continue
		}
		seen = now
		loaded, err := LoadCatalogue(c.file)
		if err != nil {
			c.log.Error("the task catalogue has mistakes; the last good one stays in force", "file", c.file, "err", err)
			continue
		}
		c.current.Store(loaded)
		c.log.Info("task catalogue reloaded", "file", c.file, "tasks", len(loaded.Tasks()))
	}
}

// version tells one state of a file from another.
type version struct {
	modified time.Time
	size     int64
}

func stamp(file string) version {
	info, err := os.Stat(file)
	if err != nil {
		return version{}
	}
	return version{info.ModTime(), info.Size()}
}

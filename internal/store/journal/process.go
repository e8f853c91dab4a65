package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A process that has more at stake than its segments shows that it lives by a
// file of its name, which it keeps locked.
const processSuffix = ".process"

// Name is the process's name: random, and the first part of its segments' names.
func (j *Journal) Name() string { return j.id }

// Announce makes Ended false of this process until it ends or the journal is
// closed. It may be called again, at no cost.
func (j *Journal) Announce() error {
	j.announcing.Lock()
	defer j.announcing.Unlock()
	if j.alive != nil {
		return nil
	}
	path := j.processPath(j.id)
	for range 100 {
		f, err := createLocked(path)
		if err == nil {
			j.alive = f
			return nil
		}
		if !errors.Is(err, errTaken) {
			return fmt.Errorf("show that this process lives: %w", err)
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("show that this process lives: %w", err)
		}
	}
	return fmt.Errorf("show that this process lives: %w", errTaken)
}

// Announced says whether Announce was called and the journal is not closed.
func (j *Journal) Announced() bool {
	j.announcing.Lock()
	defer j.announcing.Unlock()
	return j.alive != nil
}

// withdraw ends an announcement.
func (j *Journal) withdraw() error {
	j.announcing.Lock()
	defer j.announcing.Unlock()
	if j.alive == nil {
		return nil
	}
	err := os.Remove(j.processPath(j.id)) // while the lock is held
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	err = errors.Join(err, j.alive.Close())
	j.alive = nil
	return err
}

func (j *Journal) processPath(name string) string {
	return filepath.Join(j.dir, name+processSuffix)
}

// Ended says of a process that had announced itself, by its name, that it has
// ended and none of its segments is left: all of its records were moved.
func (j *Journal) Ended(name string) (bool, error) {
	f, err := os.OpenFile(j.processPath(name), os.O_RDWR, 0)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return false, fmt.Errorf("see whether the process %s lives: %w", name, err)
	default:
		free, err := lock(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return false, fmt.Errorf("see whether the process %s lives: %w", name, err)
		}
		if !free {
			return false, nil
		}
	}
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return false, fmt.Errorf("look for the segments of the process %s: %w", name, err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), name+"-") && strings.HasSuffix(entry.Name(), suffix) {
			return false, nil
		}
	}
	return true, nil
}

// Processes lists the names of the processes that announced themselves and
// have left their file: those that live, and those that ended without Close.
func (j *Journal) Processes() ([]string, error) {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return nil, fmt.Errorf("look for processes: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if name, ok := strings.CutSuffix(entry.Name(), processSuffix); ok {
			names = append(names, name)
		}
	}
	return names, nil
}

// Forget removes what a process that has Ended left. It does nothing to one
// that lives.
func (j *Journal) Forget(name string) error {
	path := j.processPath(name)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		var free bool
		if free, err = lock(f); err == nil && free {
			err = os.Remove(path) // while the lock is held, so that it is not a newer one that goes
		}
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("forget the process %s: %w", name, err)
	}
	return nil
}

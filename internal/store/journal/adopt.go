package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Adopt takes over the segments of processes that have ended, however they
// ended, those of one process in the order in which it wrote them. The caller moves their records and drops them, or closes what it
// could not move; until then nobody else can adopt them.
func (j *Journal) Adopt() ([]*Segment, error) {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return nil, fmt.Errorf("look for abandoned journal segments: %w", err)
	}
	mine := map[string]bool{}
	for _, s := range j.Segments() {
		mine[s.name] = true
	}
	var found []*Segment
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), suffix)
		if !ok || mine[name] {
			continue
		}
		s, err := adopt(name, filepath.Join(j.dir, entry.Name()))
		if err != nil {
			for _, s := range found {
				s.Close()
			}
			return nil, fmt.Errorf("adopt the journal segment %s: %w", entry.Name(), err)
		}
		if s != nil {
			found = append(found, s)
		}
	}
	return found, nil
}

// adopt gives nil for a segment that has an owner, or is gone.
func adopt(name, path string) (*Segment, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ours, err := lock(f)
	if err != nil || !ours || !present(f, path) {
		return nil, errors.Join(err, f.Close())
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s := &Segment{name: name, path: path, f: f, adopted: true}
	s.seal()
	s.end.Store(info.Size())
	var head [len(header)]byte
	if info.Size() < int64(len(header)) {
		s.end.Store(0) // its process ended while it began the file
		return s, nil
	}
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if string(head[:]) != header {
		return nil, errors.Join(fmt.Errorf("it begins with %q, not as a journal of this version does: open it with the newer program that wrote it, or move it away", head[:]), f.Close())
	}
	return s, nil
}

// Close lets go of an adopted segment without removing it.
func (s *Segment) Close() error { return s.f.Close() }

package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"vision/internal/store"
)

// Options tunes a journal. The zero value is usable.
type Options struct {
	Sync       bool  // every group reaches the disk itself before it is acknowledged
	MaxSegment int64 // bytes after which a new segment begins; 0 is 8 MiB
}

// Journal appends to its own segments. Its methods are safe for concurrent
// use, except that Segments, Adopt and Drop belong to one mover at a time.
type Journal struct {
	dir      string
	id       string // random: the first part of its segments' names, of which the second counts
	options  Options
	open     func(path string) (file, error) // creates and locks; tests inject faults here
	appended atomic.Int64                    // bytes of records acknowledged so far, by this process

	mu     sync.Mutex // guards gather, owned, closed
	gather *group     // takes records that wait for the write under way
	owned  []*Segment // oldest first; the last takes writes unless sealed
	closed bool

	announcing sync.Mutex // guards alive
	alive      file       // locked while this process is announced; nil if it is not

	writing sync.Mutex // held by a group's leader while it writes; guards created
	created int        // segments, and attempts at one
}

// group is what one write takes. The caller that began it, its leader, writes
// it; the others wait for done.
type group struct {
	buf  []byte
	done chan struct{} // nil while the leader is alone
	err  error         // set before done is closed
}

const keepBuffer = 1 << 20 // larger buffers are left to the garbage collector

var groups = sync.Pool{New: func() any { return new(group) }}

// Open gives the journal in dir, creating the directory. It creates no segment
// before the first record.
func Open(dir string, o Options) (*Journal, error) {
	if o.MaxSegment <= 0 {
		o.MaxSegment = 8 << 20
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the journal's directory: %w", err)
	}
	return &Journal{dir: dir, id: rand.Text(), options: o, open: createLocked}, nil
}

// Append writes one record of 1 to MaxRecord bytes, in one group with whatever
// waits at the same time, and returns once it is durable. It keeps no
// reference to payload.
func (j *Journal) Append(payload []byte) error {
	if len(payload) == 0 || len(payload) > MaxRecord {
		return fmt.Errorf("append to the journal: a record of %d bytes, want 1 to %d", len(payload), MaxRecord)
	}
	sum := checksum(payload)
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return store.ErrClosed
	}
	g := j.gather
	leads := g == nil
	if leads {
		g = groups.Get().(*group)
		j.gather = g
	} else if g.done == nil {
		g.done = make(chan struct{})
	}
	g.buf = appendRecord(g.buf, sum, payload)
	j.mu.Unlock()

	if !leads {
		<-g.done
		return g.err
	}
	j.writing.Lock()
	j.mu.Lock()
	j.gather = nil
	j.mu.Unlock()
	err := j.write(g.buf)
	j.writing.Unlock()
	if g.done != nil {
		g.err = err
		close(g.done)
	} else if cap(g.buf) <= keepBuffer {
		g.buf = g.buf[:0]
		groups.Put(g)
	}
	return err
}

// write puts one group at the end of the newest segment, all or nothing. The
// caller holds writing.
func (j *Journal) write(group []byte) error {
	s, err := j.target()
	if err != nil {
		return err
	}
	end := s.end.Load()
	if _, err := s.f.WriteAt(group, end); err != nil {
		return j.undo(s, end, fmt.Errorf("write to the journal: %w", err))
	}
	if j.options.Sync {
		if err := s.f.Sync(); err != nil {
			// The system may have dropped the dirty pages: nothing more can be
			// promised of this file.
			s.seal()
			return fmt.Errorf("sync the journal: %w (%w)", err, store.ErrUnknown)
		}
	}
	s.end.Store(end + int64(len(group)))
	j.appended.Add(int64(len(group)))
	return nil
}

// undo cuts a failed write off again. If even that fails the segment takes no
// more writes: whoever moves it stops before the remains, but a crash now
// would show them to the process that adopts it.
func (j *Journal) undo(s *Segment, end int64, cause error) error {
	err := s.f.Truncate(end)
	if err == nil && j.options.Sync {
		err = s.f.Sync()
	}
	if err != nil {
		s.seal()
		return fmt.Errorf("%w; and cut it off again: %w (%w)", cause, err, store.ErrUnknown)
	}
	return cause
}

// target is the segment to write to: the newest, or a new one. The caller
// holds writing.
func (j *Journal) target() (*Segment, error) {
	j.mu.Lock()
	var s *Segment
	if n := len(j.owned); n > 0 {
		s = j.owned[n-1]
	}
	j.mu.Unlock()
	if s != nil && !s.Sealed() {
		if s.end.Load() < j.options.MaxSegment {
			return s, nil
		}
		s.seal()
	}
	s, err := j.create()
	if err != nil {
		return nil, err
	}
	j.mu.Lock()
	j.owned = append(j.owned, s)
	j.mu.Unlock()
	return s, nil
}

// Appended counts the bytes of records that this process had acknowledged.
func (j *Journal) Appended() int64 { return j.appended.Load() }

// Segments lists the process's own segments, oldest first.
func (j *Journal) Segments() []*Segment {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.owned)
}

// Drop removes a segment whose records have all been moved, its file first.
func (j *Journal) Drop(s *Segment) error {
	if err := s.remove(); err != nil {
		return fmt.Errorf("remove a journal segment: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.owned = slices.DeleteFunc(j.owned, func(o *Segment) bool { return o == s })
	return nil
}

// Stop refuses further records, waits for those under way and seals the
// segments. Records can still be read and segments dropped. It may be called twice.
func (j *Journal) Stop() {
	j.mu.Lock()
	j.closed = true
	g := j.gather
	if g != nil && g.done == nil {
		g.done = make(chan struct{})
	}
	j.mu.Unlock()
	if g != nil {
		<-g.done
	}
	j.writing.Lock()
	defer j.writing.Unlock()
	for _, s := range j.Segments() {
		s.seal()
	}
}

// Close stops, lets go of segments that were not dropped, for others to adopt,
// and ends an announcement.
func (j *Journal) Close() error {
	j.Stop()
	j.mu.Lock()
	defer j.mu.Unlock()
	errs := []error{j.withdraw()}
	for _, s := range j.owned {
		errs = append(errs, s.f.Close())
	}
	j.owned = nil
	return errors.Join(errs...)
}

// Exists says whether there is a segment of that name, whoever owns it.
func (j *Journal) Exists(name string) bool {
	_, err := os.Stat(filepath.Join(j.dir, name+suffix))
	return !errors.Is(err, os.ErrNotExist)
}

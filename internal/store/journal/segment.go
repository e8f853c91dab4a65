package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

const (
	// MaxRecord bounds a record's payload, in bytes.
	MaxRecord = 64 << 20

	suffix       = ".journal"
	header       = "vision journal1\n"
	recordHeader = 8
)

// ErrDamaged means that a segment which this process wrote does not read back.
var ErrDamaged = errors.New("the journal is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(payload []byte) uint32 { return crc32.Checksum(payload, castagnoli) }

func appendRecord(buf []byte, sum uint32, payload []byte) []byte {
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(payload)))
	buf = binary.LittleEndian.AppendUint32(buf, sum)
	return append(buf, payload...)
}

// file is the part of *os.File that a segment needs.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// Segment is one file of records. Its reader is one goroutine at a time.
type Segment struct {
	name   string // unique for ever
	path   string
	f      file
	end    atomic.Int64 // bytes that hold valid records
	sealed atomic.Bool  // takes no more records

	adopted bool   // written by a process that has ended: what follows the last valid record is a torn write
	buf     []byte // the reader's
}

// Name tells the segment from every other there ever was in this directory.
func (s *Segment) Name() string { return s.name }

// Owner is the Name of the process that wrote the segment.
func (s *Segment) Owner() string {
	owner, _, _ := strings.Cut(s.name, "-")
	return owner
}

// End is the position behind the last record.
func (s *Segment) End() int64 { return s.end.Load() }

// Sealed says that End will not grow.
func (s *Segment) Sealed() bool { return s.sealed.Load() }

func (s *Segment) seal() { s.sealed.Store(true) }

func (s *Segment) remove() error {
	// While the lock is still held, so that nobody adopts it in between.
	if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return s.f.Close()
}

// Read gives each the records from a position on (0 is the beginning), in
// order, about limit bytes of them, but at least one if there is one. It
// returns the position behind the last record that each accepted. A payload
// is valid only during the call.
func (s *Segment) Read(from int64, limit int, each func(payload []byte) error) (next int64, err error) {
	pos := max(from, int64(len(header)))
	chunk, err := s.load(pos, max(limit, recordHeader))
	if err != nil {
		return pos, err
	}
	for read := 0; len(chunk) >= recordHeader && (read == 0 || read < limit); {
		size := int(binary.LittleEndian.Uint32(chunk))
		sum := binary.LittleEndian.Uint32(chunk[4:])
		if size == 0 || size > MaxRecord || pos+recordHeader+int64(size) > s.End() {
			return pos, s.bad(pos)
		}
		if len(chunk) < recordHeader+size {
			if read > 0 {
				break // the next Read begins with it
			}
			if chunk, err = s.load(pos, recordHeader+size); err != nil {
				return pos, err
			}
		}
		payload := chunk[recordHeader : recordHeader+size]
		if checksum(payload) != sum {
			return pos, s.bad(pos)
		}
		if err := each(payload); err != nil {
			return pos, err
		}
		pos += recordHeader + int64(size)
		read += recordHeader + size
		chunk = chunk[recordHeader+size:]
	}
	if left := s.End() - pos; left > 0 && left < recordHeader {
		return pos, s.bad(pos)
	}
	return pos, nil
}

// load reads up to n bytes at pos into the reader's buffer.
func (s *Segment) load(pos int64, n int) ([]byte, error) {
	n = int(min(int64(n), max(0, s.End()-pos)))
	if cap(s.buf) < n {
		s.buf = make([]byte, n)
	}
	if _, err := s.f.ReadAt(s.buf[:n], pos); err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	return s.buf[:n], nil
}

// bad deals with bytes at pos that are no record: the end of a dead process's
// segment, a fault in our own.
func (s *Segment) bad(pos int64) error {
	if s.adopted {
		s.end.Store(pos)
		return nil
	}
	return fmt.Errorf("%w: %s at byte %d", ErrDamaged, s.path, pos)
}

// create begins a new segment. The caller holds writing.
func (j *Journal) create() (*Segment, error) {
	var name, path string
	var f file
	err := errTaken
	for tries := 0; errors.Is(err, errTaken) && tries < 100; tries++ {
		j.created++
		name = fmt.Sprintf("%s-%06d", j.id, j.created)
		path = filepath.Join(j.dir, name+suffix)
		f, err = j.open(path)
	}
	if err != nil {
		return nil, fmt.Errorf("create a journal segment: %w", err)
	}
	if _, err = f.WriteAt([]byte(header), 0); err == nil && j.options.Sync {
		err = syncDir(j.dir) // the file's own bytes are synced with the first group
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create a journal segment: %w", err), os.Remove(path), f.Close())
	}
	s := &Segment{name: name, path: path, f: f}
	s.end.Store(int64(len(header)))
	return s, nil
}

// errTaken means that another process adopted a file before its creator had locked it.
var errTaken = errors.New("another process took the new file for an abandoned one")

// createLocked creates a file and locks it.
func createLocked(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	ours, err := lock(f)
	if err != nil {
		return nil, errors.Join(err, os.Remove(path), f.Close())
	}
	if !ours || !present(f, path) {
		return nil, errors.Join(errTaken, f.Close())
	}
	return f, nil
}

// present says that path still names the open file.
func present(f *os.File, path string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(opened, named)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

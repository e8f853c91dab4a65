package journal

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"vision/internal/store"
)

// disk is a file that fails on demand, as disks do.
type disk struct {
	file
	room     int64 // bytes that still fit; < 0 is no limit
	truncate error
	sync     error
}

func (d *disk) WriteAt(p []byte, at int64) (int, error) {
	if d.room >= 0 && int64(len(p)) > d.room {
		n, err := d.file.WriteAt(p[:d.room], at)
		return n, errors.Join(syscall.ENOSPC, err)
	}
	if d.room >= 0 {
		d.room -= int64(len(p))
	}
	return d.file.WriteAt(p, at)
}

func (d *disk) Truncate(n int64) error {
	if d.truncate != nil {
		return d.truncate
	}
	return d.file.Truncate(n)
}

func (d *disk) Sync() error {
	if d.sync != nil {
		return d.sync
	}
	return d.file.Sync()
}

// faulty opens a journal whose first segment is on the disk given back.
func faulty(t *testing.T, o Options) (*Journal, *disk) {
	j := openIn(t, t.TempDir(), o)
	d := &disk{room: -1}
	j.open = func(path string) (file, error) {
		f, err := createLocked(path)
		j.open = createLocked
		d.file = f
		return d, err
	}
	return j, d
}

// A full disk refuses records at every byte of them, acknowledges nothing of
// them, and takes records again when there is room.
func TestDiskFull(t *testing.T) {
	const record = "some bytes"
	for room := range int64(recordHeader + len(record)) {
		j, d := faulty(t, Options{})
		add(t, j, "first")
		d.room = room
		err := j.Append([]byte(record))
		if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, store.ErrUnknown) {
			t.Fatalf("room for %d bytes: %v", room, err)
		}
		same(t, "records", contents(t, j.Segments(), 100), []string{"first"})
		d.room = -1
		add(t, j, "second")
		j.Close()
		same(t, "records found by another process", contents(t, adopted(t, j.dir), 100), []string{"first", "second"})
	}
}

// If a failed write cannot even be cut off, its records may show up after a
// crash: the error says so, and the file takes no more.
func TestDiskFullAndStuck(t *testing.T) {
	j, d := faulty(t, Options{})
	add(t, j, "first")
	d.room, d.truncate = 9, syscall.EIO
	if err := j.Append([]byte("some bytes")); !errors.Is(err, store.ErrUnknown) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("append: %v", err)
	}
	add(t, j, "second")
	if n := len(j.Segments()); n != 2 {
		t.Fatalf("%d segments, want a new one", n)
	}
	same(t, "records", contents(t, j.Segments(), 100), []string{"first", "second"})
}

func TestSyncFails(t *testing.T) {
	j, d := faulty(t, Options{Sync: true})
	add(t, j, "first")
	d.sync = syscall.EIO
	if err := j.Append([]byte("lost?")); !errors.Is(err, store.ErrUnknown) {
		t.Fatalf("append: %v", err)
	}
	add(t, j, "second")
	same(t, "records", contents(t, j.Segments(), 100), []string{"first", "second"})
}

func TestNoNewSegment(t *testing.T) {
	j, d := faulty(t, Options{})
	d.room = 3 // not even the header fits
	if err := j.Append([]byte("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("append: %v", err)
	}
	if left, _ := os.ReadDir(j.dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	add(t, j, "y")
	same(t, "records", contents(t, j.Segments(), 100), []string{"y"})
}

// A file that an adopter took in the instant before it was locked is given up.
func TestCreationRace(t *testing.T) {
	j := openIn(t, t.TempDir(), Options{})
	taken := 0
	j.open = func(path string) (file, error) {
		if taken < 3 {
			taken++
			return nil, errTaken
		}
		return createLocked(path)
	}
	add(t, j, "x")
	same(t, "records", contents(t, j.Segments(), 100), []string{"x"})
}

// FuzzSegment: whatever bytes a crash left, adopting them gives records or
// nothing, and no panic.
func FuzzSegment(f *testing.F) {
	f.Add([]byte(header))
	f.Add(append([]byte(header), appendRecord(nil, checksum([]byte("abc")), []byte("abc"))...))
	f.Add(append([]byte(header), 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 1))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := t.TempDir() + "/x" + suffix
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := adopt("x", path)
		if err != nil {
			return // not a journal
		}
		defer s.Close()
		for _, record := range readAll(t, s, 16) {
			if record == "" {
				t.Fatal("an empty record")
			}
		}
	})
}

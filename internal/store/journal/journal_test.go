package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"vision/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openIn(t testing.TB, dir string, o Options) *Journal {
	t.Helper()
	j, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func add(t testing.TB, j *Journal, payloads ...string) {
	t.Helper()
	for _, p := range payloads {
		if err := j.Append([]byte(p)); err != nil {
			t.Fatal(err)
		}
	}
}

// readAll reads a segment in steps of limit bytes.
func readAll(t testing.TB, s *Segment, limit int) (got []string) {
	t.Helper()
	for pos := int64(0); ; {
		next, err := s.Read(pos, limit, func(p []byte) error { got = append(got, string(p)); return nil })
		if err != nil {
			t.Fatal(err)
		}
		if next >= s.End() {
			return got
		}
		if next <= pos {
			t.Fatalf("no progress at %d of %d", pos, s.End())
		}
		pos = next
	}
}

func contents(t testing.TB, segments []*Segment, limit int) (got []string) {
	t.Helper()
	for _, s := range segments {
		got = append(got, readAll(t, s, limit)...)
	}
	return got
}

func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	if fmt.Sprintf("%.80q", got) != fmt.Sprintf("%.80q", want) {
		t.Fatalf("%s: %.80q, want %.80q", what, got, want)
	}
}

func adopted(t testing.TB, dir string) []*Segment {
	t.Helper()
	j := openIn(t, dir, Options{})
	segments, err := j.Adopt()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range segments {
		t.Cleanup(func() { s.Close() })
	}
	return segments
}

func TestAppendRead(t *testing.T) {
	want := []string{"a", "bb", string(bytes.Repeat([]byte("c"), 5000)), "dddd", "e"}
	for _, sync := range []bool{false, true} {
		for _, limit := range []int{1, 10, 12, 100, 1 << 20} {
			j := openIn(t, t.TempDir(), Options{Sync: sync})
			add(t, j, want...)
			same(t, fmt.Sprintf("in steps of %d bytes", limit), contents(t, j.Segments(), limit), want)
			if sum := int64(5*8 + 1 + 2 + 5000 + 4 + 1); j.Appended() != sum {
				t.Errorf("appended %d bytes, want %d", j.Appended(), sum)
			}
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	j := openIn(t, t.TempDir(), Options{})
	for _, n := range []int{0, MaxRecord + 1} {
		if err := j.Append(make([]byte, n)); err == nil {
			t.Errorf("a record of %d bytes was accepted", n)
		}
	}
	j.Stop()
	j.Stop()
	if err := j.Append([]byte("x")); !errors.Is(err, store.ErrClosed) {
		t.Errorf("append after Stop: %v", err)
	}
}

func TestConcurrentAppends(t *testing.T) {
	j := openIn(t, t.TempDir(), Options{MaxSegment: 20_000})
	const callers, each = 64, 100
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				if err := j.Append(fmt.Appendf(nil, "%d %d", c, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(j.Segments()); n < 3 {
		t.Errorf("%d segments: it did not rotate", n)
	}
	var next [callers]int
	for _, record := range contents(t, j.Segments(), 1000) {
		var c, i int
		if _, err := fmt.Sscan(record, &c, &i); err != nil || next[c] != i {
			t.Fatalf("caller %d: record %d, want %d (%v)", c, i, next[c], err)
		}
		next[c]++
	}
	for c, n := range next {
		if n != each {
			t.Errorf("caller %d: %d records, want %d", c, n, each)
		}
	}
}

// Stop waits for appends under way: each is either kept or refused.
func TestStopUnderLoad(t *testing.T) {
	for range 50 {
		j := openIn(t, t.TempDir(), Options{})
		var wg sync.WaitGroup
		var mu sync.Mutex
		kept := 0
		started := make(chan struct{}, 8)
		for range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					err := j.Append([]byte("x"))
					if errors.Is(err, store.ErrClosed) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					kept++
					mu.Unlock()
					if i == 0 {
						started <- struct{}{}
					}
				}
			})
		}
		<-started
		j.Stop()
		wg.Wait()
		if got := len(contents(t, j.Segments(), 1<<16)); got != kept {
			t.Fatalf("%d records, %d acknowledged", got, kept)
		}
		j.Close()
	}
}

func TestAdopt(t *testing.T) {
	dir := t.TempDir()
	j := openIn(t, dir, Options{MaxSegment: 30})
	add(t, j, "first record", "second record", "third")
	if got := adopted(t, dir); len(got) > 0 {
		t.Fatalf("adopted %d segments of a living process", len(got))
	}
	j.Close()
	segments := adopted(t, dir)
	if len(segments) != 3 {
		t.Fatalf("adopted %d segments, want 3", len(segments))
	}
	same(t, "records, in order", contents(t, segments, 100), []string{"first record", "second record", "third"})
	if again := adopted(t, dir); len(again) > 0 {
		t.Errorf("%d segments were adopted twice", len(again))
	}
	for _, s := range segments {
		if !s.Sealed() {
			t.Error("an adopted segment takes records")
		}
		if err := j.Drop(s); err != nil {
			t.Fatal(err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left after dropping: %v", left)
	}
}

func TestAdoptRefusesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"+suffix), []byte("vision journal2\nnewer"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openIn(t, dir, Options{}).Adopt(); err == nil {
		t.Error("a segment of an unknown version was adopted")
	}
}

// A write that was interrupted at any byte leaves the records before it whole.
func TestTornAtEveryByte(t *testing.T) {
	records := []string{"one", "two and more", "3", string(bytes.Repeat([]byte("4"), 40))}
	dir := t.TempDir()
	j := openIn(t, dir, Options{})
	var ends []int64
	for _, r := range records {
		add(t, j, r)
		ends = append(ends, j.Segments()[0].End())
	}
	path := j.Segments()[0].path
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	j.Close()
	for cut := range len(whole) + 1 {
		var want []string
		for i, end := range ends {
			if int64(cut) >= end {
				want = records[:i+1]
			}
		}
		for name, tail := range map[string][]byte{"nothing": nil, "zeros": make([]byte, 30), "noise": bytes.Repeat([]byte{0xa5, 3, 0}, 10)} {
			if cut < len(header) && tail != nil {
				continue // the header is the first write; nothing follows a torn one
			}
			if cut == len(whole) && tail == nil && len(want) != len(records) {
				t.Fatal("the whole file must give all records")
			}
			torn := filepath.Join(t.TempDir(), "torn"+suffix)
			if err := os.WriteFile(torn, append(bytes.Clone(whole[:cut]), tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := adopt("torn", torn)
			if err != nil || s == nil {
				t.Fatalf("cut at %d, then %s: %v", cut, name, err)
			}
			same(t, fmt.Sprintf("cut at %d, then %s", cut, name), readAll(t, s, 64), want)
			s.Close()
		}
	}
}

// A flipped bit in our own file is not passed off as its end.
func TestDamage(t *testing.T) {
	j := openIn(t, t.TempDir(), Options{})
	add(t, j, "one", "two")
	s := j.Segments()[0]
	if _, err := s.f.WriteAt([]byte("X"), int64(len(header))+recordHeader); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(0, 100, func([]byte) error { return nil }); !errors.Is(err, ErrDamaged) {
		t.Errorf("read a damaged record: %v", err)
	}
}

package sqlite

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"vision/internal/outcome"
	"vision/internal/store/journal"
)

func entry(n int) outcome.Entry {
	e := outcome.Entry{Outcome: benchOutcome()}
	e.Outcome.Request = fmt.Sprint("req-", n)
	e.Sample = &outcome.Sample{Outcome: e.Outcome, Request: []byte("{}"), Response: []byte("data")}
	return e
}

func requests(t testing.TB, s *Store) (list []string) {
	t.Helper()
	got, err := s.OutcomesAfter(ctx, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range got {
		list = append(list, o.Request)
	}
	return list
}

func wantRequests(t testing.TB, what string, s *Store, n int) {
	t.Helper()
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint("req-", i))
	}
	if got := requests(t, s); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
	if p, err := s.Pending(ctx); err != nil || p != n {
		t.Errorf("%s: %d samples pending, want %d (%v)", what, p, n, err)
	}
}

// crash stops everything as the end of the process would: what is in the
// journal stays there, locks and connections are gone.
func crash(t *testing.T, s *Store) {
	t.Helper()
	s.journal.Stop()
	s.mover.stop()
	s.closed.Store(true)
	if err := s.abandon(); err != nil {
		t.Fatal(err)
	}
}

// unmoved opens a store whose mover only moves when told to, with n outcomes
// in the journal.
func unmoved(t *testing.T, path string, n int) *Store {
	t.Helper()
	s := openAt(t, path, Options{})
	s.mover.stop()
	_, s.mover.quit = context.WithCancel(ctx)
	for i := range n {
		if err := s.Record(ctx, entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// A crash between any two steps of moving loses nothing and doubles nothing.
func TestCrashBetweenSteps(t *testing.T) {
	for name, step := range map[string]func(*Store, *journal.Segment) error{
		"recorded": func(*Store, *journal.Segment) error { return nil },
		"some moved": func(s *Store, segment *journal.Segment) error {
			return s.writer.tx(ctx, "move the first two", func(ctx context.Context, conn *sql.Conn) error {
				next := int64(0)
				err := conn.Raw(func(raw any) (err error) {
					if s.mover.insert, err = newInserter(ctx, raw); err != nil {
						return err
					}
					for range 2 {
						next, err = segment.Read(next, 1, func(record []byte) error {
							return s.mover.decoder.entries(record, func(e *outcome.Entry) error { return s.mover.insert.entry(ctx, e) })
						})
						if err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					return err
				}
				_, err = conn.ExecContext(ctx, `INSERT INTO journals VALUES (?, ?)`, segment.Name(), next)
				return err
			})
		},
		"moved, not committed": func(s *Store, segment *journal.Segment) error {
			err := s.writer.tx(ctx, "move", func(ctx context.Context, conn *sql.Conn) error {
				return context.DeadlineExceeded
			})
			if err == nil {
				return fmt.Errorf("committed")
			}
			return nil
		},
		"all moved": func(s *Store, segment *journal.Segment) error {
			_, err := s.mover.move(ctx, segment)
			return err
		},
		"all moved, file removed": func(s *Store, segment *journal.Segment) error {
			if _, err := s.mover.move(ctx, segment); err != nil {
				return err
			}
			return s.journal.Drop(segment)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "v.db")
			s := unmoved(t, path, 5)
			if err := step(s, s.journal.Segments()[0]); err != nil {
				t.Fatal(err)
			}
			crash(t, s)
			for range 2 {
				s := openAt(t, path, Options{})
				wantRequests(t, "after the crash", s, 5)
				var rows int
				if err := s.reads.QueryRow(`SELECT count(*) FROM journals`).Scan(&rows); err != nil || rows != 0 {
					t.Errorf("%d journal positions left, %v", rows, err)
				}
				closed(t, s)
			}
			if left, _ := os.ReadDir(path + "-outcomes"); len(left) > 0 {
				t.Errorf("segments left: %v", left)
			}
		})
	}
}

// The outcomes of a process that died are taken over by one that lives on.
func TestAdoptWhileRunning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	dead := unmoved(t, path, 3)
	alive := openAt(t, path, Options{})
	defer closed(t, alive)
	wantRequests(t, "while the other lives", alive, 0)
	crash(t, dead)
	if err := alive.mover.adopt(ctx); err != nil {
		t.Fatal(err)
	}
	wantRequests(t, "after it died", alive, 3)
}

// While the database is full, outcomes are still acknowledged into the
// journal, readers are told, and nothing is lost.
func TestDatabaseFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	s := unmoved(t, path, 0)
	limit := func(pages int) {
		t.Helper()
		if _, err := s.writer.conn.ExecContext(ctx, fmt.Sprintf(`PRAGMA max_page_count = %d`, pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(1)
	large := entry(0)
	for i := range 40 {
		large.Outcome.Request = fmt.Sprint("req-", i)
		large.Outcome.Reason = fmt.Sprintf("%04000d", i)
		if err := s.Record(ctx, large); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.OutcomesAfter(ctx, 0, 1); err == nil {
		t.Error("a reader was not told that outcomes are missing")
	}
	if err := s.Close(); err == nil {
		t.Error("Close was silent about outcomes that it left in the journal")
	}
	again := openAt(t, path, Options{})
	wantRequests(t, "when there is room", again, 40)
	closed(t, again)
}

// Recording goes on while another process keeps the database locked.
func TestRecordWhileLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	s := openAt(t, path, Options{})
	other := bare(t, path)
	if _, err := other.ExecContext(ctx, `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := s.Record(ctx, entry(i)); err != nil { // would wait for busyTimeout, and fail, if it needed the lock
			t.Fatal(err)
		}
	}
	hurried, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := s.OutcomesAfter(hurried, 0, 1); err == nil {
		t.Error("a reader was not told that outcomes are missing")
	}
	if _, err := other.ExecContext(ctx, `COMMIT`); err != nil {
		t.Fatal(err)
	}
	wantRequests(t, "when it is free again", s, 100)
	closed(t, s)
}

// With the database stuck, the journal is bounded: Record fails rather than
// fill the disk, and what was acknowledged is kept.
func TestJournalFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	s := unmoved(t, path, 0)
	if _, err := s.writer.conn.ExecContext(ctx, `PRAGMA max_page_count = 1`); err != nil {
		t.Fatal(err)
	}
	big := entry(0)
	big.Sample.Response = make([]byte, 8<<20)
	kept := 0
	for ; kept < 100; kept++ {
		big.Outcome.Request = fmt.Sprint("req-", kept)
		if err := s.Record(ctx, big); err != nil {
			break
		}
	}
	if want := maxWaiting/(8<<20) + 1; kept > want {
		t.Errorf("%d outcomes of 8 MiB were accepted, want at most %d", kept, want)
	}
	crash(t, s)
	again := openAt(t, path, Options{})
	wantRequests(t, "when there is room", again, kept)
	closed(t, again)
}

func TestOpenTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			s, err := Open(ctx, path, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Record(ctx, entry(i)); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s := openAt(t, path, Options{})
	defer closed(t, s)
	if got := requests(t, s); len(got) != 6 {
		t.Errorf("outcomes %v, want 6", got)
	}
}

// Close at any moment of recording: what was acknowledged is kept, the rest refused.
func TestStartStop(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	for round := range 15 {
		s := openAt(t, path, Options{})
		var wg sync.WaitGroup
		begun := make(chan struct{}, 4)
		for c := range 4 {
			wg.Go(func() {
				for i := 0; ; i++ {
					e := entry(i)
					e.Outcome.Request = fmt.Sprintf("%d/%d/%d", round, c, i)
					if err := s.Record(ctx, e); err != nil {
						return
					}
					mu.Lock()
					acknowledged[e.Outcome.Request] = true
					mu.Unlock()
					if i == round {
						begun <- struct{}{}
					}
				}
			})
		}
		<-begun
		closed(t, s)
		wg.Wait()
	}
	s := openAt(t, path, Options{})
	defer closed(t, s)
	if kept := missing(t, s, acknowledged); kept != len(acknowledged) {
		t.Errorf("%d outcomes kept, %d acknowledged", kept, len(acknowledged))
	}
}

// firstRecord is what a program of the first version left in the journal: two
// entries, one with features, both with samples.
var firstRecord, _ = hex.DecodeString(`010203057265712d3700010e0011636861742d6c6c616d612d332e312d38620102030000000000000000000000000000000000` +
	`0000000000000000000000000000019003f80a8080d0e2c6bfce972f80aaea5580f882ad16900380e892269a9999999999b93f027b7d0464617461046368617401043c` +
	`50000000000000e03f000000000000f03f0001057265712d3800010e0011636861742d6c6c616d612d332e312d38620102030000000000000000000000000000000000` +
	`0000000000000000000000000000019003f80a8080d0e2c6bfce972f80aaea5580f882ad16900380e892269a9999999999b93f027b7d0464617461`)

// What an older program had acknowledged and not moved survives the upgrade.
func TestRecordOfFirstVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	s := unmoved(t, path, 0)
	if err := s.journal.Append(firstRecord); err != nil {
		t.Fatal(err)
	}
	crash(t, s)
	s = openAt(t, path, Options{})
	defer closed(t, s)
	list, err := s.OutcomesAfter(ctx, 0, 9)
	if err != nil || len(list) != 2 {
		t.Fatalf("outcomes of an older journal: %v, %v", list, err)
	}
	for i, got := range list {
		if want := entry(7 + i).Outcome; !got.Start.Equal(want.Start) || got.Request != want.Request || got.Arrivals.Burst != want.Arrivals.Burst || got.Arrivals.Longest != want.Arrivals.Longest || got.Arrivals.Mean != 0 || got.Blocked != 0 {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if f, err := s.Features(ctx, "chat", 9); err != nil || len(f) != 1 || f[0].Output != 40 {
		t.Errorf("features %v, %v", f, err)
	}
	samples, err := s.ClaimSamples(ctx, time.Now(), time.Minute, 9)
	if err != nil || len(samples) != 2 || string(samples[1].Response) != "data" {
		t.Errorf("samples %v, %v", samples, err)
	}
}

func FuzzRecord(f *testing.F) {
	e := entry(1)
	f.Add(appendEntries(nil, []outcome.Entry{e}))
	paid := receipted("req-1", 2, 3)
	paid.Answer = &outcome.Answer{Key: 3, Name: "once", Request: "req-1", Status: 200, ContentType: "application/json", Body: []byte("{}")}
	f.Add(appendEntries(nil, []outcome.Entry{e, paid}))
	f.Add(firstRecord)
	f.Add([]byte{version, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, record []byte) {
		var d decoder
		n := 0
		_ = d.entries(record, func(*outcome.Entry) error { n++; return nil })
		if n > len(record) {
			t.Fatalf("%d entries in %d bytes", n, len(record))
		}
	})
}

// Records from before outcomes had a round trip and a mean arrival, what was asked for, or how they went on at beacons, are read with none.
func TestRecordWithoutFloor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	s := unmoved(t, path, 0)
	e := outcome.Entry{Outcome: entry(7).Outcome}
	e.Outcome.Floor, e.Outcome.Arrivals.Mean, e.Outcome.Arrivals.Gap95 = 0, 0, 0
	e.Outcome.Asked = 0
	record := appendEntries(nil, []outcome.Entry{e})
	record[0] = versionNoFloor
	record = record[:len(record)-6] // the six since then, a byte each as they are 0, come last
	if err := s.journal.Append(record); err != nil {
		t.Fatal(err)
	}
	crash(t, s)
	s = openAt(t, path, Options{})
	defer closed(t, s)
	list, err := s.OutcomesAfter(ctx, 0, 9)
	if err != nil || len(list) != 1 || list[0].Outcome.Arrivals != e.Outcome.Arrivals || list[0].Total != e.Outcome.Total || list[0].Blocked != e.Outcome.Blocked {
		t.Errorf("outcomes of an older journal: %+v, %v", list, err)
	}
}

package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/score"
	"vision/internal/store"
)

const (
	saveState      = `INSERT INTO states VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET period = excluded.period, state = excluded.state`
	allStates      = `SELECT miner, task, period, state FROM states WHERE mechanism = ? ORDER BY miner, task`
	unfoldedChecks = checkColumns + `INDEXED BY checks_unfolded WHERE folded = 0 ORDER BY at, sample LIMIT ?`
	// unlikely has the index searched from the period on: folded > 0, which it is for, would have it read from its beginning.
	foldedChecks = `SELECT ` + checkFields + `, folded FROM checks INDEXED BY checks_folded WHERE unlikely((folded, sample) > (?, ?)) AND folded > 0 ORDER BY folded, sample LIMIT ?`
	burstColumns = `SELECT beacon, period, miner, task, asked, in_flight, answers, slots, of, offer FROM bursts `
	periodBursts = burstColumns + `INDEXED BY bursts_period WHERE period = ? ORDER BY id`
	pairBursts   = burstColumns + `INDEXED BY bursts_pair WHERE miner = ? AND task = ? ORDER BY id DESC LIMIT ?`
)

// saveClosing writes the states of a period that closes and marks the checks
// that they have taken in.
func saveClosing(ctx context.Context, conn *sql.Conn, id int64, c *period.Closing) error {
	return conn.Raw(func(raw any) error {
		save, err := prepare(ctx, raw, saveState, 5)
		if err != nil {
			return err
		}
		for i := range c.States {
			st := &c.States[i]
			if len(st.Bytes) > store.MaxState || c.Mechanism == "" {
				return errors.Join(fmt.Errorf("state of %s in %s: %d bytes of mechanism %q, want at most %d bytes and a name", st.Miner, st.Task, len(st.Bytes), c.Mechanism, store.MaxState), save.close())
			}
			bytes := st.Bytes
			if bytes == nil {
				bytes = []byte{}
			}
			if _, err := save.exec(ctx, c.Mechanism, st.Miner[:], st.Task, id, bytes); err != nil {
				return errors.Join(fmt.Errorf("state of %s in %s: %w", st.Miner, st.Task, err), save.close())
			}
		}
		if err := save.close(); err != nil {
			return err
		}
		fold, err := prepare(ctx, raw, `UPDATE checks SET folded = ? WHERE sample = ?`, 2)
		if err != nil {
			return err
		}
		for _, sample := range c.Folded {
			if _, err := fold.exec(ctx, id, sample); err != nil {
				return errors.Join(fmt.Errorf("mark the check of sample %d: %w", sample, err), fold.close())
			}
		}
		return fold.close()
	})
}

// States implements store.Store.
func (s *Store) States(ctx context.Context, mechanism string) ([]period.State, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := query(ctx, s.reads, func(r *sql.Rows) (st period.State, err error) {
		var miner sql.RawBytes
		err = r.Scan(&miner, &st.Task, &st.Period, &st.Bytes)
		copy(st.Miner[:], miner)
		return st, err
	}, allStates, mechanism)
	if err != nil {
		return nil, fmt.Errorf("list the states of %s: %w", mechanism, err)
	}
	return list, nil
}

// UnfoldedChecks implements store.Store.
func (s *Store) UnfoldedChecks(ctx context.Context, limit int) ([]outcome.Check, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := query(ctx, s.reads, oneCheck, unfoldedChecks, limit)
	if err != nil {
		return nil, fmt.Errorf("list the checks that states have not taken in: %w", err)
	}
	return list, nil
}

// FoldedChecks implements store.Store.
func (s *Store) FoldedChecks(ctx context.Context, period, sample int64, limit int) ([]outcome.Folded, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := query(ctx, s.reads, func(r *sql.Rows) (c outcome.Folded, err error) {
		c.Check, err = scanCheck(r, &c.Period)
		return c, err
	}, foldedChecks, period, sample, limit)
	if err != nil {
		return nil, fmt.Errorf("list the checks that states have taken in: %w", err)
	}
	return list, nil
}

// SaveBeacon implements store.Store.
func (s *Store) SaveBeacon(ctx context.Context, b period.Beacon) (period.Beacon, error) {
	done, err := s.writing()
	if err != nil {
		return b, err
	}
	defer done()
	err = s.writer.tx(ctx, "save a beacon", func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `INSERT INTO beacons (period, source, number, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			b.Period, b.Source, int64(b.Number), nanos(b.At))
		if err != nil {
			return err
		}
		b.ID, err = one(ctx, conn, integer, `SELECT id FROM beacons WHERE source = ? AND number = ?`, b.Source, int64(b.Number))
		return err
	})
	return b, err
}

// SaveBursts implements store.Store.
func (s *Store) SaveBursts(ctx context.Context, bursts []period.Burst) error {
	done, err := s.writing()
	if err != nil {
		return err
	}
	defer done()
	return s.writer.tx(ctx, "save what came of a beacon", func(ctx context.Context, conn *sql.Conn) error {
		return conn.Raw(func(raw any) error {
			insert, err := prepare(ctx, raw, `INSERT INTO bursts (beacon, period, miner, task, asked, in_flight, answers, slots, of, offer) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, 10)
			if err != nil {
				return err
			}
			for i := range bursts {
				b := &bursts[i]
				offer, err := offerText(&b.Offer)
				if err != nil {
					return errors.Join(fmt.Errorf("%s in %s at beacon %d: %w", b.Miner, b.Task, b.Beacon, err), insert.close())
				}
				if _, err := insert.exec(ctx, b.Beacon, b.Period, b.Miner[:], b.Task, int64(b.Asked), int64(b.InFlight), appendAnswers([]byte{}, b.Answers), int64(b.Slots), appendOf([]byte{}, b.Answers), offer); err != nil {
					return errors.Join(fmt.Errorf("%s in %s at beacon %d: %w", b.Miner, b.Task, b.Beacon, err), insert.close())
				}
			}
			return insert.close()
		})
	})
}

func appendAnswers(b []byte, answers []score.Arrived) []byte {
	for _, a := range answers {
		b = binary.AppendVarint(b, a.Served)
		b = binary.AppendVarint(b, int64(a.Elapsed))
	}
	return b
}

// appendOf writes of how many requests each answer's slot is made up; nothing if all are of one.
func appendOf(b []byte, answers []score.Arrived) []byte {
	if !slices.ContainsFunc(answers, func(a score.Arrived) bool { return a.Of > 1 }) {
		return b
	}
	for _, a := range answers {
		b = binary.AppendVarint(b, int64(a.Of))
	}
	return b
}

func readAnswers(b, of []byte) (list []score.Arrived, err error) {
	d := decoder{b: b}
	for len(d.b) > 0 && d.err == nil {
		list = append(list, score.Arrived{Served: d.varint(), Elapsed: time.Duration(d.varint())})
	}
	if n := (decoder{b: of}); len(of) > 0 {
		for i := range list {
			list[i].Of = int(n.varint())
		}
		d.err = errors.Join(d.err, n.err)
	}
	return list, d.err
}

// Beacons implements store.Store.
func (s *Store) Beacons(ctx context.Context, id int64) ([]period.Beacon, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := query(ctx, s.reads, func(r *sql.Rows) (b period.Beacon, err error) {
		var number, at int64
		err = r.Scan(&b.ID, &b.Period, &b.Source, &number, &at)
		b.Number, b.At = uint64(number), timeAt(at)
		return b, err
	}, `SELECT id, period, source, number, at FROM beacons WHERE period = ? ORDER BY id`, id)
	if err != nil {
		return nil, fmt.Errorf("list the beacons of period %d: %w", id, err)
	}
	return list, nil
}

// Bursts implements store.Store.
func (s *Store) Bursts(ctx context.Context, id int64) ([]period.Burst, error) {
	return s.bursts(ctx, periodBursts, id)
}

// LastBursts implements store.Store.
func (s *Store) LastBursts(ctx context.Context, miner hotkey.ID, task string, limit int) ([]period.Burst, error) {
	return s.bursts(ctx, pairBursts, miner[:], task, limit)
}

func (s *Store) bursts(ctx context.Context, text string, args ...any) ([]period.Burst, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := query(ctx, s.reads, func(r *sql.Rows) (b period.Burst, err error) {
		var miner, answers, of, offer sql.RawBytes
		if err = r.Scan(&b.Beacon, &b.Period, &miner, &b.Task, &b.Asked, &b.InFlight, &answers, &b.Slots, &of, &offer); err != nil {
			return b, err
		}
		copy(b.Miner[:], miner)
		if err = readOffer(offer, &b.Offer); err != nil {
			return b, err
		}
		b.Answers, err = readAnswers(answers, of)
		return b, err
	}, text, args...)
	if err != nil {
		return nil, fmt.Errorf("list what came of beacons: %w", err)
	}
	return list, nil
}

// offerText is a contender's offer as it is kept; "" for none.
func offerText(o *score.Offer) (string, error) {
	if *o == (score.Offer{}) {
		return "", nil
	}
	text, err := json.Marshal(o)
	return string(text), err
}

func readOffer(text []byte, o *score.Offer) error {
	if len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, o); err != nil {
		return fmt.Errorf("a contender's offer: %w", err)
	}
	return nil
}

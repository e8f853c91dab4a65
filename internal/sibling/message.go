package sibling

import (
	"encoding/gob"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"vision/internal/dispatch"
	"vision/internal/hotkey"
)

// Path is where the hub of the validator with a data folder listens. Whoever changes what a message says changes this name: so processes
// of two versions, while an operator replaces one by the other, do without a link and do not misread one another.
func Path(data string) string { return filepath.Join(data, "siblings", "scorer.sock") }

// loads is what a spoke tells: what has changed.
type loads struct {
	List []load
}

// load is how many customers' requests are under way at a contender through the spoke's process.
type load struct {
	Task  string
	Miner []byte // of a hotkey's length
	N     int64  // at least 0
}

// called is what a hub tells: that a beacon is called, or that it is over.
type called struct {
	On bool
	Call
}

// Call is a beacon that is called.
type Call struct {
	Part        float64   // of the rate of its samples that is kept; see sampling.Table.Called
	From, Until time.Time // it asks
}

// loadsOf is how changes are told.
func loadsOf(list []dispatch.Under) loads {
	m := loads{List: make([]load, len(list))}
	for i := range list {
		u := &list[i]
		m.List[i] = load{Task: u.Task, Miner: u.Miner[:], N: u.N}
	}
	return m
}

// read reads what a spoke tells next.
func (m *loads) read(from *gob.Decoder) error {
	m.List = nil // what is 0 is not sent, and would stay what it was
	if err := from.Decode(m); err != nil {
		return err
	}
	for i := range m.List {
		if l := &m.List[i]; len(l.Miner) != len(hotkey.ID{}) || l.N < 0 {
			return fmt.Errorf("%d requests under way at a miner named by %d bytes: %w", l.N, len(l.Miner), io.ErrUnexpectedEOF)
		}
	}
	return nil
}

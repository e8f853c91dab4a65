package local

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// version of the file's format. A newer one is refused.
const version = 1

// file is where the state lives: DIR/ledger.json, replaced as a whole, and
// DIR/ledger.lock, held while it is open.
type file struct {
	dir, path string
	lock      *os.File
}

func openFile(dir string) (*file, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "ledger.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := exclusive(lock); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is in use by another process: end it, or take another folder: %w", dir, err), lock.Close())
	}
	return &file{dir: dir, path: filepath.Join(dir, "ledger.json"), lock: lock}, nil
}

// close gives up the lock.
func (f *file) close() error { return f.lock.Close() }

// read gives the state on disk, or nil if there is none yet.
func (f *file) read() (*state, error) {
	raw, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decode(f.path, raw)
}

// decode reads a state and checks what the rest relies on.
func decode(path string, raw []byte) (*state, error) {
	var head struct{ Version int }
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	if head.Version != version {
		return nil, fmt.Errorf("%s has format %d, this program reads %d: use the program that wrote it, or another directory", path, head.Version, version)
	}
	s := &state{}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(s); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	if s.BlockTime <= 0 || s.BaseBlock == 0 || s.Block < s.BaseBlock || s.Stakes == nil {
		return nil, fmt.Errorf("%s is damaged: block %d from %d, one in %v", path, s.Block, s.BaseBlock, s.BlockTime)
	}
	for i, n := range s.Neurons {
		rows := []vector{n.Weights}
		for _, c := range n.Commits {
			rows = append(rows, c.Weights)
		}
		for _, row := range rows {
			for uid := range row {
				if int(uid) >= len(s.Neurons) {
					return nil, fmt.Errorf("%s is damaged: uid %d gives weight to uid %d of %d", path, i, uid, len(s.Neurons))
				}
			}
		}
		if len(n.Bonds) > len(s.Neurons) {
			return nil, fmt.Errorf("%s is damaged: uid %d has %d bonds of %d", path, i, len(n.Bonds), len(s.Neurons))
		}
	}
	return s, nil
}

// write makes s the state on disk. When it returns nil, a crash or a loss of
// power finds s; otherwise it finds s or the state before.
func (f *file) write(s *state) (err error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	next, err := os.OpenFile(f.path+".next", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := next.Write(raw); err != nil {
		return errors.Join(err, next.Close())
	}
	if err := next.Sync(); err != nil {
		return errors.Join(err, next.Close())
	}
	if err := next.Close(); err != nil {
		return err
	}
	if err := os.Rename(next.Name(), f.path); err != nil {
		return err
	}
	dir, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

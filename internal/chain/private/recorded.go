package private

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vision/internal/hotkey"
)

// recorded is one validator's weights as kept in DIR/HOTKEY.json.
type recorded struct {
	Hotkey     hotkey.ID            `json:"hotkey"`
	Block      uint64               `json:"block"`
	VersionKey uint64               `json:"version_key"`
	Weights    map[hotkey.ID]uint16 `json:"weights"`
}

// write replaces the validator's file; a crash leaves the old or the new one.
func (r recorded) write(dir string) (path string, err error) {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, r.Hotkey.String()+".json")
	next, err := os.OpenFile(path+".next", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	if _, err := next.Write(append(raw, '\n')); err != nil {
		return "", errors.Join(err, next.Close())
	}
	if err := errors.Join(next.Sync(), next.Close()); err != nil {
		return "", err
	}
	if err := os.Rename(next.Name(), path); err != nil {
		return "", err
	}
	d, err := os.Open(dir)
	if err != nil {
		return "", err
	}
	return path, errors.Join(d.Sync(), d.Close())
}

// readAll reads all recorded weights of a directory.
func readAll(dir string) (map[hotkey.ID]recorded, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	rows := map[hotkey.ID]recorded{}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok {
			continue
		}
		path := filepath.Join(dir, e.Name())
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var r recorded
		if err := json.Unmarshal(raw, &r); err != nil {
			return nil, fmt.Errorf("weights in %s: %w", path, err)
		}
		if r.Hotkey.String() != name {
			return nil, fmt.Errorf("weights in %s are of %s: the file's name must be the hotkey", path, r.Hotkey)
		}
		rows[r.Hotkey] = r
	}
	return rows, nil
}

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"vision/internal/daemon"
)

// errTaken says that another process holds a file.
var errTaken = errors.New("another process holds it")

// sole makes sure that one process of a validator scores: two would ask miners for twice as much at each beacon as
// they can do, take half of the checks each, and have both in what they write. The system lets go of the file when a process ends.
func sole(data string) daemon.Component {
	path := filepath.Join(data, "scorer.lock")
	var held *os.File
	return daemon.Component{
		Name: "the only scorer",
		Start: func(context.Context) error {
			f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
			if err != nil {
				return fmt.Errorf("see whether another process scores: %w", err)
			}
			if err := lock(f); err != nil {
				if errors.Is(err, errTaken) {
					err = fmt.Errorf("another process scores with the data in %s: start this one without the role %s, or end that one", data, Scorer)
				}
				return errors.Join(err, f.Close())
			}
			held = f
			return nil
		},
		Stop: func(context.Context) error {
			if held == nil {
				return nil
			}
			return held.Close()
		},
	}
}

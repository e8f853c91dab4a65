package eval

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"vision/internal/checker/evidence"
)

// Response is one judged response: what the whole evaluation is made of, and
// its recorded form, one JSON object a line.
type Response = evidence.Response

// Write writes recordings.
func Write(w io.Writer, list []*Response) error {
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b)
	for i, r := range list {
		if err := e.Encode(r); err != nil {
			return fmt.Errorf("write response %d: %w", i, err)
		}
	}
	return b.Flush()
}

// Read reads recordings. Names that are not known are mistakes.
func Read(r io.Reader) (list []*Response, err error) {
	d := json.NewDecoder(bufio.NewReader(r))
	d.DisallowUnknownFields()
	for {
		one := &Response{}
		switch err := d.Decode(one); {
		case errors.Is(err, io.EOF):
			return list, nil
		case err != nil:
			return nil, fmt.Errorf("read response %d: %w", len(list), err)
		case one.Label == "" || one.Prompt == "":
			return nil, fmt.Errorf("response %d lacks label or prompt", len(list))
		case one.Guilt == "" && len(one.Positions) == 0 && one.Replay == nil:
			return nil, fmt.Errorf("response %d has neither positions nor guilt nor replay", len(list))
		}
		list = append(list, one)
	}
}

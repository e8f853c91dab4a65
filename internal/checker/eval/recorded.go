package eval

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strings"

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
		case !listsFit(one):
			return nil, fmt.Errorf("response %d: another model's list is not as long as the reference's", len(list))
		}
		list = append(list, one)
	}
}

// recorded is a Source of recordings.
type recorded struct {
	list  []*Response
	noise float64
}

// Recorded evaluates recordings; noise, nats, bounds the honest noise of the
// reference. Prompts whose names begin with "calibration/" are for calibration
// and those with "test/" for the test; of others two fifths are for calibration.
func Recorded(list []*Response, noise float64) (Source, error) {
	if len(list) == 0 {
		return nil, errors.New("there are no recordings")
	}
	if !(noise > 0 && noise <= 1) {
		return nil, fmt.Errorf("noise is %v, want more than 0, at most 1 nat", noise)
	}
	for _, r := range list {
		FillListed(r, noise)
	}
	return &recorded{list, noise}, nil
}

func (s *recorded) Noise() float64 { return s.noise }

func (s *recorded) Calibration(ctx context.Context, yield func(*Response) error) error {
	return s.each(ctx, true, yield)
}

func (s *recorded) Test(ctx context.Context, yield func(*Response) error) error {
	return s.each(ctx, false, yield)
}

func (s *recorded) each(ctx context.Context, calibration bool, yield func(*Response) error) error {
	for _, r := range s.list {
		if forCalibration(r.Prompt) != calibration {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}

func forCalibration(prompt string) bool {
	switch part, _, named := strings.Cut(prompt, "/"); {
	case named && part == "calibration":
		return true
	case named && part == "test":
		return false
	}
	h := fnv.New32a()
	h.Write([]byte(prompt))
	return h.Sum32()%5 < 2
}

// recording is a source whose responses are written down as they are tested.
type recording struct {
	Source
	e *json.Encoder
}

// Recording writes what a source gives, for calibration and for the test, to w.
func Recording(s Source, w io.Writer) Source { return &recording{s, json.NewEncoder(w)} }

func (s *recording) Test(ctx context.Context, yield func(*Response) error) error {
	return s.Source.Test(ctx, s.and(yield))
}

func (s *recording) Calibration(ctx context.Context, yield func(*Response) error) error {
	return s.Source.Calibration(ctx, s.and(yield))
}

func (s *recording) and(yield func(*Response) error) func(*Response) error {
	return func(r *Response) error {
		if err := s.e.Encode(r); err != nil {
			return fmt.Errorf("record: %w", err)
		}
		return yield(r)
	}
}

// listsFit says whether other models list what the reference does.
func listsFit(r *Response) bool {
	for i := range r.Positions {
		p := &r.Positions[i]
		for _, o := range p.Others {
			if len(o) != len(p.Top) {
				return false
			}
		}
	}
	return true
}

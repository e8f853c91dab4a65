package calibration

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"vision/internal/checker/evidence"
	"vision/internal/checker/likeness"
	"vision/internal/hotkey"
)

// Level is how sure it is that all bounds of a file hold at once.
const Level = 0.999

// File is a calibration: of one model, on one make of reference.
type File struct {
	Version      int       `json:"version"` // 1
	Task         string    `json:"task"`    // whose model it is, as the catalogue has it
	Model        string    `json:"model"`
	Revision     string    `json:"revision,omitempty"`
	Quantisation string    `json:"quantisation,omitempty"`
	Reference    string    `json:"reference"` // the reference's engine
	Program      string    `json:"program"`   // version of this program
	Made         time.Time `json:"made"`      // UTC, whole seconds
	Level        float64   `json:"level"`     // how sure it is that all bounds hold at once, (0, 1)
	Noise        float64   `json:"noise"`     // nats: what is far was decided by it

	Stacks       []Counts `json:"stacks"`                 // honest ones
	Alternatives []Counts `json:"alternatives,omitempty"` // what a cheat may run

	// The bounds that follow from Stacks, by bin; nil where too little was measured.
	Greedy  []evidence.Odds `json:"greedy,omitempty"`
	Redrawn []evidence.Odds `json:"redrawn,omitempty"`
	Replay  float64         `json:"replay,omitempty"` // per token

	// The tails of pictures or vectors that follow from Stacks, by measure.
	Tails map[likeness.Measure]likeness.Tail `json:"tails,omitempty"`

	Signer    hotkey.ID `json:"signer"`
	Signature string    `json:"signature,omitempty"` // hex, over the rest
}

// leastPositions is how much must be measured of a test for its bounds to be
// better than those that assume Gaussian noise.
const leastPositions = 5000

// Fill works the bounds out.
func (f *File) Fill() {
	f.Version, f.Level = 1, Level
	f.Greedy = f.bounds(func(c *Counts) []Count { return c.Greedy })
	f.Redrawn = f.bounds(func(c *Counts) []Count { return c.Redrawn })
	f.Replay = 0
	for _, c := range f.Stacks {
		if c.Replay.Same >= leastPositions {
			f.Replay = max(f.Replay, UpperBound(c.Replay.Parted, c.Replay.Same+c.Replay.Parted, f.alpha()))
		}
	}
	f.Tails = f.Alike().Measured
}

// Alike are what the file lets honest pictures or vectors stay below.
func (f *File) Alike() likeness.Bounds {
	var stacks []likeness.Counts
	for _, c := range f.Stacks {
		if c.Likeness != nil {
			stacks = append(stacks, *c.Likeness)
		}
	}
	alpha := f.alpha()
	return likeness.Calibrated(stacks, func(k, n int) float64 { return UpperBound(k, n, alpha) })
}

// alpha is each bound's share of what all of them together may miss.
func (f *File) alpha() float64 {
	each := 2*(evidence.Bins*(evidence.Bins+1)/2+len(groups)+1) + 1
	if slices.ContainsFunc(f.Stacks, func(c Counts) bool { return c.Likeness != nil }) {
		each += likeness.Knots()
	}
	return (1 - Level) / float64(max(1, len(f.Stacks))*each)
}

// groups are bins' lower ends between which far outcomes, which are rare, are counted together.
var groups = [...]float64{0, 0.125, 1}

func groupOf(bin int) (g int) {
	for g+1 < len(groups) && evidence.Low(bin) >= groups[g+1] {
		g++
	}
	return g
}

func (f *File) bounds(of func(*Counts) []Count) []evidence.Odds {
	out := make([]evidence.Odds, evidence.Bins)
	alpha, used := f.alpha(), 0
	for i := range f.Stacks {
		list := of(&f.Stacks[i])
		var inGroup [len(groups)]Count
		var all Count
		for bin, c := range list {
			g := &inGroup[groupOf(bin)]
			g.N, g.Far, g.Absurd = g.N+c.N, g.Far+c.Far, g.Absurd+c.Absurd
			all.N, all.Absurd = all.N+c.N, all.Absurd+c.Absurd
		}
		if all.N < leastPositions {
			continue
		}
		used++
		for bin := range list {
			g := inGroup[groupOf(bin)]
			o := evidence.Odds{Near: nearBound(list, bin, alpha), Far: UpperBound(g.Far, g.N, alpha), Absurd: UpperBound(all.Absurd, all.N, alpha)}
			b := &out[bin]
			b.Near, b.Far, b.Absurd = max(b.Near, o.Near), max(b.Far, o.Far), max(b.Absurd, o.Absurd)
		}
	}
	if used == 0 {
		return nil
	}
	for i := range out { // where the sum leaves no room to agree nothing is evidence
		o := &out[i]
		if sum := o.Near + o.Far + o.Absurd; sum > 0.98 {
			o.Near, o.Far, o.Absurd = o.Near*0.98/sum, o.Far*0.98/sum, o.Absurd*0.98/sum
		}
	}
	return out
}

// nearBound bounds a bin's near outcomes: as disagreement falls with certainty,
// what bounds the bins from any lower one up to this taken together bounds this one.
func nearBound(list []Count, bin int, alpha float64) float64 {
	bound := 1.0
	var sum Count
	for b := bin; b >= 0; b-- {
		sum.N, sum.Near = sum.N+list[b].N, sum.Near+list[b].Near
		bound = min(bound, UpperBound(sum.Near, sum.N, alpha))
	}
	return bound
}

// Bounds are what the file lets honest miners stay below.
func (f *File) Bounds() evidence.Bounds {
	b := evidence.Bounds{Noise: f.Noise, Replay: f.Replay}
	b.Greedy = f.table(f.Greedy, func(c *Counts) []Count { return c.Greedy })
	b.Redrawn = f.table(f.Redrawn, func(c *Counts) []Count { return c.Redrawn })
	return b
}

func (f *File) table(honest []evidence.Odds, of func(*Counts) []Count) *evidence.Table {
	if len(honest) != evidence.Bins {
		return nil
	}
	t := &evidence.Table{Honest: [evidence.Bins]evidence.Odds(honest)}
	for _, c := range f.Stacks {
		t.Text = t.Text || c.Text >= leastPositions
	}
	for i := range f.Alternatives {
		if list := of(&f.Alternatives[i]); len(list) == evidence.Bins {
			t.Cheats = append(t.Cheats, rates(list))
		}
	}
	return t
}

// rates are an alternative's, half an occurrence added to each so that none is 0.
func rates(list []Count) (out [evidence.Bins]evidence.Odds) {
	for bin, c := range list {
		n := float64(c.N) + 2
		out[bin] = evidence.Odds{Near: (float64(c.Near) + 0.5) / n, Far: (float64(c.Far) + 0.5) / n, Absurd: (float64(c.Absurd) + 0.5) / n}
	}
	return out
}

// message is what is signed.
func (f *File) message() ([]byte, error) {
	bare := *f
	bare.Signature = ""
	raw, err := json.Marshal(bare)
	return append([]byte("vision calibration 1\n"), raw...), err
}

// Sign signs the file with a hotkey.
func (f *File) Sign(key *hotkey.Key) error {
	f.Signer, f.Made = key.ID(), f.Made.UTC().Truncate(time.Second)
	msg, err := f.message()
	if err != nil {
		return fmt.Errorf("sign the calibration: %w", err)
	}
	signature := key.Sign(msg)
	f.Signature = hex.EncodeToString(signature[:])
	return nil
}

// Write gives the file's bytes.
func (f *File) Write() ([]byte, error) {
	raw, err := json.MarshalIndent(f, "", " ")
	return append(raw, '\n'), err
}

// Read reads a file that one of signers signed. Its bounds are worked out again
// from its counts: what is signed is what was measured.
func Read(raw []byte, signers []hotkey.ID) (*File, error) {
	f := &File{}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil {
		return nil, fmt.Errorf("read the calibration: %w", err)
	}
	if f.Version != 1 {
		return nil, fmt.Errorf("the calibration is of version %d, want 1", f.Version)
	}
	signature, err := hex.DecodeString(f.Signature)
	if err != nil {
		return nil, errors.New("the calibration's signature is not hexadecimal")
	}
	msg, err := f.message()
	if err != nil {
		return nil, err
	}
	switch {
	case !slices.Contains(signers, f.Signer):
		return nil, fmt.Errorf("the calibration is signed by %s, who is not one of those trusted here", f.Signer)
	case !hotkey.Verify(f.Signer, msg, signature):
		return nil, errors.New("the calibration's signature is not of its contents: it was changed after it was signed")
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	f.Fill()
	return f, nil
}

func (f *File) check() error {
	if !(f.Noise > 0 && f.Noise <= 1) {
		return fmt.Errorf("the calibration's noise is %v, want more than 0, at most 1 nat", f.Noise)
	}
	for _, c := range slices.Concat(f.Stacks, f.Alternatives) {
		for _, list := range [][]Count{c.Greedy, c.Redrawn} {
			if len(list) != 0 && len(list) != evidence.Bins {
				return fmt.Errorf("the calibration has %d bins of %s, want %d", len(list), c.Name, evidence.Bins)
			}
			for _, b := range list {
				if b.Near < 0 || b.Far < 0 || b.Absurd < 0 || b.Near > b.N || b.Far > b.N || b.Absurd > b.N || b.Near+b.Far+b.Absurd > b.N {
					return fmt.Errorf("the calibration's counts of %s do not add up", c.Name)
				}
			}
		}
		if c.Likeness != nil {
			if err := c.Likeness.Check(); err != nil {
				return fmt.Errorf("the calibration's %w, of %s", err, c.Name)
			}
		}
		if c.Replay.Same < 0 || c.Replay.Parted < 0 || c.Text < 0 || c.Text > c.Positions {
			return fmt.Errorf("the calibration's counts of %s do not add up", c.Name)
		}
	}
	return nil
}

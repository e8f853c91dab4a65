// Package report is what a validator publishes of each period, signed by its
// hotkey: by which rules it scores, what it remembers of every contender, and
// what that comes to. With the states anybody computes the weights again, and
// with them what would raise a miner's, or what another would earn.
//
//	states ──Weights──► Outcome ──Sign──► body ──Read──► Report ──Outcome──► the same
//
// Invariants: Read gives only what the named validator signed, within the limits
// of package proto; a Report says nothing of customers or what they asked.
package report

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"vision/internal/hotkey"
	"vision/internal/proto"
	"vision/internal/score"
)

// version is that of the form.
const version = 1

// Report is one validator's of one period. Work is in the task's unit per period.
type Report struct {
	Version    int                `json:"version"`
	Validator  hotkey.ID          `json:"validator"`
	Network    string             `json:"network"`
	Netuid     uint16             `json:"netuid"`
	Period     int64              `json:"period"` // its number with this validator
	Start      time.Time          `json:"start"`
	End        time.Time          `json:"end"`
	At         time.Time          `json:"at"`          // of signing
	Mechanism  string             `json:"mechanism"`   // its name
	Parameters map[string]float64 `json:"parameters"`  // all of them
	StakeShare float64            `json:"stake_share"` // the validator's part of all permitted validators' stake, [0, 1]
	Beacons    []Beacon           `json:"beacons"`     // of the period
	Tasks      []Task             `json:"tasks"`
	Miners     []Miner            `json:"miners"`
}

// Beacon names one by the value that called it.
type Beacon struct {
	Source string    `json:"source"`
	Number uint64    `json:"number"`
	At     time.Time `json:"at"`
}

// Task is one task, and all who are known on it.
type Task struct {
	Task       string      `json:"task"`
	Unit       string      `json:"unit"`
	Weight     float64     `json:"weight"`
	Synthetic  float64     `json:"synthetic"` // part of the capacity, [0, 1], that went to the validator's own requests
	Contenders []Contender `json:"contenders"`
}

// Contender is one miner on one task: what is remembered of it, and the factors of its score.
type Contender struct {
	Hotkey hotkey.ID   `json:"hotkey"`
	Offer  score.Offer `json:"offer"`
	State  string      `json:"state"` // base64 of what the mechanism writes; "": nothing is known

	Capacity     float64 `json:"capacity"`         // that is paid, work
	Quality      float64 `json:"quality"`          // with speed, [0, score.MaxSpeed]
	Reliability  float64 `json:"reliability"`      // with history or trust, [0, 1]
	Effective    float64 `json:"effective_volume"` // what it is worth on the task, work
	Contribution float64 `json:"contribution"`     // to the miner's weight, [0, 1]
}

// Miner is one miner's weight, [0, 1]; all sum to 1, or to 0 if nobody earned any.
type Miner struct {
	Hotkey hotkey.ID `json:"hotkey"`
	UID    uint16    `json:"uid"`
	Weight float64   `json:"weight"`
}

// Signer signs; *hotkey.Key does.
type Signer interface {
	ID() hotkey.ID
	Sign(message []byte) [64]byte
}

// signed is a report on the wire.
type signed struct {
	Report    json.RawMessage `json:"report"`
	Signature string          `json:"signature"` // in hexadecimal, of message(report)
}

func message(report []byte) []byte { return append([]byte("vision/report/1\x00"), report...) }

// Sign writes a report in the signer's name.
func Sign(r Report, s Signer) ([]byte, error) {
	r.Version, r.Validator = version, s.ID()
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("write a report: %w", err)
	}
	signature := s.Sign(message(text))
	body, err := json.Marshal(signed{text, hex.EncodeToString(signature[:])})
	if err == nil && len(body) > proto.MaxReport {
		err = fmt.Errorf("the report has %d bytes, more than the %d allowed", len(body), proto.MaxReport)
	}
	return body, err
}

// Read takes a report that a stranger sent, if who it says signed it.
func Read(body []byte) (Report, error) {
	var s signed
	var r Report
	if len(body) > proto.MaxReport {
		return r, fmt.Errorf("a report of %d bytes, more than the %d allowed", len(body), proto.MaxReport)
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return r, fmt.Errorf("a report: %w", err)
	}
	if len(s.Report) == 0 {
		return r, errors.New("a report without a report in it: it is something else")
	}
	if err := json.Unmarshal(s.Report, &r); err != nil {
		return r, fmt.Errorf("a report: %w", err)
	}
	if r.Version != version {
		return Report{}, fmt.Errorf("a report of version %d, and %d is known", r.Version, version)
	}
	signature, err := hex.DecodeString(s.Signature)
	if err != nil || !hotkey.Verify(r.Validator, message(s.Report), signature) {
		return Report{}, errors.New("a report that its validator did not sign")
	}
	if name := r.unprintable(); name != "" {
		return Report{}, fmt.Errorf("a report that names something %.40q", name)
	}
	return r, nil
}

// unprintable is a name that would do something to a terminal or a log, if there is one: its author chose them, and readers are shown them.
func (r *Report) unprintable() string {
	names := []string{r.Network, r.Mechanism}
	for i := range r.Tasks {
		names = append(names, r.Tasks[i].Task, r.Tasks[i].Unit)
	}
	for i := range r.Beacons {
		names = append(names, r.Beacons[i].Source)
	}
	i := slices.IndexFunc(names, func(name string) bool {
		return strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) })
	})
	if i < 0 {
		return ""
	}
	return names[i]
}

// Rules makes the mechanism that a report is by.
func (r *Report) Rules() (score.Mechanism, error) { return score.Named(r.Mechanism, r.Parameters) }

// Outcome computes again what the states come to.
func (r *Report) Outcome() (score.Outcome, error) {
	m, err := r.Rules()
	if err != nil {
		return score.Outcome{}, err
	}
	var tasks []score.Task
	for _, t := range r.Tasks {
		task := score.Task{Name: t.Task, Weight: t.Weight}
		for _, c := range t.Contenders {
			state, err := c.Remembered(m)
			if err != nil {
				return score.Outcome{}, fmt.Errorf("the report's state of %s on %s: %w", c.Hotkey, t.Task, err)
			}
			task.Contenders = append(task.Contenders, score.Contender{Hotkey: c.Hotkey, Offer: c.Offer, State: state})
		}
		tasks = append(tasks, task)
	}
	return m.Weights(tasks)
}

// Remembered is the contender's state; nil if nothing is known.
func (c *Contender) Remembered(m score.Mechanism) (score.State, error) {
	if c.State == "" {
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(c.State)
	if err != nil {
		return nil, err
	}
	return m.Decode(b)
}

// plain is a name as it is, if it is one.
func plain(name string) string {
	if len(name) <= 40 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == "" {
		return name
	}
	return fmt.Sprintf("%.40q", name)
}

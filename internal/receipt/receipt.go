// Package receipt is how one validator shows another what a miner answered: the
// request, the answer, the miner's signature that binds both, and what the
// validator found, signed by the validator.
//
//	sample and verdict ──Sign──► body ──Read──► Receipt ──Sample──► to be judged again
//
// Invariants: Read gives only what the named validator signed and the named miner
// answered, within the limits of package proto; whoever reads a receipt need not believe
// its verdict, for all that it takes to judge again is in it. The validator did choose
// which of its answers to show, so receipts are no fair sample of a miner's answers.
package receipt

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/task"
)

// version is that of the form.
const version = 1

// Receipt is one answer of a miner to a validator.
type Receipt struct {
	Version   int         `json:"version"`
	Network   string      `json:"network"` // as in certificates, "finney/19"
	Validator hotkey.ID   `json:"validator"`
	Miner     hotkey.ID   `json:"miner"`
	Task      string      `json:"task"`
	Spec      proto.Spec  `json:"spec"` // what the miner declared of its server
	Proof     proto.Proof `json:"proof"`
	Request   []byte      `json:"request"`  // as the miner was sent it
	Response  []byte      `json:"response"` // as it answered
	Verdict   Verdict     `json:"verdict"`
}

// Verdict is what the validator found. It is its word.
type Verdict struct {
	At        time.Time `json:"at"`
	Quality   float64   `json:"quality"` // [0, 1]
	E         float64   `json:"e"`       // evidence against honesty, an e-value
	Test      string    `json:"test"`
	Detail    string    `json:"detail,omitempty"`
	Reference string    `json:"reference"`
	Again     string    `json:"again,omitempty"` // what judged it again, and how
	Proves    bool      `json:"proves"`          // it is among those that convicted the miner
}

// Errors of Of.
var (
	ErrUnsigned = errors.New("the miner did not sign the answer, so it cannot be shown to others")
	ErrGone     = errors.New("the bytes of the request and the answer are no longer kept")
)

// Of makes a receipt of evidence that the validator keeps.
func Of(e *outcome.Evidence, network string, validator hotkey.ID) (Receipt, error) {
	c := &e.Check
	r := Receipt{
		Network: network, Validator: validator, Miner: c.Miner, Task: c.Task,
		Request: e.Sample.Request, Response: e.Sample.Response,
		Verdict: Verdict{At: c.At, Quality: c.Quality, E: c.E, Test: c.Test, Detail: c.Detail, Reference: c.Reference, Again: c.Again, Proves: e.Proves},
	}
	if len(r.Request) == 0 || len(r.Response) == 0 {
		return r, ErrGone
	}
	if len(e.Sample.Proof) == 0 {
		return r, ErrUnsigned
	}
	if err := json.Unmarshal(e.Sample.Proof, &r.Proof); err != nil {
		return r, fmt.Errorf("read the answer's proof: %w", err)
	}
	if c.Spec != "" {
		if err := json.Unmarshal([]byte(c.Spec), &r.Spec); err != nil {
			return r, fmt.Errorf("read what the miner declared: %w", err)
		}
	}
	_, err := r.Answer()
	return r, err
}

// Answer verifies that the miner signed the answer to this request, and gives what
// it said of the time.
func (r *Receipt) Answer() (proto.SignedAnswer, error) {
	return r.Proof.Verify(r.Network, r.Validator, r.Miner, r.Request, r.Response)
}

// Sample is the answer to be judged again, with nothing in it that is the
// validator's word: its times are not known.
func (r *Receipt) Sample(t *task.Task) (outcome.Sample, error) {
	kind, ok := task.KindNamed(t.Kind)
	if !ok || t.Name != r.Task {
		return outcome.Sample{}, fmt.Errorf("a receipt of task %q, and none of task %q", r.Task, t.Name)
	}
	if kind.Path() != r.Proof.Path {
		return outcome.Sample{}, fmt.Errorf("the request was made at %s, and the task's path is %s", r.Proof.Path, kind.Path())
	}
	asked, err := kind.Parse(r.Request, t)
	if err != nil {
		return outcome.Sample{}, fmt.Errorf("read the request: %w", err)
	}
	return outcome.Sample{
		Outcome: outcome.Outcome{
			Request: r.Proof.ID, Last: true, Source: outcome.Synthetic, Task: t.Name, Miner: r.Miner,
			Status: outcome.OK, Stream: asked.Stream(), Work: asked.Work(), Start: r.Proof.Expires.Add(-proto.SignatureLife),
			Blocked: time.Hour, // whoever asked may have read slowly, which makes events long
		},
		Request: r.Request, Response: r.Response,
	}, nil
}

// Errors of Read, beside those of what is no receipt at all.
var (
	ErrValidator = errors.New("a receipt that its validator did not sign")
	ErrMiner     = errors.New("a receipt of an answer that its miner did not give")
)

// Signer signs; *hotkey.Key does.
type Signer interface {
	ID() hotkey.ID
	Sign(message []byte) [hotkey.SignatureSize]byte
}

// signed is a receipt on the wire.
type signed struct {
	Receipt   json.RawMessage `json:"receipt"`
	Signature string          `json:"signature"` // in hexadecimal, of message(receipt)
}

func message(receipt []byte) []byte { return append([]byte("vision/receipt/1\x00"), receipt...) }

// Sign writes a receipt in the signer's name, which must be its validator's.
func Sign(r Receipt, s Signer) ([]byte, error) {
	r.Version = version
	if r.Validator != s.ID() {
		return nil, fmt.Errorf("a receipt of %s cannot be signed by %s: the miner answered the former", r.Validator, s.ID())
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("write a receipt: %w", err)
	}
	signature := s.Sign(message(text))
	body, err := json.Marshal(signed{text, hex.EncodeToString(signature[:])})
	if err == nil && len(body) > proto.MaxReceipt {
		err = fmt.Errorf("the receipt has %d bytes, more than the %d allowed", len(body), proto.MaxReceipt)
	}
	return body, err
}

// Read takes a receipt that a stranger sent, if its validator signed it and its
// miner the answer.
func Read(body []byte) (Receipt, error) {
	var s signed
	var r Receipt
	if len(body) > proto.MaxReceipt {
		return r, fmt.Errorf("a receipt of %d bytes, more than the %d allowed", len(body), proto.MaxReceipt)
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return r, fmt.Errorf("a receipt: %w", err)
	}
	if err := json.Unmarshal(s.Receipt, &r); err != nil {
		return r, fmt.Errorf("a receipt: %w", err)
	}
	if r.Version != version {
		return Receipt{}, fmt.Errorf("a receipt of version %d, and %d is known", r.Version, version)
	}
	signature, err := hex.DecodeString(s.Signature)
	if err != nil || !hotkey.Verify(r.Validator, message(s.Receipt), signature) {
		return Receipt{}, ErrValidator
	}
	if _, err := r.Answer(); err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrMiner, err)
	}
	return r, nil
}

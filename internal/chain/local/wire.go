package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"vision/internal/chain"
	"vision/internal/hotkey"
)

// What a Server and its Clients say to each other, in JSON over HTTP:
//
//	GET  /v1/snapshot  -> wireSnapshot
//	POST /v1/calls     <- envelope  -> wireResult, also when refused
//
// Any status but 200 means that the server failed, or does not speak this.
const (
	snapshotPath = "/v1/snapshot"
	callsPath    = "/v1/calls"
	maxCall      = 256 << 10 // bytes of an envelope; 4,096 weights fit
	maxAnswer    = 16 << 20  // bytes of an answer
	callWindow   = time.Minute
)

// wireSnapshot is a chain.Snapshot; BlockHash is in hexadecimal.
type wireSnapshot struct {
	chain.Header
	BlockHash digest
	Neurons   []chain.Neuron
}

// envelope is a call with the hotkey's signature over "vision devnet
// ledger\n" and the exact bytes of Call, so that neither side must agree on
// how to print JSON.
type envelope struct {
	Hotkey    hotkey.ID
	Call      []byte // a wireCall; base 64 on the wire
	Signature []byte // 64 bytes; base 64 on the wire
}

// wireCall is what a hotkey asks for. It holds for one network, once, within a
// minute of At.
type wireCall struct {
	Network  string
	Netuid   uint16
	At       time.Time
	Nonce    string         // makes equal calls differ
	Do       string         // "announce", "weights" or "register"
	Endpoint chain.Endpoint `json:",omitempty"`
	Weights  *chain.Weights `json:",omitempty"`
	Coldkey  *hotkey.ID     `json:",omitempty"`
}

// wireResult is the answer to a call: what was refused, or the result.
type wireResult struct {
	Refused *chain.Refused `json:",omitempty"`
	Receipt *chain.Receipt `json:",omitempty"`
	UID     *uint16        `json:",omitempty"`
}

func signedBytes(call []byte) []byte { return append([]byte("vision devnet ledger\n"), call...) }

// seal signs a call.
func seal(signer chain.Signer, c wireCall) (envelope, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return envelope{}, err
	}
	sig := signer.Sign(signedBytes(raw))
	return envelope{Hotkey: signer.ID(), Call: raw, Signature: sig[:]}, nil
}

// unseal checks the signature, the network and the time, and gives the call.
// The error is a *chain.Refused.
func (e envelope) unseal(network string, netuid uint16, now time.Time) (wireCall, error) {
	if !hotkey.Verify(e.Hotkey, signedBytes(e.Call), e.Signature) {
		return wireCall{}, chain.Refuse(chain.BadSignature, "the call is not signed by %s", e.Hotkey)
	}
	var c wireCall
	if err := json.Unmarshal(e.Call, &c); err != nil {
		return wireCall{}, chain.Refuse(chain.Unspecified, "the call is no JSON of the right form: %v", err)
	}
	if c.Network != network || c.Netuid != netuid {
		return wireCall{}, chain.Refuse(chain.Unspecified, "the call is for netuid %d of %q, this is netuid %d of %q", c.Netuid, c.Network, netuid, network)
	}
	if off := now.Sub(c.At); off > callWindow || off < -callWindow {
		return wireCall{}, chain.Refuse(chain.BadSignature, "the call was signed at %s, more than %v from the ledger's %s",
			c.At.UTC().Format(time.RFC3339), callWindow, now.UTC().Format(time.RFC3339))
	}
	if c.Do == "weights" && c.Weights == nil {
		return wireCall{}, chain.Refuse(chain.BadLengths, "the call has no weights")
	}
	return c, nil
}

// err is what a call came to, for the caller.
func (r wireResult) err(what string) error {
	if r.Refused != nil {
		return fmt.Errorf("%s: %w", what, r.Refused)
	}
	return nil
}

// refusal finds the *chain.Refused in err, or nil.
func refusal(err error) *chain.Refused {
	var refused *chain.Refused
	errors.As(err, &refused)
	return refused
}

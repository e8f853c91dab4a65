package chain

import (
	"fmt"
	"slices"
	"time"
)

// Reason is why a ledger refused a call. It is an error, so that
// errors.Is(err, chain.TooFast) asks for it.
type Reason uint8

// The reasons. What each needs from the caller: register; get stake; come
// back later; or mend the weights, which is a bug in who made them.
const (
	Unspecified   Reason = iota // refused for a reason of the ledger's own; Detail has it
	NotRegistered               // the hotkey has no UID here
	StakeTooLow                 // below Params.StakeThreshold
	NoPermit                    // not among the validators by stake
	TooFast                     // a rate limit; WaitBlocks and RetryAfter say how long
	WrongVersion                // VersionKey below Params.WeightsVersion
	BadLengths                  // as many values as uids are wanted
	DuplicateUID                // a uid twice
	UnknownUID                  // a uid that names nobody
	TooFewWeights               // fewer than Params.MinWeights
	BadEndpoint                 // an address that others could not use
	WrongEndpoint               // not the address that the operator wrote in the network's file
	BadSignature                // the call was not signed by the hotkey it names
)

var reasons = [...]string{
	"refused", "hotkey not registered", "stake too low", "no validator permit", "too fast", "weights version too old",
	"uids and values differ in number", "duplicate uid", "unknown uid", "too few weights", "unusable address",
	"address differs from the network file", "bad signature",
}

// Error implements error.
func (r Reason) Error() string {
	if int(r) < len(reasons) {
		return reasons[r]
	}
	return fmt.Sprintf("refused (reason %d)", uint8(r))
}

// MarshalText implements encoding.TextMarshaler, for reasons that cross a wire.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.Error()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. A text that it does not
// know, of a newer ledger say, is Unspecified.
func (r *Reason) UnmarshalText(text []byte) error {
	*r = Reason(max(0, slices.Index(reasons[:], string(text))))
	return nil
}

// Refused is a ledger's no: it looked at the call and changed nothing.
type Refused struct {
	Reason     Reason
	Detail     string        // what was wrong and what to do
	WaitBlocks uint64        // TooFast: blocks to wait
	RetryAfter time.Duration // TooFast: about how long that is
}

// Error implements error.
func (e *Refused) Error() string {
	if e.Detail == "" {
		return e.Reason.Error()
	}
	return e.Reason.Error() + ": " + e.Detail
}

// Unwrap gives the reason, for errors.Is.
func (e *Refused) Unwrap() error { return e.Reason }

// Refuse makes a *Refused.
func Refuse(reason Reason, format string, args ...any) *Refused {
	return &Refused{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

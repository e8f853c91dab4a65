package relay

import (
	"encoding/json"
	"slices"

	"vision/internal/fault"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/task"
)

// Entry is what is written down of an attempt that ended with a: customers'
// requests and the validator's own alike. last says that nobody was asked
// after it. A sample is part of it if the answer was to be kept and is good, or
// was good as far as it went when we stopped reading: a miner that expects a
// stream to be abandoned must not be safe on it.
func Entry(call *Call, a *Answer, last bool) outcome.Entry {
	o := a.Outcome
	o.Last = last
	e := outcome.Entry{Outcome: o}
	if call.Keep && len(a.Kept) > 0 && (o.Status == outcome.OK || o.Status == outcome.Canceled && o.Work > 0) {
		e.Sample = &outcome.Sample{Outcome: o, Request: call.Payload, Response: a.Kept}
		if p, err := json.Marshal(a.Proof); err == nil && a.Proof != nil && o.Status == outcome.OK && len(p) <= proto.MaxProof {
			e.Sample.Proof = p
		}
	}
	if last && call.Source == outcome.Organic {
		f := call.Request.Features()
		if o.Status != outcome.OK && (o.Status != outcome.Canceled || o.Work == 0) {
			f.Options = "" // nobody knows that a server takes them
		}
		e.Features, e.Kind = &f, call.Kind.Name()
	}
	return e
}

// refusals are the reasons of attempts that ended with a status that speaks of
// the request. Others, as 401, 403 and 404, speak of the miner: nothing that a
// customer writes leads to them.
var refusals = []string{"http_400", "http_413", "http_422"}

// Excuse changes how an attempt ended where that is no failure of the miner's:
// it refused a customer's request, or it was overloaded and by us. (A plain probe is
// known to be good, so a miner that refuses it has failed. One with fields that
// only some requests have is treated as a customer's, which it is like.)
func Excuse(a *Answer, overloaded bool, r task.Request) {
	o := &a.Outcome
	switch {
	case o.Status == outcome.Failed && slices.Contains(refusals, o.Reason) && (o.Source == outcome.Organic || !r.Features().Plain()):
		o.Status, o.Reason = outcome.Canceled, outcome.Refused
		a.Err = fault.New(fault.Invalid, "request_refused",
			"The model's server refuses this request: it may be too long for the model, or hold something that the server does not support.")
	case o.Status == outcome.RateLimited && overloaded:
		o.Status, o.Reason = outcome.Canceled, outcome.OurOverload
	}
}

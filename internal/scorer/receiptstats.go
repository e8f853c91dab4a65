package scorer

import (
	"errors"
	"maps"
	"sync"

	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/receipt"
)

// Refusal is why a receipt is not judged.
type Refusal string

// The refusals. A receipt that is shown again is refused again.
const (
	Malformed          Refusal = "malformed"           // no receipt of a known version
	ValidatorSignature Refusal = "validator_signature" // not signed by the validator that showed it
	MinerSignature     Refusal = "miner_signature"     // the miner did not sign this answer to this request
	OtherNetwork       Refusal = "other_network"
	Private            Refusal = "private" // the request may hold a customer's text
	UnknownMiner       Refusal = "unknown_miner"
	UnknownTask        Refusal = "unknown_task" // the catalogue has no such task, or the request is none of its
	TooOld             Refusal = "too_old"      // answered more than a day ago
	TooNew             Refusal = "too_new"      // answered in the future
	TooLarge           Refusal = "too_large"
	Known              Refusal = "known"  // that answer was judged before, the peer's word on the miner taken, or the miner convicted
	Bound              Refusal = "bound"  // the peer had its share, or the miner is being looked into
	Behind             Refusal = "behind" // checks are
)

// refusals lists all, so that those that never happened are counted too, as 0.
var refusals = []Refusal{Malformed, ValidatorSignature, MinerSignature, OtherNetwork, Private, UnknownMiner, UnknownTask, TooOld, TooNew, TooLarge, Known, Bound, Behind}

// refusalOf is what an error of receipt.Read means.
func refusalOf(err error) Refusal {
	switch {
	case errors.Is(err, receipt.ErrValidator):
		return ValidatorSignature
	case errors.Is(err, receipt.ErrMiner):
		return MinerSignature
	}
	return Malformed
}

// ReceiptStats counts what came of other validators' receipts since the start.
type ReceiptStats struct {
	Fetched     int64 // shown by peers, also again
	Confirmed   int64 // judged again, and found wanting here too
	Unconfirmed int64 // judged again, and not found wanting
	Unjudgeable int64 // no reference or test here could tell
	Refused     map[Refusal]int64
	Pending     int // left for another time, as of each peer's last pages
	Accused     int // miners on tasks that are looked into, as of when sampling rates were last worked out
}

// receiptStats are a scorer's.
type receiptStats struct {
	mu      sync.Mutex // guards the rest
	stats   ReceiptStats
	pending map[hotkey.ID]int
}

func (r *receiptStats) count(f func(*ReceiptStats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.stats)
}

func (r *receiptStats) refuse(why Refusal, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stats.Refused == nil {
		r.stats.Refused = map[Refusal]int64{}
	}
	r.stats.Refused[why] += int64(n)
}

func (r *receiptStats) judged(a outcome.Accusation) {
	r.count(func(c *ReceiptStats) {
		switch {
		case a.Test == untested:
			c.Unjudgeable++
		case a.E >= judgement.Suspect:
			c.Confirmed++
		default:
			c.Unconfirmed++
		}
	})
}

// ReceiptsLeft notes how many receipts of a peer's are left for another time.
func (s *Scorer) ReceiptsLeft(peer hotkey.ID, n int) {
	s.receipts.mu.Lock()
	defer s.receipts.mu.Unlock()
	if s.receipts.pending == nil {
		s.receipts.pending = map[hotkey.ID]int{}
	}
	s.receipts.pending[peer] = n
}

// ReceiptStats are the counts since the start; Refused has all refusals.
func (s *Scorer) ReceiptStats() ReceiptStats {
	s.receipts.mu.Lock()
	defer s.receipts.mu.Unlock()
	stats := s.receipts.stats
	stats.Refused = make(map[Refusal]int64, len(refusals))
	for _, why := range refusals {
		stats.Refused[why] = 0
	}
	maps.Copy(stats.Refused, s.receipts.stats.Refused)
	for _, n := range s.receipts.pending {
		stats.Pending += n
	}
	return stats
}

package chain

import "vision/internal/hotkey"

// CheckWeights says whether who may set w on top of s, in the order in which
// Subtensor looks: lengths, registered, stake, version, rate, permit,
// duplicates, known uids, number. As there, a neuron may give a single weight
// to itself without permit and whatever the number. The error is a *Refused.
//
// Ledgers here call it to decide; a client of a remote ledger may call it
// first to save a round trip.
func CheckWeights(s *Snapshot, who hotkey.ID, w Weights) error {
	if len(w.UIDs) != len(w.Values) {
		return Refuse(BadLengths, "%d uids but %d values", len(w.UIDs), len(w.Values))
	}
	n, ok := s.ByHotkey(who)
	if !ok {
		return Refuse(NotRegistered, "%s is not on netuid %d of %s; register it first", who, s.Netuid, s.Network)
	}
	if n.Stake < s.StakeThreshold {
		return Refuse(StakeTooLow, "%s has %s, weights need %s", who, n.Stake, s.StakeThreshold)
	}
	if w.VersionKey < s.WeightsVersion {
		return Refuse(WrongVersion, "version key %d, the subnet wants %d or more: update this validator", w.VersionKey, s.WeightsVersion)
	}
	if wait := s.WaitForWeights(who); wait > 0 {
		return tooFast(s, wait, "weights were set in block %d, wait %d more blocks", n.LastUpdate, wait)
	}
	self := w.self(n.UID)
	if !n.ValidatorPermit && !self {
		return Refuse(NoPermit, "%s (%s) is not among the %d validators with most stake", who, n.Stake, s.MaxValidators)
	}
	seen := make(map[uint16]bool, len(w.UIDs))
	for _, uid := range w.UIDs {
		if seen[uid] {
			return Refuse(DuplicateUID, "uid %d is there twice", uid)
		}
		seen[uid] = true
	}
	for _, uid := range w.UIDs {
		if _, ok := s.ByUID(uid); !ok {
			return Refuse(UnknownUID, "uid %d names nobody in block %d", uid, s.Block)
		}
	}
	if least := min(s.MinWeights, s.Len()); len(w.UIDs) < least && !self {
		return Refuse(TooFewWeights, "%d weights, want %d or more", len(w.UIDs), least)
	}
	return nil
}

// CheckAnnounce says whether who may publish at on top of s, given the block
// of its last change (0 is none). The error is a *Refused.
func CheckAnnounce(s *Snapshot, who hotkey.ID, at Endpoint, lastChange uint64) error {
	if _, ok := s.ByHotkey(who); !ok {
		return Refuse(NotRegistered, "%s is not on netuid %d of %s; register it first", who, s.Netuid, s.Network)
	}
	if err := at.Validate(); err != nil {
		return Refuse(BadEndpoint, "%v", err)
	}
	if lastChange == 0 {
		return nil
	}
	if wait := remaining(lastChange, s.AnnounceRateLimit, s.Block); wait > 0 {
		return tooFast(s, wait, "the address changed in block %d, wait %d more blocks", lastChange, wait)
	}
	return nil
}

func tooFast(s *Snapshot, wait uint64, format string, args ...any) *Refused {
	e := Refuse(TooFast, format, args...)
	e.WaitBlocks, e.RetryAfter = wait, s.Until(wait)
	return e
}

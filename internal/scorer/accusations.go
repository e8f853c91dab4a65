package scorer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/receipt"
)

// Validators show one another the answers that speak against a miner, as receipts. What
// one shows, another verifies, judges again by itself, and then looks into:
//
//	peer's receipts ──signatures, limits──► own checking server ──E >= 3, twice──► accusation
//	accusation ──► every next own answer of the pair is checked, about 20 of them ──► judgement
//
// An accusation counts for nothing by itself: neither the wealth of the bet nor any
// observation of the mechanism changes. So an honest miner's chance of ever being
// convicted stays what it is, however a peer lies or selects: which of a
// miner's answers are checked may depend on anything but what is in them.

const (
	// MostShown and mostShownBytes bound a page of receipts; shownEach is how many of a
	// miner on a task there are in all.
	MostShown      = 64
	mostShownBytes = 16 << 20
	shownEach      = 4
	keptEach       = 80 // as much evidence as is kept of one, of which others may see some
	// mostReceipt is how many bytes a request and its answer may have together in a
	// receipt that is shown or taken.
	mostReceipt = 2 << 20
	// A peer has at most mostJudged receipts judged a day, at most mostJudgedAtOnce at
	// once, and at most mostAccused pairs looked into at a time.
	mostJudged       = 64
	mostJudgedAtOnce = 8
	mostAccused      = 8
)

// ReceiptSource is what receipts are made of.
type ReceiptSource interface {
	Judgements(ctx context.Context) ([]outcome.Judgement, error)
	Evidence(ctx context.Context, miner hotkey.ID, task string, limit int) ([]outcome.Evidence, error)
}

// Receipts are those that other validators may be shown, of before a time, newest
// first, and the time to ask for the next page with; zero: there are no more. They are of the validator's own requests
// alone, whose texts are none of customers'.
func Receipts(ctx context.Context, st ReceiptSource, network string, by receipt.Signer, now, before time.Time) (bodies [][]byte, next time.Time, err error) {
	pairs, err := st.Judgements(ctx)
	if err != nil {
		return nil, next, fmt.Errorf("read what is known of miners: %w", err)
	}
	var all []receipt.Receipt
	for _, p := range pairs {
		if p.State.Suspicious == 0 || now.Sub(p.At) > outcome.AccusedFor {
			continue
		}
		list, err := st.Evidence(ctx, p.Miner, p.Task, keptEach)
		if err != nil {
			return nil, next, fmt.Errorf("read the evidence: %w", err)
		}
		for i, shown := 0, 0; i < len(list) && shown < shownEach; i++ {
			c := &list[i].Check
			r, err := receipt.Of(&list[i], network, by.ID())
			if err != nil || !r.Proof.Public || c.Source == outcome.Organic || c.E < judgement.Suspect || now.Sub(c.At) > outcome.AccusedFor ||
				!c.At.Before(before) || len(r.Request)+len(r.Response) > mostReceipt {
				continue
			}
			all = append(all, r)
			shown++
		}
	}
	slices.SortStableFunc(all, func(a, b receipt.Receipt) int { return b.Verdict.At.Compare(a.Verdict.At) })
	size := 0
	for i := range all {
		body, err := receipt.Sign(all[i], by)
		if err != nil {
			return nil, next, err
		}
		if size += len(body); len(bodies) == MostShown || size > mostShownBytes && len(bodies) > 0 {
			return bodies, all[i-1].Verdict.At, nil
		}
		bodies = append(bodies, body)
	}
	return bodies, time.Time{}, nil
}

// TakeReceipts judges what another validator showed, and says of how many answers it
// was not known what they are worth. It does not while checks are behind. Whatever is wrong with a receipt, or keeps it from
// being judged, costs nobody anything.
func (s *Scorer) TakeReceipts(ctx context.Context, peer hotkey.ID, list []receipt.Receipt) (judged int, err error) {
	select { // what miners run is part of what is checked
	case <-s.asked:
	default:
		return 0, nil
	}
	snap := s.neurons.Load()
	if s.c.Checker == nil || snap == nil || peer == s.c.Signer.ID() {
		return 0, nil
	}
	network := fmt.Sprintf("%s/%d", snap.Network, snap.Netuid)
	known, err := s.accusationsKnown(ctx)
	if err != nil {
		return 0, err
	}
	for i := range list {
		r := &list[i]
		if s.Backlog() >= s.c.Rates.Backlog || judged == mostJudgedAtOnce {
			break
		}
		signed, err := r.Answer()
		if err != nil {
			continue
		}
		answer := sha256.Sum256(signed.AppendMessage(nil))
		pair := outcome.Pair{Miner: r.Miner, Task: r.Task}
		now := s.c.Now()
		_, registered := snap.ByHotkey(r.Miner)
		switch {
		case r.Validator != peer, r.Network != network, !r.Proof.Public, !registered:
			continue
		case now.Sub(signed.At) > outcome.AccusedFor, signed.At.Sub(now) > proto.ClockTolerance:
			continue
		case len(r.Request)+len(r.Response) > mostReceipt:
			continue
		case !known.wants(peer, pair, answer), s.standings.of(pair) == judgement.Convicted:
			continue
		}
		a, err := s.accusation(ctx, r, answer)
		switch {
		case ctx.Err() != nil:
			return judged, ctx.Err()
		case errors.Is(err, errNotOurs):
			continue
		case err != nil && fault.KindOf(err) != fault.Invalid: // the next would fare no better: another time
			return judged, fmt.Errorf("judge what another validator showed: %w", err)
		case err != nil: // nobody can ever judge it; that it was shown counts all the same
			s.log.Info("what another validator showed cannot be judged", "validator", peer.String(), "miner", r.Miner.String(), "task", r.Task, "err", err)
			a = outcome.Accusation{Answer: answer, Validator: r.Validator, Miner: r.Miner, Task: r.Task, At: s.c.Now(), E: 1, Test: "none"}
		}
		if err := s.c.Store.SaveAccusation(ctx, a); err != nil {
			return judged, fmt.Errorf("keep what another validator showed: %w", err)
		}
		judged++
		known.add(a, now, 0)
		s.log.Info("judged what another validator showed", "validator", peer.String(), "miner", r.Miner.String(), "task", r.Task,
			"e", a.E, "theirs", r.Verdict.E, "test", a.Test, "looked_into", a.E >= judgement.Suspect)
	}
	return judged, nil
}

// errNotOurs is for receipts of tasks and requests that this catalogue does not know.
var errNotOurs = errors.New("no request of a task of ours")

// accusation judges a receipt as an own answer would be.
func (s *Scorer) accusation(ctx context.Context, r *receipt.Receipt, answer [sha256.Size]byte) (a outcome.Accusation, err error) {
	t, ok := s.c.Catalogue().Lookup(r.Task)
	if !ok {
		return a, errNotOurs
	}
	ask := proto.CheckRequest{Task: *t, Spec: s.declared.spec(outcome.Pair{Miner: r.Miner, Task: r.Task})}
	if ask.Sample, err = r.Sample(t); err != nil {
		return a, errNotOurs
	}
	ask.Sample.ID = -int64(binary.BigEndian.Uint64(answer[:8]) >> 2) // beside those of the store
	v, err := s.askChecker(ctx, ask)
	if err != nil {
		return a, err
	}
	a = outcome.Accusation{Answer: answer, Validator: r.Validator, Miner: r.Miner, Task: r.Task, E: v.E, Test: v.Test, Reference: v.Reference}
	if v.E >= judgement.Suspect {
		ask.Turn++
		second, err := s.askChecker(ctx, ask)
		if err != nil {
			return a, fmt.Errorf("judge it again: %w", err)
		}
		a.E = min(a.E, second.E)
	}
	a.At = s.c.Now()
	return a, nil
}

// accusationsKnown is what of the last day bounds what is taken from a peer.
type accusationsKnown struct {
	answers map[[sha256.Size]byte]bool
	open    map[outcome.Pair]bool
	judged  map[hotkey.ID]int
	accused map[hotkey.ID]map[outcome.Pair]bool // pairs that a peer has accused, as this validator found too
	opened  map[hotkey.ID]int                   // of them, those that are open
}

func (s *Scorer) accusationsKnown(ctx context.Context) (*accusationsKnown, error) {
	now := s.c.Now()
	list, err := s.c.Store.Accusations(ctx, now.Add(-outcome.AccusedFor))
	if err != nil {
		return nil, fmt.Errorf("read what other validators showed: %w", err)
	}
	judgements, err := s.c.Store.Judgements(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what is known of miners: %w", err)
	}
	checked := checkedOf(judgements)
	k := &accusationsKnown{answers: map[[sha256.Size]byte]bool{}, open: map[outcome.Pair]bool{}, judged: map[hotkey.ID]int{},
		accused: map[hotkey.ID]map[outcome.Pair]bool{}, opened: map[hotkey.ID]int{}}
	for _, a := range list {
		k.add(a, now, checked[outcome.Pair{Miner: a.Miner, Task: a.Task}])
	}
	return k, nil
}

func (k *accusationsKnown) add(a outcome.Accusation, now time.Time, checked int64) {
	pair := outcome.Pair{Miner: a.Miner, Task: a.Task}
	k.answers[a.Answer] = true
	k.judged[a.Validator]++
	if a.E < judgement.Suspect {
		return
	}
	if k.accused[a.Validator] == nil {
		k.accused[a.Validator] = map[outcome.Pair]bool{}
	}
	k.accused[a.Validator][pair] = true
	if a.Open(now, checked) {
		k.open[pair] = true
		k.opened[a.Validator]++
	}
}

// wants says whether judging another answer is of use, and the peer has not had its share.
func (k *accusationsKnown) wants(peer hotkey.ID, pair outcome.Pair, answer [sha256.Size]byte) bool {
	return !k.answers[answer] && !k.open[pair] && !k.accused[peer][pair] && k.judged[peer] < mostJudged && k.opened[peer] < mostAccused
}

// checkedOf is how many answers of each pair were checked, ever.
func checkedOf(list []outcome.Judgement) map[outcome.Pair]int64 {
	checked := make(map[outcome.Pair]int64, len(list))
	for _, j := range list {
		checked[outcome.Pair{Miner: j.Miner, Task: j.Task}] = j.State.Checked
	}
	return checked
}

// accused are the pairs that are looked into now, and the newest accusation of each.
func accused(ctx context.Context, st interface {
	Accusations(ctx context.Context, since time.Time) ([]outcome.Accusation, error)
}, judgements []outcome.Judgement, now time.Time) (map[outcome.Pair]outcome.Accusation, error) {
	list, err := st.Accusations(ctx, now.Add(-outcome.AccusedFor))
	if err != nil {
		return nil, fmt.Errorf("read what other validators showed: %w", err)
	}
	checked := checkedOf(judgements)
	open := map[outcome.Pair]outcome.Accusation{}
	for _, a := range slices.Backward(list) { // newest first
		pair := outcome.Pair{Miner: a.Miner, Task: a.Task}
		if a.Open(now, checked[pair]) {
			open[pair] = a
		}
	}
	return open, nil
}

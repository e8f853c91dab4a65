package scorer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"vision/internal/chain"
	"vision/internal/checker/evidence"
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
	// mostReceipt is how many bytes a request and its answer may have together in a
	// receipt that is shown or taken.
	mostReceipt = 2 << 20
	// A peer has at most mostJudged receipts judged a day, at most mostJudgedAtOnce at
	// once, and at most mostAccused pairs looked into at a time.
	mostJudged       = 64
	mostJudgedAtOnce = 8
	mostAccused      = 8
)

// untested is the test of an answer that could not be judged.
const untested = evidence.Untested

// Taken says what came of receipts that a peer showed.
type Taken struct {
	Judged int // by this validator's checking servers, or found not to be judgeable
	Later  int // at most so many may be judged another time: the peer had its share, or checks are behind
}

// TakeReceipts judges what another validator showed. It does not while checks are behind. Whatever is wrong
// with a receipt, or keeps it from being judged, costs nobody anything.
func (s *Scorer) TakeReceipts(ctx context.Context, peer hotkey.ID, bodies [][]byte) (Taken, error) {
	var list []receipt.Receipt
	for _, body := range bodies {
		s.receipts.count(func(c *ReceiptStats) { c.Fetched++ })
		r, err := receipt.Read(body)
		if err != nil {
			s.receipts.refuse(refusalOf(err), 1)
			continue
		}
		list = append(list, r)
	}
	return s.takeReceipts(ctx, peer, list)
}

func (s *Scorer) takeReceipts(ctx context.Context, peer hotkey.ID, list []receipt.Receipt) (t Taken, err error) {
	select { // what miners run is part of what is checked
	case <-s.asked:
	default:
		return Taken{Later: len(list)}, nil
	}
	snap := s.neurons.Load()
	if s.c.Checker == nil || snap == nil || peer == s.c.Signer.ID() {
		return Taken{Later: len(list)}, nil
	}
	network := fmt.Sprintf("%s/%d", snap.Network, snap.Netuid)
	known, err := s.accusationsKnown(ctx)
	if err != nil {
		return t, err
	}
	for i := range list {
		r := &list[i]
		if t.Judged == mostJudgedAtOnce {
			t.Later += len(list) - i
			break
		}
		if s.Backlog() >= s.c.Rates.Backlog {
			t.Later += len(list) - i
			s.receipts.refuse(Behind, len(list)-i)
			break
		}
		answer, why := s.refusal(r, peer, network, snap, known)
		if why != "" {
			s.receipts.refuse(why, 1)
			if why == Bound {
				t.Later++
			}
			continue
		}
		a, err := s.accusation(ctx, r, answer)
		switch {
		case ctx.Err() != nil:
			return t, ctx.Err()
		case errors.Is(err, errNotOurs):
			s.receipts.refuse(UnknownTask, 1)
			continue
		case err != nil && fault.KindOf(err) != fault.Invalid: // the next would fare no better: another time
			t.Later += len(list) - i
			return t, fmt.Errorf("judge what another validator showed: %w", err)
		case err != nil: // nobody can ever judge it; that it was shown counts all the same
			s.log.Info("what another validator showed cannot be judged", "validator", peer.String(), "miner", r.Miner.String(), "task", r.Task, "err", err)
			a = outcome.Accusation{Answer: answer, Validator: r.Validator, Miner: r.Miner, Task: r.Task, At: s.c.Now(), E: 1, Test: untested}
		}
		if err := s.c.Store.SaveAccusation(ctx, a); err != nil {
			return t, fmt.Errorf("keep what another validator showed: %w", err)
		}
		t.Judged++
		known.add(a, s.c.Now(), 0)
		s.receipts.judged(a)
		s.log.Info("judged what another validator showed", "validator", peer.String(), "miner", r.Miner.String(), "task", r.Task,
			"e", a.E, "theirs", r.Verdict.E, "test", a.Test, "looked_into", a.E >= judgement.Suspect)
	}
	return t, nil
}

// refusal says why a receipt is not judged, "" if it is to be; and what names the answer.
func (s *Scorer) refusal(r *receipt.Receipt, peer hotkey.ID, network string, snap *chain.Snapshot, known *accusationsKnown) (answer [sha256.Size]byte, why Refusal) {
	signed, err := r.Answer()
	if err != nil {
		return answer, MinerSignature
	}
	answer = sha256.Sum256(signed.AppendMessage(nil))
	now := s.c.Now()
	_, registered := snap.ByHotkey(r.Miner)
	switch {
	case r.Validator != peer:
		return answer, ValidatorSignature
	case r.Network != network:
		return answer, OtherNetwork
	case !r.Proof.Public:
		return answer, Private
	case !registered:
		return answer, UnknownMiner
	case now.Sub(signed.At) > outcome.AccusedFor:
		return answer, TooOld
	case signed.At.Sub(now) > proto.ClockTolerance:
		return answer, TooNew
	case len(r.Request)+len(r.Response) > mostReceipt:
		return answer, TooLarge
	}
	pair := outcome.Pair{Miner: r.Miner, Task: r.Task}
	if s.standings.of(pair) == judgement.Convicted {
		return answer, Known
	}
	return answer, known.refusal(peer, pair, answer)
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

// accusationsKnown is what bounds what is taken from a peer: answers, for as long as one may be
// shown; all else is of the last day.
type accusationsKnown struct {
	answers map[[sha256.Size]byte]bool
	open    map[outcome.Pair]bool
	judged  map[hotkey.ID]int
	accused map[hotkey.ID]map[outcome.Pair]bool // pairs that a peer has accused, as this validator found too
	opened  map[hotkey.ID]int                   // of them, those that are open
}

func (s *Scorer) accusationsKnown(ctx context.Context) (*accusationsKnown, error) {
	now := s.c.Now()
	list, err := s.c.Store.Accusations(ctx, now.Add(-outcome.AccusedMemory))
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
	if now.Sub(a.At) >= outcome.AccusedFor {
		return
	}
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

// refusal says why judging another answer is of no use, or more than the peer's share; "" if it is neither.
func (k *accusationsKnown) refusal(peer hotkey.ID, pair outcome.Pair, answer [sha256.Size]byte) Refusal {
	switch {
	case k.answers[answer] || k.accused[peer][pair]:
		return Known
	case k.open[pair] || k.judged[peer] >= mostJudged || k.opened[peer] >= mostAccused:
		return Bound
	}
	return ""
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

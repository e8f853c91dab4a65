package scorer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/receipt"
)

const (
	// MostShown and mostShownBytes bound a page of receipts; MostPages is how many pages
	// there are at most.
	MostShown      = 64
	mostShownBytes = 16 << 20
	MostPages      = 4
	// shownEach is how many of a miner on a task there are in all, of keptEach: as much
	// evidence as is kept of one, of which others may see some.
	shownEach = 4
	keptEach  = 80
	// ShelfLife is how long what is shown may be out of date: however many ask, the
	// store is read once in that time.
	ShelfLife = 15 * time.Second
	// shelfWithin is how long reading it may take.
	shelfWithin = 20 * time.Second
)

// ReceiptSource is what receipts are made of.
type ReceiptSource interface {
	Judgements(ctx context.Context) ([]outcome.Judgement, error)
	Evidence(ctx context.Context, miner hotkey.ID, task string, limit int) ([]outcome.Evidence, error)
}

// Shelf holds the receipts that other validators may be shown, made and signed once for
// all that ask. They are of the validator's own requests alone, whose texts are none of
// customers', and of those the newest that fit on MostPages pages.
//
//	ask ──older than ShelfLife?──► list of judgements ──pairs that changed──► evidence ──Sign──► shelf
//
// So callers cost the store one list of judgements in ShelfLife, all together, and each piece of
// evidence is read and signed when it is new. Any number of goroutines may use a Shelf.
type Shelf struct {
	store   ReceiptSource
	network string
	by      receipt.Signer
	now     func() time.Time

	mu    sync.Mutex // guards the rest; held while the store is read
	read  time.Time  // zero: never
	err   error      // why it could not be read then
	pairs map[outcome.Pair]shelvedPair
	list  []shelved // all that is shown, newest first
}

// shelved is a receipt as it is shown. It does not change.
type shelved struct {
	pair outcome.Pair
	at   time.Time // of the verdict
	body []byte
	sum  [sha256.Size]byte // of body
}

// shelvedPair says by what evidence of a pair its receipts were made.
type shelvedPair struct {
	suspicious  int64
	convictions int
}

// NewShelf makes an empty one, which is filled when it is first asked.
func NewShelf(st ReceiptSource, network string, by receipt.Signer, now func() time.Time) *Shelf {
	return &Shelf{store: st, network: network, by: by, now: now, pairs: map[outcome.Pair]shelvedPair{}}
}

// ReceiptPage is some of the receipts, newest first. Its bodies are shared: read, don't write.
type ReceiptPage struct {
	Bodies [][]byte
	Next   time.Time // to ask for the next page with; zero: there is none
	Tag    string    // is another when anything of the page, or of those beside it, is
}

// Page gives the receipts of before a time.
func (s *Shelf) Page(ctx context.Context, before time.Time) (p ReceiptPage, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.read.IsZero() || now.Sub(s.read) >= ShelfLife {
		// Whoever asked first may go away, and must not leave the reading to the next.
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), shelfWithin)
		defer cancel()
		s.read, s.err = now, s.renew(within, now)
	}
	if s.err != nil {
		return p, s.err
	}
	size, tag, start := 0, sha256.New(), 0
	for i := range s.list {
		one := &s.list[i]
		if now.Sub(one.at) > outcome.AccusedFor {
			break
		}
		tag.Write(one.sum[:])
		if !one.at.Before(before) {
			start++
			continue
		}
		if !p.Next.IsZero() {
			continue
		}
		if size += len(one.body); len(p.Bodies) == MostShown || size > mostShownBytes && len(p.Bodies) > 0 {
			p.Next = s.list[i-1].at
			continue
		}
		p.Bodies = append(p.Bodies, one.body)
	}
	_, _ = fmt.Fprint(tag, start, len(p.Bodies))
	p.Tag = hex.EncodeToString(tag.Sum(nil)[:16])
	return p, nil
}

// renew reads what has changed since it was read last. It is called with mu held.
func (s *Shelf) renew(ctx context.Context, now time.Time) error {
	known, err := s.store.Judgements(ctx)
	if err != nil {
		return fmt.Errorf("read what is known of miners: %w", err)
	}
	next := map[outcome.Pair]shelvedPair{}
	var fresh []shelved
	for _, j := range known {
		if j.State.Suspicious == 0 || now.Sub(j.At) > outcome.AccusedFor {
			continue
		}
		pair, as := outcome.Pair{Miner: j.Miner, Task: j.Task}, shelvedPair{j.State.Suspicious, j.State.Convictions}
		next[pair] = as
		if s.pairs[pair] == as {
			continue
		}
		more, err := s.receipts(ctx, pair, now)
		if err != nil {
			return err
		}
		fresh = append(fresh, more...)
	}
	for i := range s.list {
		one := &s.list[i]
		if as, still := next[one.pair]; still && s.pairs[one.pair] == as {
			fresh = append(fresh, *one)
		}
	}
	slices.SortStableFunc(fresh, func(a, b shelved) int { return b.at.Compare(a.at) })
	size := 0
	for i := range fresh { // what is cut off here is older than all that is left
		if size += len(fresh[i].body); i == MostPages*MostShown || size > MostPages*mostShownBytes {
			fresh = slices.Clip(fresh[:i])
			break
		}
	}
	s.pairs, s.list = next, fresh
	return nil
}

// receipts makes those of a miner on a task.
func (s *Shelf) receipts(ctx context.Context, pair outcome.Pair, now time.Time) (made []shelved, err error) {
	list, err := s.store.Evidence(ctx, pair.Miner, pair.Task, keptEach)
	if err != nil {
		return nil, fmt.Errorf("read the evidence: %w", err)
	}
	for i := 0; i < len(list) && len(made) < shownEach; i++ {
		c := &list[i].Check
		r, err := receipt.Of(&list[i], s.network, s.by.ID())
		if err != nil || !r.Proof.Public || c.Source == outcome.Organic || c.E < judgement.Suspect || now.Sub(c.At) > outcome.AccusedFor ||
			len(r.Request)+len(r.Response) > mostReceipt {
			continue
		}
		body, err := receipt.Sign(r, s.by)
		if err != nil {
			return nil, err
		}
		made = append(made, shelved{pair: pair, at: c.At, body: body, sum: sha256.Sum256(body)})
	}
	return made, nil
}

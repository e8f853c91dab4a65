package relay

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"vision/internal/hotkey"
)

const (
	// many is how many miners must be out of reach, and nobody be in reach, for
	// that to be our network's doing rather than theirs.
	many = 3
	// silence is for how long nothing must have come from anybody for streams
	// that fell silent to tell of our network: while it works, tokens come
	// all the time. Tasks whose gap is short wait for half of it.
	silence = 2 * time.Second
	// heardEvery is how exactly it is noted when a stream was last heard.
	heardEvery = 10 * time.Millisecond
)

// network tells a miner that cannot be reached from a validator that can reach
// nobody. One unreachable miner is to blame for it: its address may be one that
// leads nowhere. If several are at the same time, and nothing came from any other
// meanwhile, then the network is ours to blame.
//
// Streams under way tell of it as well: their packets just stay away. One that
// has been silent for a while is no failure yet, but it speaks for those that
// fail meanwhile. Answers that come all at once do not: they are silent anyway.
// Nor does a stream whose caller does not read, for it does not wait for its
// miner; so no customer can buy a miner this excuse.
type network struct {
	heard atomic.Int64 // when something last came from any miner, in ns since 1970
	some  atomic.Bool  // lost is not empty

	mu     sync.Mutex             // guards the rest
	lost   map[hotkey.ID]struct{} // failed by being out of reach, or by silence, since heard
	silent map[hotkey.ID]int      // streams that are silent now
}

// hear takes note of a miner in reach.
func (n *network) hear(now time.Time) {
	n.heard.Store(now.UnixNano())
	if !n.some.Load() {
		return
	}
	n.mu.Lock()
	clear(n.lost)
	n.some.Store(false)
	n.mu.Unlock()
}

// hearOften is hear for what happens all the time.
func (n *network) hearOften(now time.Time) {
	if now.UnixNano()-n.heard.Load() > int64(heardEvery) {
		n.hear(now)
	}
}

// hush takes note of a stream that has fallen silent.
func (n *network) hush(miner hotkey.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.silent == nil {
		n.silent = map[hotkey.ID]int{}
	}
	n.silent[miner]++
}

// unhush ends what hush began.
func (n *network) unhush(miner hotkey.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.silent[miner]--; n.silent[miner] <= 0 {
		delete(n.silent, miner)
	}
}

// lose takes note of a miner that could not be reached, or was not heard, from
// a time on, and says whether nobody can be.
func (n *network) lose(miner hotkey.ID, since time.Time) (down bool) {
	if n.heard.Load() > since.UnixNano() {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lost == nil {
		n.lost = map[hotkey.ID]struct{}{}
	}
	if len(n.lost) < many {
		n.lost[miner] = struct{}{}
	}
	n.some.Store(true)
	miners := len(n.lost)
	for m := range n.silent {
		if miners >= many {
			break
		}
		if _, twice := n.lost[m]; !twice {
			miners++
		}
	}
	return miners >= many
}

// local says whether an error is for want of something of ours.
func local(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.ENETDOWN} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// unreached says whether an error is one that a network of ours that is down
// could have caused as well: no route, no answer to a dial, a resolver that
// does not resolve. (A refusal has come from somewhere.)
func unreached(err error) bool {
	for _, e := range []error{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EHOSTDOWN, syscall.ETIMEDOUT, context.DeadlineExceeded} {
		if errors.Is(err, e) {
			return true
		}
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return !dns.IsNotFound
	}
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

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

// many is how many miners must be out of reach, and nobody be in reach, for
// that to be our network's doing rather than theirs.
const many = 3

// network tells a miner that cannot be reached from a validator that can reach
// nobody. One unreachable miner is to blame for it: its address may be one that
// leads nowhere. If several are in a row, and nothing came from any other
// meanwhile, then the network is ours to blame.
type network struct {
	heard atomic.Int64 // when something last came from any miner, in ns since 1970
	some  atomic.Bool  // lost is not empty

	mu   sync.Mutex             // guards lost
	lost map[hotkey.ID]struct{} // out of reach since heard
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

// lose takes note of a miner that could not be reached in an attempt that began
// at a time, and says whether nobody can be.
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
	return len(n.lost) >= many
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

package ledger

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

var ctx = context.Background()

// vault is a bank in memory, for several processes.
type vault struct {
	mu     sync.Mutex
	pots   map[Pot]Amount
	leases map[string]map[Pot]Amount
	wants  map[string]map[Pot]time.Time
	calls  int
	down   error // every call fails
	mute   error // GiveBack works, and says that it is not known
}

func newVault(pots map[Pot]Amount) *vault {
	return &vault{pots: pots, leases: map[string]map[Pot]Amount{}, wants: map[string]map[Pot]time.Time{}}
}

// member is a process's view of a vault.
type member struct {
	*vault
	name string
}

func (v *vault) member(name string) member {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.leases[name], v.wants[name] = map[Pot]Amount{}, map[Pot]time.Time{}
	return member{v, name}
}

func (m member) Lease(ctx context.Context, asks []Ask) ([]Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if m.down != nil {
		return nil, m.down
	}
	grants := make([]Grant, len(asks))
	for i, a := range asks {
		wanted := m.wanted()[a.Pot]
		got := Share(m.pots[a.Pot], a, wanted)
		if got != 0 && (got < a.Least || got > a.Most || got > m.pots[a.Pot]) {
			panic("a share out of bounds")
		}
		m.pots[a.Pot] -= got
		m.leases[m.name][a.Pot] += got
		g := Grant{Amount: got, Left: m.pots[a.Pot]}
		for name, l := range m.leases {
			if name != m.name {
				g.Elsewhere += l[a.Pot]
			}
		}
		switch {
		case got > 0:
			delete(m.wants[m.name], a.Pot)
		case a.Urgent && g.Elsewhere > 0:
			m.wants[m.name][a.Pot] = time.Now()
		}
		grants[i] = g
	}
	return grants, nil
}

func (m member) GiveBack(ctx context.Context, parts []Part) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if m.down != nil {
		return m.down
	}
	for _, p := range parts {
		if p.Amount <= 0 || m.leases[m.name][p.Pot] < p.Amount {
			return errors.New("more is given back than was leased")
		}
		m.leases[m.name][p.Pot] -= p.Amount
		m.pots[p.Pot] += p.Amount
	}
	return m.mute
}

func (m member) wanted() map[Pot]bool {
	all := map[Pot]bool{}
	for name, wants := range m.wants {
		for p, at := range wants {
			if name != m.name && time.Since(at) < 3*time.Second {
				all[p] = true
			}
		}
	}
	return all
}

func (m member) Wanted(ctx context.Context) ([]Pot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	var list []Pot
	for p := range m.wanted() {
		list = append(list, p)
	}
	return list, m.down
}

// charge books a receipt's charge, as the store does after Record.
func (m member) charge(t testing.TB, pot Pot, amount Amount) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leases[m.name][pot] -= amount
	if m.leases[m.name][pot] < 0 {
		t.Errorf("%s charged %v more than it has on lease", m.name, -m.leases[m.name][pot])
	}
}

func (v *vault) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls
}

// left is what is in a pot, and on all leases of it.
func (v *vault) left(pot Pot) (free, leased Amount) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, l := range v.leases {
		leased += l[pot]
	}
	return v.pots[pot], leased
}

// running starts purses for the time of the test.
func running(t testing.TB, bank Banker) *Purses {
	s := NewPurses(bank)
	ctx, cancel := context.WithCancel(ctx)
	ticker := time.NewTicker(200 * time.Millisecond)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx, ticker.C)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		ticker.Stop()
	})
	return s
}

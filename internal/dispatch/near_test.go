package dispatch

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
)

// alike is a board of n miners that are all as fast.
func alike(n, slots int) *Board {
	b := board(contenders(n, 1e12, slots))
	for i := range n {
		for range 20 {
			over(b, ended(id(i), outcome.OK, t0, 100*time.Millisecond, 10))
		}
	}
	return b
}

func home(t interface{ Fatal(...any) }, b *Board, r *rand.Rand, prefix uint64, tried ...hotkey.ID) *Seat {
	s, _ := b.AcquireNear(chat, true, t0, r.Uint64(), r.Uint64(), tried, prefix)
	if s == nil {
		t.Fatal("nobody")
	}
	b.Release(s, outcome.Outcome{Task: chat, Miner: s.Miner, Status: outcome.Ours}, 0)
	return s
}

func TestAPrefixStaysAtItsMiner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 40).Draw(t, "n")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		b := alike(n, 0)
		homes := map[uint64]hotkey.ID{}
		for range 200 {
			prefix := r.Uint64() | 1
			homes[prefix] = home(t, b, r, prefix).Miner
			if again := home(t, b, r, prefix).Miner; again != homes[prefix] {
				t.Fatal("the same prefix went elsewhere with nothing changed")
			}
			if other := home(t, b, r, prefix, homes[prefix]).Miner; other == homes[prefix] {
				t.Fatal("a miner was asked again that was tried")
			}
		}
		// One leaves, and one comes: prefixes of others stay.
		gone := rapid.IntRange(0, n-1).Draw(t, "gone")
		cs := contenders(n, 1e12, 0)
		b.Set(period.Period{ID: 1, Start: t0}, append(cs[:gone:gone], cs[gone+1:]...))
		for prefix, was := range homes {
			now := home(t, b, r, prefix).Miner
			if was != id(gone) && now != was {
				t.Fatalf("miner %d left, and a prefix of another moved", gone)
			}
			if was == id(gone) && now == was {
				t.Fatal("who left was asked")
			}
		}
		b.Set(period.Period{ID: 1, Start: t0}, contenders(n, 1e12, 0))
		for prefix, was := range homes {
			if home(t, b, r, prefix).Miner != was {
				t.Fatal("a prefix does not come back with its miner")
			}
		}
	})
}

func TestPrefixesAreSharedOutEvenly(t *testing.T) {
	const n, each = 64, 400
	b := alike(n, 0)
	r := rand.New(rand.NewPCG(1, 2))
	got := map[uint16]int{}
	for range n * each {
		got[home(t, b, r, r.Uint64()).UID]++
	}
	for uid := range uint16(n) {
		if got[uid] < each*7/10 || got[uid] > each*13/10 {
			t.Errorf("miner %d is first for %d prefixes, want about %d", uid, got[uid], each)
		}
	}
}

// However popular a prefix, its miner gets no more than c times the mean by it.
func TestAPopularPrefixOverloadsNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 24).Draw(t, "n")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		b := alike(n, 0)
		popular := rapid.IntRange(1, 3).Draw(t, "prefixes")
		var under []*Seat
		for range rapid.IntRange(1, 30*n).Draw(t, "steps") {
			if len(under) > 0 && r.IntN(3) == 0 {
				i := r.IntN(len(under))
				s := under[i]
				under = append(under[:i], under[i+1:]...)
				b.Release(s, ended(s.Miner, outcome.OK, t0, 100*time.Millisecond, 10), 0)
				continue
			}
			f := b.now.Load().fields[chat]
			load := f.usual.load.Load()
			if load != int64(len(under)) {
				t.Fatalf("load %d with %d under way", load, len(under))
			}
			q := query{now: t0.UnixNano(), stream: true, usual: f.usual}
			if i := f.near(&q, uint64(1+r.IntN(popular)), 1e9); i >= 0 {
				if got := f.seats[i].InFlight() + 1; float64(got) > nearLoad*float64(load+1)/float64(n)+1 {
					t.Fatalf("a miner gets its %dth request where %d miners have %d", got, n, load)
				}
			}
			s, _ := b.AcquireNear(chat, true, t0, r.Uint64(), r.Uint64(), nil, uint64(1+r.IntN(popular)))
			under = append(under, s)
		}
		for _, s := range under {
			b.Release(s, ended(s.Miner, outcome.OK, t0, 100*time.Millisecond, 10), 0)
		}
		if load := b.now.Load().fields[chat].usual.load.Load(); load != 0 {
			t.Fatalf("load %d after all ended", load)
		}
	})
}

// Under load conversations go by slots, as far as their bound has them: four servers of a quarter of the slots are not crowded while one
// of as many as theirs together has room.
func TestConversationsUnderLoadGoBySlots(t *testing.T) {
	cs := contenders(5, 1e12, 4)
	cs[0].Slots = 16
	b := board(cs)
	for i := range 5 {
		for range 20 {
			over(b, ended(id(i), outcome.OK, t0, 100*time.Millisecond, 10))
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	var under []*Seat
	whole, crowded := 0, 0
	const requests = 20_000
	for range requests {
		if len(under) == 16 { // half of all slots
			i := r.IntN(len(under))
			b.Release(under[i], ended(under[i].Miner, outcome.OK, t0, 100*time.Millisecond, 10), 0)
			under = append(under[:i], under[i+1:]...)
		}
		s, _ := b.AcquireNear(chat, true, t0, r.Uint64(), r.Uint64(), nil, r.Uint64()|1)
		if under = append(under, s); s.UID == 0 {
			whole++
		} else if s.InFlight() == s.Slots {
			crowded++
		}
	}
	t.Logf("the whole server was asked %d times of %d; a quarter's last slot was taken %d times", whole, requests, crowded)
	if whole < requests*7/20 || crowded > requests/20 { // ranks do not heed slots, and the bound leaves a quarter
		t.Errorf("the whole server was asked %d times of %d; a quarter's last slot was taken %d times", whole, requests, crowded)
	}
}

func TestAWarmCacheIsNotWorthASlowMiner(t *testing.T) {
	b := alike(8, 0)
	r := rand.New(rand.NewPCG(1, 2))
	const prefix = 12345
	warm := home(t, b, r, prefix)
	for range 60 {
		over(b, ended(warm.Miner, outcome.OK, t0, 5*time.Second, 10))
	}
	second := warm
	for second == warm { // both that are drawn may be the slow one
		second = home(t, b, r, prefix)
	}
	slow := 0
	for range 100 {
		switch home(t, b, r, prefix).Miner {
		case warm.Miner:
			slow++
		case second.Miner:
		default:
			t.Fatal("asked neither first nor second")
		}
	}
	if slow > 10 {
		t.Errorf("asked the slow miner %d times of 100 for its cache", slow)
	}
	fail(b, int(second.UID), 3, t0)
	got := map[uint16]bool{}
	for range 50 {
		s := home(t, b, r, prefix)
		if got[s.UID] = true; s.Miner == second.Miner {
			t.Fatal("asked a miner that fails for its cache")
		}
	}
	if len(got) < 3 {
		t.Errorf("with first and second out, only %d others are asked", len(got))
	}
}

func BenchmarkAcquireNear(b *testing.B) {
	for _, n := range []int{16, 256, 4096} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			board := alike(n, 64)
			r := rand.New(rand.NewPCG(1, 2))
			o := ended(id(0), outcome.OK, t0, 100*time.Millisecond, 1)
			b.ReportAllocs()
			for b.Loop() {
				s, _ := board.AcquireNear(chat, true, t0, r.Uint64(), r.Uint64(), nil, r.Uint64())
				o.Miner = s.Miner
				board.Release(s, o, 0)
			}
		})
	}
}

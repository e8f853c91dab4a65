package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"vision/internal/chain"
	"vision/internal/config"
	"vision/internal/hotkey"
	"vision/internal/proto"
	"vision/internal/relay"
	"vision/internal/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func key(n byte) *hotkey.Key { return hotkey.FromSeed([32]byte{n}) }

// fakeLedger is one in memory, with answers that a test plans.
type fakeLedger struct {
	mu        sync.Mutex // guards the rest
	neurons   []chain.Neuron
	block     uint64
	fail      error   // of Snapshot
	announces []error // what Announce answers, in turn; then nil
	announced []chain.Endpoint
}

func (l *fakeLedger) Snapshot(context.Context) (*chain.Snapshot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return nil, l.fail
	}
	l.block++
	return chain.NewSnapshot(chain.Header{Network: "test", Netuid: 19, Block: l.block,
		Params: chain.Params{BlockTime: time.Second, Tempo: 10, StakeThreshold: 1000 * chain.TAO}}, l.neurons)
}

func (l *fakeLedger) Announce(_ context.Context, _ chain.Signer, at chain.Endpoint) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.announced = append(l.announced, at)
	if len(l.announces) == 0 {
		return nil
	}
	err := l.announces[0]
	l.announces = l.announces[1:]
	return err
}

func (l *fakeLedger) SetWeights(context.Context, chain.Signer, chain.Weights) (chain.Receipt, error) {
	return chain.Receipt{}, errors.New("not here")
}

func (l *fakeLedger) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// Only registered validators with a permit and enough stake may ask a miner.
func TestAdmission(t *testing.T) {
	great, small, barred, miner := key(1).ID(), key(2).ID(), key(3).ID(), key(4).ID()
	v, err := NewView(t.Context(), &fakeLedger{neurons: []chain.Neuron{
		{UID: 0, Hotkey: great, Stake: 3000 * chain.TAO, ValidatorPermit: true},
		{UID: 1, Hotkey: small, Stake: 999 * chain.TAO, ValidatorPermit: true},
		{UID: 2, Hotkey: barred, Stake: 5000 * chain.TAO},
		{UID: 3, Hotkey: miner, Endpoint: "127.0.0.1:1"},
	}}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.AdmitValidator(great); err != nil {
		t.Errorf("a validator with stake is refused: %v", err)
	}
	for id, why := range map[hotkey.ID]string{small: "999", barred: "no validator permit", miner: "no validator permit", key(9).ID(): "has no UID on test/19"} {
		err := v.AdmitValidator(id)
		if !errors.Is(err, ErrNotValidator) || !strings.Contains(err.Error(), why) {
			t.Errorf("got %v, want a refusal that says %q", err, why)
		}
		if share, ok := v.Share(id); ok || share != 0 {
			t.Errorf("%s has a share of %v", id, share)
		}
	}
	if share, ok := v.Share(great); !ok || share < 0.7 || share > 1 {
		t.Errorf("the validator's share is %v", share)
	}
}

// A ledger that is away leaves what was known in force; then the view goes on.
func TestViewOutlivesTheLedgersAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLedger{}
		v, err := NewView(t.Context(), l, quiet)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var following sync.WaitGroup
		following.Go(func() { v.Follow(ctx) })
		newcomer := key(7).ID()
		l.change(func() {
			l.fail = errors.New("away")
			l.neurons = []chain.Neuron{{UID: 0, Hotkey: newcomer, Stake: 2000 * chain.TAO, ValidatorPermit: true}}
		})
		time.Sleep(time.Minute)
		if v.Snapshot().Block != 1 || v.AdmitValidator(newcomer) == nil {
			t.Errorf("block %d while the ledger is away, want the first", v.Snapshot().Block)
		}
		l.change(func() { l.fail = nil })
		time.Sleep(2 * time.Second)
		if v.Snapshot().Block < 2 || v.AdmitValidator(newcomer) != nil {
			t.Errorf("block %d after the ledger came back", v.Snapshot().Block)
		}
		cancel()
		following.Wait()
	})
}

// A miner that the ledger does not take yet tries until it does.
func TestAnnouncingGoesOnUntilItIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLedger{announces: []error{
			&chain.Refused{Reason: chain.NotRegistered}, errors.New("lost"),
			&chain.Refused{Reason: chain.TooFast, RetryAfter: 40 * time.Second},
		}}
		m := &Miner{base: &base{Parts: Parts{Key: key(1), Ledger: l, Log: quiet}}}
		begun := time.Now()
		m.announce(t.Context(), "192.0.2.1:8091")
		if took := time.Since(begun); took != 43*time.Second { // 1 s, 2 s, then what the ledger asks for
			t.Errorf("took %v, want 43s", took)
		}
		if len(l.announced) != 4 || l.announced[3] != "192.0.2.1:8091" {
			t.Errorf("announced %v", l.announced)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		l.announces = make([]error, 1000)
		for i := range l.announces {
			l.announces[i] = errors.New("away")
		}
		m.announce(ctx, "192.0.2.1:8091")
		if n := len(l.announced); n < 12 || n > 25 {
			t.Errorf("%d tries in 10 minutes, want one a minute in the end", n)
		}
	})
}

// What a stranger answers to the question for capacities is bounded and checked.
func TestCapacitiesOfStrangers(t *testing.T) {
	us, them := identity(t, 1), identity(t, 2)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var answer atomic.Pointer[http.HandlerFunc]
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*answer.Load())(w, r) })}
	go server.Serve(transport.Listen(inner, them.ServerTLS(func(hotkey.ID) error { return nil }), transport.Limits{}, func(net.Addr, error) {}))
	t.Cleanup(func() { server.Close() })
	clients := transport.NewClients(&transport.Dialer{Identity: us})
	t.Cleanup(clients.Close)
	peer := relay.Peer{Miner: key(2).ID(), Addr: inner.Addr().String()}

	say := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status); io.WriteString(w, text) }
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   string // of the error; "" is none
	}{
		{"good", say(200, `{"period_seconds":3600,"tasks":[{"task":"a","units":10,"slots":1}]}`), ""},
		{"an error", say(503, "no"), "the miner answered 503"},
		{"not JSON", say(200, "hello"), "not what they should be"},
		{"a bad number", say(200, `{"period_seconds":0,"tasks":[]}`), "period_seconds is 0"},
		{"endless", say(200, `{"tasks":[`+strings.Repeat(" ", proto.MaxCapacity)), "larger than"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://127.0.0.1:1/", 302) }, "the miner answered 302"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer.Store(&c.answer)
			got, err := capacityFetcher{clients}.Capacities(t.Context(), peer)
			switch {
			case c.want == "" && (err != nil || len(got.Tasks) != 1 || got.Tasks[0].Units != 10):
				t.Errorf("got %+v, %v", got, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}

	// Somebody else at the address gets nothing, and the outcome says why.
	_, err = minerDialer{&transport.Dialer{Identity: us}}.Dial(t.Context(), peer.Addr, key(3).ID())
	if err == nil || dialReason(err) != "wrong_hotkey" {
		t.Errorf("dialling another hotkey: %v, reason %q", err, dialReason(err))
	}
	if got := dialReason(errors.New("connection refused")); got != "" {
		t.Errorf("reason %q of an error that is not the handshake's", got)
	}
}

func identity(t *testing.T, n byte) *transport.Identity {
	t.Helper()
	id, err := transport.NewIdentity(key(n), transport.Options{Network: "test/19"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// parts are those of a node on a ledger of its own.
func parts(t *testing.T) Parts {
	t.Helper()
	catalogue, err := config.NewCatalogue("", quiet)
	if err != nil {
		t.Fatal(err)
	}
	k := key(1)
	return Parts{Key: k, Ledger: &fakeLedger{neurons: []chain.Neuron{{UID: 0, Hotkey: k.ID(), Stake: 2000 * chain.TAO, ValidatorPermit: true}}}, Catalogue: catalogue, Log: quiet}
}

func validatorConfig(t *testing.T) ValidatorConfig {
	c := ValidatorDefaults()
	c.Ledger = Ledger{Kind: "devnet", URL: "http://127.0.0.1"}
	c.Data, c.Ops, c.Gateway.Listen = filepath.Join(t.TempDir(), "data"), "", "127.0.0.1:0"
	return c
}

// A validator that cannot start says what it could not do, and leaves nothing
// behind: the same data can be opened at once.
func TestValidatorThatCannotStart(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(c *ValidatorConfig)
		want   string
	}{
		{"the API's port is busy", func(c *ValidatorConfig) { c.Gateway.Listen = busy.Addr().String() }, "customers' listener: listen tcp"},
		{"the operator's port is busy", func(c *ValidatorConfig) { c.Ops = busy.Addr().String() }, "listen for health and metrics"},
		{"the checker's port is busy", func(c *ValidatorConfig) { c.CheckerListen = busy.Addr().String() }, "start checking server: listen tcp"},
		{"no folder", func(c *ValidatorConfig) { c.Data = filepath.Join(file, "data") }, "make the data folder"},
		{"no role", func(c *ValidatorConfig) { c.Roles = nil }, "roles: is empty"},
		{"a checker for nobody", func(c *ValidatorConfig) { c.Roles = []string{Checks} }, "nobody could use its checker"},
		{"nobody checks", func(c *ValidatorConfig) { c.Roles = []string{Scorer} }, "nothing would ever be checked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := validatorConfig(t)
			c.change(&conf)
			v, err := NewValidator(t.Context(), conf, parts(t))
			if err == nil {
				err = v.Run(t.Context(), func() { t.Error("it called itself ready") })
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
		})
	}
}

// What cannot change while running is refused as a whole.
func TestReloadRefusesWhatNeedsARestart(t *testing.T) {
	c := MinerDefaults()
	c.Ledger, c.Ops = Ledger{Kind: "devnet", URL: "http://127.0.0.1"}, ""
	c.Listen = "127.0.0.1:0"
	c.Config = minerRole(100)
	m, err := NewMiner(t.Context(), c, parts(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(c *MinerConfig){
		"listen":    func(c *MinerConfig) { c.Listen = "127.0.0.1:1" },
		"announce":  func(c *MinerConfig) { c.Announce = "192.0.2.1:80" },
		"hotkey":    func(c *MinerConfig) { c.Hotkey = "other" },
		"ledger":    func(c *MinerConfig) { c.Ledger.URL = "http://127.0.0.1:2" },
		"catalogue": func(c *MinerConfig) { c.Catalogue = "other.yaml" },
		"log":       func(c *MinerConfig) { c.Log.Level = "debug" },
	} {
		fresh := c
		change(&fresh)
		if err := m.Reload(c, fresh); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("a changed %s: %v", name, err)
		}
	}
	fresh := c
	fresh.Config = minerRole(200)
	if err := m.Reload(c, fresh); err != nil {
		t.Errorf("changed units: %v", err)
	}
}

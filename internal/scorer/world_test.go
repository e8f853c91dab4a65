package scorer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/chain"
	"vision/internal/dispatch"
	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/relay"
	"vision/internal/sampling"
	"vision/internal/task"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const chat = "chat-small"

func catalogue(t testing.TB) *task.Catalogue {
	t.Helper()
	timeouts := task.Timeouts{First: 5 * time.Second, Gap: 5 * time.Second, Total: 20 * time.Second}
	c, err := task.NewCatalogue([]task.Task{
		{Name: chat, Kind: "chat", Weight: 3, Capacity: 72000, Typical: 100, Timeouts: timeouts,
			Speed: task.Speed{Overhead: 0.5, Mean: 0.01, Steepness: 50}, Limits: task.Limits{Output: 1024}},
		{Name: "embed", Kind: "embedding", Weight: 1, Capacity: 7200, Typical: 2, Timeouts: timeouts,
			Speed: task.Speed{Overhead: 0.5, Mean: 0.1, Steepness: 5}, Limits: task.Limits{Items: 64}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func key(name string) *hotkey.Key { return hotkey.FromSeed(sha256.Sum256([]byte(name))) }

// behaviour is what a miner does.
type behaviour struct {
	declares map[string]int64 // units an hour
	slots    int              // 0: 8
	declare  func(ctx context.Context) error
	answer   func(ctx context.Context, call relay.Call) outcome.Outcome // nil: good, after a second
	connects func(call relay.Call) time.Duration                        // how long it takes to be reached; nil: no time
}

// world is everything around a scorer. Time is the bubble's.
type world struct {
	t       testing.TB
	self    *hotkey.Key
	uid     uint16         // its own
	others  []chain.Neuron // validators
	store   *memory
	table   *sampling.Table
	tasks   *task.Catalogue
	length  time.Duration
	started time.Time
	lag     time.Duration // of the ledger's snapshots
	stepped atomic.Int64  // by how much the clock of the process was set since the start, nanoseconds
	setLag  time.Duration // of its taking weights

	mu        sync.Mutex // guards the rest
	ids       []hotkey.ID
	miners    map[hotkey.ID]*behaviour
	calls     []relay.Call
	callTime  []time.Time
	down      bool                         // the ledger
	setError  func() (apply bool, _ error) // what becomes of SetWeights
	updated   uint64                       // block of the last weights
	set       []chain.Weights
	limit     uint64 // blocks between sets
	judge     func(proto.CheckRequest) (proto.CheckResponse, error)
	load      map[hotkey.ID]int // on the board
	full      bool              // customers' requests take all slots
	spent     bool              // the miners' capacities are used up
	customers int               // their requests under way at each miner
	begins    func()            // called while a beacon looks who is; nil: nothing
	addr      string            // where all miners listen

	cancel context.CancelFunc
	done   chan error
	s      *Scorer
}

const blockTime = time.Second

func newWorld(t testing.TB, length time.Duration, miners ...string) *world {
	w := &world{t: t, self: key("validator"), store: newMemory(), table: new(sampling.Table), tasks: catalogue(t),
		length: length, started: time.Now(), miners: map[hotkey.ID]*behaviour{}, load: map[hotkey.ID]int{}, addr: "127.0.0.1:9000"}
	for _, name := range miners {
		id := key(name).ID()
		w.ids = append(w.ids, id)
		w.miners[id] = &behaviour{declares: map[string]int64{chat: 72000}}
	}
	w.judge = func(r proto.CheckRequest) (proto.CheckResponse, error) {
		return proto.CheckResponse{Quality: 1, Work: r.Sample.Outcome.Work, Test: "fake", E: 1}, nil
	}
	return w
}

func (w *world) block() uint64 { return 1000 + uint64(time.Since(w.started)/blockTime) }

func (w *world) Snapshot(ctx context.Context) (*chain.Snapshot, error) {
	sleep(ctx, w.lag)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return nil, errors.New("no route to the ledger")
	}
	neurons := []chain.Neuron{{UID: w.uid, Hotkey: w.self.ID(), Stake: 1000 * chain.TAO, ValidatorPermit: true, LastUpdate: w.updated}}
	for i, id := range w.ids {
		neurons = append(neurons, chain.Neuron{UID: uint16(i + 1), Hotkey: id, Endpoint: chain.Endpoint(w.addr)})
	}
	neurons = append(neurons, w.others...)
	return chain.NewSnapshot(chain.Header{Network: "test", Block: w.block(), Time: time.Now(),
		Params: chain.Params{BlockTime: blockTime, Tempo: 10, WeightsRateLimit: w.limit}}, neurons)
}

func (w *world) SetWeights(ctx context.Context, signer chain.Signer, v chain.Weights) (chain.Receipt, error) {
	snap, err := w.Snapshot(ctx)
	if err != nil {
		return chain.Receipt{}, err
	}
	if err := chain.CheckWeights(snap, signer.ID(), v); err != nil {
		return chain.Receipt{}, err
	}
	sleep(ctx, w.setLag)
	w.mu.Lock()
	defer w.mu.Unlock()
	apply, err := true, error(nil)
	if w.setError != nil {
		apply, err = w.setError()
	}
	if apply {
		w.updated = snap.Block
		w.set = append(w.set, v)
	}
	return chain.Receipt{Block: snap.Block}, err
}

func (w *world) behaviour(id hotkey.ID) *behaviour {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.miners[id]
}

func (w *world) Capacities(ctx context.Context, peer relay.Peer) (proto.Capacities, error) {
	b := w.behaviour(peer.Miner)
	if b.declare != nil {
		if err := b.declare(ctx); err != nil {
			return proto.Capacities{}, err
		}
	}
	c := proto.Capacities{Secs: 3600}
	for name, units := range b.declares {
		c.Tasks = append(c.Tasks, proto.Capacity{Task: name, Units: units, Slots: cmp.Or(b.slots, 8), Spec: proto.Spec{Engine: "fake"}})
	}
	return c, nil
}

func (w *world) Payload(id string, r task.Request, t *task.Task) []byte { return r.Payload(1) }

func (w *world) Draw(id string) float64 {
	sum := sha256.Sum256([]byte(id))
	return float64(sum[0]) / 256
}

func (w *world) Do(ctx context.Context, call relay.Call, _ relay.Sink) relay.Answer {
	w.mu.Lock()
	w.calls, w.callTime = append(w.calls, call), append(w.callTime, time.Now())
	w.mu.Unlock()
	if f := w.behaviour(call.Peer.Miner).connects; f != nil {
		sleep(ctx, f(call))
	}
	o := outcome.Outcome{Request: call.ID, Last: call.Last, Source: call.Source, Task: call.Task.Name, Miner: call.Peer.Miner,
		Stream: call.Request.Stream(), Start: w.clock()}
	began := time.Now()
	if f := w.behaviour(call.Peer.Miner).answer; f != nil {
		got := f(ctx, call)
		o.Status, o.Reason, o.Work = got.Status, got.Reason, got.Work
	} else if sleep(ctx, time.Second) {
		o.Work = 100
	} else if o.Status = outcome.Canceled; errors.Is(context.Cause(ctx), relay.ErrShutdown) {
		o.Status = outcome.Ours
	}
	o.Total = time.Since(began)
	a := relay.Answer{Outcome: o}
	if call.Keep && o.Status == outcome.OK {
		a.Kept = []byte("answer")
	}
	return a
}

func (w *world) Check(_ context.Context, r proto.CheckRequest) (proto.CheckResponse, error) {
	w.mu.Lock()
	judge := w.judge
	w.mu.Unlock()
	return judge(r)
}

func (w *world) TryBegin(_ string, miner hotkey.ID, _ bool) (dispatch.Begun, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.full {
		return dispatch.Begun{}, false
	}
	w.load[miner]++
	return dispatch.Begun{Spent: w.spent}, true
}

func (w *world) Ended(_ dispatch.Begun, o outcome.Outcome, _ time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.load[o.Miner]--
}

func (w *world) Room(_ string, miner hotkey.ID) (dispatch.Room, bool) {
	if w.begins != nil {
		w.begins()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return dispatch.Room{Customers: w.customers, Free: 1000}, true
}

func (w *world) BeginBurst(_ string, miner hotkey.ID, stop func()) (*dispatch.Burst, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.load[miner]++
	return nil, true
}

func (w *world) EndedBurst(_ *dispatch.Burst, o outcome.Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.load[o.Miner]--
}

func (w *world) config() Config {
	return Config{
		Signer: w.self, Ledger: w, Store: w.store, Miners: w, Relay: w, Checker: w, Board: w, Sampling: w.table,
		Catalogue: func() *task.Catalogue { return w.tasks }, Secret: [32]byte{7}, Period: w.length, Now: w.clock,
	}
}

// start runs a scorer until stop.
func (w *world) start(change ...func(*Config)) {
	w.t.Helper()
	c := w.config()
	for _, f := range change {
		f(&c)
	}
	s, err := New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.s, w.cancel, w.done = s, cancel, make(chan error, 1)
	go func() { w.done <- s.Run(ctx) }()
}

func (w *world) stop() {
	w.t.Helper()
	w.cancel()
	if err := <-w.done; err != nil {
		w.t.Errorf("the scorer ended with %v", err)
	}
}

// until lets time pass to a moment after the world's start.
func (w *world) until(d time.Duration) {
	time.Sleep(time.Until(w.started.Add(d)))
	synctest.Wait()
}

func (w *world) count(f func() int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return f()
}

// clock is what the clock says of the process.
func (w *world) clock() time.Time { return time.Now().Add(time.Duration(w.stepped.Load())) }

// organic records a customer's outcome, as a gateway would.
func (w *world) organic(miner hotkey.ID, name string, status outcome.Status, work int64) {
	o := outcome.Outcome{Request: fmt.Sprint("req-", time.Now().UnixNano()), Key: 1, Task: name, Miner: miner, Status: status, Work: work,
		Start: w.clock().Add(-time.Second), Total: time.Second, Last: true}
	if err := w.store.Record(context.Background(), outcome.Entry{Outcome: o}); err != nil {
		w.t.Error(err)
	}
}

func (w *world) Escort(string, hotkey.ID, time.Time, time.Duration, float64) *dispatch.Escort {
	return nil
}

func (w *world) Company(string, hotkey.ID) dispatch.Company { return dispatch.Company{} }

func (w *world) Replay(outcome.Outcome) {}

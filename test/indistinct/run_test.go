package indistinct

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"math"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"vision/internal/apikey"
	"vision/internal/chain"
	"vision/internal/chain/local"
	"vision/internal/config"
	"vision/internal/hotkey"
	"vision/internal/node"
	"vision/internal/outcome"
	"vision/internal/transport"
)

const model = "some-model"

// The catalogue: one chat whose model no reference has, so that samples are taken
// and given up. Capacity is per hour.
const catalogue = `tasks:
  - name: some-model
    kind: chat
    weight: 1
    capacity: 4000000000
    typical: 10
    timeouts: {first: 5s, gap: 5s, total: 20s}
    speed: {overhead: 0.2, mean: 0.000001, steepness: 40}
    model: {name: nobody-has-it, revision: "1", quantisation: none, context: 32768, seed_bits: 63, token_ids: true}
    limits: {output: 4096}
    price: {prompt: 50, output: 100}
`

// traffic is how a run is to be.
type traffic struct {
	want   int  // of each sort
	corpus bool // the operator has a file of prompts like customers'
	learn  bool // customers agreed
	bursts bool // some customers are programs that ask several times in a row
	often  bool // there are more probes than customers' requests
}

const (
	period    = 10 * time.Second
	leadIn    = 4 * time.Second // of the traffic that counts, before it does
	customers = 12
	miners    = 4
	warmup    = 700 // requests before what counts, from which shapes are learned
	// planned is how many requests a miner is to have in a period in which the
	// usual share is tested: some more than customers alone come to.
	planned = 360.0
)

// run has customers and probes share a validator, and gives what its miners saw.
func run(t *testing.T, how traffic) []seen {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	dir := t.TempDir()
	quiet := slog.New(slog.DiscardHandler)
	ledger, err := local.Open(filepath.Join(dir, "ledger"), local.Devnet(time.Now))
	check(t, err)
	defer ledger.Close()
	check(t, os.WriteFile(filepath.Join(dir, "catalogue.yaml"), []byte(catalogue), 0o600))
	tasks, err := config.NewCatalogue(filepath.Join(dir, "catalogue.yaml"), quiet)
	check(t, err)
	validator := hotkey.FromSeed([32]byte{1})
	_, err = ledger.Register(ctx, validator.ID(), validator.ID())
	check(t, err)
	check(t, ledger.SetStake(ctx, validator.ID(), 100_000*chain.TAO))

	var spies []*spy
	var listeners []net.Listener
	var serving sync.WaitGroup
	for i := range miners {
		key := hotkey.FromSeed([32]byte{2, byte(i)})
		_, err := ledger.Register(ctx, key.ID(), key.ID())
		check(t, err)
		snapshot, err := ledger.Snapshot(ctx)
		check(t, err)
		identity, err := transport.NewIdentity(key, transport.Options{Network: fmt.Sprintf("%s/%d", snapshot.Network, snapshot.Netuid)})
		check(t, err)
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		l := transport.Listen(tcp, identity.ServerTLS(func(hotkey.ID) error { return nil }), transport.Limits{}, nil)
		listeners = append(listeners, l)
		check(t, ledger.Announce(ctx, key, chain.Endpoint(tcp.Addr().String())))
		much := planned
		if how.often {
			much *= 3
		}
		s := &spy{n: i, units: int64(much * 10 / 0.05 * float64(time.Hour/period))}
		spies = append(spies, s)
		serving.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				serving.Go(func() { s.serve(c.(*tls.Conn)) })
			}
		})
	}

	c := node.ValidatorDefaults()
	c.Hotkey, c.Ledger = "here", node.Ledger{Kind: "devnet", URL: "http://127.0.0.1"}
	c.Data, c.Period, c.Ops = dir, period, ""
	c.Gateway.Listen, c.Gateway.Page.Show = "127.0.0.1:0", false
	c.Mechanism.Name = "vision4" // which sends many probes singly, so that there are enough to look at
	c.Gateway.Affinity = false   // with it each miner has customers of its own, whom nobody can know
	c.Scorer.CheckRate, c.Scorer.Checks, c.Scorer.LearnFromCustomers = 1, 32, how.learn
	if how.corpus {
		c.Scorer.Corpus = filepath.Join(dir, "corpus.jsonl")
		check(t, os.WriteFile(c.Scorer.Corpus, corpusOf(&generator{mathrand.New(mathrand.NewPCG(99, 1))}, 1500), 0o600))
	}
	v, err := node.NewValidator(ctx, c, node.Parts{Key: validator, Ledger: ledger, Catalogue: tasks, Log: quiet})
	check(t, err)
	key, err := apikey.Generate(rand.Reader)
	check(t, err)
	_, err = v.Store().CreateKey(ctx, apikey.Key{Project: apikey.DefaultProject, Name: "all", Hash: apikey.HashOf(key), Created: time.Now()})
	check(t, err)
	seeds, err := v.Store().Secret(ctx, "seeds")
	check(t, err)
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- v.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("the validator ended before it was up: %v", err)
	}

	crowd := &crowd{url: "http://" + v.Customers() + "/v1/chat/completions", key: key, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: customers}}}
	crowd.awaitMiners(ctx, t)
	first := warmup
	if racing {
		first /= 3
	}
	crowd.ask(ctx, first, 0, customers)
	t.Logf("%d requests were asked to learn from", first)
	// What was asked is learned from within a fifth of a period; the rest of this one passes.
	settled, late := time.Now().Add(period/3), time.Now().Add(24*period)
	for time.Now().Before(late) {
		pending, err := v.Store().Pending(ctx)
		check(t, err)
		if time.Now().After(settled) && (racing || pending < 30) {
			break
		}
		pause(ctx, 50*time.Millisecond)
	}
	// A rhythm is known from some time on only.
	begin := time.Now().Add(leadIn)
	// Of what has just come it is not known yet who asked, which counts as nothing.
	counted := func() (all []seen) {
		known, probe := whoAsked(ctx, t, v, seeds[:])
		for _, s := range spies {
			s.mu.Lock()
			for _, x := range s.seen {
				if x.probe = probe[x.id]; known[x.id] && x.at.After(begin) {
					all = append(all, x)
				}
			}
			s.mu.Unlock()
		}
		return all
	}
	enough := func() bool {
		all := counted()
		probes := 0
		for _, x := range all {
			if x.probe {
				probes++
			}
		}
		return probes >= how.want && len(all)-probes >= how.want && paired(all) >= how.want
	}
	crowd.until(ctx, how.bursts, enough)

	all := counted()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("the validator ended with %v", err)
	}
	crowd.client.CloseIdleConnections()
	for _, l := range listeners {
		l.Close()
	}
	serving.Wait()
	return all
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// whoAsked says of which wire ids it is known who asked, and which were probes.
// Only who has the validator's secret can say so.
func whoAsked(ctx context.Context, t *testing.T, v *node.Validator, seeds []byte) (known, probe map[string]bool) {
	t.Helper()
	known, probe = map[string]bool{}, map[string]bool{}
	list, err := v.Store().OutcomesAfter(ctx, 0, 1<<20)
	check(t, err)
	for _, o := range list {
		mac := hmac.New(sha256.New, seeds)
		fmt.Fprintf(mac, "wire|%s|%d", o.Outcome.Request, o.Outcome.Try)
		id := outcome.TextID([16]byte(mac.Sum(nil)[:16]))
		known[id], probe[id] = true, o.Outcome.Source == outcome.Synthetic
	}
	return known, probe
}

// deviation is the standard deviation of the AUC of guessing in n requests of each sort.
func deviation(n int) float64 { return math.Sqrt(1 / (6 * float64(max(n, 1)))) }

package indistinct

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"math"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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

// seen is one request as a miner got it.
type seen struct {
	id    string // X-Request-Id
	head  string // as it came
	body  []byte
	at    time.Time
	miner int
	conn  int // which connection of the miner's
	nth   int // which request on it
	busy  int // how many other requests the miner was serving
	probe bool
}

// spy is a miner that answers at once and writes everything down.
type spy struct {
	n       int
	units   int64
	mu      sync.Mutex // guards the rest
	seen    []seen
	conns   int
	serving atomic.Int64
}

// serve serves one connection until it ends.
func (s *spy) serve(c net.Conn) {
	defer c.Close()
	s.mu.Lock()
	s.conns++
	conn := s.conns
	s.mu.Unlock()
	in := bufio.NewReaderSize(c, 64<<10)
	for nth := 0; ; nth++ {
		var head strings.Builder
		length := 0
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if line == "\r\n" {
				break
			}
			head.WriteString(line)
			if name, value, ok := strings.Cut(line, ": "); ok && strings.EqualFold(name, "Content-Length") {
				length, _ = strconv.Atoi(strings.TrimSpace(value))
			}
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		at := time.Now()
		if strings.HasPrefix(head.String(), "GET ") {
			text := fmt.Sprintf(`{"period_seconds":3600,"tasks":[{"task":%q,"units":%d,"slots":0,"spec":{"engine":"vllm","token_ids":true}}]}`, model, s.units)
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
			continue
		}
		busy := s.serving.Add(1) - 1
		_, id, _ := strings.Cut(head.String(), "X-Request-Id: ")
		id, _, _ = strings.Cut(id, "\r\n")
		s.mu.Lock()
		s.seen = append(s.seen, seen{id: id, head: head.String(), body: body, at: at, miner: s.n, conn: conn, nth: nth, busy: int(busy)})
		s.mu.Unlock()
		err := answer(c, body)
		s.serving.Add(-1)
		if err != nil {
			return
		}
	}
}

// answer writes ten tokens, or as many as may be.
func answer(w io.Writer, body []byte) error {
	n := 10
	if _, rest, ok := bytes.Cut(body, []byte(`"max_tokens":`)); ok {
		digits := rest[:len(rest)-len(bytes.TrimLeft(rest, "0123456789"))]
		if most, _ := strconv.Atoi(string(digits)); most > 0 {
			n = min(n, most)
		}
	}
	ids := strings.TrimSuffix(strings.Repeat("5,", n), ",")
	if !bytes.Contains(body, []byte(`"stream":true`)) {
		text := fmt.Sprintf(`{"id":"x","object":"chat.completion","created":1,"model":%q,"prompt_token_ids":[1],"choices":[{"index":0,"message":{"role":"assistant","content":"word"},"token_ids":[%s],"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":%d,"total_tokens":%d}}`, model, ids, n, n+1)
		_, err := fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
		return err
	}
	events := fmt.Sprintf(`data: {"id":"x","object":"chat.completion.chunk","created":1,"model":%q,"prompt_token_ids":[1],"choices":[{"index":0,"delta":{"role":"assistant","content":"word"},"token_ids":[%s],"finish_reason":"stop"}]}`+"\n\n"+
		`data: {"id":"x","object":"chat.completion.chunk","created":1,"model":%q,"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":%d,"total_tokens":%d}}`+"\n\ndata: [DONE]\n\n", model, ids, model, n, n+1)
	_, err := fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(events), events)
	return err
}

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
	enough := func() bool {
		n, probes := 0, 0
		_, outcomes := whoAsked(ctx, t, v, seeds[:])
		for _, s := range spies {
			s.mu.Lock()
			for _, x := range s.seen {
				if x.at.After(begin) {
					n++
					if outcomes[x.id] {
						probes++
					}
				}
			}
			s.mu.Unlock()
		}
		return probes >= how.want && n-probes >= how.want
	}
	crowd.until(ctx, how.bursts, enough)

	known, probe := whoAsked(ctx, t, v, seeds[:])
	var all []seen
	for _, s := range spies {
		s.mu.Lock()
		for _, x := range s.seen {
			if x.probe = probe[x.id]; known[x.id] && x.at.After(begin) {
				all = append(all, x)
			}
		}
		s.mu.Unlock()
	}
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

// crowd is the customers.
type crowd struct {
	url, key string
	client   *http.Client
	asked    atomic.Uint64
}

// request asks once, and says whether it was answered.
func (c *crowd) request(ctx context.Context, g *generator) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(g.next(model)))
	if err != nil {
		return false
	}
	r.Header.Set("Authorization", "Bearer "+c.key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := c.client.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err == nil && answer.StatusCode == http.StatusOK
}

// awaitMiners asks until somebody answers.
func (c *crowd) awaitMiners(ctx context.Context, t *testing.T) {
	t.Helper()
	g := &generator{mathrand.New(mathrand.NewPCG(5, 5))}
	for tries := 0; !c.request(ctx, g); tries++ {
		if tries > 400 {
			t.Fatal("no miner answers")
		}
		pause(ctx, 25*time.Millisecond)
	}
}

// ask asks n times, several at once, each pausing for about the given time.
func (c *crowd) ask(ctx context.Context, n int, think time.Duration, atOnce int) {
	var left atomic.Int64
	left.Store(int64(n))
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			g := c.generator()
			for left.Add(-1) >= 0 && ctx.Err() == nil {
				c.request(ctx, g)
				pause(ctx, time.Duration(g.ExpFloat64()*float64(think)))
			}
		})
	}
	all.Wait()
}

func (c *crowd) generator() *generator {
	return &generator{mathrand.New(mathrand.NewPCG(7, c.asked.Add(1)))}
}

// until has customers ask until done says so, a minute at most: many who know
// nothing of one another, and, if bursts are wanted, a few programs besides that ask
// several times in a row.
func (c *crowd) until(ctx context.Context, bursts bool, done func() bool) {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	var all sync.WaitGroup
	all.Go(func() {
		g := c.generator()
		for ctx.Err() == nil {
			all.Go(func() { c.request(ctx, c.generator()) })
			pause(ctx, time.Duration(g.ExpFloat64()*float64(7*time.Millisecond)))
		}
	})
	if bursts {
		for range 8 {
			all.Go(func() {
				g := c.generator()
				for ctx.Err() == nil {
					for range 1 + g.IntN(4) {
						c.request(ctx, g)
					}
					pause(ctx, time.Duration(g.ExpFloat64()*float64(240*time.Millisecond)))
				}
			})
		}
	}
	for !done() && ctx.Err() == nil {
		pause(ctx, 300*time.Millisecond)
	}
	stop()
	all.Wait()
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// deviation is the standard deviation of the AUC of guessing in n requests of each sort.
func deviation(n int) float64 { return math.Sqrt(1 / (6 * float64(max(n, 1)))) }

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"vision/internal/apikey"
	"vision/internal/dispatch"
	"vision/internal/gateway"
	"vision/internal/hotkey"
	"vision/internal/ledger"
	"vision/internal/obs"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/relay"
	"vision/internal/sampling"
	"vision/internal/store/sqlite"
	"vision/internal/task"
	"vision/internal/transport"
)

// gatewayArg is what the gateway's process is told to be.
type gatewayArg struct {
	Miners []string // the addresses of the miners
	// Client is how miners are asked: "relay", which is what validators run,
	// or for comparison net/http's client over "http1" or "http2".
	Client string
	Data   string // the database's folder
}

// apiKey is the customer's.
const apiKey = "sk-relaybench-0123456789abcdefghijklmnopqrstu"

// startGateway serves what a validator serves: the gateway with its relay over
// mutual TLS, keys and limits, the board of contenders, the SQLite store with
// its journal, sampling at the rate of miners that have been checked enough,
// metrics, and a log of each request.
func startGateway(text string) (s service, err error) {
	var arg gatewayArg
	if err := json.Unmarshal([]byte(text), &arg); err != nil {
		return s, err
	}
	st, err := sqlite.Open(context.Background(), filepath.Join(arg.Data, "validator.db"), sqlite.Options{})
	if err != nil {
		return s, err
	}
	if err := furnish(st, arg.Miners); err != nil {
		return s, errors.Join(err, st.Close())
	}
	identity, err := transport.NewIdentity(minerKey(miners), transport.Options{Network: network})
	if err != nil {
		return s, err
	}
	dialer := &transport.Dialer{Identity: identity}
	client, err := relay.New(relay.Config{Dialer: minerDialer{dialer}, Secret: []byte("a secret of the measurement")})
	if err != nil {
		return s, err
	}
	var asks relay.Attempter = client
	if arg.Client != "relay" {
		if asks, err = newPlainClient(client, dialer, arg); err != nil {
			return s, err
		}
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return s, err
	}
	log, err := obs.NewLogger(null, "info", "text")
	if err != nil {
		return s, err
	}
	catalogue, err := task.NewCatalogue([]task.Task{bench})
	if err != nil {
		return s, err
	}
	purses := ledger.NewPurses(st)
	g, err := gateway.New(gateway.Config{
		Books:     st,
		Purses:    purses,
		Claims:    st,
		Catalogue: func() *task.Catalogue { return catalogue },
		Board:     dispatch.NewBoard(),
		Relay:     asks,
		Keys:      st,
		Periods:   st,
		Past:      st,
		Recorder:  st,
		Sampler:   sampling.Sampler{Table: checked(arg.Miners), Draw: client.Draw},
		Observer:  gateway.NewMetrics(obs.NewOps().Registry),
		Log:       log,
	})
	if err != nil {
		return s, err
	}
	if err := g.Start(context.Background()); err != nil {
		return s, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return s, err
	}
	server := gateway.NewServer(g)
	ctx, cancel := context.WithCancel(context.Background())
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		purses.Run(ctx, tick.C)
	}()
	follows, ended := make(chan error, 1), make(chan error, 1)
	go func() { follows <- g.Serve(ctx) }()
	go func() { ended <- server.Serve(g.Listener(l)) }()
	return service{
		addrs: map[string]string{"http": l.Addr().String()},
		set:   func(json.RawMessage) error { return nil },
		stop: func() error {
			draining, done := context.WithTimeout(context.Background(), time.Second)
			defer done()
			err := g.Stop(draining)
			err = errors.Join(err, shut(server, ended))
			cancel()
			client.Close()
			<-kept
			return errors.Join(err, <-follows, purses.Close(context.Background()), st.Close())
		},
	}, nil
}

// bench is the task that is asked for.
var bench = task.Task{
	Name: "bench", Kind: "chat", Weight: 1, Capacity: 1e15, Typical: 500,
	Timeouts: task.Timeouts{First: 30 * time.Second, Gap: 10 * time.Minute, Total: time.Hour},
	Speed:    task.Speed{Overhead: 1, Mean: 0.01, Steepness: 80},
	Model:    task.Model{Name: "bench", Context: 32768, EndTokens: []int{0}, Template: "chatml", Revision: "1", Quantisation: "none"},
	Limits:   task.Limits{Output: 8192},
	Price:    task.Price{Prompt: 15, Output: 30},
}

// furnish puts a prepaid project with money, a key with limits of every sort, and
// a period with its contenders into the store.
func furnish(st *sqlite.Store, addrs []string) error {
	ctx := context.Background()
	project, err := st.CreateProject(ctx, apikey.Project{Name: "relaybench", Kind: apikey.Prepaid, Created: time.Now()})
	if err != nil {
		return err
	}
	if _, err := st.Deposit(ctx, project.ID, 1_000_000*ledger.Credit, "first", "", time.Now()); err != nil {
		return err
	}
	key := apikey.Key{Name: "relaybench", Project: project.ID, Tasks: apikey.ScopeOf(bench.Name),
		TokensPerMinute: 1e15, Concurrent: 1e6, SpendLimit: 1_000_000 * ledger.Credit, Hash: apikey.HashOf(apiKey), Hint: apikey.Hint(apiKey), PerMinute: apikey.MaxPerMinute, Created: time.Now()}
	if _, err := st.CreateKey(ctx, key); err != nil {
		return err
	}
	var contenders []period.Contender
	for n, addr := range addrs {
		contenders = append(contenders, period.Contender{Miner: minerKey(n).ID(), Task: bench.Name, UID: uint16(n), Addr: addr,
			Declared: 1e15, Capacity: 1e15, Share: 0.1, Probes: 10, Slots: 4096})
	}
	now := time.Now()
	_, err = st.StartPeriod(ctx, period.Period{Start: now, End: now.Add(24 * time.Hour)}, contenders)
	return err
}

// checked is the sampling of miners that have been checked as often as counts.
func checked(addrs []string) *sampling.Table {
	c, t := sampling.Default(), new(sampling.Table)
	known := map[outcome.Pair]sampling.Known{}
	for n := range addrs {
		known[outcome.Pair{Miner: minerKey(n).ID(), Task: bench.Name}] = sampling.Known{Checks: c.Enough}
	}
	t.Set(known, c)
	return t
}

// minerDialer is a transport.Dialer for the relay.
type minerDialer struct{ *transport.Dialer }

func (d minerDialer) Dial(ctx context.Context, addr string, miner hotkey.ID) (net.Conn, error) {
	conn, err := d.Dialer.DialSigning(ctx, addr, miner)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// newGateway starts a gateway's process with a database of its own, which goes
// when it stops.
func newGateway(up *process, client string) (*process, func() error, error) {
	data, err := os.MkdirTemp("", "relaybench-")
	if err != nil {
		return nil, nil, err
	}
	arg := gatewayArg{Client: client, Data: data}
	name := "tls%d"
	if client == "http2" {
		name = "h2-%d"
	}
	for n := range miners {
		arg.Miners = append(arg.Miners, up.addrs[fmt.Sprintf(name, n)])
	}
	text, err := json.Marshal(arg)
	if err != nil {
		return nil, nil, err
	}
	p, err := start("gateway", string(text))
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(data))
	}
	return p, func() error { return errors.Join(p.stop(), os.RemoveAll(data)) }, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// bed is what is measured: an upstream, and the proxies in front of it.
type bed struct {
	out      io.Writer
	rounds   int
	window   time.Duration // of one measurement of CPU time
	sequence int           // requests of one measurement of latency
	profiles string        // folder; "" writes none
	broken   int           // responses, while latency was measured

	up      *process
	proxies []proxy
	stops   []func() error
}

// proxy is one of those compared.
type proxy struct {
	name string
	*process
}

// measure is one figure: the values of each proxy, a round each.
type measure struct {
	name   string
	unit   string
	values [][]float64 // by proxy
	target float64     // of the ratio of the last proxy to the first; 0: none
}

// run starts the processes, f, and stops them.
func (b *bed) run(clients []string, f func() error) (err error) {
	defer func() {
		for _, stop := range slices.Backward(b.stops) {
			err = errors.Join(err, stop())
		}
		b.stops, b.proxies, b.up = nil, nil, nil
	}()
	if b.up, err = start("upstream", ""); err != nil {
		return err
	}
	b.stops = append(b.stops, b.up.stop)
	for _, client := range clients {
		if client == "baseline" {
			p, err := start("baseline", b.up.addrs["plain"])
			if err != nil {
				return err
			}
			b.stops = append(b.stops, p.stop)
			b.proxies = append(b.proxies, proxy{"ReverseProxy", p})
			continue
		}
		p, stop, err := newGateway(b.up, client)
		if err != nil {
			return err
		}
		b.stops = append(b.stops, stop)
		name := "gateway"
		if client != "relay" {
			name = "gateway/" + client
		}
		b.proxies = append(b.proxies, proxy{name, p})
	}
	return f()
}

// eachRound calls f for each proxy in turn, in each round, and collects what
// it measures.
func (b *bed) eachRound(f func(proxy) ([]float64, error)) ([][][]float64, error) {
	var all [][][]float64 // by figure, by proxy, by round
	for round := range b.rounds {
		for i, p := range b.proxies {
			values, err := f(p)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", p.name, round+1, err)
			}
			if all == nil {
				all = make([][][]float64, len(values))
			}
			for j, v := range values {
				if all[j] == nil {
					all[j] = make([][]float64, len(b.proxies))
				}
				all[j][i] = append(all[j][i], v)
			}
		}
	}
	return all, nil
}

// profile has a proxy write a CPU profile during f, if asked for.
func (b *bed) profile(p proxy, what string, f func() error) error {
	if b.profiles == "" {
		return f()
	}
	file := fmt.Sprintf("%s/%s-%s.pprof", b.profiles, p.cmdName(), what)
	if _, err := p.tell("profile", file); err != nil {
		return err
	}
	err := f()
	_, stopped := p.tell("profiled", nil)
	return errors.Join(err, stopped)
}

func (p proxy) cmdName() string { return p.process.name }

// thinks is the upstream's time to the first token of streams that last.
const thinks = 20 * time.Millisecond

// streamCPU is the CPU time for a streamed token at n customers, each of
// whose streams has a token every interval, or as fast as can be if that is 0.
func (b *bed) streamCPU(ctx context.Context, n int, interval time.Duration, target float64) (*measure, error) {
	tokens := 128
	if _, err := b.up.tell("set", manner{Tokens: tokens, First: thinks, Interval: interval}); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("CPU per token, %d streams", n)
	if interval == 0 {
		name += ", unpaced"
	}
	all, err := b.eachRound(func(p proxy) ([]float64, error) {
		g, err := gather(p.addrs["http"], n, min(time.Duration(tokens)*interval/2, 3*time.Second), askStream)
		if err != nil {
			return nil, err
		}
		defer g.leave()
		if err := g.await(ctx, n); err != nil {
			return nil, err
		}
		// Streams end and begin for a while, until the pools hold what they need.
		if err := pause(ctx, max(time.Duration(tokens)*interval*3/2, time.Second)); err != nil {
			return nil, err
		}
		used, did, err := b.during(ctx, p, fmt.Sprintf("stream%d", n), g.tokens.Load)
		return []float64{us(used) / float64(did)}, errors.Join(err, g.failure())
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &measure{name, "µs", all[0], target}, nil
}

// wholeCPU is the CPU time for a request that is not streamed, at n customers.
func (b *bed) wholeCPU(ctx context.Context, n int, target float64) (*measure, error) {
	name := fmt.Sprintf("CPU per 1 KB request, %d clients", n)
	all, err := b.eachRound(func(p proxy) ([]float64, error) {
		g, err := gather(p.addrs["http"], n, 100*time.Millisecond, askWhole)
		if err != nil {
			return nil, err
		}
		defer g.leave()
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return nil, err
		}
		used, did, err := b.during(ctx, p, "whole", g.requests.Load)
		return []float64{us(used) / float64(did)}, errors.Join(err, g.failure())
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &measure{name, "µs", all[0], target}, nil
}

// during gives what CPU time a proxy uses in the window and how much was done.
func (b *bed) during(ctx context.Context, p proxy, what string, count func() int64) (used time.Duration, did int64, err error) {
	err = b.profile(p, what, func() error {
		before, err := p.tell("usage", nil)
		if err != nil {
			return err
		}
		from := count()
		if err := pause(ctx, b.window); err != nil {
			return err
		}
		after, err := p.tell("usage", nil)
		used, did = after.CPU-before.CPU, count()-from
		return err
	})
	if err == nil && did == 0 {
		err = errors.New("nothing was done")
	}
	return used, did, err
}

// latency is what a proxy adds, at one customer, to the median time of a
// request that is not streamed and of the first event of a stream.
func (b *bed) latency(ctx context.Context, target float64) ([]*measure, error) {
	if _, err := b.up.tell("set", manner{Tokens: 2}); err != nil {
		return nil, err
	}
	var direct [2][]float64
	b.broken = 0
	all, err := b.eachRound(func(p proxy) ([]float64, error) {
		whole, first, err := b.alternate(ctx, []string{b.up.addrs["plain"], p.addrs["http"]})
		if err != nil {
			return nil, err
		}
		direct[0], direct[1] = append(direct[0], whole[0]), append(direct[1], first[0])
		return []float64{whole[1] - whole[0], first[1] - first[0]}, nil
	})
	if err != nil {
		return nil, fmt.Errorf("latency: %w", err)
	}
	fmt.Fprintf(b.out, "straight to the upstream: a 1 KB request takes %.0f µs, a first token %.0f µs (medians); %d responses broke\n",
		median(direct[0]), median(direct[1]), b.broken)
	return []*measure{
		{"latency added to a 1 KB request", "µs", all[0], target},
		{"latency added to the first token", "µs", all[1], target},
	}, nil
}

// alternate asks addresses in turn, one request at a time, and gives the median
// times in microseconds.
func (b *bed) alternate(ctx context.Context, addrs []string) (whole, first []float64, err error) {
	var customers []*customer
	defer func() {
		for _, c := range customers {
			c.conn.Close()
		}
	}()
	for _, addr := range addrs {
		c, err := connect(addr)
		if err != nil {
			return nil, nil, err
		}
		customers = append(customers, c)
	}
	wholes, firsts := make([][]float64, len(addrs)), make([][]float64, len(addrs))
	for n := range b.sequence {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		for i, c := range customers {
			begun := time.Now()
			err := c.whole()
			took := time.Since(begun)
			var start time.Duration
			if err == nil {
				start, err = c.stream(nil)
			}
			if errors.Is(err, errBroken) {
				b.broken++
				continue
			}
			if err != nil {
				return nil, nil, err
			}
			if n >= b.sequence/10 { // warm
				wholes[i], firsts[i] = append(wholes[i], us(took)), append(firsts[i], us(start))
			}
		}
	}
	for i := range addrs {
		whole, first = append(whole, median(wholes[i])), append(first, median(firsts[i]))
	}
	return whole, first, nil
}

// idleMemory is the memory that a stream takes which has had one token and
// waits for the next, with n of them open: resident, and what of it the
// runtime calls heap and stacks.
func (b *bed) idleMemory(ctx context.Context, n int, target float64) ([]*measure, error) {
	if _, err := b.up.tell("set", manner{First: thinks, Idle: true}); err != nil {
		return nil, err
	}
	all, err := b.eachRound(func(p proxy) ([]float64, error) {
		if _, err := p.tell("settle", nil); err != nil {
			return nil, err
		}
		before, err := p.tell("settle", nil)
		if err != nil {
			return nil, err
		}
		g, err := gather(p.addrs["http"], n, 2*time.Second, askStream)
		if err != nil {
			return nil, err
		}
		defer g.leave()
		if err := g.await(ctx, n); err != nil {
			return nil, err
		}
		if err := pause(ctx, time.Second); err != nil {
			return nil, err
		}
		found, err := p.tell("usage", nil)
		if err != nil {
			return nil, err
		}
		after, err := p.tell("settle", nil)
		if err != nil {
			return nil, err
		}
		if b.profiles != "" {
			if _, err := p.tell("heap", fmt.Sprintf("%s/%s-idle.pprof", b.profiles, p.cmdName())); err != nil {
				return nil, err
			}
		}
		each := func(after, before int64) float64 { return float64(after-before) / float64(n) / 1024 }
		return []float64{
			each(after.RSS, before.RSS), each(after.Heap, before.Heap), each(after.Stack, before.Stack), each(found.RSS, before.RSS),
		}, g.failure()
	})
	if err != nil {
		return nil, fmt.Errorf("memory of idle streams: %w", err)
	}
	return []*measure{
		{fmt.Sprintf("memory per idle stream, %d open", n), "KB", all[0], target},
		{"  of it heap", "KB", all[1], 0},
		{"  of it stacks", "KB", all[2], 0},
		{"  before a collection", "KB", all[3], 0},
	}, nil
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// median of values, of which there is at least one.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

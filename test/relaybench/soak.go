package main

import (
	"context"
	"fmt"
	"time"
)

// soak counts the streams that break of many short ones, whose upstream
// answers as soon as the request's head has come and reads the body later.
func (b *bed) soak(ctx context.Context, streams int64, customers int) (broken int64, err error) {
	if _, err := b.up.tell("set", manner{Tokens: 8, Early: true}); err != nil {
		return 0, err
	}
	for _, p := range b.proxies {
		n, why, took, err := soak(ctx, p.addrs["http"], streams, customers)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Fprintf(b.out, "%-14s %d of %d streams broke (%.3f%%), %.0f streams a second", p.name, n, streams, 100*float64(n)/float64(streams), float64(streams)/took.Seconds())
		if why != nil {
			fmt.Fprintf(b.out, "; the first: %v", why)
		}
		fmt.Fprintln(b.out)
		broken = n
	}
	return broken, nil
}

// soak asks for streams and counts those that end otherwise than they should.
// A customer whose stream broke connects again.
func soak(ctx context.Context, addr string, streams int64, customers int) (broken int64, why error, took time.Duration, err error) {
	begun := time.Now()
	g, err := gather(addr, customers, 0, func(g *crowd, c *customer) error {
		if ctx.Err() != nil || g.open.Add(1) > streams {
			return errEnough
		}
		_, err := c.stream(nil)
		return err
	})
	if err != nil {
		return 0, nil, 0, err
	}
	g.wg.Wait()
	took = time.Since(begun)
	g.leave()
	if first := g.why.Load(); first != nil {
		why = *first
	}
	if err := ctx.Err(); err != nil {
		return 0, nil, 0, err
	}
	if did := g.requests.Load() + g.broken.Load(); did != streams {
		return 0, nil, 0, fmt.Errorf("%d of %d streams were asked for: %w", did, streams, why)
	}
	return g.broken.Load(), why, took, nil
}

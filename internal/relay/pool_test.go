package relay

import (
	"bufio"
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
)

func TestConnectionsAreUsedAgain(t *testing.T) {
	conns := make(chan int, 100)
	addr := serve(t, func(n int, c net.Conn, r *bufio.Reader) {
		conns <- n
		for i := 0; request(r) != nil; i++ {
			switch i {
			case 0:
				io.WriteString(c, goodStream)
			case 1:
				io.WriteString(c, "HTTP/1.1 200 OK\r\n"+sized(answer))
			case 2:
				io.WriteString(c, "HTTP/1.1 429 Busy\r\n"+chunked("wait"))
			case 3:
				io.WriteString(c, "HTTP/1.1 503 Busy\r\nRetry-After: 3\r\n"+sized(""))
			case 4:
				io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n"+sized(answer))
			}
		}
	})
	c := newClient(t)
	want := []outcome.Status{outcome.OK, outcome.OK, outcome.RateLimited, outcome.Failed, outcome.OK, outcome.OK}
	for i, status := range want {
		a := c.Do(t.Context(), newCall(t, c, addr, i == 0 || i == 5), &shown{})
		if a.Outcome.Status != status {
			t.Fatalf("request %d: %v %q", i, a.Outcome.Status, a.Outcome.Reason)
		}
	}
	if n := len(conns); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// deaf pretends that every connection is of no known kind, so that whether it
// is alive shows only when it is used.
type deaf struct{ plain }

func (d *deaf) Dial(ctx context.Context, addr string, id hotkey.ID) (net.Conn, error) {
	c, err := d.plain.Dial(ctx, addr, id)
	if err != nil {
		return nil, err
	}
	return struct{ net.Conn }{c}, nil
}

func TestADeadIdleConnectionCostsTheMinerNothing(t *testing.T) {
	for name, dialer := range map[string]Dialer{"noticed before": &plain{}, "noticed in use": &deaf{}} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan bool, 10)
			addr := serve(t, func(n int, c net.Conn, r *bufio.Reader) {
				request(r)
				io.WriteString(c, "HTTP/1.1 200 OK\r\n"+sized(answer))
				c.Close()
				gone <- true
			})
			still := time.Now() // the clock does not move, so that death always shows at once
			c := newClient(t, func(c *Config) { c.Dialer, c.Now = dialer, func() time.Time { return still } })
			for i := range 5 {
				if a := c.Do(t.Context(), newCall(t, c, addr, false), &shown{}); a.Outcome.Status != outcome.OK {
					t.Fatalf("request %d: %v %q", i, a.Outcome.Status, a.Outcome.Reason)
				}
				<-gone
			}
		})
	}
}

func TestAFreshConnectionThatDiesIsTheMinersFailure(t *testing.T) {
	dials := make(chan int, 10)
	addr := serve(t, func(n int, c net.Conn, r *bufio.Reader) {
		dials <- n
		request(r)
		c.(*net.TCPConn).SetLinger(0) // a reset
	})
	c := newClient(t)
	a := c.Do(t.Context(), newCall(t, c, addr, true), &shown{})
	if a.Outcome.Status != outcome.Failed || a.Outcome.Reason != "no_response" || len(dials) != 1 {
		t.Errorf("%v %q after %d connections", a.Outcome.Status, a.Outcome.Reason, len(dials))
	}
}

// TestHangingUpBuysNoTime has a miner take a request on an idle connection,
// think, and hang up, in the hope of being sent it again.
func TestHangingUpBuysNoTime(t *testing.T) {
	tests := []struct {
		name   string
		thinks time.Duration // before it hangs up
		status outcome.Status
		reason string
		conns  int
	}{
		{"the connection was dead", 30 * time.Millisecond, outcome.OK, "", 2},
		{"the miner worked and hung up", 2 * time.Second, outcome.Failed, "no_response", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var network piped
				var passed atomic.Int64 // the clock's, beside the bubble's
				var conns atomic.Int32
				addr := network.serve(t, func(n int, c net.Conn, r *bufio.Reader) {
					conns.Add(1)
					for request(r) != nil {
						io.WriteString(c, "HTTP/1.1 200 OK\r\n"+sized(answer))
						if n == 0 {
							request(r)
							passed.Add(int64(tt.thinks))
							return
						}
					}
				})
				c := network.client(t, func(c *Config) {
					c.Now = func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
				})
				if a := c.Do(t.Context(), newCall(t, c, addr, false), &shown{}); a.Outcome.Status != outcome.OK {
					t.Fatalf("%v %q", a.Outcome.Status, a.Outcome.Reason)
				}
				before := time.Now()
				o := c.Do(t.Context(), newCall(t, c, addr, false), &shown{}).Outcome
				if o.Status != tt.status || o.Reason != tt.reason || int(conns.Load()) != tt.conns {
					t.Errorf("%v %q after %d connections, want %v %q after %d", o.Status, o.Reason, conns.Load(), tt.status, tt.reason, tt.conns)
				}
				if o.Total < tt.thinks || o.Status == outcome.OK && o.FirstOutput < tt.thinks || o.Start.After(before.Add(tt.thinks)) {
					t.Errorf("the time thought is not counted: %+v", o)
				}
			})
		})
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan bool, 10)
		var network piped
		addr := network.serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
			for request(r) != nil {
				io.WriteString(c, goodStream)
			}
			ended <- true
		})
		c := network.client(t, func(c *Config) { c.IdleTimeout = 20 * time.Millisecond })
		c.Do(t.Context(), newCall(t, c, addr, true), &shown{})
		time.Sleep(5 * time.Second)
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Error("an idle connection stays open")
		}
	})
}

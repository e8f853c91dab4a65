package relay

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/fault"
	"vision/internal/outcome"
)

func TestACallersTimeIsNotTheMiners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var passed atomic.Int64
		var network piped
		addr := network.serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
			request(r)
			time.Sleep(10 * time.Millisecond)
			io.WriteString(c, goodStream)
		})
		c := network.client(t, func(c *Config) {
			c.Now = func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
		})
		s := shown{after: func() { passed.Add(int64(4 * time.Second)) }}
		begun := time.Now()
		o := c.Do(t.Context(), newCall(t, c, addr, true), &s).Outcome
		now := time.Now().Add(time.Duration(passed.Load()))
		if o.Status != outcome.OK || s.writes == 0 {
			t.Fatalf("%v %q after %d writes", o.Status, o.Reason, s.writes)
		}
		if o.Total > 2*time.Second || o.Arrivals.Longest > 2*time.Second || o.FirstOutput > o.Total {
			t.Errorf("the miner is charged what its caller took: %+v", o)
		}
		if took := time.Duration(s.writes) * 4 * time.Second; o.Blocked < took || o.Blocked > took+time.Second {
			t.Errorf("the caller took %v, of which %v are noted", took, o.Blocked)
		}
		if o.End().After(now) || o.End().Before(begun.Add(o.Blocked)) {
			t.Errorf("it ended at %v, between %v and %v", o.End(), begun.Add(o.Blocked), now)
		}
	})
}

func TestDeadlines(t *testing.T) {
	role := "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n"
	tests := []struct {
		name, before string
		stream       bool
		first, gap   time.Duration
		total        time.Duration
		reason       string
	}{
		{"no head", "", true, 50 * time.Millisecond, time.Hour, time.Hour, "first_token_timeout"},
		{"no token", eventStream + "\r\n" + role, true, 50 * time.Millisecond, time.Hour, time.Hour, "first_token_timeout"},
		{"no next token", eventStream + "\r\n" + token, true, time.Hour, 50 * time.Millisecond, time.Hour, "gap_timeout"},
		{"no end", eventStream + "\r\n" + token, true, time.Hour, time.Hour, 50 * time.Millisecond, "total_timeout"},
		{"no answer", "HTTP/1.1 200 OK\r\n", false, time.Millisecond, time.Hour, 50 * time.Millisecond, "total_timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var a Answer
			synctest.Test(t, func(t *testing.T) {
				var network piped
				c := network.client(t)
				call := newCall(t, c, network.serve(t, stalling(tt.before)), tt.stream)
				changed := *chatTask
				changed.Timeouts.Gap = tt.gap
				call.Task = &changed
				call.FirstBy, call.By = time.Now().Add(tt.first), time.Now().Add(tt.total)
				a = c.Do(t.Context(), call, &shown{})
			})
			if a.Outcome.Status != outcome.Failed || a.Outcome.Reason != tt.reason || fault.KindOf(a.Err) != fault.Timeout {
				t.Errorf("%v %q %v", a.Outcome.Status, a.Outcome.Reason, a.Err)
			}
			if a.Outcome.Total != 50*time.Millisecond {
				t.Errorf("took %v", a.Outcome.Total)
			}
			if strings.HasSuffix(tt.before, token) && (!a.Started || a.Outcome.Work != 1 || a.Outcome.FirstOutput == 0) {
				t.Errorf("a token went unnoticed: %+v", a.Outcome)
			}
		})
	}
}

// stalling says something and then no more.
func stalling(before string) func(int, net.Conn, *bufio.Reader) {
	return func(_ int, c net.Conn, r *bufio.Reader) {
		request(r)
		io.WriteString(c, before)
		io.Copy(io.Discard, r)
	}
}

// Deadlines hold on a real socket.
func TestDeadlinesOfSockets(t *testing.T) {
	c := newClient(t)
	call := newCall(t, c, serve(t, stalling(eventStream+"\r\n"+token)), true)
	changed := *chatTask
	changed.Timeouts.Gap = 50 * time.Millisecond
	call.Task = &changed
	call.FirstBy, call.By = time.Now().Add(time.Hour), time.Now().Add(time.Hour)
	a := c.Do(t.Context(), call, &shown{})
	if a.Outcome.Status != outcome.Failed || a.Outcome.Reason != "gap_timeout" || a.Outcome.Total < changed.Timeouts.Gap || a.Outcome.Work != 1 {
		t.Errorf("%v, took %v: %+v", a.Err, a.Outcome.Total, a.Outcome)
	}
}

func TestTheGapIsFromTokenToToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const gap = 150 * time.Millisecond
		var network piped
		addr := network.serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
			request(r)
			io.WriteString(c, eventStream+"\r\n")
			tick := time.NewTicker(gap / 3)
			defer tick.Stop()
			for range 9 { // three times the gap in all
				io.WriteString(c, token)
				<-tick.C
			}
			io.WriteString(c, last+closed)
		})
		c := network.client(t)
		call := newCall(t, c, addr, true)
		changed := *chatTask
		changed.Timeouts.Gap = gap
		call.Task = &changed
		if a := c.Do(t.Context(), call, &shown{}); a.Outcome.Status != outcome.OK || a.Outcome.Work != 9 {
			t.Errorf("%v %q %+v", a.Outcome.Status, a.Outcome.Reason, a.Outcome)
		}
	})
}

package relay

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"vision/internal/beacon"
	"vision/internal/outcome"
)

// What came between two times is what came up to the one less what came up to the other, but for what a bucket does not tell.
func TestOutputBetweenTwoTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a arrivals
		var moments []time.Duration // of each unit
		at, units := time.Duration(0), int64(0)
		for range rapid.IntRange(1, 300).Draw(t, "chunks") {
			at += time.Duration(rapid.IntRange(0, 400).Draw(t, "gap")) * ms
			n := rapid.IntRange(0, 5).Draw(t, "units")
			for range n {
				moments = append(moments, at)
			}
			units += int64(n)
			a.note(at, units)
		}
		from := time.Duration(rapid.Int64Range(0, int64(at)+1).Draw(t, "from"))
		until := from + time.Duration(rapid.Int64Range(0, int64(at)+1).Draw(t, "length"))
		least, most := int64(0), int64(0) // whatever lies in buckets that the time cuts
		for _, m := range moments {
			if m >= from+a.width && m < until-a.width {
				least++
			}
			if m >= from-a.width && m < until+a.width {
				most++
			}
		}
		if got := a.between(from, until); got < least || got > most {
			t.Fatalf("%d units between %v and %v, want %d to %d, with buckets of %v", got, from, until, least, most, a.width)
		}
		if got := a.between(0, at+a.width); got != units {
			t.Fatalf("%d of %d units came at any time", got, units)
		}
	})
}

// Of a steady stream what came in any time is in proportion.
func TestSteadyOutputBetweenTwoTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a arrivals
		gap := time.Duration(rapid.IntRange(1, 200).Draw(t, "gap")) * ms
		n := rapid.IntRange(100, 2000).Draw(t, "units")
		for i := range n {
			a.note(time.Duration(i+1)*gap, int64(i+1))
		}
		total := time.Duration(n) * gap
		from := time.Duration(rapid.Int64Range(0, int64(total)).Draw(t, "from"))
		until := time.Duration(rapid.Int64Range(int64(from), int64(total)).Draw(t, "until"))
		want := float64(until-from) / float64(gap)
		if got := float64(a.between(from, until)); math.Abs(got-want) > 3+float64(10*ms)/float64(gap) {
			t.Fatalf("%v units between %v and %v, one each %v: want %v", got, from, until, gap, want)
		}
	})
}

// A stream whose miner stops while a beacon asks is known by it.
func TestStreamsDuringABeacon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network piped
		var windows beacon.Windows
		c := network.client(t, func(c *Config) { c.Beacons = windows.Within })
		pause := time.Duration(0)
		addr := network.serve(t, func(_ int, conn net.Conn, r *bufio.Reader) {
			if request(r) == nil {
				return
			}
			fmt.Fprint(conn, eventStream+"Transfer-Encoding: chunked\r\n\r\n")
			for i := range 20 {
				time.Sleep(time.Second)
				if i == 10 {
					time.Sleep(pause)
				}
				fmt.Fprintf(conn, "%x\r\n%s\r\n", len(token), token)
			}
			io.WriteString(conn, fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(last+closed), last+closed))
		})
		defer c.Close()
		for _, x := range []struct {
			pause, from time.Duration
			want        outcome.During
		}{
			{0, 30 * time.Second, outcome.During{}},
			{0, 10500 * ms, outcome.During{Time: 5 * time.Second, Work: 5}},
			{5 * time.Second, 10500 * ms, outcome.During{Time: 5 * time.Second, Work: 0}},
			{0, -3 * time.Second, outcome.During{Time: time.Second, Work: 1}}, // of 2 s, one before the first output
		} {
			pause = x.pause
			now := time.Now()
			windows = beacon.Windows{}
			windows.Add(now.Add(x.from), now.Add(x.from+5*time.Second))
			a := c.Do(t.Context(), newCall(t, c, addr, true), &shown{})
			got := a.Outcome.Beacon
			if a.Outcome.Status != outcome.OK || got.Time != x.want.Time || got.Work < x.want.Work || got.Work > x.want.Work+1 {
				t.Errorf("paused for %v, with a beacon after %v: %v, %+v, want %+v", x.pause, x.from, a.Outcome.Status, got, x.want)
			}
		}
	})
}

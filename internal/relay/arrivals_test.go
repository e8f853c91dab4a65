package relay

import (
	"bufio"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/outcome"
)

const ms = time.Millisecond

func TestArrivals(t *testing.T) {
	even, burst := arrivals{}, arrivals{}
	for i := range 1000 {
		even.note(time.Duration(i+1)*10*ms, int64(i+1))
	}
	burst.note(time.Second, 1)
	burst.note(9900*ms, 100)
	e, b := even.sum(10*time.Second), burst.sum(10*time.Second)
	if e.Chunks != 1000 || e.Longest != 10*ms || e.Burst < 0.08 || e.Burst > 0.12 || (e.Mean-5005*ms).Abs() > ms || e.Gap95 != 10*ms {
		t.Errorf("even: %+v", e)
	}
	if b.Chunks != 2 || b.Longest != 8900*ms || b.Burst < 0.95 || b.Burst > 1 || (b.Mean-9811*ms).Abs() > ms || b.Gap95 != 8900*ms {
		t.Errorf("burst: %+v", b)
	}
	if got := (&arrivals{}).sum(0); got != (outcome.Arrivals{}) {
		t.Errorf("nothing: %+v", got)
	}
}

// Gap95 bounds 95 of 100 gaps, and is at most half above the smallest that does.
func TestGap95(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gaps := rapid.SliceOfN(rapid.Int64Range(0, int64(80*time.Second)), 1, 200).Draw(t, "gaps")
		var a arrivals
		at := time.Duration(0)
		a.note(at, 1)
		for _, g := range gaps {
			at += time.Duration(g)
			a.note(at, 1)
		}
		got := a.sum(at).Gap95
		within, below := 0, 0
		for _, g := range gaps {
			if time.Duration(g) <= got {
				within++
			}
			if 3*time.Duration(g) < 2*got && got > 3<<gapFrom {
				below++
			}
		}
		if 20*within < 19*len(gaps) {
			t.Fatalf("%v bounds %d of %d gaps", got, within, len(gaps))
		}
		if got < 1<<35 && 20*below >= 19*len(gaps)+20 {
			t.Fatalf("%v is far above what bounds %d of %d gaps", got, below, len(gaps))
		}
	})
}

// An answer's tokens are counted where they come, many to a chunk or one.
func TestMeanCountsTokensNotChunks(t *testing.T) {
	var a arrivals
	a.note(ms, 20) // 20 tokens at once, early
	a.note(time.Second, 100)
	if got := a.sum(time.Second); (got.Mean-800200*time.Microsecond).Abs() > time.Microsecond || got.Burst != 0.8 {
		t.Errorf("mean %v, burst %v", got.Mean, got.Burst)
	}
}

// The kernel knows how far the miner is, and that this is nearby.
func TestRoundTrip(t *testing.T) {
	addr := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		request(r)
		io.WriteString(c, eventStream+"\r\n"+token+token+last+closed)
	})
	c := newClient(t)
	o := c.Do(t.Context(), newCall(t, c, addr, true), &shown{}).Outcome
	if o.Status != outcome.OK {
		t.Fatalf("%+v", o)
	}
	if known := o.Floor > 0; known != (runtime.GOOS == "linux") || o.Floor > time.Second {
		t.Errorf("a round trip of %v over loopback", o.Floor)
	}
}

func BenchmarkArrivals(b *testing.B) {
	b.ReportAllocs()
	var a arrivals
	at := time.Duration(0)
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			a, at = arrivals{}, 0
		}
		at += 20 * ms
		a.note(at, int64(i%1000))
	}
}

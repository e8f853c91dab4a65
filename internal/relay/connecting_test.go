package relay

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/beacon"
	"vision/internal/hotkey"
	"vision/internal/outcome"
)

// held is a network whose connections are made after some time.
type held struct {
	*piped
	by time.Duration
}

func (h held) Dial(ctx context.Context, addr string, id hotkey.ID) (net.Conn, error) {
	time.Sleep(h.by)
	return h.piped.Dial(ctx, addr, id)
}

// A miner that has connections wait until it has a GPU free is as slow as if it had requests wait. What is no more than distance
// counts for nobody, nor what a beacon makes wait: it allows for its own itself, and what connects beside them waits for us.
func TestConnectionsHeldBackAreTheMinersTime(t *testing.T) {
	for name, c := range map[string]struct {
		by     time.Duration
		source outcome.Source
		beacon time.Duration // when one begins to ask, for 5 s; 0: none does
		want   time.Duration
	}{
		"at once":                  {0, outcome.Organic, 0, 10 * time.Millisecond},
		"far away":                 {time.Second, outcome.Synthetic, 0, 10 * time.Millisecond},
		"held back":                {3 * time.Second, outcome.Organic, 0, 3010 * time.Millisecond},
		"at a beacon":              {3 * time.Second, outcome.Burst, 0, 10 * time.Millisecond},
		"beside all of a beacon's": {3 * time.Second, outcome.Organic, time.Second, 10 * time.Millisecond},
		"before a beacon":          {3 * time.Second, outcome.Organic, 4 * time.Second, 3010 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var network piped
				addr := network.serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
					request(r)
					time.Sleep(10 * time.Millisecond)
					io.WriteString(c, goodStream)
				})
				var windows beacon.Windows
				client := network.client(t, func(cfg *Config) { cfg.Dialer, cfg.Beacons = held{&network, c.by}, windows.Within })
				if c.beacon > 0 {
					windows.Add(time.Now().Add(c.beacon), time.Now().Add(c.beacon+5*time.Second))
				}
				call := newCall(t, client, addr, true)
				call.Source = c.source
				asked := time.Now()
				o := client.Do(t.Context(), call, &shown{}).Outcome
				if o.Status != outcome.OK || o.Total != c.want || o.FirstOutput > o.Total || o.FirstOutput <= 0 {
					t.Errorf("%v %q took %v, %v to the first output, want %v in all", o.Status, o.Reason, o.Total, o.FirstOutput, c.want)
				}
				if end := asked.Add(c.by + 10*time.Millisecond); !o.End().Equal(end) {
					t.Errorf("it ended at %v, want %v", o.End(), end)
				}
			})
		})
	}
}

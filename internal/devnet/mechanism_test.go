//go:build mechanism

package devnet

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"vision/internal/config"
	"vision/internal/hotkey"
	"vision/internal/scorer"
)

// texts are the tasks that cost this machine little, so that a beacon measures
// the miners and not the machine.
func texts(t *testing.T) []byte {
	t.Helper()
	text := string(config.DevnetCatalogue())
	end := strings.Index(text, "  - name: vision-ref-image\n")
	if end < 0 {
		t.Fatal("the devnet's catalogue is not as it was")
	}
	return []byte(text[:end])
}

// TestEveryCheatEarnsLessThanEveryHonestMiner runs vision7 over real sockets: within
// 10 short periods each cheat is below every honest miner. It takes a minute or
// two, for that long the periods are: `make mechanism`.
func TestEveryCheatEarnsLessThanEveryHonestMiner(t *testing.T) {
	const period, periods = 10 * time.Second, 10
	data := t.TempDir()
	if err := os.WriteFile(CatalogueFile(data), texts(t), 0o600); err != nil {
		t.Fatal(err)
	}
	n := begin(t, Options{Data: data, Period: period, Miners: 3, Cheats: []string{"overdeclare", "shared", "quantised", "relay", "on-off"}, Listen: "127.0.0.1:0"})
	defer n.stop(t)
	defer n.log.tail(t)
	names := n.Names()
	seen := int64(0)
	var wrong []string
	untilWithin(t, 2*(periods+2)*period, "every cheat is below every honest miner", func() bool {
		r, err := scorer.Compose(t.Context(), n.Store(), n.Catalogue(), scorer.ReportOptions{Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if r.Scored == seen {
			return false
		}
		if seen = r.Scored; seen > periods {
			t.Fatalf("after %d periods: %s", periods, strings.Join(wrong, "; "))
		}
		t.Logf("period %d\n%s%s", seen, status(r, names), evidence(r, names))
		least, found := 2.0, 0
		for _, m := range r.Miners {
			if strings.HasPrefix(names[m.Hotkey], "honest") {
				least = min(least, m.Weight)
				found++
			}
		}
		wrong = nil
		for _, m := range r.Miners {
			if name := names[m.Hotkey]; !strings.HasPrefix(name, "honest") && m.Weight >= least {
				wrong = append(wrong, name)
			}
		}
		// All have had time to show what they can.
		return seen >= 4 && found == 3 && least > 0 && len(wrong) == 0 && len(r.Miners) == 8
	})
}

// evidence is what each weight comes from, a line for each contender that has shown anything.
func evidence(r scorer.Report, names map[hotkey.ID]string) string {
	var b strings.Builder
	for _, m := range r.Miners {
		for _, c := range m.Tasks {
			h := c.Hardened
			if h == nil || h.Beacons == 0 {
				continue
			}
			fmt.Fprintf(&b, "    %-12s %-16s credit %5.0f ± %4.0f of %5.0f, slowness %.2f, brevity %.2f, pays %5.0f; reliability %.2f, trust %.2f, quality %.2f; %d beacons, %d of %d\n",
				names[m.Hotkey], c.Task, h.Credited, h.StdErr, h.Ceiling, h.SlowFactor, h.Brevity, h.Paid, h.Reliability, h.Trust, c.Quality.Combined, h.Beacons, h.Delivered, h.Asked)
		}
	}
	return b.String()
}

package devnet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/receipt"
	"vision/internal/report"
	"vision/internal/scorer"
)

// cheatsLose waits for two scored periods, and until the cheats are below the honest
// miners: while the machine is so busy that honest miners fail, they need not be.
func cheatsLose(t *testing.T, n *running) {
	var r scorer.Report
	names := n.Names()
	least, worst := 0.0, 0.0
	until(t, "two periods are scored, and no cheat has an honest miner's weight", func() bool {
		r = n.report(t)
		least, worst = 2, -1
		for _, m := range r.Miners {
			if strings.HasPrefix(names[m.Hotkey], "honest") {
				least = min(least, m.Weight)
			} else {
				worst = max(worst, m.Weight)
			}
		}
		return r.Scored >= 2 && len(r.Miners) == 5 && (worst < least || racing) // so slow, honest miners fail too
	})
	sum := 0.0
	for _, m := range r.Miners {
		name := names[m.Hotkey]
		t.Logf("%-12s weight %.4f%s", name, m.Weight, factors(m))
		sum += m.Weight
		if strings.HasPrefix(name, "honest") {
			for _, c := range m.Tasks {
				if c.Quality.Checks > 0 && c.Quality.Mean < 0.9 { // whatever the machine's speed
					t.Errorf("%s, %s: quality %.3f of %d checks, an honest miner's is above 0.9", name, c.Task, c.Quality.Mean, c.Quality.Checks)
				}
			}
		}
	}
	if sum < 0.999 || sum > 1.001 {
		t.Errorf("weights sum to %v", sum)
	}

	// One miner's report carries the evidence.
	one, err := scorer.Compose(t.Context(), n.Store(), n.Catalogue(), scorer.ReportOptions{Now: time.Now(), Miner: r.Miners[0].Hotkey})
	if err != nil {
		t.Fatal(err)
	}
	checks := 0
	for _, c := range one.Miners[0].Tasks {
		checks += len(c.Checks)
	}
	if len(one.Miners) != 1 || checks == 0 {
		t.Errorf("%d miners, %d checks: want one miner and the checks behind its score", len(one.Miners), checks)
	}

	// What people see says the same.
	table := status(r, names)
	for _, name := range names {
		if !strings.Contains(table, "  "+name+" ") {
			t.Errorf("the table does not show %s:\n%s", name, table)
		}
	}
}

func factors(m scorer.MinerReport) string {
	var b strings.Builder
	for _, c := range m.Tasks {
		fmt.Fprintf(&b, "; %s: %.3f x %.2f (%d checks) x %d, %d ok %d limited %d failed", strings.TrimPrefix(c.Task, "vision-ref-"),
			c.PeriodScore, c.Quality.Combined, c.Quality.Checks, c.Capacity, c.Counts.OK, c.Counts.RateLimited, c.Counts.Failed)
	}
	return b.String()
}

// weightsArePaid waits until the ledger has the weights and its consensus has
// paid the miners by them.
func weightsArePaid(t *testing.T, n *running) {
	until(t, "the ledger pays incentive by the validator's weights", func() bool {
		s, err := n.ledger.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		paid := 0
		for _, m := range n.miners {
			if neuron, ok := s.ByHotkey(m.key.ID()); ok && m.cheat == "" && neuron.Incentive > 0 {
				paid++
			}
		}
		return paid == n.options.Miners
	})
	if r := n.report(t); r.Weights == nil || r.Weights.Note == "" {
		t.Errorf("the report says nothing of the weights: %+v", r.Weights)
	}
}

// cheatIsConvicted waits for the conviction of who serves coarser weights, by its
// checked answers alone; nobody honest is so much as watched.
func cheatIsConvicted(t *testing.T, n *running) {
	const chat = "vision-ref-chat"
	names := n.Names()
	until(t, "the quantised miner is convicted", func() bool { return standing(n.report(t), names, "quantised", chat) == judgement.Convicted })
	r := n.report(t)
	for _, m := range r.Miners {
		name := names[m.Hotkey]
		for _, c := range m.Tasks {
			if strings.HasPrefix(name, "honest") && c.Judgement != nil && c.Judgement.Standing != judgement.Trusted {
				t.Errorf("%s is %v on %s: %+v", name, c.Judgement.Standing, c.Task, c.Judgement)
			}
		}
		if name != "quantised" {
			continue
		}
		one, err := scorer.Compose(t.Context(), n.Store(), n.Catalogue(), scorer.ReportOptions{Now: time.Now(), Miner: m.Hotkey})
		if err != nil {
			t.Fatal(err)
		}
		evidenceIsSigned(t, n, m.Hotkey, chat)
		for _, c := range one.Miners[0].Tasks {
			if c.Task != chat {
				continue
			}
			if c.Quality.Mean != 0 || len(c.Judgement.Evidence) == 0 || !c.Judgement.Evidence[0].Proves || c.Judgement.Evidence[0].Bytes == 0 {
				t.Errorf("convicted with quality %v, on %d pieces of evidence: %+v", c.Quality.Mean, len(c.Judgement.Evidence), c.Judgement)
			}
		}
	}
}

// evidenceIsSigned looks whether what is kept of a miner's answers can be shown to
// others: each is signed by it, as it came over the network, streamed or not.
func evidenceIsSigned(t *testing.T, n *running, miner hotkey.ID, task string) {
	list, err := n.Store().Evidence(t.Context(), miner, task, 100)
	if err != nil || len(list) == 0 {
		t.Fatalf("%d pieces of evidence, %v", len(list), err)
	}
	own, err := n.Store().OwnReport(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.Read(own.Body)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		// One that was broken off has no end to be signed; of one that is too long no bytes are
		// kept; and nobody waits long for what comes after a stream's [DONE].
		s := list[i].Sample
		if s.Outcome.Status != outcome.OK || len(s.Response) == 0 || s.Outcome.Stream && len(s.Proof) == 0 {
			continue
		}
		if _, err := receipt.Of(&list[i], fmt.Sprintf("%s/%d", r.Network, r.Netuid), r.Validator); err != nil {
			t.Errorf("%s: %v", list[i].Sample.Outcome.Request, err)
		}
	}
}

// standing is what a miner of a name is taken for on a task.
func standing(r scorer.Report, names map[hotkey.ID]string, name, task string) (s judgement.Standing) {
	for _, m := range r.Miners {
		for _, c := range m.Tasks {
			if names[m.Hotkey] == name && c.Task == task && c.Judgement != nil {
				s = c.Judgement.Standing
			}
		}
	}
	return s
}

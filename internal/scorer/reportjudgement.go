package scorer

import (
	"context"
	"fmt"
	"time"

	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
)

// Judgement is what all checks of a miner on a task say of it together; see
// package judgement.
type Judgement struct {
	Standing    judgement.Standing `json:"standing"`
	Since       time.Time          `json:"since"`
	Wealth      float64            `json:"wealth"`       // what a capital of 1 has become by betting on cheating
	ConvictsAt  float64            `json:"convicts_at"`  // the wealth that convicts
	Quality     float64            `json:"quality"`      // that follows, 0 to 1: the most that a checked answer is worth now
	Checked     int64              `json:"checked"`      // responses, ever
	Suspicious  int64              `json:"suspicious"`   // of them
	Convictions int                `json:"convictions"`  // ever
	Record      int64              `json:"clean_record"` // responses of a clean record since the last conviction
	RecordNeeds int64              `json:"clean_record_needs,omitempty"`
	Evidence    []EvidenceReport   `json:"evidence,omitempty"` // only in a report on one miner
}

// EvidenceReport is a checked answer that speaks against its miner. Its bytes are
// in the database.
type EvidenceReport struct {
	Number  int64     `json:"number"` // of the miner's checks on the task
	Request string    `json:"request"`
	Proves  bool      `json:"proves"` // it is among those that convicted
	Bytes   int       `json:"bytes"`  // kept of the request and the response; 0 if they were too long, or too old
	At      time.Time `json:"at"`
	Test    string    `json:"test"`
	Detail  string    `json:"detail"`
	E       float64   `json:"e"`
	By      string    `json:"reference"`
	Again   string    `json:"again,omitempty"`
}

// AccusedReport is an answer that another validator showed, and that this one found
// wanting too. It counts for nothing but that all that the miner answers is checked for now.
type AccusedReport struct {
	Validator hotkey.ID `json:"validator"`
	At        time.Time `json:"at"`
	E         float64   `json:"e"` // as this validator judged it
	Test      string    `json:"test"`
	Checks    int64     `json:"checks"` // own ones that are still to come
}

// mostEvidence is how much evidence is looked at for a miner on a task.
const mostEvidence = 100

// withJudgements adds what is known of the miners.
func withJudgements(ctx context.Context, st Evidence, miners []MinerReport, rules judgement.Rules, now time.Time) error {
	list, err := st.Judgements(ctx)
	if err != nil {
		return fmt.Errorf("read what is known of miners: %w", err)
	}
	known := map[outcome.Pair]outcome.Judgement{}
	for _, j := range list {
		known[outcome.Pair{Miner: j.Miner, Task: j.Task}] = j
	}
	open, err := accused(ctx, st, list, now)
	if err != nil {
		return err
	}
	for _, m := range miners {
		for i := range m.Tasks {
			pair := outcome.Pair{Miner: m.Hotkey, Task: m.Tasks[i].Task}
			j, ok := known[pair]
			if a, open := open[pair]; open {
				m.Tasks[i].Accused = &AccusedReport{a.Validator, a.At, a.E, a.Test, a.Checked + outcome.AccusedChecks - j.State.Checked}
			}
			if !ok {
				continue
			}
			r := &Judgement{
				Standing: j.State.Standing, Since: j.Since, Wealth: j.State.Wealth(), ConvictsAt: 1 / rules.Alpha, Quality: rules.Quality(j.State),
				Checked: j.State.Checked, Suspicious: j.State.Suspicious, Convictions: j.State.Convictions, Record: j.State.Record,
			}
			if j.State.Standing == judgement.Convicted || j.State.Probation {
				r.RecordNeeds = rules.Record(j.State.Convictions)
			}
			m.Tasks[i].Judgement = r
		}
	}
	return nil
}

// withEvidence adds the answers that speak against the miner.
func withEvidence(ctx context.Context, st Evidence, m *MinerReport) error {
	for i := range m.Tasks {
		j := m.Tasks[i].Judgement
		if j == nil {
			continue
		}
		list, err := st.Evidence(ctx, m.Hotkey, m.Tasks[i].Task, mostEvidence)
		if err != nil {
			return fmt.Errorf("read the evidence: %w", err)
		}
		for _, e := range list {
			c := e.Check
			j.Evidence = append(j.Evidence, EvidenceReport{c.Number, e.Sample.Outcome.Request, e.Proves,
				len(e.Sample.Request) + len(e.Sample.Response), c.At, c.Test, c.Detail, c.E, c.Reference, c.Again})
		}
	}
	return nil
}

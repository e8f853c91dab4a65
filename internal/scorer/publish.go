package scorer

import (
	"context"
	"fmt"
	"time"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/period"
	"vision/internal/report"
	"vision/internal/score"
	"vision/internal/task"
)

// publish signs and keeps the report of a period that was weighed. It fails
// as a whole or not at all, and costs no weights: what cannot be reported is logged.
func (s *Scorer) publish(ctx context.Context, g gathered, out score.Outcome, uids map[hotkey.ID]uint16) {
	body, at, err := s.signed(ctx, g, out, uids)
	if err == nil {
		at.Own, at.Body = true, body
		err = s.c.Store.SaveReport(ctx, at)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("there is no report of the period", "period", g.period, "err", err)
	}
}

func (s *Scorer) signed(ctx context.Context, g gathered, out score.Outcome, uids map[hotkey.ID]uint16) ([]byte, period.Report, error) {
	r := report.Report{Period: g.period, At: s.c.Now().UTC(), Beacons: []report.Beacon{}, Tasks: []report.Task{}, Miners: []report.Miner{}}
	kept := period.Report{Validator: s.c.Signer.ID(), Period: g.period, At: r.At}
	if snap := s.neurons.Load(); snap != nil {
		r.Network, r.Netuid, r.StakeShare = snap.Network, snap.Netuid, snap.StakeShare(s.c.Signer.ID())
	}
	beacons, err := s.c.Store.Beacons(ctx, g.period)
	if err != nil {
		return nil, kept, fmt.Errorf("read the period's beacons: %w", err)
	}
	for _, b := range beacons {
		r.Beacons = append(r.Beacons, report.Beacon{Source: b.Source, Number: b.Number, At: b.At})
	}
	loads := map[string]Load{}
	if b := s.over.Load(); b != nil && b.ID == g.period {
		r.Start, r.End = b.Start, b.End
		b.mu.Lock()
		loads = b.loads()
		b.mu.Unlock()
	}
	c := s.c.Catalogue()
	for _, t := range g.tasks {
		unit := ""
		if tk, ok := c.Lookup(t.Name); ok {
			if kind, ok := task.KindNamed(tk.Kind); ok {
				unit = string(kind.Unit())
			}
		}
		r.Tasks = append(r.Tasks, report.Task{Task: t.Name, Unit: unit, Weight: t.Weight, Synthetic: loads[t.Name].Share()})
	}
	for _, w := range out.Weights {
		r.Miners = append(r.Miners, report.Miner{Hotkey: w.Hotkey, UID: uids[w.Hotkey], Weight: w.Weight})
	}
	if err := r.Fill(s.c.Mechanism, g.tasks, out); err != nil {
		return nil, kept, err
	}
	body, err := report.Sign(r, s.c.Signer)
	return body, kept, err
}

// lastReport is this validator's last report as it is kept, without its body if
// body is false.
func lastReport(ctx context.Context, st Evidence, body bool) (period.Report, error) {
	kept, err := st.OwnReport(ctx, body)
	if fault.KindOf(err) == fault.NotFound {
		err = fault.New(fault.NotFound, "no_report", "there is no report yet: the first comes when a period was scored")
	}
	return kept, err
}

// ownReport is this validator's last report.
func ownReport(ctx context.Context, st Evidence) (report.Report, error) {
	kept, err := lastReport(ctx, st, true)
	if err != nil {
		return report.Report{}, err
	}
	return report.Read(kept.Body)
}

// rulesOf is the mechanism by which the last report was made; vision4 if
// there is none, which then has nothing to score.
func rulesOf(ctx context.Context, st Evidence) (score.Mechanism, error) {
	r, err := ownReport(ctx, st)
	if fault.KindOf(err) == fault.NotFound {
		return score.Vision4{}, nil
	}
	if err != nil {
		return nil, err
	}
	return r.Rules()
}

// PeerReport is what another validator's last report shows of it.
type PeerReport struct {
	Validator hotkey.ID `json:"validator"`
	Period    int64     `json:"period"`
	At        time.Time `json:"at"`
	Mechanism string    `json:"mechanism"`
	Differs   string    `json:"differs,omitempty"` // how its rules differ from this validator's
}

// peersOf are the other validators whose reports are known.
func peersOf(ctx context.Context, st Evidence) ([]PeerReport, error) {
	list, err := st.Reports(ctx)
	if err != nil || len(list) < 2 || !list[0].Own {
		return nil, err
	}
	own, err := report.Read(list[0].Body)
	if err != nil {
		return nil, fmt.Errorf("read the last report: %w", err)
	}
	var peers []PeerReport
	for _, kept := range list[1:] {
		if kept.Own { // by a hotkey that this validator had
			continue
		}
		r, err := report.Read(kept.Body)
		if err != nil {
			continue // it was readable when it was kept, by a program that is no longer this
		}
		peers = append(peers, PeerReport{r.Validator, r.Period, r.At, r.Mechanism, own.Differs(&r)})
	}
	return peers, nil
}

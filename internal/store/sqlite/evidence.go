package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/store"
)

const (
	addEvidence = `INSERT INTO evidence (sample, miner, task, at, number, proves, size, verdict, outcome, request_size, response_size, deflated, proof)
		SELECT id, ?2, ?3, ?4, ?5, 0,
			iif(length(deflated) > ?6, 0, length(deflated)), ?7, outcome,
			iif(length(deflated) > ?6, 0, request_size), iif(length(deflated) > ?6, 0, response_size), iif(length(deflated) > ?6, x'', deflated), iif(length(deflated) > ?6, x'', proof)
		FROM sample_bodies WHERE id = ?1`
	proveEvidence = `UPDATE evidence INDEXED BY evidence_pair SET proves = 1 WHERE miner = ? AND task = ? AND proves = 0 AND number >= ?`
	trimEvidence  = `DELETE FROM evidence WHERE sample IN (SELECT sample FROM evidence INDEXED BY evidence_pair WHERE miner = ? AND task = ? AND proves = ? ORDER BY number DESC LIMIT -1 OFFSET ?)`
	evidenceSize  = `SELECT coalesce(sum(size), 0) FROM evidence INDEXED BY evidence_age`
	oldestBody    = `UPDATE evidence SET size = 0, request_size = 0, response_size = 0, deflated = x'', proof = x'' WHERE sample = (SELECT sample FROM evidence INDEXED BY evidence_age WHERE size > 0 ORDER BY proves, at LIMIT 1) RETURNING 1`
	pairEvidence  = `SELECT sample, proves, verdict, outcome, request_size, response_size, deflated, proof FROM evidence INDEXED BY evidence_pair WHERE miner = ? AND task = ? AND proves = ? ORDER BY number DESC LIMIT ?`
)

// keepEvidence copies a sample that speaks against its miner, before it is
// dropped, and marks what convicted it.
func keepEvidence(ctx context.Context, conn *sql.Conn, c *outcome.Check, change judgement.Change) error {
	if c.E < judgement.Suspect && !c.Failed && !c.Convicted {
		return nil
	}
	verdict, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("keep evidence: %w", err)
	}
	err = changed(ctx, conn, addEvidence, c.Sample, c.Miner[:], c.Task, nanos(c.At), c.Number, store.MaxEvidenceBody, string(verdict))
	if err != nil {
		return fmt.Errorf("keep evidence: %w", err)
	}
	if c.Convicted {
		if _, err := conn.ExecContext(ctx, proveEvidence, c.Miner[:], c.Task, change.Before.Rise); err != nil {
			return fmt.Errorf("mark the evidence: %w", err)
		}
	}
	for proves, most := range []int{store.MaxEvidence, store.MaxProofs} {
		if _, err := conn.ExecContext(ctx, trimEvidence, c.Miner[:], c.Task, proves, most); err != nil {
			return fmt.Errorf("trim evidence: %w", err)
		}
	}
	return shrinkEvidence(ctx, conn, store.MaxEvidenceBytes)
}

// shrinkEvidence drops the oldest bodies until all together have at most so many
// bytes: first of those that convicted nobody.
func shrinkEvidence(ctx context.Context, conn *sql.Conn, most int64) error {
	for {
		size, err := one(ctx, conn, integer, evidenceSize)
		if err != nil || size <= most {
			return err
		}
		dropped, err := query(ctx, conn, integer, oldestBody)
		if err != nil || len(dropped) == 0 {
			return err
		}
	}
}

// Evidence implements store.Store.
func (s *Store) Evidence(ctx context.Context, miner hotkey.ID, task string, limit int) (list []outcome.Evidence, err error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	for _, proves := range []int{1, 0} {
		more, err := query(ctx, s.reads, scanEvidence, pairEvidence, miner[:], task, proves, limit-len(list))
		if err != nil {
			return nil, fmt.Errorf("list the evidence against %s: %w", miner, err)
		}
		list = append(list, more...)
	}
	return list, nil
}

func scanEvidence(r *sql.Rows) (e outcome.Evidence, err error) {
	var b body
	var verdict []byte
	if err := r.Scan(&b.id, &e.Proves, &verdict, &b.outcome, &b.request, &b.response, &b.deflated, &b.proof); err != nil {
		return e, err
	}
	if err := json.Unmarshal(verdict, &e.Check); err != nil {
		return e, fmt.Errorf("read the verdict on sample %d: %w", b.id, err)
	}
	if len(b.deflated) == 0 {
		e.Sample.ID = b.id
		e.Sample.Outcome, err = b.was()
		return e, err
	}
	e.Sample, err = b.sample()
	return e, err
}

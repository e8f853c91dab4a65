package sqlite

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"vision/internal/store"
)

// queue bounds the samples that wait. How much is sampled follows from how many
// wait; but that takes seconds, and a checker may be down for a day.
type queue struct {
	log         *slog.Logger
	most, bytes int64
	dropped     int64 // since it was last told
	told        time.Time
}

func newQueue(o Options) queue {
	q := queue{log: o.Log, most: o.MaxPending, bytes: o.MaxPendingBytes}
	if q.most == 0 {
		q.most = store.MaxPending
	}
	if q.bytes == 0 {
		q.bytes = store.MaxPendingBytes
	}
	return q
}

const (
	queueSize  = `SELECT count(*), coalesce(sum(size), 0) FROM samples`
	lastQueued = `SELECT id FROM samples INDEXED BY samples_queue ORDER BY checks DESC, start DESC, id DESC LIMIT ?`
)

// bound drops from the queue's end what is too much. It looks when a
// hundredth of what may wait has come since it last did, so that the queue may be longer by that.
func (q *queue) bound(ctx context.Context, conn *sql.Conn, in *inserter) error {
	if in.samples == 0 || in.samples < q.most/100 && in.sampleBytes < q.bytes/100 {
		return nil
	}
	in.samples, in.sampleBytes = 0, 0
	for {
		var n, size int64
		if err := conn.QueryRowContext(ctx, queueSize).Scan(&n, &size); err != nil {
			return err
		}
		over := n - q.most
		if size > q.bytes {
			over = max(over, 1, n*(size-q.bytes)/size)
		}
		if over <= 0 {
			break
		}
		ids, err := query(ctx, conn, integer, lastQueued, min(over, deleteBatch))
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := dropSample(ctx, conn, id); err != nil {
				return err
			}
		}
		q.dropped += int64(len(ids))
	}
	if q.dropped > 0 && time.Since(q.told) > time.Minute {
		q.log.Warn("samples dropped unchecked: more wait than may", "samples", q.dropped, "most", q.most)
		q.dropped, q.told = 0, time.Now()
	}
	return nil
}

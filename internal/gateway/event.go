package gateway

import (
	"log/slog"
	"time"

	"vision/internal/dispatch"
	"vision/internal/ledger"
)

// Event is what is logged and counted of one request: names, lengths and
// times, never contents.
type Event struct {
	ID       string
	Key      int64  // 0: not authenticated
	Path     string // "" for one that does not exist
	Task     string // "" until it is known
	Stream   bool
	Status   int    // HTTP; of a stream, what the status would have been had its end been known
	Code     string // the error's; "" for success
	Reason   string // the last outcome's
	Miner    *dispatch.Seat
	Tries    int
	Hedged   bool // a second miner was asked because the first was late
	Outrun   bool // and was first
	Denied   bool // another miner was not asked because the budget for that was used up
	BytesIn  int
	BytesOut int64
	Prompt   int64         // tokens
	Work     int64         // units
	Charged  ledger.Amount // to a prepaid project
	First    time.Duration // of the last attempt, to its first output
	Blocked  time.Duration // of the last attempt, spent waiting for the customer to read
	Total    time.Duration // of the request
	Err      error         // with its cause, for our log; nil for success
}

// report logs and counts a request.
func (x *exchange) report() {
	e := &x.event
	e.Total = x.g.Now().Sub(x.arrived)
	if x.g.Observer != nil {
		x.g.Observer.Request(e)
	}
	level := slog.LevelInfo
	if e.Status >= 500 {
		level = slog.LevelWarn
	}
	ctx := x.r.Context()
	if !x.g.Log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 19)
	attrs = append(attrs,
		slog.String("id", e.ID), slog.Int64("key", e.Key), slog.String("path", e.Path), slog.String("task", e.Task),
		slog.Bool("stream", e.Stream), slog.Int("status", e.Status),
		slog.Int("tries", e.Tries), slog.Int("bytes_in", e.BytesIn), slog.Int64("bytes_out", e.BytesOut),
		slog.Int64("prompt", e.Prompt), slog.Int64("work", e.Work), slog.Int64("charged", int64(e.Charged)),
		slog.Duration("first", e.First), slog.Duration("total", e.Total))
	if e.Miner != nil {
		attrs = append(attrs, slog.String("miner", e.Miner.Name()))
	}
	if e.Blocked >= time.Millisecond { // less is writing
		attrs = append(attrs, slog.Duration("blocked", e.Blocked))
	}
	if e.Code != "" {
		attrs = append(attrs, slog.String("code", e.Code))
	}
	if e.Reason != "" {
		attrs = append(attrs, slog.String("reason", e.Reason))
	}
	if e.Err != nil && e.Status >= 500 {
		attrs = append(attrs, slog.Any("err", e.Err))
	}
	x.g.Log.LogAttrs(ctx, level, "request", attrs...)
}

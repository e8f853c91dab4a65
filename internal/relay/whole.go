package relay

import (
	"errors"
	"io"

	"vision/internal/ledger"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/task"
)

// whole takes an answer that is not streamed.
func (a *attempt) whole(h head) bool {
	most := a.c.cfg.MaxResponse
	if a.call.Kind.Unit() == task.Token { // a text needs no more room whole than as a stream
		most = min(most, proto.MaxStream(task.MostPrompt(a.call.Request), a.call.Request.Work()))
	}
	if h.length > most {
		return a.fail("too_large", "The miner's answer is too large.")
	}
	buf := buffers.Get().(*[]byte)
	defer putBuffer(buf)
	b := newBody(h)
	for !b.done {
		data, n, err := b.take(a.cn.unread())
		a.cn.r += n
		if err != nil {
			return a.broken(err)
		}
		// Framing may be as much as the data, which no server comes near.
		a.read += int64(n)
		if *buf = append(*buf, data...); int64(len(*buf)) > most || a.read/2 > most {
			return a.fail("too_large", "The miner's answer is too large.")
		}
		if n > 0 || b.done {
			continue
		}
		if err := a.fill(); err != nil {
			if b.framing == byClose && errors.Is(err, io.EOF) {
				break
			}
			return a.broken(err)
		}
	}
	at := a.c.cfg.Now().Sub(a.start)
	reusable := !h.close && b.framing != byClose && a.cn.r == a.cn.w
	work, err := a.call.Kind.Count(*buf, a.call.Request)
	if err == nil {
		work = ledger.Clamp(work, ledger.Worst(a.call.Task, a.call.Request)) // what usage shows is what is paid for
		a.ans.Body, err = a.call.Kind.Show(*buf, work, a.call.Request, a.call.Task)
	}
	if a.call.Keep {
		a.ans.Kept = append([]byte(nil), *buf...)
		a.prove(h.answer)
	}
	if err != nil {
		a.end(outcome.Failed, codeOf(err), err)
		return reusable
	}
	a.first = max(at, 1)
	a.arrivals.note(at, work.Units)
	a.ans.Work = work
	a.end(outcome.OK, "", nil)
	return reusable
}

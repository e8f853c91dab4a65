package sqlite

import (
	"encoding/binary"
	"fmt"

	"vision/internal/ledger"
	"vision/internal/outcome"
	"vision/internal/task"
)

// checkMoney refuses a receipt or answer that could not be booked once
// acknowledged.
func checkMoney(e *outcome.Entry) error {
	if r := e.Receipt; r != nil {
		if r.Request != e.Outcome.Request {
			return fmt.Errorf("record the receipt of %.60q with an outcome of %.60q: want the same request", r.Request, e.Outcome.Request)
		}
		if err := r.Check(); err != nil {
			return fmt.Errorf("record a receipt: %w", err)
		}
	}
	if a := e.Answer; a != nil {
		if a.Request != e.Outcome.Request {
			return fmt.Errorf("record the answer of %.60q with an outcome of %.60q: want the same request", a.Request, e.Outcome.Request)
		}
		if a.Key <= 0 || a.Name == "" || len(a.Name)+len(a.ContentType) > ledger.MaxText {
			return fmt.Errorf("record an answer: its key is %d, its name and content type have %d and %d bytes: want a key, a name, and at most %d bytes",
				a.Key, len(a.Name), len(a.ContentType), ledger.MaxText)
		}
	}
	return nil
}

func appendReceipt(b []byte, r *ledger.Receipt) []byte {
	b = binary.AppendVarint(b, r.Project)
	b = binary.AppendVarint(b, r.Key)
	b = appendText(b, r.Task)
	b = binary.AppendVarint(b, nanos(r.At))
	b = appendText(b, string(r.Unit))
	b = binary.AppendVarint(b, r.Work.Prompt)
	b = binary.AppendVarint(b, r.Work.Units)
	b = binary.AppendVarint(b, r.Price.Prompt)
	b = binary.AppendVarint(b, r.Price.Output)
	b = binary.AppendVarint(b, int64(r.Cost))
	b = binary.AppendVarint(b, int64(r.Charged))
	b = append(b, byte(r.Class))
	b = append(b, r.Miner[:]...)
	return binary.AppendVarint(b, int64(r.Tries))
}

func (d *decoder) receipt(o *outcome.Outcome) *ledger.Receipt {
	r := &ledger.Receipt{
		Request: o.Request, Project: d.varint(), Key: d.varint(), Task: d.word(), At: timeAt(d.varint()), Unit: task.Unit(d.word()),
		Work: task.Work{Prompt: d.varint(), Units: d.varint()}, Price: task.Price{Prompt: d.varint(), Output: d.varint()},
		Cost: ledger.Amount(d.varint()), Charged: ledger.Amount(d.varint()), Class: ledger.Class(d.byte()),
	}
	copy(r.Miner[:], d.take(uint64(len(r.Miner))))
	r.Tries = d.int()
	return r
}

func appendAnswer(b []byte, a *outcome.Answer, left *int) []byte {
	body := a.Body
	dropped := a.Dropped || len(body) > *left
	if dropped {
		body = nil
	}
	*left -= len(body)
	b = binary.AppendVarint(b, a.Key)
	b = appendText(b, a.Name)
	b = binary.AppendVarint(b, int64(a.Status))
	b = appendText(b, a.ContentType)
	b = appendBool(b, dropped)
	return appendText(b, body)
}

// answer reads an Answer. Its body lies in the record; it is nil if it was too long.
func (d *decoder) answer(o *outcome.Outcome) *outcome.Answer {
	a := &outcome.Answer{Request: o.Request, Key: d.varint(), Name: string(d.bytes()), Status: d.int(), ContentType: d.word()}
	dropped := d.bool()
	if a.Body = d.bytes(); dropped {
		a.Body = nil
	} else if a.Body == nil {
		a.Body = []byte{}
	}
	return a
}

// dropped says of a decoded answer that its body was too long.
func dropped(a *outcome.Answer) bool { return a.Body == nil }

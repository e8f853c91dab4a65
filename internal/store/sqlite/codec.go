package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/store"
	"vision/internal/task"
)

// A journal record is the version, the number of entries and the entries.
// Numbers are varints, texts have their length before them. Records of all
// versions since the first are read: a program of before an upgrade may have
// left them in the journal, and outcomes of samples stay as they were written.
const (
	version          = 5
	versionNoBeacon  = 4 // outcomes had no Beacon
	versionNoAsked   = 3 // outcomes had no Asked
	versionNoFloor   = 2 // outcomes had no Floor, Arrivals no Mean and Gap95
	versionNoBlocked = 1 // outcomes had no Blocked
)

const (
	hasSample   = 1 << 0
	hasFeatures = 1 << 1
	hasReceipt  = 1 << 2
	hasAnswer   = 1 << 3
	hasProof    = 1 << 4 // of a sample
)

var errRecord = errors.New("not a record of outcomes")

// check refuses what the database could not hold: once acknowledged, an entry
// must never fail to move.
func check(e *outcome.Entry) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("record an outcome: "+format, args...)
	}
	o := &e.Outcome
	if math.IsNaN(o.Arrivals.Burst) {
		return bad("Arrivals.Burst is not a number")
	}
	if len(o.Request)+len(o.Task)+len(o.Reason)+len(e.Kind) > 4096 {
		return bad("its texts are longer than 4096 bytes")
	}
	if s := e.Sample; s != nil && len(s.Proof) > proto.MaxProof {
		return bad("the proof of its sample is longer than %d bytes", proto.MaxProof)
	}
	if f := e.Features; f != nil {
		if e.Kind == "" {
			return bad("it has Features but no Kind to keep them under")
		}
		if math.IsNaN(f.Temperature) || math.IsNaN(f.TopP) {
			return bad("the features' temperature or top_p is not a number")
		}
		if len(f.Size)+len(f.Task)+len(f.Options) > 640 {
			return bad("the features' texts are longer than 640 bytes")
		}
	}
	return checkMoney(e)
}

// appendEntries appends a record of entries that check accepts. It leaves out
// samples beyond store.MaxSample, so that a sample never costs an outcome.
// The same goes for answers beyond store.MaxAnswer together, of which it is
// kept that there was one.
func appendEntries(b []byte, entries []outcome.Entry) []byte {
	b = append(b, version)
	b = binary.AppendUvarint(b, uint64(len(entries)))
	left, leftOfAnswers := store.MaxSample, store.MaxAnswer
	for i := range entries {
		sample := entries[i].Sample
		if sample != nil {
			if size := len(sample.Request) + len(sample.Response); size > left {
				sample = nil
			} else {
				left -= size
			}
		}
		b = appendEntry(b, &entries[i], sample, &leftOfAnswers)
	}
	return b
}

func appendEntry(b []byte, e *outcome.Entry, sample *outcome.Sample, leftOfAnswers *int) []byte {
	var parts byte
	if sample != nil {
		parts |= hasSample
		if len(sample.Proof) > 0 {
			parts |= hasProof
		}
	}
	if e.Features != nil {
		parts |= hasFeatures
	}
	if e.Receipt != nil {
		parts |= hasReceipt
	}
	if e.Answer != nil {
		parts |= hasAnswer
	}
	b = append(b, parts)
	b = appendOutcome(b, &e.Outcome)
	if s := sample; s != nil {
		b = appendText(b, s.Request)
		b = appendText(b, s.Response)
		if len(s.Proof) > 0 {
			b = appendText(b, s.Proof)
		}
	}
	if f := e.Features; f != nil {
		b = appendText(b, e.Kind)
		b = appendBool(b, f.Stream)
		b = binary.AppendVarint(b, int64(f.Turns))
		b = binary.AppendVarint(b, int64(f.PromptBytes))
		b = binary.AppendVarint(b, int64(f.Output))
		b = appendFloat(b, f.Temperature)
		b = appendFloat(b, f.TopP)
		b = appendText(b, packed(f))
	}
	if e.Receipt != nil {
		b = appendReceipt(b, e.Receipt)
	}
	if e.Answer != nil {
		b = appendAnswer(b, e.Answer, leftOfAnswers)
	}
	return b
}

// packed is what stands in the place of a size, in records and in the database:
// the size, as ever, and where they are known the task and the options, a line each.
func packed(f *task.Features) string {
	if f.Task == "" && f.Options == "" {
		return f.Size
	}
	return f.Size + "\n" + f.Task + "\n" + f.Options
}

func unpack(f *task.Features, text string) {
	var rest string
	f.Size, rest, _ = strings.Cut(text, "\n")
	f.Task, f.Options, _ = strings.Cut(rest, "\n")
}

func appendOutcome(b []byte, o *outcome.Outcome) []byte {
	b = appendText(b, o.Request)
	b = binary.AppendVarint(b, int64(o.Try))
	b = appendBool(b, o.Last)
	b = binary.AppendVarint(b, o.Key)
	b = append(b, byte(o.Source))
	b = appendText(b, o.Task)
	b = append(b, o.Miner[:]...)
	b = append(b, byte(o.Status))
	b = appendText(b, o.Reason)
	b = appendBool(b, o.Stream)
	b = binary.AppendVarint(b, o.Work)
	b = binary.AppendVarint(b, o.PromptWork)
	b = binary.AppendVarint(b, nanos(o.Start))
	b = binary.AppendVarint(b, int64(o.FirstOutput))
	b = binary.AppendVarint(b, int64(o.Total))
	b = binary.AppendVarint(b, int64(o.Arrivals.Chunks))
	b = binary.AppendVarint(b, int64(o.Arrivals.Longest))
	b = appendFloat(b, o.Arrivals.Burst)
	b = binary.AppendVarint(b, int64(o.Blocked))
	b = binary.AppendVarint(b, int64(o.Floor))
	b = binary.AppendVarint(b, int64(o.Arrivals.Mean))
	b = binary.AppendVarint(b, int64(o.Arrivals.Gap95))
	b = binary.AppendVarint(b, o.Asked)
	b = binary.AppendVarint(b, int64(o.Beacon.Time))
	return binary.AppendVarint(b, o.Beacon.Work)
}

func appendText[T string | []byte](b []byte, text T) []byte {
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendFloat(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

// decoder reads a record. After a mistake it gives zeros, and err says so.
type decoder struct {
	b       []byte
	version byte // the record's
	err     error
	seen    map[string]string // texts that repeat, so that they are allocated once
}

// reset begins another record, or another sample's outcome: what has a version
// first. One that is not known is an error.
func (d *decoder) reset(b []byte) error {
	d.b, d.err = b, nil
	if d.seen == nil || len(d.seen) > 4096 {
		d.seen = map[string]string{}
	}
	if d.version = d.byte(); d.err == nil && (d.version < versionNoBlocked || d.version > version) {
		d.err = fmt.Errorf("%w that this program knows (version %d)", errRecord, d.version)
	}
	return d.err
}

// entries gives each entry of a record. The sample's bytes lie in the record.
func (d *decoder) entries(record []byte, each func(*outcome.Entry) error) error {
	if err := d.reset(record); err != nil {
		return err
	}
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		var e outcome.Entry
		d.entry(&e)
		if d.err != nil {
			break
		}
		if err := each(&e); err != nil {
			return err
		}
	}
	if d.err == nil && len(d.b) > 0 {
		d.err = errRecord
	}
	return d.err
}

func (d *decoder) entry(e *outcome.Entry) {
	parts := d.byte()
	d.outcome(&e.Outcome)
	if parts&hasSample != 0 {
		e.Sample = &outcome.Sample{Outcome: e.Outcome, Request: d.bytes(), Response: d.bytes()}
		if parts&hasProof != 0 {
			e.Sample.Proof = d.bytes()
		}
	}
	if parts&hasFeatures != 0 {
		e.Kind = d.word()
		e.Features = &task.Features{
			Stream: d.bool(), Turns: d.int(), PromptBytes: d.int(), Output: d.int(),
			Temperature: d.float(), TopP: d.float(),
		}
		unpack(e.Features, string(d.bytes()))
	}
	if parts&hasReceipt != 0 {
		e.Receipt = d.receipt(&e.Outcome)
	}
	if parts&hasAnswer != 0 {
		e.Answer = d.answer(&e.Outcome)
	}
}

func (d *decoder) outcome(o *outcome.Outcome) {
	o.Request = string(d.bytes())
	o.Try = d.int()
	o.Last = d.bool()
	o.Key = d.varint()
	o.Source = outcome.Source(d.byte())
	o.Task = d.word()
	copy(o.Miner[:], d.take(uint64(len(o.Miner))))
	o.Status = outcome.Status(d.byte())
	o.Reason = d.word()
	o.Stream = d.bool()
	o.Work = d.varint()
	o.PromptWork = d.varint()
	o.Start = timeAt(d.varint())
	o.FirstOutput = time.Duration(d.varint())
	o.Total = time.Duration(d.varint())
	o.Arrivals.Chunks = d.int()
	o.Arrivals.Longest = time.Duration(d.varint())
	o.Arrivals.Burst = d.float()
	if d.version > versionNoBlocked {
		o.Blocked = time.Duration(d.varint())
	}
	if d.version > versionNoFloor {
		o.Floor = time.Duration(d.varint())
		o.Arrivals.Mean = time.Duration(d.varint())
		o.Arrivals.Gap95 = time.Duration(d.varint())
	}
	if d.version > versionNoAsked {
		o.Asked = d.varint()
	}
	if d.version > versionNoBeacon {
		o.Beacon.Time = time.Duration(d.varint())
		o.Beacon.Work = d.varint()
	}
}

func (d *decoder) take(n uint64) []byte {
	if uint64(len(d.b)) < n {
		d.b, d.err = nil, errRecord
		return nil
	}
	p := d.b[:n:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) byte() byte {
	if p := d.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (d *decoder) bool() bool { return d.byte() != 0 }

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.b, d.err = nil, errRecord
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.b, d.err = nil, errRecord
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int { return int(d.varint()) }

func (d *decoder) float() float64 {
	if p := d.take(8); p != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(p))
	}
	return 0
}

func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

func (d *decoder) word() string {
	p := d.bytes()
	if s, ok := d.seen[string(p)]; ok {
		return s
	}
	s := string(p)
	d.seen[s] = s
	return s
}

// nanos keeps a time as nanoseconds since 1970, and no time as 0.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func timeAt(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

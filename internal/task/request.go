package task

import (
	"strconv"

	"vision/internal/fault"
	"vision/internal/openai"
)

// request is a valid request of any kind.
type request struct {
	stream   bool
	work     int64
	seed     uint64
	seeded   bool
	choices  int // answers that are asked for; 0 is 1
	wants    Wants
	features Features
	links    []Link
	seen     int // pictures in the prompt of a text

	pictures, width, height int // asked for, and of what size in pixels

	payload []byte // for the miner, but for the seed
	hole    int    // where in payload the seed belongs; -1 for kinds without one
	head    [2]int // where in payload the prefix is; nowhere if empty
}

func (r *request) Stream() bool         { return r.stream }
func (r *request) Work() int64          { return r.work }
func (r *request) Seed() (uint64, bool) { return r.seed, r.seeded }
func (r *request) Wants() Wants         { return r.wants }
func (r *request) Features() Features   { return r.features }

func (r *request) Payload(seed uint64) []byte {
	if r.hole < 0 {
		return r.payload
	}
	out := make([]byte, 0, len(r.payload)+20)
	out = append(out, r.payload[:r.hole]...)
	out = strconv.AppendUint(out, seed, 10)
	return append(out, r.payload[r.hole:]...)
}

// MostPrompt bounds the prompt tokens that a miner may claim for a request: a
// token is at least a byte, but for what a template adds to each message, and
// for pictures.
func MostPrompt(r Request) int64 {
	f := r.Features()
	most := int64(f.PromptBytes) + 32*int64(f.Turns) + 64
	if own, ok := r.(*request); ok {
		most += int64(own.seen) * pictureTokens
	}
	return most
}

// pictureTokens is how many tokens of a prompt one picture may be.
const pictureTokens = 16 << 10

// SeedMask has the bits set that a seed for the task's servers may have.
func (t *Task) SeedMask() uint64 {
	bits := t.Model.SeedBits
	if bits <= 0 || bits > 63 {
		bits = 63
	}
	return 1<<bits - 1
}

// field is one field of a kind's requests: read checks its value and appends
// what the miner is sent. It is called with nil for a field that is not given
// (or null) if always is set, and else not at all.
type field struct {
	name   string
	read   func(p *parsing, name string, v []byte) error
	always bool
	note   noter // what is remembered of it; newForm fills it in
}

// form is a kind's fields, in the order that miners see them.
type form struct {
	fields []field
	index  map[string]int
}

func newForm(fields ...field) *form {
	if len(fields) > len(parsing{}.values) {
		panic("task: a form has too many fields")
	}
	f := &form{fields: fields, index: make(map[string]int, len(fields))}
	for i, field := range fields {
		f.index[field.name] = i
		f.fields[i].note = noters[field.name]
	}
	return f
}

func (f *form) knows(name string) bool {
	_, ok := f.index[name]
	return ok
}

// parsing is one request being read.
type parsing struct {
	task   *Task
	form   *form
	body   []byte
	values [48][]byte // by the form's order
	out    []byte
	r      *request
	tools  []string        // names of the functions that are offered
	calls  map[string]bool // ids of the calls in messages so far; nil: none

	options []byte // what Features.Options will be
	unsaid  bool   // there were too many messages to tell of in options

	decoded  int // pixels of the pictures so far, as they were sent
	pictures int // bytes that an input's pictures so far were written as
}

// parse reads a body by the form. Fields that the form does not know are
// passed on after those it does, sorted.
func (f *form) parse(body []byte, t *Task) (*request, error) {
	members, err := openai.Members(body)
	if err != nil {
		return nil, err
	}
	p := parsing{task: t, form: f, body: body, r: &request{hole: -1}}
	unknown := members[:0]
	for _, m := range members {
		i, ok := f.index[m.Name]
		switch {
		case !ok:
			unknown = append(unknown, m)
		case !openai.IsNull(m.Value):
			p.values[i] = m.Value
		}
	}
	p.out = make([]byte, 0, len(body)+192)
	p.out = append(p.out, `{"model":`...)
	p.out = openai.AppendString(p.out, t.Name)
	for i, field := range f.fields {
		if v := p.values[i]; v != nil || field.always {
			if err := field.read(&p, field.name, v); err != nil {
				return nil, err
			}
			if how := field.note; how != nil && v != nil {
				p.note(field.name, how, v)
			}
		}
	}
	for _, m := range unknown {
		if how := passedOn[m.Name]; how != nil && !openai.IsNull(m.Value) {
			p.note(m.Name, how, m.Value)
		}
	}
	p.out = openai.AppendSorted(p.out, unknown)
	p.r.features.Task, p.r.features.Options = t.Name, string(p.options)
	p.r.payload = append(p.out, '}')
	return p.r, nil
}

// given is the value of another field, nil if it is absent.
func (p *parsing) given(name string) []byte { return p.values[p.form.index[name]] }

// key begins a member.
func (p *parsing) key(name string) {
	p.out = append(p.out, ',', '"')
	p.out = append(p.out, name...)
	p.out = append(p.out, '"', ':')
}

func (p *parsing) int(name string, n int64) {
	p.key(name)
	p.out = strconv.AppendInt(p.out, n, 10)
}

// Readers of fields.

// ignored is a field that says something about the customer, or nothing.
func ignored(*parsing, string, []byte) error { return nil }

// refused is a field that is not supported, with what to do about it.
func refused(hint string) func(*parsing, string, []byte) error {
	return func(_ *parsing, name string, _ []byte) error { return openai.Unsupported(name, hint) }
}

// unless refuses every value but some, which are not sent on.
func unless(hint string, allowed ...string) func(*parsing, string, []byte) error {
	return func(_ *parsing, name string, v []byte) error {
		for _, a := range allowed {
			if string(v) == a {
				return nil
			}
		}
		return openai.Unsupported(name, hint)
	}
}

func number(low, high float64) func(*parsing, string, []byte) error {
	return func(p *parsing, name string, v []byte) error {
		f, err := openai.Float(v, name, low, high)
		if err != nil {
			return err
		}
		p.key(name)
		p.out = openai.AppendFloat(p.out, f)
		return nil
	}
}

func whole(low, high int64) func(*parsing, string, []byte) error {
	return func(p *parsing, name string, v []byte) error {
		n, err := openai.Int(v, name, low, high)
		if err != nil {
			return err
		}
		p.int(name, n)
		return nil
	}
}

func boolean(p *parsing, name string, v []byte) error {
	if _, err := openai.Bool(v, name); err != nil {
		return err
	}
	return asIs(p, name, v)
}

func text(p *parsing, name string, v []byte) error {
	if !openai.IsString(v) {
		return fault.BadParam(name, "%s must be a string.", name)
	}
	return asIs(p, name, v)
}

func asIs(p *parsing, name string, v []byte) error {
	p.key(name)
	p.out = openai.AppendCanonical(p.out, v)
	return nil
}

// seed reads the customer's own seed and leaves the hole for the one to send.
func seed(p *parsing, name string, v []byte) error {
	if v != nil {
		n, err := openai.Int(v, name, -1<<63, 1<<63-1)
		if err != nil {
			return err
		}
		p.r.seed, p.r.seeded = uint64(n)&p.task.SeedMask(), true
	}
	p.key(name)
	p.r.hole = len(p.out)
	return nil
}

// wanted reads a true or false that only says what the customer is shown.
func wanted(p *parsing, name string, v []byte) error {
	b, err := openai.Bool(v, name)
	p.r.wants.TokenIDs = b
	return err
}

// problem makes a Problem of a kind's own.
func problem(field, message string) Problem { return Problem{Field: field, Message: message} }

package task

import (
	"slices"
	"strconv"

	"vision/internal/fault"
	"vision/internal/openai"
)

// Model servers refuse a request whose tools or response format are not of
// their form. Such a mistake is the customer's: it is found here, before any
// miner is asked.

// maxTools is how many tools a request may offer, maxToolName how long a
// function's or a schema's name may be.
const (
	maxTools    = 128
	maxToolName = 128 // bytes
)

// tools reads the functions that the model may call. None is as good as absent.
func tools(p *parsing, name string, v []byte) error {
	if !openai.IsArray(v) {
		return fault.BadParam(name, "tools must be an array of at most %d objects.", maxTools)
	}
	for e := range openai.Elements(v) {
		if len(p.tools) == maxTools {
			return fault.BadParam(name, "tools has more than %d tools.", maxTools)
		}
		called, err := tool("tools["+itoa(len(p.tools))+"]", e)
		if err != nil {
			return err
		}
		p.tools = append(p.tools, called)
	}
	if len(p.tools) == 0 {
		return nil
	}
	p.r.features.PromptBytes += len(v)
	return asIs(p, name, v)
}

// tool gives the name of one tool's function.
func tool(at string, v []byte) (name string, err error) {
	o, err := membersOf(at, v)
	if err != nil {
		return "", err
	}
	if err := o.kind("function"); err != nil {
		return "", err
	}
	f, err := o.object("function")
	if err != nil {
		return "", err
	}
	if name, err = f.name(); err != nil {
		return "", err
	}
	return name, f.optional(map[string]shape{"description": aText, "parameters": anObject, "strict": aBoolean})
}

// withTools is a field that means nothing where no tools are offered, and which
// some servers then refuse.
func withTools(read func(p *parsing, name string, v []byte) error) func(p *parsing, name string, v []byte) error {
	return func(p *parsing, name string, v []byte) error {
		before := len(p.out)
		err := read(p, name, v)
		if len(p.tools) == 0 {
			p.out = p.out[:before]
		}
		return err
	}
}

// toolChoice reads which of the tools the model is to call.
func toolChoice(p *parsing, name string, v []byte) error {
	if openai.IsString(v) {
		switch s, _ := openai.Text(v, name); s {
		case "none", "auto":
			return asIs(p, name, v)
		case "required":
			if len(p.tools) == 0 {
				return fault.BadParam(name, `tool_choice is "required", but tools offers none.`)
			}
			return asIs(p, name, v)
		}
		return fault.BadParam(name, `tool_choice must be "none", "auto", "required" or an object that names a function.`)
	}
	o, err := membersOf(name, v)
	if err != nil {
		return fault.BadParam(name, `tool_choice must be "none", "auto", "required" or an object that names a function.`)
	}
	if err := o.kind("function"); err != nil {
		return err
	}
	f, err := o.object("function")
	if err != nil {
		return err
	}
	wanted, err := f.name()
	if err != nil {
		return err
	}
	if !slices.Contains(p.tools, wanted) {
		return fault.BadParam(f.At+".name", "tool_choice names a function that tools does not offer.")
	}
	return asIs(p, name, v)
}

// answerFormat reads what form the answer is to have.
func answerFormat(p *parsing, name string, v []byte) error {
	o, err := membersOf(name, v)
	if err != nil {
		return err
	}
	if err := o.kind("text", "json_object", "json_schema"); err != nil {
		return err
	}
	if schema := o.Given("json_schema"); schema != nil || string(o.Given("type")) == `"json_schema"` {
		f, err := o.object("json_schema")
		if err != nil {
			return err
		}
		if _, err := f.name(); err != nil {
			return err
		}
		if _, err := f.object("schema"); err != nil {
			return err
		}
		if err := f.optional(map[string]shape{"description": aText, "strict": aBoolean}); err != nil {
			return err
		}
	}
	return asIs(p, name, v)
}

// logitBias reads what is added to the logits of some tokens.
func logitBias(p *parsing, name string, v []byte) error {
	o, err := membersOf(name, v)
	if err != nil {
		return err
	}
	for _, m := range o.Members {
		if id, err := strconv.ParseUint(m.Name, 10, 31); err != nil || strconv.FormatUint(id, 10) != m.Name {
			return fault.BadParam(name, "logit_bias must be an object whose names are token ids.")
		}
		if _, err := openai.Float(m.Value, name, -100, 100); err != nil {
			return err
		}
	}
	return asIs(p, name, v)
}

// nested is an object within a field.
type nested struct{ openai.Object }

func membersOf(at string, v []byte) (nested, error) {
	o, err := openai.ObjectAt(at, v)
	return nested{o}, err
}

// object reads a member that must be an object.
func (o nested) object(name string) (nested, error) {
	return membersOf(o.At+"."+name, o.Given(name))
}

// kind checks the member type.
func (o nested) kind(allowed ...string) error {
	at := o.At + ".type"
	kind, err := openai.Text(o.Given("type"), at)
	if err != nil {
		return err
	}
	if !slices.Contains(allowed, kind) {
		list := ""
		for i, a := range allowed {
			if i > 0 {
				list += ", "
			}
			list += strconv.Quote(a)
		}
		return openai.Unsupported(at, "use "+list)
	}
	return nil
}

// name reads the name of a function or a schema.
func (o nested) name() (string, error) {
	at := o.At + ".name"
	name, err := openai.Text(o.Given("name"), at)
	if err != nil {
		return "", err
	}
	for _, c := range []byte(name) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.') {
			return "", fault.BadParam(at, "%s may hold letters, digits, '_', '-' and '.' only.", at)
		}
	}
	if name == "" || len(name) > maxToolName {
		return "", fault.BadParam(at, "%s must have 1 to %d characters.", at, maxToolName)
	}
	return name, nil
}

// shape is what a member's value must be.
type shape struct {
	fits func(v []byte) bool
	want string
}

var (
	aText    = shape{openai.IsString, "a string"}
	anObject = shape{func(v []byte) bool { return v[0] == '{' }, "an object"}
	aBoolean = shape{func(v []byte) bool { return v[0] == 't' || v[0] == 'f' }, "true or false"}
)

// optional checks the shapes of members that may be absent.
func (o nested) optional(shapes map[string]shape) error {
	for _, m := range o.Members { // in their order, so that the first mistake is named
		if s, ok := shapes[m.Name]; ok && !openai.IsNull(m.Value) && !s.fits(m.Value) {
			return fault.BadParam(o.At+"."+m.Name, "%s.%s must be %s.", o.At, m.Name, s.want)
		}
	}
	return nil
}

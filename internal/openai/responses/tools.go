package responses

import (
	"vision/internal/fault"
	"vision/internal/openai"
)

// tools writes the functions that the model may call. Here their members lie
// beside the type, in a chat in an object of their own. Whether they are as they
// should be is found by the chat request's reader.
func tools(r *reading, name string, v []byte) error {
	if !openai.IsArray(v) {
		return fault.BadParam(name, "tools must be an array of objects.")
	}
	r.out = append(r.out, `,"tools":[`...)
	i := 0
	for e := range openai.Elements(v) {
		o, err := objectAt(element(name, i), e)
		if err != nil {
			return err
		}
		if err := function(o); err != nil {
			return err
		}
		if i > 0 {
			r.out = append(r.out, ',')
		}
		r.out = append(r.out, `{"type":"function","function":`...)
		r.out = append(appendOnly(r.out, o, "name", "description", "parameters", "strict"), '}')
		i++
	}
	r.out = append(r.out, ']')
	return nil
}

// function insists on the type function.
func function(o object) error {
	kind, err := o.kind()
	if err == nil && kind != "function" {
		err = openai.Unsupported(o.At+".type", `only tools of the type "function" can be called; nothing is run by this server`)
	}
	return err
}

// appendOnly appends an object of some of o's members.
func appendOnly(out []byte, o object, names ...string) []byte {
	out = append(out, '{')
	n := 0
	for _, name := range names {
		v := o.Given(name)
		if v == nil {
			continue
		}
		if n > 0 {
			out = append(out, ',')
		}
		n++
		out = append(append(append(out, '"'), name...), '"', ':')
		out = openai.AppendCanonical(out, v)
	}
	return append(out, '}')
}

func toolChoice(r *reading, name string, v []byte) error {
	if openai.IsString(v) {
		return same(r, name, v)
	}
	o, err := objectAt(name, v)
	if err != nil {
		return fault.BadParam(name, `tool_choice must be "none", "auto", "required" or an object that names a function.`)
	}
	if err := function(o); err != nil {
		return err
	}
	r.out = append(r.out, `,"tool_choice":{"type":"function","function":`...)
	r.out = append(appendOnly(r.out, o, "name"), '}')
	return nil
}

// text reads what form the answer's text is to have.
func text(r *reading, name string, v []byte) error {
	o, err := objectAt(name, v)
	if err != nil {
		return err
	}
	if verbosity := o.Given("verbosity"); verbosity != nil {
		if !openai.IsString(verbosity) {
			return fault.BadParam("text.verbosity", "text.verbosity must be a string.")
		}
		r.out = appendMember(r.out, "verbosity", verbosity)
	}
	if o.Given("format") == nil {
		return nil
	}
	f, err := objectAt("text.format", o.Given("format"))
	if err != nil {
		return err
	}
	kind, err := f.kind()
	switch {
	case err != nil:
		return err
	case kind == "json_schema":
		r.out = append(r.out, `,"response_format":{"type":"json_schema","json_schema":`...)
		r.out = append(appendOnly(r.out, f, "name", "description", "schema", "strict"), '}')
	case kind == "text" || kind == "json_object":
		r.out = append(r.out, `,"response_format":{"type":"`...)
		r.out = append(append(r.out, kind...), '"', '}')
	default:
		return openai.Unsupported("text.format.type", `use "text", "json_object" or "json_schema"`)
	}
	return nil
}

package openai

import "vision/internal/fault"

// Object is an object within a request.
type Object struct {
	At      string // where it is, as errors name it: "tools[0].function"
	Members []Member
}

// ObjectAt reads a value found by Members that must be an object; nil is missing.
func ObjectAt(at string, v []byte) (Object, error) {
	if v == nil {
		return Object{}, fault.BadParam(at, "%s is missing: it must be an object.", at)
	}
	members, err := ObjectMembers(v, at)
	return Object{at, members}, err
}

// Given is a member's value, nil if it is absent or null.
func (o Object) Given(name string) []byte {
	for _, m := range o.Members {
		if m.Name == name && !IsNull(m.Value) {
			return m.Value
		}
	}
	return nil
}

// Unsupported is the error for what OpenAI has and we do not, with what to do
// about it.
func Unsupported(at, hint string) error {
	e := fault.BadParam(at, "%s is not supported: %s.", at, hint)
	e.Code = "unsupported_value"
	return e
}

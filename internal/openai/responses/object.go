package responses

import (
	"strconv"

	"vision/internal/fault"
	"vision/internal/openai"
)

// object is an object within a request; at is where, as errors name it.
type object struct {
	at      string
	members []openai.Member
}

func objectAt(at string, v []byte) (object, error) {
	if v == nil {
		return object{}, fault.BadParam(at, "%s is missing: it must be an object.", at)
	}
	members, err := openai.ObjectMembers(v, at)
	return object{at, members}, err
}

// given is a member's value, nil if it is absent or null.
func (o object) given(name string) []byte {
	for _, m := range o.members {
		if m.Name == name && !openai.IsNull(m.Value) {
			return m.Value
		}
	}
	return nil
}

// text is a member's value that must be a string, as JSON.
func (o object) text(name string) ([]byte, error) {
	v := o.given(name)
	if !openai.IsString(v) {
		at := o.at + "." + name
		return nil, fault.BadParam(at, "%s must be a string.", at)
	}
	return v, nil
}

// kind is the member type, "" if it is absent.
func (o object) kind() (string, error) {
	v := o.given("type")
	if v == nil {
		return "", nil
	}
	return openai.Text(v, o.at+".type")
}

func element(at string, i int) string { return at + "[" + strconv.Itoa(i) + "]" }

// unsupported is for what OpenAI has and we do not, with what to do about it.
func unsupported(at, hint string) error {
	e := fault.BadParam(at, "%s is not supported: %s.", at, hint)
	e.Code = "unsupported_value"
	return e
}

// appendMember appends a member with a comma before it, and its value in
// canonical form.
func appendMember(dst []byte, name string, value []byte) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	return openai.AppendCanonical(dst, value)
}

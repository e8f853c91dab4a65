package responses

import (
	"strconv"

	"vision/internal/fault"
	"vision/internal/openai"
)

// object is an object within a request.
type object struct{ openai.Object }

func objectAt(at string, v []byte) (object, error) {
	o, err := openai.ObjectAt(at, v)
	return object{o}, err
}

// text is a member's value that must be a string, as JSON.
func (o object) text(name string) ([]byte, error) {
	v := o.Given(name)
	if !openai.IsString(v) {
		at := o.At + "." + name
		return nil, fault.BadParam(at, "%s must be a string.", at)
	}
	return v, nil
}

// kind is the member type, "" if it is absent.
func (o object) kind() (string, error) {
	v := o.Given("type")
	if v == nil {
		return "", nil
	}
	return openai.Text(v, o.At+".type")
}

func element(at string, i int) string { return at + "[" + strconv.Itoa(i) + "]" }

// appendMember appends a member with a comma before it, and its value in
// canonical form.
func appendMember(dst []byte, name string, value []byte) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	return openai.AppendCanonical(dst, value)
}

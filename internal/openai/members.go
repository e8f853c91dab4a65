package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"vision/internal/fault"
)

// maxMembers is how many members a request's object may have.
const maxMembers = 256

// Member is one member of a JSON object. Value is its text as it was written.
type Member struct {
	Name  string
	Value []byte
}

// Members reads a request: one JSON object, valid UTF-8, nested at most
// MaxDepth deep, every name of it written once. The values point into b. Its
// errors are of kind Invalid.
func Members(b []byte) ([]Member, error) {
	end := skipValue(b, space(b, 0), MaxDepth)
	if end == bad || space(b, end) != len(b) {
		return nil, notJSON(b)
	}
	if b[space(b, 0)] != '{' {
		return nil, fault.New(fault.Invalid, "invalid_json", "The body is not a JSON object.")
	}
	return members(b, make([]Member, 0, 16))
}

// notJSON says what is wrong with a body that Members does not take.
func notJSON(b []byte) error {
	var wrong *json.SyntaxError
	var any json.RawMessage
	switch {
	case !utf8.Valid(b):
		return fault.New(fault.Invalid, "invalid_json", "The body is not valid UTF-8.")
	case errors.As(json.Unmarshal(b, &any), &wrong):
		return fault.New(fault.Invalid, "invalid_json", "The body is not valid JSON: there is a mistake at byte %d of %d.", wrong.Offset, len(b))
	}
	return fault.New(fault.Invalid, "invalid_json",
		"The body's JSON cannot be used: it is nested more than %d deep, or holds a number too large for a float64.", MaxDepth)
}

// ObjectMembers reads a value found by Members that should be an object; param
// names it in errors.
func ObjectMembers(v []byte, param string) ([]Member, error) {
	if len(v) == 0 || v[0] != '{' {
		return nil, fault.BadParam(param, "%s must be an object.", param)
	}
	return members(v, make([]Member, 0, 4))
}

// members lists the members of an object that is known to be valid JSON.
func members(b []byte, into []Member) ([]Member, error) {
	o := open(b, space(b, 0))
	for o.next() {
		o.i = skipValue(b, o.val, MaxDepth)
		name := unquote(b[o.key-1 : o.keyEnd+1])
		for i := range into {
			if into[i].Name == name {
				return nil, fault.BadParam(name, "%q is given twice.", name)
			}
		}
		if len(into) == maxMembers {
			return nil, fault.New(fault.Invalid, "too_many_fields", "An object of the request has more than %d fields.", maxMembers)
		}
		into = append(into, Member{Name: name, Value: b[o.val:o.i]})
	}
	return into, nil
}

// Elements ranges over a value found by Members that is an array; over nothing
// if it is not one.
func Elements(v []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if !IsArray(v) {
			return
		}
		for i := space(v, 1); i < len(v) && v[i] != ']'; {
			end := skipValue(v, i, MaxDepth)
			if end == bad || !yield(v[i:end]) {
				return
			}
			if i = space(v, end); i < len(v) && v[i] == ',' {
				i = space(v, i+1)
			}
		}
	}
}

// IsNull says whether a value is null.
func IsNull(v []byte) bool { return len(v) == 4 && v[0] == 'n' }

// IsArray says whether a value is an array.
func IsArray(v []byte) bool { return len(v) > 0 && v[0] == '[' }

// IsString says whether a value is a string.
func IsString(v []byte) bool { return len(v) > 0 && v[0] == '"' }

// Text reads a string.
func Text(v []byte, param string) (string, error) {
	if !IsString(v) {
		return "", fault.BadParam(param, "%s must be a string.", param)
	}
	return unquote(v), nil
}

// Bool reads true or false.
func Bool(v []byte, param string) (bool, error) {
	switch string(v) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fault.BadParam(param, "%s must be true or false.", param)
}

// Int reads a whole number of at least low and at most high.
func Int(v []byte, param string, low, high int64) (int64, error) {
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || n < low || n > high {
		return 0, fault.BadParam(param, "%s must be a whole number from %d to %d.", param, low, high)
	}
	return n, nil
}

// Float reads a number of at least low and at most high.
func Float(v []byte, param string, low, high float64) (float64, error) {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || !(f >= low && f <= high) || len(v) == 0 || !(v[0] == '-' || '0' <= v[0] && v[0] <= '9') {
		return 0, fault.BadParam(param, "%s must be a number from %v to %v.", param, low, high)
	}
	return f, nil
}

// AppendFloat appends a number in the one form that we write it in.
func AppendFloat(dst []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.AppendInt(dst, int64(f), 10)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// AppendCanonical appends a value found by Members without white space and
// with strings in the one form that AppendString gives them. The members of
// objects keep their order.
func AppendCanonical(dst, v []byte) []byte {
	for i := 0; i < len(v); {
		switch c := v[i]; c {
		case ' ', '\n', '\t', '\r':
			i++
		case '"':
			end := skipString(v, i)
			dst = appendString(dst, v[i:end])
			i = end
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}

// AppendSorted appends members as AppendCanonical does, each with a comma
// before it, in the order of their names.
func AppendSorted(dst []byte, members []Member) []byte {
	slices.SortFunc(members, func(a, b Member) int {
		return bytes.Compare([]byte(a.Name), []byte(b.Name))
	})
	for _, m := range members {
		dst = append(dst, ',')
		dst = AppendString(dst, m.Name)
		dst = append(dst, ':')
		dst = AppendCanonical(dst, m.Value)
	}
	return dst
}

// appendString appends a string given as JSON in canonical form.
func appendString(dst, quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return append(dst, quoted...)
	}
	return AppendString(dst, unquote(quoted))
}

const hex = "0123456789abcdef"

// AppendString appends s as a JSON string: everything as it is but '"', '\'
// and control characters, and U+FFFD for what is not UTF-8.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		start := i
		for i < len(s) && plain[s[i]] {
			i++
		}
		dst = append(dst, s[start:i]...)
		if i == len(s) {
			break
		}
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
	}
	return append(dst, '"')
}

// unquote decodes a valid JSON string. Half a surrogate pair gives U+FFFD.
func unquote(quoted []byte) string {
	in := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(in, '\\') < 0 {
		return string(in)
	}
	out := make([]byte, 0, len(in))
	for i := 0; i < len(in); {
		if in[i] != '\\' {
			out = append(out, in[i])
			i++
			continue
		}
		switch c := in[i+1]; c {
		case 'u':
			r := unhex(in[i+2:])
			i += 6
			if 0xD800 <= r && r < 0xDC00 && i+6 <= len(in) && in[i] == '\\' && in[i+1] == 'u' {
				if low := unhex(in[i+2:]); 0xDC00 <= low && low < 0xE000 {
					r = 0x10000 + (r-0xD800)<<10 + (low - 0xDC00)
					i += 6
				}
			}
			out = utf8.AppendRune(out, r)
			continue
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		default:
			out = append(out, c)
		}
		i += 2
	}
	return string(out)
}

func unhex(b []byte) (r rune) {
	for _, c := range b[:4] {
		switch {
		case c <= '9':
			r = r<<4 | rune(c-'0')
		default:
			r = r<<4 | rune(c|0x20-'a'+10)
		}
	}
	return r
}

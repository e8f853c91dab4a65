package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"vision/internal/fault"
)

// MaxBody is the most bytes of a request's body.
const MaxBody = 64 << 10

// body reads a request's body into a struct; none is as good as {}.
func body(w http.ResponseWriter, r *http.Request, into any) error {
	if _, err := query(r); err != nil {
		return err
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return fault.New(fault.TooLarge, "body_too_large", "The body has more than %d bytes.", MaxBody)
	case err != nil:
		return fault.Wrap(err, fault.Invalid, "unreadable_body", "The body could not be read to its end.")
	case len(bytes.TrimSpace(text)) == 0:
		return nil
	}
	return decode(text, into)
}

// decode reads a JSON object into a struct, strictly: no field that the struct
// does not have, exactly so spelt, none twice, nothing after the object.
func decode(text []byte, into any) error {
	if !utf8.Valid(text) {
		return fault.New(fault.Invalid, "invalid_json", "The body is not UTF-8.")
	}
	known := fields(reflect.TypeOf(into).Elem())
	d := json.NewDecoder(bytes.NewReader(text))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return notJSON(err)
	}
	var seen []string
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return notJSON(err)
		}
		name, _ := t.(string)
		if !slices.Contains(known, name) {
			return fault.BadParam(name, "%.80q is not a field of this request; its fields are: %s.", name, strings.Join(known, ", "))
		}
		if slices.Contains(seen, name) {
			return fault.BadParam(name, "The field %s is there twice.", name)
		}
		seen = append(seen, name)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return notJSON(err)
		}
	}
	if _, err := d.Token(); err != nil {
		return notJSON(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fault.New(fault.Invalid, "invalid_json", "Something follows the JSON object.")
	}
	err := json.Unmarshal(text, into)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fault.BadParam(wrong.Field, "%s is a %s, want %s.", wrong.Field, wrong.Value, wanted(wrong.Type))
	}
	if err != nil {
		return notJSON(err)
	}
	return nil
}

func notJSON(err error) error {
	if err == nil {
		err = errors.New("it is no object")
	}
	return fault.Wrap(err, fault.Invalid, "invalid_json", "The body is not a JSON object that this request has: %.200s.", err.Error())
}

// fields are the names of a struct's fields in JSON.
func fields(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		return "a whole number that fits 64 bits"
	case reflect.Slice:
		return "a list of texts"
	}
	return "a text"
}

// query reads a request's query, in which each name is one of those that are
// known, and there once.
func query(r *http.Request, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fault.New(fault.Invalid, "invalid_query", "The query is not one: write it as ?from=2026-11-01&to=2026-12-01.")
	}
	for name, all := range values {
		if len(known) == 0 {
			return nil, fault.BadParam(name, "This request has no parameters in its query, and %.40q is there.", name)
		}
		if !slices.Contains(known, name) {
			return nil, fault.BadParam(name, "%.40q is not something that this is asked by; it knows: %s.", name, strings.Join(known, ", "))
		}
		if len(all) > 1 {
			return nil, fault.BadParam(name, "%s is there twice.", name)
		}
	}
	return values, nil
}

// whole reads a number of a query; "" is the default.
func whole(values url.Values, name string, standard, least, most int64) (int64, error) {
	text := values.Get(name)
	if text == "" {
		return standard, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, fault.BadParam(name, "%s is %.20q, want a whole number from %d to %d.", name, text, least, most)
	}
	return n, nil
}

// pageAsked reads which page of a list a query asks for: what comes after a number, and how much of it.
func pageAsked(values url.Values) (after, limit int64, err error) {
	if after, err = whole(values, "after", 0, 0, math.MaxInt64); err != nil {
		return 0, 0, err
	}
	limit, err = whole(values, "limit", DefaultLimit, 1, MaxLimit)
	return after, limit, err
}

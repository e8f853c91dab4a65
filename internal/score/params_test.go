package score

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The table of docs/mechanism.md has each parameter once, with its default and its range.
func TestParametersAreAsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/mechanism.md")
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ usual, bounds string }
	rows := map[string]row{}
	for _, line := range regexp.MustCompile("(?m)^\\| `([a-z_, ]+)` \\| ([^|]+) \\| ([^|]+) \\|").FindAllStringSubmatch(string(page), -1) {
		names, values := strings.Split(line[1], ", "), strings.Split(line[2], ", ")
		for i, name := range names {
			if _, twice := rows[name]; twice || len(values) != len(names) {
				t.Errorf("%s: given twice, or without a default: %q", name, line[0])
				continue
			}
			rows[name] = row{values[i], line[3]}
		}
	}
	number := func(text string) float64 {
		text = strings.TrimSuffix(text, " s")
		if exponent, power := strings.CutPrefix(text, "10^"); power {
			text = "1e" + exponent
		}
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Errorf("%q is no number", text)
		}
		return x
	}
	p := Defaults7
	fields := p.fields()
	for _, f := range fields {
		r, ok := rows[f.name]
		if !ok {
			t.Errorf("%s is missing", f.name)
			continue
		}
		if number(r.usual) != *f.value {
			t.Errorf("%s is %s by the page, and is %v", f.name, r.usual, *f.value)
		}
		low, high, given := strings.Cut(r.bounds, " to ")
		switch {
		case !given: // in words: above another
		case strings.Trim(low, "abcdefghijklmnopqrstuvwxyz_") == "": // another parameter's name
			if number(high) != f.high {
				t.Errorf("%s goes up to %s by the page, and to %v", f.name, high, f.high)
			}
		case number(low) != f.low || number(high) != f.high:
			t.Errorf("%s goes from %s by the page, and from %v to %v", f.name, r.bounds, f.low, f.high)
		}
	}
	if len(rows) != len(fields) {
		t.Errorf("the page has %d parameters, there are %d", len(rows), len(fields))
	}
}

package main

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"
)

// A flag's help shows the words between backquotes as its value: a name, not a command, and nothing for a switch.
func TestHelpNamesValues(t *testing.T) {
	odd := regexp.MustCompile(`(?m)^  -[a-z-]+ .*\bvision .*$`)
	for _, c := range commands() {
		var out, errs bytes.Buffer
		if code := run(context.Background(), append([]string{"help"}, strings.Fields(c.name)...), nil, &out, &errs); code != exitOK {
			t.Errorf("%s: code %d: %s", c.name, code, errs.String())
		}
		if line := odd.FindString(out.String()); line != "" {
			t.Errorf("%s: %s", c.name, line)
		}
	}
}

//go:build unix

package node

import (
	"strings"
	"testing"
)

func TestOneProcessScores(t *testing.T) {
	data := t.TempDir()
	first, second := sole(data), sole(data)
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := second.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "another process scores with the data in "+data) {
		t.Errorf("a second one: %v", err)
	}
	if err := second.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := second.Start(t.Context()); err != nil {
		t.Errorf("a second one after the first: %v", err)
	}
	if err := second.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := sole(data + "/nowhere").Start(t.Context()); err == nil {
		t.Error("there is no such folder")
	}
}

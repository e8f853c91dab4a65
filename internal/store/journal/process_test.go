package journal

import (
	"os"
	"path/filepath"
	"testing"
)

// A process that announced itself has ended when its journal is closed and its
// segments are gone, not before.
func TestEnded(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ended := func(what string, want bool) {
		t.Helper()
		if got, err := b.Ended(a.Name()); err != nil || got != want {
			t.Errorf("%s: ended %t, %v", what, got, err)
		}
	}
	for range 2 {
		if err := a.Announce(); err != nil {
			t.Fatal(err)
		}
	}
	if !a.Announced() || b.Announced() {
		t.Error("Announced is wrong")
	}
	ended("alive", false)
	if err := b.Forget(a.Name()); err != nil {
		t.Error(err)
	}
	if names, err := b.Processes(); err != nil || len(names) != 1 || names[0] != a.Name() {
		t.Errorf("processes %v, %v", names, err)
	}
	ended("alive, seen again", false)
	if err := a.Append([]byte("record")); err != nil {
		t.Fatal(err)
	}
	if owner := a.Segments()[0].Owner(); owner != a.Name() {
		t.Errorf("a segment of %s is %s's", a.Name(), owner)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	ended("with a segment left", false)
	segments, err := b.Adopt()
	if err != nil || len(segments) != 1 || segments[0].Owner() != a.Name() {
		t.Fatal(segments, err)
	}
	ended("with its segment adopted", false)
	if err := b.Drop(segments[0]); err != nil {
		t.Fatal(err)
	}
	ended("with its segment gone", true)
	// A process that was killed leaves its file.
	killed := filepath.Join(dir, a.Name()+processSuffix)
	if err := os.WriteFile(killed, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ended("killed", true)
	for range 2 {
		if err := b.Forget(a.Name()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(killed); !os.IsNotExist(err) {
		t.Errorf("its file is still there: %v", err)
	}
}

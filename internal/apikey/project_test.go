package apikey

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/ledger"
)

func TestScope(t *testing.T) {
	var all Scope
	if !all.Allows("anything") || all.Tasks() != nil || ScopeOf("", "") != all {
		t.Error("the empty scope does not hold all tasks")
	}
	name := rapid.StringMatching(`[a-z0-9]([a-z0-9.-]{0,6}[a-z0-9])?`)
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(name, 1, 5).Draw(t, "names")
		s := ScopeOf(names...)
		for _, n := range names {
			if !s.Allows(n) {
				t.Fatalf("%q does not hold %s", s, n)
			}
		}
		other := name.Draw(t, "other")
		if s.Allows(other) != slices.Contains(names, other) {
			t.Fatalf("%q holds %s: %t", s, other, s.Allows(other))
		}
		if ScopeOf(s.Tasks()...) != s {
			t.Fatalf("%q is made of %v", s, s.Tasks())
		}
	})
}

func TestExpires(t *testing.T) {
	k := Key{Expires: t0}
	if !k.Valid(t0.Add(-1)) || k.Valid(t0) {
		t.Error("a key does not expire at its instant")
	}
}

func TestKeyCheck(t *testing.T) {
	for name, k := range map[string]Key{
		"requests":   {PerMinute: -1},
		"too many":   {PerMinute: MaxPerMinute + 1},
		"tokens":     {TokensPerMinute: -1},
		"concurrent": {Concurrent: -1},
		"spending":   {SpendLimit: -1},
		"name":       {Name: strings.Repeat("n", ledger.MaxText+1)},
	} {
		if k.Check() == nil {
			t.Errorf("a key with a wrong limit of %s passes", name)
		}
	}
	if err := (&Key{Name: "n", PerMinute: 1, TokensPerMinute: 1, Concurrent: 1, SpendLimit: 1}).Check(); err != nil {
		t.Error(err)
	}
}

// The next key may do what the one before could, by another secret.
func TestNext(t *testing.T) {
	k := Key{ID: 5, Project: 2, Name: "n", Hash: HashOf("old"), Tasks: "a,b", PerMinute: 1, TokensPerMinute: 2, Concurrent: 3, SpendLimit: 4,
		Created: t0, Expires: t0.Add(time.Hour), Revoked: t0.Add(time.Minute), Root: 3}
	next, text, err := k.Next(bytes.NewReader(bytes.Repeat([]byte{9}, 32)), t0.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	want := k
	want.ID, want.RotatedFrom, want.Revoked, want.Created = 0, 5, time.Time{}, t0.Add(time.Second)
	want.Hash, want.Hint = HashOf(text), Hint(text)
	if next != want {
		t.Errorf("the next key is %+v, want %+v", next, want)
	}
	if _, _, err := k.Next(strings.NewReader("short"), t0); err == nil {
		t.Error("a key was made of too little randomness")
	}
}

func TestProject(t *testing.T) {
	for _, name := range []string{"a", "Shop-1", "0.x_y", strings.Repeat("n", 64)} {
		if err := (&Project{Name: name, Kind: Prepaid}).Check(); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []Project{{}, {Name: "-a"}, {Name: "a b"}, {Name: "a\n"}, {Name: strings.Repeat("n", 65)}, {Name: "a", Kind: 9}} {
		if bad.Check() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
	for _, k := range []ProjectKind{Free, Prepaid} {
		if got, err := ParseProjectKind(k.String()); err != nil || got != k {
			t.Errorf("%v is read as %v (%v)", k, got, err)
		}
	}
	if _, err := ParseProjectKind("postpaid"); err == nil {
		t.Error("an unknown kind was read")
	}
}

package node

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/apikey"
)

type fakeAccounts struct{ err error }

func (f *fakeAccounts) Projects(context.Context) ([]apikey.Project, error) {
	return []apikey.Project{{ID: 1, Name: "default"}, {ID: 2, Name: "bank"}}, f.err
}

func (f *fakeAccounts) Keys(context.Context) ([]apikey.Key, error) {
	return []apikey.Key{{ID: 10, Project: 1}, {ID: 20, Project: 2}, {ID: 30, Project: 3}}, f.err
}

// A project that does not agree is not learned from, nor is anybody of whom it
// is not known whose the key is.
func TestConsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeAccounts{}
		c := newConsent(f, []string{"bank"})
		for key, want := range map[int64]bool{10: true, 20: false, 30: false, 40: false, 0: false} {
			if c.of(key) != want {
				t.Errorf("key %d: %v", key, !want)
			}
		}
		c.set([]string{"default"}) // at once
		if c.of(10) || !c.of(20) {
			t.Error("who does not agree is not taken up")
		}
		c.set([]string{"bank"})
		c.of(10)
		f.err = errors.New("no database")
		if !c.of(10) {
			t.Error("what is known is forgotten at once")
		}
		time.Sleep(consentFresh + time.Second)
		if c.of(10) {
			t.Error("a key is taken for one that may be learned from while nobody knows")
		}
	})
}

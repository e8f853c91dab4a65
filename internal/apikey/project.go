package apikey

import (
	"fmt"
	"regexp"
	"time"
)

// Project pays for what its keys use.
type Project struct {
	ID       int64  // given by the store, > 0
	Name     string // unique; a letter or digit, then letters, digits, '.', '_', '-', at most 64 in all
	Kind     ProjectKind
	Created  time.Time
	Archived time.Time // zero while in use; its keys are refused from then on
}

// DefaultProject is the free project "default", which every database has. Keys
// that name no project are its keys.
const DefaultProject int64 = 1

// ProjectKind is how a project pays.
type ProjectKind uint8

const (
	Free    ProjectKind = iota // nothing: receipts show the list price and charge 0
	Prepaid                    // from its balance, which never goes below 0
)

func (k ProjectKind) String() string {
	switch k {
	case Free:
		return "free"
	case Prepaid:
		return "prepaid"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseProjectKind reads what String writes.
func ParseProjectKind(text string) (ProjectKind, error) {
	for _, k := range []ProjectKind{Free, Prepaid} {
		if text == k.String() {
			return k, nil
		}
	}
	return 0, fmt.Errorf("%.40q is not a kind of project: want free or prepaid", text)
}

var nameShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Check says what is wrong with a project.
func (p *Project) Check() error {
	if !nameShape.MatchString(p.Name) {
		return fmt.Errorf("%.80q is not a project's name: use 1 to 64 of letters, digits, '.', '_' and '-', beginning with a letter or digit", p.Name)
	}
	if p.Kind > Prepaid {
		return fmt.Errorf("the project %s has %v, want free or prepaid", p.Name, p.Kind)
	}
	return nil
}

package node

import (
	"fmt"
	"strings"
	"testing"

	"vision/internal/proto"

	"vision/internal/dashboard"
)

func TestTextsOfThePageAreShort(t *testing.T) {
	for _, c := range []struct {
		name, notice string
		wrong        string // the field that is
	}{
		{"Lakeside", "Write to us.", ""},
		{strings.Repeat("é", dashboard.MostName), strings.Repeat("é", dashboard.MostNotice), ""},
		{strings.Repeat("x", dashboard.MostName+1), "", "gateway.page.name"},
		{"", strings.Repeat("x", dashboard.MostNotice+1), "gateway.page.notice"},
	} {
		v := ValidatorDefaults()
		v.Gateway.Page.Name, v.Gateway.Page.Notice = c.name, c.notice
		found := ""
		v.Check(func(field, format string, args ...any) {
			if strings.HasPrefix(field, "gateway.page.") {
				found = field
				if !strings.Contains(fmt.Sprintf(format, args...), "at most") {
					t.Errorf("%s "+format, append([]any{field}, args...)...)
				}
			}
		})
		if found != c.wrong {
			t.Errorf("a name of %d and a notice of %d bytes: %q is wrong, want %q", len(c.name), len(c.notice), found, c.wrong)
		}
	}
}

func TestThePageCanBeTurnedOff(t *testing.T) {
	v := Validator{config: ValidatorDefaults()}
	v.config.Gateway.Page.Show = false
	p, err := v.pages()
	if err != nil || p.Has("/") || p.Has("/status.json") || !p.Has(proto.ReportPath) {
		t.Errorf("pages that are turned off: %v, %v; only reports are left", p, err)
	}
}

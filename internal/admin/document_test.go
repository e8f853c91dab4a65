package admin

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// The reference names every path with its methods, every field and every code.
func TestReferenceIsWhole(t *testing.T) {
	raw, err := os.ReadFile("../../docs/admin.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for path, methods := range (&Server{}).routes() {
		for method := range methods {
			if !strings.Contains(text, "`"+method+" "+path+"`") {
				t.Errorf("%s %s is missing", method, path)
			}
		}
	}
	for _, v := range []any{Project{}, Key{}, Transaction{}, Receipt{}, Usage{}, UsageReport{}, Price{}, Verification{}, Problem{}, Statement{}} {
		for _, name := range fields(reflect.TypeOf(v)) {
			if !strings.Contains(text, "`"+name+"`") {
				t.Errorf("%T: the field %s is missing", v, name)
			}
		}
	}
	for code := range statuses {
		if !strings.Contains(text, "`"+code+"`") {
			t.Errorf("the code %s is missing", code)
		}
	}
}

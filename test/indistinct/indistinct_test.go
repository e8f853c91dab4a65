package indistinct

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

func TestTry(t *testing.T) {
	want := 800
	if s := os.Getenv("WANT"); s != "" {
		want, _ = strconv.Atoi(s)
	}
	for _, how := range []traffic{{want, false, false}, {want, true, false}, {want, false, true}} {
		if m := os.Getenv("MODE"); m != "" && m != fmt.Sprint(how.corpus, how.learn) {
			continue
		}
		seen := run(t, how)
		probes := 0
		for _, x := range seen {
			if x.probe {
				probes++
			}
		}
		t.Logf("corpus %v, learn %v: %d requests, %d probes", how.corpus, how.learn, len(seen), probes)
		diag(t, seen)
		r := rand.New(rand.NewPCG(1, 2))
		for _, g := range groups {
			t.Logf("%-32s %.3f", g.name, crossValidated(r, rowsOf(seen, g), g.learn))
		}
	}
}

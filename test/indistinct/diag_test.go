package indistinct

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
)

// balanced keeps as many probes as customers' requests of each stretch of time and miner.
func diag(t *testing.T, seen []seen) {
	// words frequency ratio
	p, o := map[string]float64{}, map[string]float64{}
	np, no := 0.0, 0.0
	for _, x := range seen {
		there := map[string]bool{}
		for _, m := range parsed(&x).Messages {
			if m.Content == nil { continue }
			w := strings.Fields(*m.Content)
			for i := range w { there[w[i]] = true; if i > 0 { there[w[i-1]+" "+w[i]] = true } }
		}
		for w := range there { if x.probe { p[w]++ } else { o[w]++ } }
		if x.probe { np++ } else { no++ }
	}
	type d struct{ w string; a, b, z float64 }
	var l []d
	for w := range p { if _, ok := o[w]; !ok { o[w] = 0 } }
	for w := range o {
		a, b := p[w]/np, o[w]/no
		z := (a - b) * (a - b) / (a/np + b/no + 1e-9)
		l = append(l, d{w, a, b, z})
	}
	sort.Slice(l, func(i, j int) bool { return l[i].z > l[j].z })
	for _, x := range l[:40] { fmt.Printf("%-40q probe %.3f customer %.3f\n", x.w, x.a, x.b) }
	for _, g := range groups {
		if g.values == nil { continue }
		rows := rowsOf(seen, g)
		r := rand.New(rand.NewPCG(1, 2))
		for v := range rows[0].values {
			one := make([]row, len(rows))
			for i := range rows { one[i] = row{probe: rows[i].probe, values: []float64{rows[i].values[v]}} }
			if a := crossValidated(r, one, stumps(30)); a > 0.54 { fmt.Printf("%s [%d] %.3f\n", g.name, v, a) }
		}
	}
}

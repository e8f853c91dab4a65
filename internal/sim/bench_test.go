package sim

import (
	"testing"

	"vision/internal/score"
)

// BenchmarkRun plays the published world: 60 miners, 72 periods. Its target is 3 s on one core.
func BenchmarkRun(b *testing.B) {
	for _, name := range []string{"vision4", "vision7"} {
		b.Run(name, func(b *testing.B) {
			m, err := score.Named(name, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				r, err := Play(Default(m))
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(r.Customers+r.Probes), "requests/op")
			}
		})
	}
}

// BenchmarkLarge plays 256 miners on 20 tasks. Its target is a minute on one core.
func BenchmarkLarge(b *testing.B) {
	m, err := score.Named("vision7", nil)
	if err != nil {
		b.Fatal(err)
	}
	w := Default(m)
	w.Miners, w.Tasks = 256, Services(20)
	for b.Loop() {
		r, err := Play(w)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(r.Customers+r.Probes), "requests/op")
	}
}

package score

import (
	"fmt"
	"testing"
	"time"

	"vision/internal/hotkey"
)

func BenchmarkObserve7(b *testing.B) {
	v := seven(b)
	s := honest(b, v, 8, 4)
	beacon := beaconOf(v, s, chatOffer(8), 0.5, 0.9, 0.009)
	for name, o := range map[string]Observation{
		"answer": {Answer: &Answer{Kind: OK, Asked: 400, Served: 400, Took: 3200 * time.Millisecond}},
		"check":  {Check: &Check{Quality: 0.9, Speed: 1.2}},
		"beacon": {Beacon: &beacon},
		"closed": {Closed: &Closed{Number: 9, Offer: chatOffer(8), Counts: Counts{Requests: 1, OK: 1, Asked: 400, Consumed: 400}}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Observe(s, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWeights7(b *testing.B) {
	v := seven(b)
	tasks := make([]Task, 20)
	for i := range tasks {
		tasks[i] = Task{Name: fmt.Sprint("task-", i), Weight: 1.0 / 20}
		for m := range 256 {
			tasks[i].Contenders = append(tasks[i].Contenders, Contender{hotkey.ID{byte(m), 1}, chatOffer(3), nil})
		}
	}
	s := honest(b, v, 3, 5)
	for i := range tasks {
		for m := range tasks[i].Contenders {
			tasks[i].Contenders[m].State = s
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Weights(tasks); err != nil {
			b.Fatal(err)
		}
	}
}

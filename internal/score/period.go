package score

// Periods of history, newest first.
const (
	// MaxHistory is the number of scored periods that weights look back on.
	MaxHistory = 48

	fullHistory    = 8    // periods of history from which nothing is withheld
	withheldAtNone = 0.25 // part of the score that no history at all would withhold
	fading         = 0.5  // each period counts this much of the next newer one
)

// PeriodScore is how reliably a contender answered in one period, in [0, 1].
//
// With f429 = n429/total, f5xx = n500/total and u the part of the declared
// volume left unconsumed, it is (1 - f429 - f5xx)(1 - f429 u)(1 - f5xx u):
// failures cost most where little was asked. There is no score, and ok is false, without requests or
// without capacity. Volumes are in the task's unit; a declared volume below 1 counts as 1.
// The counts must satisfy 0 <= n429, 0 <= n500, n429 + n500 <= total.
func PeriodScore(declared, consumed float64, total, n429, n500 int) (score float64, ok bool) {
	if total <= 0 || !(declared > 0) {
		return 0, false
	}
	declared = max(declared, 1)
	unasked := max(declared-consumed, 0) / declared
	f429 := float64(n429) / float64(total)
	f5xx := float64(n500) / float64(total)
	good := float64(total-n429-n500) / float64(total)
	return good * (1 - float64(f429*unasked)) * (1 - float64(f5xx*unasked)), true
}

// Past is a period that had a score.
type Past struct {
	Score    float64 // in [0, 1]
	Consumed float64 // work of its good answers, in the task's unit
}

// History is how a contender's past periods average.
type History struct {
	Weights []float64 // of each past period, newest first; they sum to 1, or are all 0 if nothing was consumed
	Mean    float64   // sum of weight x score, in [0, 1]
	Factor  float64   // what a short history leaves of it: 0.75 with none, 1 from 8 periods on
	Score   float64   // Mean x Factor: the normalised period score, in [0, 1]
}

// AveragePeriods averages past periods, newest first, each weighted by what
// it consumed and half as much as the next newer one.
func AveragePeriods(newestFirst []Past) History {
	h := History{
		Weights: make([]float64, len(newestFirst)),
		Factor:  1 - float64(withheldAtNone*max(0, 1-float64(float64(len(newestFirst))/fullHistory))),
	}
	var total sum
	fade := 1.0
	for i, p := range newestFirst {
		h.Weights[i] = float64(p.Consumed * fade)
		total.add(h.Weights[i])
		fade *= fading
	}
	if !(total.value() > 0) {
		clear(h.Weights)
		return h
	}
	var mean sum
	for i, p := range newestFirst {
		h.Weights[i] /= total.value()
		mean.add(float64(h.Weights[i] * p.Score))
	}
	h.Mean = min(mean.value(), 1)
	h.Score = h.Mean * h.Factor
	return h
}

// NormalisedPeriodScore is the score of [AveragePeriods], in [0, 1].
func NormalisedPeriodScore(newestFirst []Past) float64 { return AveragePeriods(newestFirst).Score }

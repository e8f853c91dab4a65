package score

// MaxChecks is the number of a contender's newest checked answers that count.
const MaxChecks = 50

// Quality is what a contender's checked answers come to.
type Quality struct {
	Checks   int     // answers that counted, 0 to MaxChecks
	Mean     float64 // mean of their quality, in [0, 1]
	Speed    float64 // mean of their speed factors, in [0, MaxSpeed]
	Combined float64 // mean of quality x speed, in [0, MaxSpeed]: what is paid
}

// MeanQuality averages the newest checks, up to MaxChecks, of one miner on one
// task. Answers to other tasks never count. Without any check it is 0: what
// nobody has looked at is not paid yet.
func MeanQuality(newestFirst []Check) Quality {
	checks := newestFirst[:min(len(newestFirst), MaxChecks)]
	if len(checks) == 0 {
		return Quality{}
	}
	var mean, speed, combined sum
	for _, c := range checks {
		mean.add(c.Quality)
		speed.add(c.Speed)
		combined.add(float64(c.Quality * c.Speed))
	}
	n := float64(len(checks))
	return Quality{
		Checks:   len(checks),
		Mean:     mean.value() / n,
		Speed:    speed.value() / n,
		Combined: combined.value() / n,
	}
}

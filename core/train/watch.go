package train

import "math"

// watch looks for a loss that blows up: no number, the mean of some steps far above where the run began, or above twice the loss
// of guessing all tokens alike.
type watch struct {
	Begin float64 `json:"begin"` // of the first step
	First float64 `json:"first"` // mean of the first steps
	Mean  float64 `json:"mean"`  // running
	Steps int     `json:"steps"`
}

// What blows up: a running mean over about watchSteps steps that is watchTimes the first steps' mean, and watchMore above it.
const (
	watchSteps = 8
	watchTimes = 1.5
	watchMore  = 1.0
)

// see takes note of a step's loss, with a vocabulary of so many tokens, and says whether the run is lost.
func (w *watch) see(loss float64, vocab int) bool {
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return true
	}
	if w.Steps++; w.Steps == 1 {
		w.Begin = loss
	}
	w.Mean += (loss - w.Mean) / float64(min(w.Steps, watchSteps))
	if w.Steps <= watchSteps {
		w.First = w.Mean
	}
	worse := func(than float64) bool { return w.Mean > watchTimes*than && w.Mean > than+watchMore }
	return worse(w.First) || worse(w.Begin) && w.Mean > 2*math.Log(float64(vocab))
}

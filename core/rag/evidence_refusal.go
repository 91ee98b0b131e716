package rag

import (
	"cmp"
	"math"

	"kakoi/core"
	"kakoi/core/calibrate"
)

// RefusalBound is the bound of EvidenceRefusal where none was calibrated.
func RefusalBound() float64 { return reading.bound }

// EvidenceRefusal is how likely the refusal is, 0 to 1, of an answer from evidence: answerable is core.Evidence.Answerable, own how likely the model finds
// its refusal (core.RefusalScore.Probability). The log-odds of both are added with their weights.
func EvidenceRefusal(answerable, own float64) float64 {
	odds := -reading.ofOdds * logOdds(answerable)
	if reading.ofOwnOdds != 0 {
		odds += reading.ofOwnOdds * logOdds(own)
	}
	return fromOdds(odds)
}

// ownBound is the bound of the model's own refusal at which EvidenceRefusal is at bound; refuse says that it is above whatever the model says.
func ownBound(answerable, bound float64) (own float64, refuse bool) {
	if reading.ofOwnOdds == 0 {
		return 1, EvidenceRefusal(answerable, 0) > bound
	}
	return fromOdds((logOdds(bound) + reading.ofOdds*logOdds(answerable)) / reading.ofOwnOdds), false
}

// decide says what a lane's request asks of the refusal, and notes in to how it is decided. A nil request: the evidence refuses, and the model is not asked.
func (e *evidence) decide(l Lane, t *Template, mode calibrate.Mode, prompt string, to *core.Evidence) (req *core.Refusal, refused bool) {
	to.Refusal = EvidenceRefusal(e.best, 0.5)
	l.Bounds = l.Bounds.With(e.id)
	req = RefusalOf(l, t, mode, prompt)
	if mode = cmp.Or(mode, calibrate.Off); mode == calibrate.Off || req == nil {
		return req, false // the model decides
	}
	bound, ok := l.Bounds.Bound(t.Name(), t.Refusal(), mode)
	if !ok {
		bound = reading.bound
	}
	to.Mode, to.Bound = string(mode), bound
	req.Decide = true
	req.Bound, to.Refused = ownBound(e.best, bound)
	return req, to.Refused
}

// The shipped weights meet probabilities of exactly 0 and 1, whose odds have no logarithm.
const surest = 1e-9

func logOdds(p float64) float64 {
	p = min(1-surest, max(surest, p))
	return math.Log(p / (1 - p))
}

func fromOdds(o float64) float64 { return 1 / (1 + math.Exp(-o)) }

package calibrate

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"kakoi/core"
	"kakoi/core/exam"
)

// Mode is how a person wants a model to refuse.
type Mode string

const (
	Off      Mode = "off" // as the model does by itself
	Careful  Mode = "careful"
	Balanced Mode = "balanced"
	Helpful  Mode = "helpful"
)

// Modes are those that have a bound, from the fewest false answers to the fewest false refusals.
var Modes = []Mode{Careful, Balanced, Helpful}

const (
	// Allowed is the share of false answers that careful gives at most.
	Allowed = 0.05
	// Answerable is the share of a person's questions that the documents answer, as balanced takes it: people mostly ask for what they know to be there.
	Answerable = 2.0 / 3
	// Fewest is how many answerable questions, and how many others, a language must have.
	Fewest = 10
)

// Row is one question of a calibration.
type Row struct {
	Language    string
	Refusal     bool    // the right answer is the refusal
	Probability float64 // of the refusal
	Right       bool    // the answer is right that comes when the refusal is forbidden; of no Refusal question
}

// Point is what answers come to with one bound.
type Point struct {
	Bound         float64   `json:"bound"`
	Right         exam.Rate `json:"right"`          // answers, of the answerable
	FalseRefusals exam.Rate `json:"false_refusals"` // of the answerable
	FalseAnswers  exam.Rate `json:"false_answers"`  // of the others
}

// At is what rows come to with a bound.
func At(rows []Row, bound float64) Point {
	return Each(rows, func(Row) float64 { return bound })
}

// Each is what rows come to with a bound for each. Point.Bound is that of the last one.
func Each(rows []Row, bound func(Row) float64) Point {
	var right, refused, answerable, answered, others int
	p := Point{}
	for _, r := range rows {
		p.Bound = bound(r)
		no := r.Probability > p.Bound
		switch {
		case r.Refusal:
			others++
			answered += count(!no)
		default:
			answerable++
			refused += count(no)
			right += count(!no && r.Right)
		}
	}
	p.Right, p.FalseRefusals, p.FalseAnswers = exam.NewRate(right, answerable), exam.NewRate(refused, answerable), exam.NewRate(answered, others)
	return p
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// Bounds are those of all modes.
type Bounds map[Mode]Point

// Find finds the bounds of rows of one language: core.ErrEmpty when there are too few of either kind.
func Find(rows []Row) (Bounds, error) {
	others := 0
	for _, r := range rows {
		if math.IsNaN(r.Probability) || r.Probability < 0 || r.Probability > 1+1e-9 {
			return nil, fmt.Errorf("calibrate: probability %g: %w", r.Probability, core.ErrCorrupt)
		}
		others += count(r.Refusal)
	}
	if answerable := len(rows) - others; min(answerable, others) < Fewest {
		return nil, fmt.Errorf("calibrate on %d answerable and %d other questions, at least %d of both: %w", answerable, others, Fewest, core.ErrEmpty)
	}
	var points []point
	for _, c := range candidates(rows) {
		points = append(points, point{At(rows, c.bound), c.gap})
	}
	top := slices.MaxFunc(points, func(a, b point) int { return cmp.Compare(a.sum(), b.sum()) })
	good := slices.DeleteFunc(slices.Clone(points), func(p point) bool { return p.sum() < top.sum()-top.spread()-1e-12 })
	// What the rows do not tell apart is left near to the model's own choice, and far from any probability seen.
	best := slices.MinFunc(good, func(a, b point) int {
		return cmp.Or(cmp.Compare(math.Abs(logOdds(a.Bound)), math.Abs(logOdds(b.Bound))), -cmp.Compare(a.gap, b.gap))
	})
	return Bounds{Balanced: best.Point, Careful: careful(points, best).Point, Helpful: helpful(points, best).Point}, nil
}

type point struct {
	Point
	gap float64 // log-odds to the nearest probability
}

// sum is what balanced makes great: the share of questions that come out right.
func (p point) sum() float64 {
	return Answerable*p.Right.Share + (1-Answerable)*(1-p.FalseAnswers.Share)
}

// spread is the standard error of sum.
func (p point) spread() float64 {
	v := func(w float64, r exam.Rate) float64 { return w * w * r.Share * (1 - r.Share) / float64(r.Of) }
	return math.Sqrt(v(Answerable, p.Right) + v(1-Answerable, p.FalseAnswers))
}

func careful(points []point, balanced point) point {
	most := min(Allowed, balanced.FalseAnswers.Share/2)
	best := balanced
	for _, p := range points {
		if p.Bound > balanced.Bound || 2*p.Right.N < balanced.Right.N {
			continue
		}
		meets, met := p.FalseAnswers.Share <= most, best.FalseAnswers.Share <= most
		switch {
		case meets != met:
			if meets {
				best = p
			}
		case meets && p.Right.N > best.Right.N, !meets && p.FalseAnswers.N < best.FalseAnswers.N, p.Right.N == best.Right.N && p.FalseAnswers.N == best.FalseAnswers.N && p.Bound < best.Bound:
			best = p
		}
	}
	return best
}

func helpful(points []point, balanced point) point {
	most := balanced.FalseRefusals.Share / 2
	kept := func(p point) int { return p.FalseAnswers.Of - p.FalseAnswers.N }
	best := balanced
	for _, p := range points {
		if p.Bound < balanced.Bound || 2*kept(p) < kept(balanced) {
			continue
		}
		meets, met := p.FalseRefusals.Share <= most, best.FalseRefusals.Share <= most
		switch {
		case meets != met:
			if meets {
				best = p
			}
		case meets && kept(p) > kept(best), !meets && p.FalseRefusals.N < best.FalseRefusals.N, kept(p) == kept(best) && p.FalseRefusals.N == best.FalseRefusals.N && p.Bound > best.Bound:
			best = p
		}
	}
	return best
}

type candidate struct{ bound, gap float64 }

// candidates are the bounds that tell probabilities apart, rising: one below the least, and one above each.
func candidates(rows []Row) []candidate {
	var odds []float64
	for _, r := range rows {
		odds = append(odds, logOdds(r.Probability))
	}
	slices.Sort(odds)
	odds = slices.Compact(odds)
	// Beyond the last ones by so much; 1 in odds is a factor of 2.7.
	const beyond = 1
	all := []candidate{{fromOdds(odds[0] - beyond), beyond}}
	for i, o := range odds {
		if i+1 == len(odds) {
			all = append(all, candidate{fromOdds(o + beyond), beyond})
			break
		}
		all = append(all, candidate{fromOdds((o + odds[i+1]) / 2), (odds[i+1] - o) / 2})
	}
	return all
}

// Probabilities nearer to 0 or 1 than that are taken for it: what stands behind is rounding.
const least = 1e-9

func logOdds(p float64) float64 {
	p = min(1-least, max(least, p))
	return math.Log(p / (1 - p))
}

func fromOdds(o float64) float64 { return 1 / (1 + math.Exp(-o)) }

package calibrate

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
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
	var points []Point
	for _, bound := range candidates(rows) {
		points = append(points, At(rows, bound))
	}
	best := At(rows, balanced(rows))
	return Bounds{Balanced: best, Careful: careful(points, best), Helpful: helpful(points, best)}, nil
}

// samples is how many times balanced draws the rows: the mean of so many is off by some 0.02 of log-odds, where single ones vary by 0.3.
const samples = 400

// balanced is the mean, by log-odds, of the bounds that are best in samples of the rows, drawn with replacement, each kind for itself. The best of the rows as they
// are hangs on a few of them; the mean is steadier and better on other rows (Bühlmann and Yu 2002, Analyzing bagging).
func balanced(rows []Row) float64 {
	var kinds [2][]int // places of the answerable ones, and of the others, in all
	others := 0
	for _, r := range rows {
		others += count(r.Refusal)
	}
	var all []weighed
	for _, r := range slices.SortedStableFunc(slices.Values(rows), func(a, b Row) int { return cmp.Compare(logOdds(a.Probability), logOdds(b.Probability)) }) {
		w := weighed{odds: logOdds(r.Probability)}
		switch {
		case r.Refusal:
			w.gain = -(1 - Answerable) / float64(others)
		case r.Right:
			w.gain = Answerable / float64(len(rows)-others)
		}
		kinds[count(r.Refusal)] = append(kinds[count(r.Refusal)], len(all))
		all = append(all, w)
	}
	rng := rand.New(rand.NewPCG(uint64(len(rows)), 1))
	times := make([]int, len(rows))
	sum := 0.0
	for range samples {
		clear(times)
		for _, kind := range kinds {
			for range kind {
				times[kind[rng.IntN(len(kind))]]++
			}
		}
		sum += bestOdds(all, times)
	}
	return fromOdds(sum / samples)
}

// weighed is a row as balanced sees it.
type weighed struct {
	odds float64 // of its probability
	gain float64 // of the share of questions that come out right, where it is answered; below 0: lost
}

// bestOdds is the log-odds with the greatest share of questions that come out right, of rows that rise by their odds and are there so many times.
func bestOdds(rows []weighed, times []int) float64 {
	at, top, share, last := 0.0, math.Inf(-1), 0.0, math.Inf(-1)
	for i, r := range rows {
		if times[i] == 0 {
			continue
		}
		if math.IsInf(last, -1) {
			last = r.odds - 2*beyond
		}
		if r.odds > last && share > top {
			at, top = (last+r.odds)/2, share
		}
		last = r.odds
		share += r.gain * float64(times[i])
	}
	if share > top {
		at = last + beyond
	}
	return at
}

func careful(points []Point, balanced Point) Point {
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

func helpful(points []Point, balanced Point) Point {
	most := balanced.FalseRefusals.Share / 2
	kept := func(p Point) int { return p.FalseAnswers.Of - p.FalseAnswers.N }
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

// beyond is how far a bound lies below all probabilities, or above them; 1 in log-odds is a factor of 2.7 in odds.
const beyond = 1

// candidates are the bounds that tell probabilities apart, rising: one below the least, and one above each.
func candidates(rows []Row) []float64 {
	var odds []float64
	for _, r := range rows {
		odds = append(odds, logOdds(r.Probability))
	}
	slices.Sort(odds)
	odds = slices.Compact(odds)
	all := []float64{fromOdds(odds[0] - beyond)}
	for i, o := range odds {
		next := o + 2*beyond
		if i+1 < len(odds) {
			next = odds[i+1]
		}
		all = append(all, fromOdds((o+next)/2))
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

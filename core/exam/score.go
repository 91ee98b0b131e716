package exam

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Rate is a share with Wilson's 95% interval.
type Rate struct {
	N     int     `json:"n"`
	Of    int     `json:"of"`
	Share float64 `json:"share"` // 0 to 1; 0 of none
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Score is what one who answered came to.
type Score struct {
	Answerable    int     `json:"answerable"`   // questions
	Unanswerable  int     `json:"unanswerable"` // questions
	Right         Rate    `json:"right"`        // of the answerable
	Exact         Rate    `json:"exact"`        // of the answerable
	Cited         Rate    `json:"cited"`        // the right place, of the answerable whose place is known
	FalseAnswers  Rate    `json:"false_answers"`
	FalseRefusals Rate    `json:"false_refusals"`
	Overall       Rate    `json:"overall"` // right answers and right refusals, of all
	F1            float64 `json:"f1"`      // mean over the answerable
	F1Low         float64 `json:"f1_low"`
	F1High        float64 `json:"f1_high"`
}

// z is the standard normal's 97.5% point, resamples those of a bootstrap.
const (
	z         = 1.959963984540054
	resamples = 2000
)

// NewRate is n of of, with its interval.
func NewRate(n, of int) Rate {
	r := Rate{N: n, Of: of}
	if of == 0 {
		return r
	}
	p, k := float64(n)/float64(of), float64(of)
	middle := p + z*z/(2*k)
	half := z * math.Sqrt(p*(1-p)/k+z*z/(4*k*k))
	r.Share = p
	r.Low, r.High = max(0, (middle-half)/(1+z*z/k)), min(1, (middle+half)/(1+z*z/k))
	return r
}

// Grade adds marks up.
func Grade(marks []Mark, seed uint64) Score {
	var s Score
	var right, exact, cited, known, falseAnswers, falseRefusals, overall int
	var f1s []float64
	for _, m := range marks {
		overall += count(m.Right)
		if m.Refusal {
			s.Unanswerable++
			falseAnswers += count(!m.Refused)
			continue
		}
		s.Answerable++
		right += count(m.Right)
		exact += count(m.Exact)
		known += count(m.HasSource)
		cited += count(m.Cited)
		falseRefusals += count(m.Refused)
		f1s = append(f1s, m.F1)
	}
	s.Right, s.Exact = NewRate(right, s.Answerable), NewRate(exact, s.Answerable)
	s.Cited = NewRate(cited, known)
	s.FalseAnswers, s.FalseRefusals = NewRate(falseAnswers, s.Unanswerable), NewRate(falseRefusals, s.Answerable)
	s.Overall = NewRate(overall, len(marks))
	s.F1, s.F1Low, s.F1High = mean(f1s, seed)
	return s
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// mean of values with the bootstrap's 95% interval.
func mean(values []float64, seed uint64) (m, low, high float64) {
	if len(values) == 0 {
		return 0, 0, 0
	}
	for _, v := range values {
		m += v
	}
	m /= float64(len(values))
	rng := rand.New(rand.NewPCG(seed, 0x6b616b6f69))
	means := make([]float64, resamples)
	for i := range means {
		for range values {
			means[i] += values[rng.IntN(len(values))]
		}
		means[i] /= float64(len(values))
	}
	slices.Sort(means)
	return m, means[resamples*25/1000], means[resamples*975/1000-1]
}

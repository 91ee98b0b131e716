package exam

// DefaultMargin is how much more of the questions an adapter has to answer rightly to be put to work by itself.
const DefaultMargin = 0.05

// Decision says whether the second of two who answered the same questions is better, and why.
type Decision struct {
	Better bool      `json:"better"`
	Gain   float64   `json:"gain"` // share of all questions that it answers rightly beyond the first
	Low    float64   `json:"low"`  // of its 95% interval
	High   float64   `json:"high"`
	Margin float64   `json:"margin"`
	Key    string    `json:"key"`  // translation of the reason; empty before the exam's end
	Args   []float64 `json:"args"` // of its verbs, in percent
}

// Decide compares marks of the same questions in the same order. The second is better when it answers rightly at least margin more of
// all questions, when the interval of that gain lies above zero, and when it neither answers more of what is not in the documents nor
// gets markedly fewer answers right: what one kind of question gains must not be paid by the other.
func Decide(first, second []Mark, margin float64, seed uint64) Decision {
	d := Decision{Margin: margin, Args: []float64{}}
	gains := make([]float64, min(len(first), len(second)))
	for i := range gains {
		gains[i] = float64(count(second[i].Right) - count(first[i].Right))
	}
	d.Gain, d.Low, d.High = mean(gains, seed)
	a, b := Grade(first, seed), Grade(second, seed)
	percent := func(shares ...float64) {
		for _, s := range shares {
			d.Args = append(d.Args, 100*s)
		}
	}
	const rounding = 1e-9
	switch {
	case len(gains) == 0:
		d.Key = "exam.reason.none"
	case d.Gain < margin-rounding:
		d.Key = "exam.reason.margin"
		percent(d.Gain, margin)
	case d.Low <= 0:
		d.Key = "exam.reason.chance"
		percent(d.Gain, d.Low, d.High)
	case b.FalseAnswers.Share > a.FalseAnswers.Share:
		d.Key = "exam.reason.false"
		percent(a.FalseAnswers.Share, b.FalseAnswers.Share)
	case b.Right.Share < a.Right.Share-margin:
		d.Key = "exam.reason.right"
		percent(a.Right.Share, b.Right.Share)
	default:
		d.Better, d.Key = true, "exam.reason.better"
		percent(d.Gain, d.Low, d.High, margin)
	}
	return d
}

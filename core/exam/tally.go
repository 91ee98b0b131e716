package exam

// Tally is what the answers to some natural questions came to. Shares have Wilson's interval, the mean of seconds a bootstrap's.
type Tally struct {
	Questions     int     `json:"questions"`
	Right         Rate    `json:"right"`          // right answers, of the answerable
	Holds         Rate    `json:"holds"`          // an accepted form stands in the answer, however long that is, of the answerable
	Wrong         Rate    `json:"wrong"`          // answered, but not rightly, of the answerable
	FalseRefusals Rate    `json:"false_refusals"` // of the answerable
	Refused       Rate    `json:"refused"`        // rightly refused, of the unanswerable
	FalseAnswers  Rate    `json:"false_answers"`  // of the unanswerable
	Overall       Rate    `json:"overall"`        // right answers and right refusals, of all
	Cited         Rate    `json:"cited"`          // the right place is cited, of the answerable
	Found         Rate    `json:"found"`          // the right place was among what was read, by the model or for evidence, of the answerable
	Evident       Rate    `json:"evident"`        // the evidence that the model answers from is of the right place and has the answer, of the answerable that evidence was looked for
	F1            float64 `json:"f1"`             // characters, of the nearest accepted form, mean over the answerable
	Seconds       float64 `json:"seconds"`        // mean of all
	SecondsLow    float64 `json:"seconds_low"`
	SecondsHigh   float64 `json:"seconds_high"`
}

// Tried is the judgement on an answer to a natural question, with what else is counted.
type Tried struct {
	Mark
	Holds   bool    `json:"holds,omitempty"` // an accepted form stands in the answer, however long that is
	Found   bool    `json:"found,omitempty"` // the right place was among what was read, by the model or for evidence
	Seconds float64 `json:"seconds"`

	HasEvidence bool `json:"has_evidence,omitempty"` // evidence was looked for
	Evident     bool `json:"evident,omitempty"`      // it is of the right place and has the answer
}

// Count adds answers up.
func Count(all []Tried, seed uint64) Tally {
	t := Tally{Questions: len(all)}
	var answerable, right, holds, wrong, refused, rightly, overall, cited, found, looked, evident int
	var seconds []float64
	for _, a := range all {
		overall += count(a.Right)
		seconds = append(seconds, a.Seconds)
		if a.Refusal {
			rightly += count(a.Refused)
			continue
		}
		answerable++
		right += count(a.Right)
		holds += count(a.Right || a.Holds)
		wrong += count(!a.Right && !a.Refused)
		refused += count(a.Refused)
		cited += count(a.Cited)
		found += count(a.Found)
		looked += count(a.HasEvidence)
		evident += count(a.Evident)
		t.F1 += a.F1
	}
	if answerable > 0 {
		t.F1 /= float64(answerable)
	}
	absent := len(all) - answerable
	t.Right, t.Holds = NewRate(right, answerable), NewRate(holds, answerable)
	t.Wrong, t.FalseRefusals = NewRate(wrong, answerable), NewRate(refused, answerable)
	t.Refused, t.FalseAnswers = NewRate(rightly, absent), NewRate(absent-rightly, absent)
	t.Overall, t.Cited, t.Found = NewRate(overall, len(all)), NewRate(cited, answerable), NewRate(found, answerable)
	t.Evident = NewRate(evident, looked)
	t.Seconds, t.SecondsLow, t.SecondsHigh = mean(seconds, seed)
	return t
}

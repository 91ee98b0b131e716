package exam

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Question is one question with what its right answer is.
type Question struct {
	Expected string // of one that the documents do not answer: the refusal sentence
	Refusal  bool   // the right answer is a refusal
	Source   bool   // it is known where the answer stands
}

// Given is what somebody answered.
type Given struct {
	Text    string
	Refused bool // the text is a refusal, or no answer at all
	Cited   bool // its citation is where the answer stands
}

// Mark is the judgement on one answer.
type Mark struct {
	Answer    string  `json:"answer"`
	Refused   bool    `json:"refused,omitempty"`
	Right     bool    `json:"right"`                // of a refusal question: it was refused
	Exact     bool    `json:"exact,omitempty"`      // the folded texts are the same
	Cited     bool    `json:"cited,omitempty"`      // the right place
	HasSource bool    `json:"has_source,omitempty"` // the right place is known
	Refusal   bool    `json:"refusal,omitempty"`    // of a refusal question
	F1        float64 `json:"f1"`                   // characters, 0 to 1
}

const (
	// rightF1 is the character F1 from which an answer with the right numbers says the same.
	rightF1 = 0.8
	// An answer may be this many times as long as what was expected, and some characters more, when it holds that: a whole page holds
	// everything.
	rightTimes, rightMore = 3, 40
)

// Judge marks an answer.
func Judge(q Question, g Given) Mark {
	m := Mark{Answer: g.Text, Refused: g.Refused, Refusal: q.Refusal, HasSource: q.Source && !q.Refusal}
	if q.Refusal {
		m.Right = g.Refused
		return m
	}
	if g.Refused {
		return m
	}
	m.Cited = g.Cited && m.HasSource
	want, got := []rune(Fold(q.Expected)), []rune(Fold(g.Text))
	m.Exact = len(want) > 0 && string(want) == string(got)
	m.F1 = f1(want, got)
	holds := len(want) > 0 && strings.Contains(string(got), string(want)) && len(got) <= rightTimes*len(want)+rightMore
	m.Right = m.Exact || (m.F1 >= rightF1 || holds) && hasNumbers(got, want)
	return m
}

// Fold is a text as it is compared.
func Fold(s string) string {
	rs := []rune(norm.NFKC.String(s))
	var b strings.Builder
	for i, r := range rs {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == 'ー':
			b.WriteRune(unicode.ToLower(r))
		case r == '.' && i > 0 && i+1 < len(rs) && unicode.IsDigit(rs[i-1]) && unicode.IsDigit(rs[i+1]):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// f1 is the F-measure of the longest common subsequence.
func f1(a, b []rune) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	const most = 4000 // characters: the table has their product
	a, b = a[:min(len(a), most)], b[:min(len(b), most)]
	row := make([]int, len(b)+1)
	for _, x := range a {
		diagonal := 0
		for j, y := range b {
			up := row[j+1]
			if x == y {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(up, row[j])
			}
			diagonal = up
		}
	}
	return 2 * float64(row[len(b)]) / float64(len(a)+len(b))
}

// hasNumbers says whether every number of want stands in got.
func hasNumbers(got, want []rune) bool {
	there := numbers(got)
	for _, n := range numbers(want) {
		i := slices.Index(there, n)
		if i < 0 {
			return false
		}
		there = slices.Delete(there, i, i+1)
	}
	return true
}

func numbers(s []rune) []string {
	return strings.FieldsFunc(string(s), func(r rune) bool { return !unicode.IsDigit(r) && r != '.' })
}

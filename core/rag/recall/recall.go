package recall

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"kakoi/core"
)

// Question is one line of a question file.
type Question struct {
	Text     string
	Document []string // names, or ends of them
	Needed   []string // as the file has them
	needed   []string // folded
}

// list is a string or a list of strings.
type list []string

// UnmarshalJSON reads either.
func (l *list) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		*l = make(list, 1)
		return json.Unmarshal(raw, &(*l)[0])
	}
	return json.Unmarshal(raw, (*[]string)(l))
}

// maxLine is the longest line of a question file, in bytes.
const maxLine = 1 << 20

// Parse reads a question file. Errors name the line: core.ErrUsage, explained.
func Parse(raw []byte) ([]Question, error) {
	var all []Question
	in := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff"))))
	in.Buffer(nil, maxLine)
	n := 0
	for in.Scan() {
		n++
		line := strings.TrimSpace(in.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		var q struct {
			Question string `json:"question"`
			Document list   `json:"document"`
			Text     list   `json:"text"`
		}
		err := json.Unmarshal([]byte(line), &q)
		made := Question{Text: strings.TrimSpace(q.Question), Document: q.Document, Needed: q.Text}
		for _, t := range q.Text {
			made.needed = append(made.needed, fold(t))
		}
		if err == nil && (made.Text == "" || !filled(made.Document) || !filled(made.needed)) {
			err = errors.New("question, document or text is missing")
		}
		if err != nil {
			return nil, core.Explain(fmt.Errorf("question file, line %d: %v: %w", n, err, core.ErrUsage), "error.bench.questions", n)
		}
		all = append(all, made)
	}
	if err := in.Err(); err != nil {
		return nil, core.Explain(fmt.Errorf("question file, line %d: %v: %w", n+1, err, core.ErrUsage), "error.bench.questions", n+1)
	}
	if len(all) == 0 {
		return nil, core.Explain(fmt.Errorf("question file without questions: %w", core.ErrUsage), "error.bench.questions", 1)
	}
	return all, nil
}

func filled(texts []string) bool {
	for _, t := range texts {
		if strings.TrimSpace(t) == "" {
			return false
		}
	}
	return len(texts) > 0
}

// Half is a half of a question file.
type Half string

// The halves.
const (
	All    Half = "all"
	Tuning Half = "tuning" // the first, third, ... question
	Report Half = "report"
)

// Of gives the questions of a half; of a half that is none of these, none.
func (h Half) Of(all []Question) []Question {
	if h == All {
		return all
	}
	var out []Question
	for i, q := range all {
		if h == Tuning && i%2 == 0 || h == Report && i%2 == 1 {
			out = append(out, q)
		}
	}
	return out
}

// fold is a text without white space, widths and case.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKC.String(text))
}

// Holds says whether a text of a document answers the question.
func (q Question) Holds(document, text string) bool {
	named := false
	for _, d := range q.Document {
		named = named || strings.HasSuffix(document, d)
	}
	if !named {
		return false
	}
	text = fold(text)
	for _, n := range q.needed {
		if strings.Contains(text, n) {
			return true
		}
	}
	return false
}

// Rank is the place of the first right one of hits, best first, from 1 on; 0 when none is.
func (q Question) Rank(hits []core.Hit) int {
	for i, h := range hits {
		if q.Holds(h.Name, h.Chunk.Text) {
			return i + 1
		}
	}
	return 0
}

// Figures are what one way of searching came to.
type Figures struct {
	Questions int     `json:"questions"`
	Recall1   float64 `json:"recall_at_1"`
	Recall5   float64 `json:"recall_at_5"`
	Recall10  float64 `json:"recall_at_10"`
	MRR       float64 `json:"mrr"`
	NDCG      float64 `json:"ndcg_at_10"`
}

// Measure makes figures of the ranks of all questions, 0 for what was not found.
func Measure(ranks []int) Figures {
	f := Figures{Questions: len(ranks)}
	for _, r := range ranks {
		if r < 1 || r > 10 {
			continue
		}
		f.Recall10++
		if r <= 5 {
			f.Recall5++
		}
		if r == 1 {
			f.Recall1++
		}
		f.MRR += 1 / float64(r)
		f.NDCG += 1 / math.Log2(float64(1+r))
	}
	for _, v := range []*float64{&f.Recall1, &f.Recall5, &f.Recall10, &f.MRR, &f.NDCG} {
		*v /= float64(max(1, len(ranks)))
	}
	return f
}

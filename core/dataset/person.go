package dataset

import (
	"strings"
	"unicode/utf8"

	"kakoi/core"
	"kakoi/core/rag"
)

// Correction is what a person said to a wrong answer in a chat.
type Correction struct {
	Question string
	Answer   string          // what it should have been
	Absent   bool            // the documents do not say
	Place    *core.RowSource // what stands there is the answer
	Text     string          // of Place
}

// Draft makes a draft of a correction. Of a long place the answer is the sentence nearest to the question; ok is false when none is near.
func (c Correction) Draft() (d Draft, ok bool) {
	d = Draft{Question: strings.TrimSpace(c.Question), Answer: strings.TrimSpace(c.Answer), Origin: core.RowCorrection, Free: true}
	d.Language = rag.Language(d.Question)
	switch {
	case d.Question == "":
		return d, false
	case c.Absent:
		d.Refusal = true
		return d, true
	case c.Place == nil:
		return d, d.Answer != ""
	}
	d.Source = *c.Place
	rs := []rune(c.Text)
	from, end := 0, len(rs)
	if len(rs) > maxAnswerChars {
		s, near := rag.Nearest(c.Question, c.Text)
		if !near {
			return d, false
		}
		from, end = s.Start, s.End
	}
	d.Source.Start, d.Source.End = d.Source.Start+from, d.Source.Start+end
	d.Core = strings.Join(strings.Fields(string(rs[from:end])), " ")
	if d.Answer = d.Core; d.Core == "" {
		return d, false
	}
	d.Free = false
	return d, true
}

// HasPassages says whether every record brings its own passages.
func (t Table) HasPassages() bool {
	for _, r := range t.Records {
		if len(r.Passages) == 0 && !t.Given() {
			return false
		}
	}
	return true
}

// Drafts are the questions of a file.
func (t Table) Drafts() []Draft {
	out := make([]Draft, len(t.Records))
	for i, r := range t.Records {
		out[i] = Draft{
			Question: r.Question, Answer: r.Answer, Refusal: r.Refusal || rag.Refused(r.Answer, nil), Passages: r.Passages, Origin: core.RowFile, Free: true,
			Language: rag.Language(r.Question),
		}
	}
	return out
}

// Rows are the inputs and labels of a file, byte for byte.
func (t Table) Rows() []core.Row {
	if !t.Given() {
		return nil
	}
	out := make([]core.Row, len(t.Records))
	for i, r := range t.Records {
		out[i] = core.Row{
			ID: core.RowID(r.Inputs, r.Labels), Question: questionIn(r.Inputs), Answer: strings.TrimSpace(r.Labels), Inputs: r.Inputs, Labels: r.Labels,
			Refusal: rag.Refused(r.Labels, nil), Origin: core.RowFile, Language: rag.Language(r.Inputs),
		}
	}
	return out
}

// questionIn finds the question in a prompt, to be shown: what stands in the last line but the one that calls for the answer.
func questionIn(inputs string) string {
	lines := strings.Split(strings.TrimSpace(inputs), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		line := strings.TrimSpace(lines[i])
		if line == "" || strings.HasSuffix(line, ":") && utf8.RuneCountInString(line) < 16 || strings.HasSuffix(line, "：") && utf8.RuneCountInString(line) < 16 {
			continue
		}
		for _, mark := range []string{"質問→", "質問:", "質問：", "Question: ", "Q: "} {
			if _, after, ok := strings.Cut(line, mark); ok {
				line = after
			}
		}
		if rs := []rune(line); len(rs) > maxAsked {
			line = string(rs[:maxAsked])
		}
		return line
	}
	return ""
}

// Rebuilt is a row with another question, whose prompt was prepared.
func Rebuilt(r core.Row, question string, p rag.Prepared) core.Row {
	r.Question, r.Inputs, r.Language, r.Shown = question, p.Prompt, p.Template.Name(), shown(p.Passages)
	r.Evidence, r.Answerable = "", 0
	if r.Refusal {
		r.Answer, r.Gold = p.Template.Refusal(), 0
		if p.Evidence != "" {
			r = evident(r, p)
		}
		return labelled(r)
	}
	d := Draft{Answer: r.Answer}
	if r.Source != nil {
		d.Source = *r.Source
	}
	r.Gold = goldOf(p.Passages, d)
	if gold := goldOf(p.FocusPassages, d); gold > 0 && p.Evidence != "" {
		r = evident(r, p)
		r.Gold = gold
	}
	return labelled(r)
}

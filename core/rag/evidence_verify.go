package rag

import (
	"context"
	"log/slog"
	"regexp"
	"strings"

	"kakoi/core"
)

// What a narrow model makes of a clause is often the wrong part of it. So its answer is held against the clause: the cross-encoder says whether the answer, within
// the same sentence, answers about as well, and it has to stand in that sentence. Where it does not, the clause itself is the answer, quoted.

var (
	yesNoLead = regexp.MustCompile(`(?i)^\s*(はい|いいえ|yes\b|no\b)[\s、。，,.!！]*`)
	leadMarks = regexp.MustCompile(`^(?:[-*•・■●○◆※]\s*)+`)
)

// verified is an answer to show: the model's own, or the clause that it was asked with. quoted says which; of is the place of the clause among the shown ones.
func (a *Asker) verified(ctx context.Context, q asked, said string, shown []core.Passage) (text string, quoted bool, of int, err error) {
	lead, rest := yesNo(said)
	answer := strings.TrimRight(strings.TrimSpace(withoutCopula(rest)), "、，,;；")
	for i := range shown {
		if stands(answer, q.evidence.chosen[i].sentence()) {
			of = i
			break
		}
	}
	c := q.evidence.chosen[of]
	switch {
	case !stands(answer, c.sentence()):
	case bare(answer) == bare(withoutCopula(c.stretch.text)):
		return said, false, of, nil
	default:
		both := []candidate{c, c}
		both[0].within, both[1].within = c.sentence(), c.sentence()
		both[1].stretch.text = answer
		if err := a.compare(ctx, q.question, both, 0); err != nil {
			if ctx.Err() != nil {
				return "", false, of, err
			}
			slog.Warn("the answer cannot be held against its evidence: it stays", "error", err)
			return said, false, of, nil
		}
		if both[1].worth() >= both[0].worth()-reading.underClause {
			return said, false, of, nil
		}
	}
	return quote(lead, shown[of].Text), true, of, nil
}

// sentence is what a clause is of; of another stretch, itself.
func (c candidate) sentence() string {
	if c.within != "" {
		return c.within
	}
	return c.stretch.text
}

// stands says whether an answer is in a sentence word for word, with its numbers. An empty one is in none.
func stands(answer, sentence string) bool {
	b := bare(answer)
	return b != "" && strings.Contains(bare(sentence), b) && !newProfile(answer).lacksNumber(newProfile(sentence))
}

// yesNo parts an answer from the yes or no that it begins with.
func yesNo(said string) (lead, rest string) {
	m := yesNoLead.FindStringSubmatchIndex(said)
	if m == nil {
		return "", said
	}
	return said[m[2]:m[3]], said[m[1]:]
}

// Quoted is the answer that a chat gives where a model's own does not stand: the evidence of a prompt, its last line, as a sentence.
func Quoted(context string) string {
	context = strings.TrimSpace(context)
	return quote("", context[strings.LastIndexByte(context, '\n')+1:])
}

// quote is a clause as a sentence of its own, behind a yes or no.
func quote(lead, clause string) string {
	text := leadMarks.ReplaceAllString(strings.Join(strings.Fields(clause), " "), "")
	text = strings.TrimRight(strings.TrimSpace(text), "、，,;；：: ")
	if end := strings.TrimRight(text, "。．.!！?？"); end == text {
		if Language(text) == "ja" {
			text += "。"
		} else {
			text += "."
		}
	}
	switch {
	case lead == "":
		return text
	case Language(lead) == "ja":
		return lead + "、" + text
	}
	return lead + ", " + text
}

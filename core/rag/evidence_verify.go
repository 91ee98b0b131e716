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
	inside := stands(answer, c.sentence())
	text, err = a.held(ctx, q.question, said, lead, answer, inside, c)
	switch {
	case err == nil:
		return text, text != said, of, nil
	case ctx.Err() != nil:
		return "", false, of, err
	}
	slog.Warn("the answer cannot be held against its evidence", "error", err)
	if inside {
		return said, false, of, nil
	}
	return quote(lead, c.stretch.text), true, of, nil
}

// held is what was said, if its answer is inside its clause's sentence and answers about as well; else the clause, quoted. A yes or no that the sentence does not say is turned.
func (a *Asker) held(ctx context.Context, question, said, lead, answer string, inside bool, c candidate) (string, error) {
	side, err := a.sided(ctx, question, lead, c.sentence())
	if err != nil {
		return "", err
	}
	brief, err := a.trimmed(ctx, question, c)
	if err != nil {
		return "", err
	}
	if !inside || !strings.EqualFold(side, lead) {
		return quote(side, brief.stretch.text), nil
	}
	if bare(answer) == bare(withoutCopula(brief.stretch.text)) {
		return said, nil
	}
	both := []candidate{brief, brief}
	both[1].stretch.text = answer
	if err := a.compare(ctx, question, both, 0); err != nil {
		return "", err
	}
	if both[1].worth(reading.perRune) >= both[0].worth(reading.perRune)-reading.underClause {
		return said, nil
	}
	return quote(lead, brief.stretch.text), nil
}

// asksWhich finds questions that ask for something: yes and no are no answers to them.
var asksWhich = regexp.MustCompile(`(?i)^\s*(?:who|whom|whose|what|when|where|which|how|why)\b|何|誰|いつ|どこ|どれ|どの|どう|どち|いくら|いくつ|なぜ`)

// sided is the yes or no that an answer begins with, as the cross-encoder reads it in the sentence; "" stays, and what a question does not ask for goes.
func (a *Asker) sided(ctx context.Context, question, lead, sentence string) (string, error) {
	if lead == "" || asksWhich.MatchString(question) {
		return "", nil
	}
	sides := [2]string{"Yes", "No"}
	if Language(question) == "ja" {
		sides = [2]string{"はい", "いいえ"}
	}
	var both []candidate
	for _, side := range sides {
		both = append(both, candidate{stretch: stretch{text: side}, within: sentence})
	}
	if err := a.compare(ctx, question, both, 0); err != nil {
		return "", err
	}
	switch {
	case both[0].logit > both[1].logit:
		return sides[0], nil
	case both[1].logit > both[0].logit:
		return sides[1], nil
	}
	return lead, nil
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
	return led(lead, text)
}

// led is a text behind a yes or no.
func led(lead, text string) string {
	switch {
	case lead == "":
		return text
	case Language(lead) == "ja":
		return lead + "、" + text
	}
	return lead + ", " + text
}

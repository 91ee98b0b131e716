package rag

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"unicode/utf8"

	"kakoi/core"
)

// What a narrow model makes of a clause is often the wrong part of it. So its answer is held against the clause: the cross-encoder says whether the answer, within
// the same sentence, answers about as well, and it has to stand in that sentence. Where it does not, the clause itself is the answer, quoted.

// leadMarks stand before an item of a list or are left where a text was cut; "-18℃" begins with none.
var leadMarks = regexp.MustCompile(`^(?:(?:[*•・■●○◆※:：、，,;；]|[-–]\s)\s*)+`)

// verified is an answer to show: the model's own, or the clause that it was asked with. quoted says which; of is the place of the clause among the shown ones.
func (a *Asker) verified(ctx context.Context, q asked, said string, shown []core.Passage) (text string, quoted bool, of int, err error) {
	lead, rest := yesNo(said)
	answer := strings.TrimRight(strings.TrimSpace(withoutCopula(rest)), "、，,;；")
	for i := range shown {
		if stands(answer, q.evidence.chosen[i].whole().stretch.text) {
			of = i
			break
		}
	}
	c := q.evidence.chosen[of]
	inside := stands(answer, c.whole().stretch.text) && (!wantsMore(answer) || strings.HasSuffix(bare(c.whole().stretch.text), bare(answer)))
	text, err = a.held(ctx, q, said, lead, answer, inside, c)
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
func (a *Asker) held(ctx context.Context, q asked, said, lead, answer string, inside bool, c candidate) (string, error) {
	side, err := a.sided(ctx, q.evidence.question, q.evidence.seen, lead, c.whole())
	if err != nil {
		return "", err
	}
	narrow := c.unconditioned()
	brief, err := a.trimmed(ctx, q.evidence.question, q.evidence.seen, narrow)
	if err != nil {
		return "", err
	}
	clause := brief.stretch.text
	if brief.span.Start == narrow.span.Start {
		clause = brief.moved(-c.condition).stretch.text
	}
	if !inside || !strings.EqualFold(side, lead) {
		return quote(side, clause), nil
	}
	if bare(answer) == bare(withoutCopula(brief.stretch.text)) {
		if c.condition > 0 {
			return quote(lead, clause), nil
		}
		return said, nil
	}
	from := c.whole()
	at, ok := placeIn(answer, from.stretch.text)
	if !ok {
		return quote(lead, clause), nil
	}
	both := []candidate{brief, from.part(at)}
	if err := a.compare(ctx, q.evidence.question, q.evidence.seen, both); err != nil {
		return "", err
	}
	if both[1].worth(reading.perRune) >= both[0].worth(reading.perRune)-reading.underClause {
		return said, nil
	}
	return quote(lead, clause), nil
}

// stands says whether an answer is in a sentence word for word, with its numbers. An empty one is in none.
func stands(answer, sentence string) bool {
	b := bare(answer)
	return b != "" && strings.Contains(bare(sentence), b) && !newProfile(answer).lacksNumber(newProfile(sentence))
}

// Quoted is the answer that a chat gives where a model's own does not stand: the evidence of a prompt, its last line, as a sentence.
func Quoted(context string) string {
	context = strings.TrimSpace(context)
	return quote("", context[strings.LastIndexByte(context, '\n')+1:])
}

// quote is a clause as a sentence of its own, behind a yes or no.
func quote(lead, clause string) string {
	text := leadMarks.ReplaceAllString(strings.Join(strings.Fields(inOneLine(clause)), " "), "")
	text = strings.TrimRight(strings.TrimSpace(text), dangling)
	if end := strings.TrimRight(text, "。．.!！?？"); end == text {
		text = stopped(text)
	}
	return led(lead, text)
}

// finished is a model's answer with the end that its words ask for: no です behind what is English but for a name or two, no comma before the full stop, and the full stop of the
// language that is quoted.
func finished(said string) string {
	lead, rest := yesNo(strings.TrimSpace(said))
	text := strings.TrimRight(rest, "。．.")
	if strings.HasSuffix(rest, "m..") { // p.m.
		return said[:len(said)-1]
	}
	if utf8.RuneCountInString(rest[len(text):]) != 1 { // none, or an ellipsis
		return said
	}
	if plain := withoutCopula(text); Language(plain) != "ja" && len(strings.Fields(plain)) > 2 {
		text = plain
	}
	if text = strings.TrimRight(text, dangling); text == "" {
		return said
	}
	return led(lead, stopped(text))
}

// dangling are the marks that no sentence ends with.
const dangling = "、，,;；：: "

// stopped is a text with the full stop of its language.
func stopped(text string) string {
	if Language(text) == "ja" {
		return text + "。"
	}
	return text + "."
}

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

var (
	yesNoLead = regexp.MustCompile(`(?i)^\s*(はい|いいえ|yes\b|no\b)[\s、。，,.!！]*`)
	leadMarks = regexp.MustCompile(`^(?:[-*•・■●○◆※:：、，,;；]\s*)+`)
)

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
	brief, err := a.trimmed(ctx, q.evidence.question, q.evidence.seen, c)
	if err != nil {
		return "", err
	}
	if !inside || !strings.EqualFold(side, lead) {
		return quote(side, brief.stretch.text), nil
	}
	if bare(answer) == bare(withoutCopula(brief.stretch.text)) {
		return said, nil
	}
	from := c.whole()
	at, ok := placeIn(answer, from.stretch.text)
	if !ok {
		return quote(lead, brief.stretch.text), nil
	}
	both := []candidate{brief, from.part(at)}
	if err := a.compare(ctx, q.evidence.question, q.evidence.seen, both); err != nil {
		return "", err
	}
	if both[1].worth(reading.perRune) >= both[0].worth(reading.perRune)-reading.underClause {
		return said, nil
	}
	return quote(lead, brief.stretch.text), nil
}

// asksWhich finds questions that ask for something, also behind a clause ("For guests, when is it open?"): yes and no are no answers to them.
var asksWhich = regexp.MustCompile(`(?i)^\s*(?:who|whom|whose|what|when|where|which|how|why)\b|[,:]\s*(?:who|whom|what|when|where|which|how|why)\s+(?:is|are|was|were|do|does|did|can|could|should|must|will|would|has|have|had|much|many|long|often)\b|何|誰|だれ|どなた|いつ|どこ|どれ|どの|どん|どう|どち|いくら|いくつ|なぜ`)

// Questions that ask for a yes or no: English ones by their verb, at the beginning or behind a clause, or by "right?"; Japanese ones by their end, but for those that
// name a thing alone (料金は？) or two to choose from.
var (
	asksSideEn = regexp.MustCompile(`(?i)^(?:(?:and|but|so|then|if|when|in|for|with|after|as|while|once|since|at|on)\b[^?]*,\s*|(?:and|but|so|then)\s+)?(?:is|are|was|were|am|do|does|did|can|could|may|might|must|should|shall|will|would|has|have|had)\b|,\s*(?:right|correct|yes|ok)\s*\?\s*$`)
	asksSideJa = regexp.MustCompile(`(?:(?:ます|です|でしょう|ません|した|よい|いい|る|た|ない|の|る)か|[ますでしょ]?よね|かな|[るたいすくむうぬぐぶつの])\s*[。？?]?\s*$`)
	asksEither = regexp.MustCompile(`(?i)\b(?:or|who|whom|whose|what|when|where|which|how|why)\b|それとも|または|もしくは|か、|[はをもって]\s*[？?]?\s*$|教えて`)
)

// asksSide says whether a question asks for a yes or no.
func asksSide(question string) bool {
	if asksWhich.MatchString(question) || asksEither.MatchString(question) {
		return false
	}
	if Language(question) == "ja" {
		return asksSideJa.MatchString(question)
	}
	return asksSideEn.MatchString(question)
}

// sided is the yes or no that an answer begins with, as the cross-encoder reads it in the sentence, and the one that it should begin with where the question asks for one.
// What a question does not ask for goes.
func (a *Asker) sided(ctx context.Context, question string, seen logits, lead string, sentence candidate) (string, error) {
	if lead == "" && !asksSide(question) || asksWhich.MatchString(question) {
		return "", nil
	}
	sides := [2]string{"Yes", "No"}
	if Language(question) == "ja" {
		sides = [2]string{"はい", "いいえ"}
	}
	var both []candidate
	for _, side := range sides {
		sentence.side = side
		both = append(both, sentence)
	}
	if err := a.compare(ctx, question, seen, both); err != nil {
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

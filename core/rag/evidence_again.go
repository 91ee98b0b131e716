package rag

import (
	"context"
	"regexp"
	"strings"
)

// The cross-encoder hears the tone of a question: "What is the limit for hotels per night?" is less sure of its answer than "What's the limit ...?" by three
// in the logit, since those who wrote the questions that it learned from asked formally for what is not there. So where it is unsure it reads once more, the question said a little otherwise.

// unsure are the probabilities between which it does.
const unsureLow, unsureHigh = 0.35, 0.65

var contracted = regexp.MustCompile(`(?i)^(what|who|where|when|how) is `)

// saidOtherwise is a question in another tone: contracted where English has a form for that, else with its question mark or without.
func saidOtherwise(question string) string {
	question = strings.TrimSpace(question)
	if contracted.MatchString(question) {
		return contracted.ReplaceAllString(question, "${1}'s ")
	}
	if bare := strings.TrimRight(question, "?？。. "); bare != question {
		return bare
	}
	if Language(question) == "ja" {
		return question + "？"
	}
	return question + "?"
}

// readAgain is the mean of the logits of a stretch and of a clause, and of what they are with the question said otherwise; less is taken off those.
func (a *Asker) readAgain(ctx context.Context, question string, top, part candidate, less float64) (stretch, clause float64, err error) {
	again := []candidate{top, part}
	if err := a.compare(ctx, saidOtherwise(question), logits{}, again, less); err != nil {
		return 0, 0, err
	}
	return (top.logit + again[0].logit) / 2, (part.logit + again[1].logit) / 2, nil
}

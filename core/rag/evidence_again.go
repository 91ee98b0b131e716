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
	if open := strings.TrimRight(question, "?？。. "); open != question && open != "" {
		return open
	}
	if Language(question) == "ja" {
		return question + "？"
	}
	return question + "?"
}

// readAgain is how likely there is an answer by the means of what the best stretch and the best clause were given and what they are with the question said otherwise.
func (a *Asker) readAgain(ctx context.Context, question string, stretch, clause candidate) (float64, error) {
	again := []candidate{stretch, clause}
	if err := a.compare(ctx, saidOtherwise(question), logits{}, again); err != nil {
		return 0, err
	}
	return answerable((stretch.logit+again[0].logit)/2, (clause.logit+again[1].logit)/2), nil
}

package dataset

import (
	"strings"
	"unicode/utf8"

	"kakoi/core"
)

const (
	// minGroupLine is how long a line with the answer has to be to be a passage, in characters; shorter ones stand in many.
	minGroupLine = 12
	// minGroupAnswer is how long an answer has to be to be looked for, in characters: "5" stands anywhere.
	minGroupAnswer = 2
)

// Group is what rows are split by: the document that a row's answer, or what was hidden of it, stands in. Rows of no document are a
// group with those whose answers stand in the same line of a prompt, whatever the form of that, or else with those that have the same text
// before the question: a file may ask several questions of a passage.
func Group(r core.Row) string {
	if r.Source != nil {
		return "document " + r.Source.Document
	}
	if line := answerLine(r); line != "" {
		return "line " + core.RowID(line, "")
	}
	if i := strings.LastIndex(r.Inputs, r.Question); i > 0 && r.Question != "" {
		return "passages " + core.RowID(r.Inputs[:i], "")
	}
	return "inputs " + core.RowID(r.Inputs, "")
}

// answerLine is the first line of a row's prompt that holds its answer, folded; "" where none does.
func answerLine(r core.Row) string {
	if r.Refusal {
		return ""
	}
	answer := fold(bareAnswer(r.Labels))
	if utf8.RuneCountInString(answer) < minGroupAnswer {
		return ""
	}
	question := fold(r.Question)
	for _, line := range strings.Split(r.Inputs, "\n") {
		f := fold(line)
		if utf8.RuneCountInString(f) >= minGroupLine && f != question && strings.Contains(f, answer) {
			return f
		}
	}
	return ""
}

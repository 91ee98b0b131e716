package rag

import (
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/core/era"
)

// asDated is a question with its years in the words of the passages: who asks about 令和7年 means the 2025年 of a report, and the cross-encoder does not know that
// they are the same year. A year that the passages name by the question's own calendar, or not at all, stays as it is.
func asDated(question string, passages []core.Passage) string {
	asked := era.Years(question)
	if len(asked) == 0 {
		return question
	}
	written := map[era.Year]string{} // without places; as it stands in the first passage that has it
	for _, p := range passages {
		for _, y := range era.Years(p.Text) {
			k := era.Year{Western: y.Western, Japanese: y.Japanese}
			if _, known := written[k]; !known {
				written[k] = p.Text[y.Start:y.End]
			}
		}
	}
	for _, y := range slices.Backward(asked) {
		other, there := written[era.Year{Western: y.Western, Japanese: !y.Japanese}]
		if _, same := written[era.Year{Western: y.Western, Japanese: y.Japanese}]; same || !there {
			continue
		}
		if strings.HasSuffix(question[:y.End], "年") && !strings.HasSuffix(other, "年") {
			other += "年"
		}
		question = question[:y.Start] + other + question[y.End:]
	}
	return question
}

package rag

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A sentence says little by itself: "It costs 200 yen" is of what stands before it. So the cross-encoder reads a stretch in its place, between marks, as it learned
// to (evidence.marked of resources/starter/recipe).
const markOpen, markClose = "« ", " »"

// marked is a stretch of a text between marks, with what stands before it and a little of what follows, below its heading. In texts without Japanese, words stay whole.
func marked(rs []rune, s Span, heading string) string {
	before, after := reading.beforeEn, reading.afterEn
	japanese := hasJapanese(rs)
	if japanese {
		before, after = reading.beforeJa, reading.afterJa
	}
	start, end := max(0, s.Start-before), min(len(rs), s.End+after)
	if start > 0 && !japanese {
		for start < s.Start && rs[start] != ' ' {
			start++
		}
		start = min(start+1, s.Start)
	}
	if end < len(rs) && !japanese {
		for end--; end > s.End && rs[end] != ' '; end-- {
		}
		end = max(end, s.End)
	}
	var b strings.Builder
	if heading != "" && !strings.Contains(string(rs[start:s.Start]), heading) {
		b.WriteString(heading + "\n")
	}
	b.WriteString(unmarked(rs[start:s.Start]) + markOpen + unmarked(rs[s.Start:s.End]) + markClose + unmarked(rs[s.End:end]))
	return b.String()
}

// unmarked is a text without marks of its own.
func unmarked(rs []rune) string {
	return strings.Map(func(r rune) rune {
		if r == '«' || r == '»' {
			return '"'
		}
		return r
	}, string(rs))
}

// hasJapanese tells texts as the recipe's evidence.marked does, which the model learned from: "・" alone makes a text Japanese, as it does not for Language.
func hasJapanese(rs []rune) bool {
	for _, r := range rs {
		if '\u3040' <= r && r <= '\u30ff' || '\u4e00' <= r && r <= '\u9fff' {
			return true
		}
	}
	return false
}

// placeIn is where an answer that stands in a sentence (stands) does: the first such place, with its marks where these stand there, too.
func placeIn(answer, sentence string) (Span, bool) {
	if before, _, ok := strings.Cut(sentence, answer); ok && answer != "" {
		start := utf8.RuneCountInString(before)
		return Span{start, start + utf8.RuneCountInString(answer)}, true
	}
	want := []rune(bare(answer))
	var has []rune // of the sentence, as bare makes it
	var at []int   // where each of them stands
	for i, r := range []rune(sentence) {
		for _, n := range norm.NFKC.String(string(r)) {
			if unicode.IsLetter(n) || unicode.IsDigit(n) {
				has = append(has, unicode.ToLower(n))
				at = append(at, i)
			}
		}
	}
	for i := 0; len(want) > 0 && i+len(want) <= len(has); i++ {
		if string(has[i:i+len(want)]) == string(want) {
			return Span{at[i], at[i+len(want)-1] + 1}, true
		}
	}
	return Span{}, false
}

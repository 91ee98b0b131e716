package rag

import (
	"regexp"
	"strings"
	"unicode"
)

// Pages of a PDF and mails have their lines cut where the paper ends. A sentence that goes on in the next line is read as one, or half of it would be quoted.

// mostWrapped is how many lines one sentence may have.
const mostWrapped = 6

// listItem finds a line that is an item of a list; "1.4 kg" is none.
var listItem = regexp.MustCompile(`^([-*+・•●○◆■□※]|\(?[0-9０-９]+[.)）．]([^0-9]|$)|[①-⑳])`)

// labelled finds a line that begins with a name and a colon: a row or an item, and no rest of a sentence. "9:00から" is none.
var labelled = regexp.MustCompile(`^[^\s\d:、。，,(（「]{1,12}:`)

// goesOn are English words that no line of a list or a heading ends with.
var goesOn = map[string]bool{
	"a": true, "an": true, "the": true, "of": true, "to": true, "and": true, "or": true, "for": true, "in": true, "at": true, "by": true, "with": true, "on": true, "from": true, "is": true, "are": true, "as": true, "that": true,
	"if": true, "when": true, "than": true, "not": true, "be": true, "your": true, "its": true, "their": true, "our": true, "this": true, "these": true, "all": true, "any": true, "no": true, "but": true,
}

// unwrapped are the sentences with those put together that are one in several lines, each with the heading of its first line.
func unwrapped(rs []rune, spans []Span, headings []string) ([]Span, []string) {
	widest := 0
	for _, s := range spans {
		widest = max(widest, lineWidth(rs, s))
	}
	var out []Span
	var above []string
	for i := 0; i < len(spans); i++ {
		s, first := spans[i], i
		for i+1 < len(spans) && i-first+1 < mostWrapped && wraps(rs, spans[i], spans[i+1], widest) {
			i++
			s.End = spans[i].End
		}
		out, above = append(out, s), append(above, headings[first])
	}
	return out, above
}

// wraps says whether a sentence goes on in the next line. widest is the width of the widest one of the text.
func wraps(rs []rune, s, next Span, widest int) bool {
	line, after := string(rs[s.Start:s.End]), string(rs[next.Start:next.End])
	if strings.Count(string(rs[s.End:next.Start]), "\n") != 1 || strings.Contains(line, "  ") || listItem.MatchString(after) || labelled.MatchString(after) && isCJK(rs[next.Start]) || strings.ContainsAny(line+after, "|\t：■●◆【】") {
		return false
	}
	last, begins := rs[s.End-1], rs[next.Start]
	if strings.ContainsRune("。．.!?！？:;；", last) {
		return false
	}
	wide := lineWidth(rs, s)
	if isCJK(last) && isCJK(begins) {
		return wide >= max(40, widest*8/10) && !strings.Contains(line+after, ": ")
	}
	if wide < 40 {
		return false
	}
	words := strings.Fields(line)
	return unicode.IsLower(begins) || last == ',' || goesOn[words[len(words)-1]] || (unicode.IsDigit(begins) || strings.ContainsRune("($€£¥", begins)) && unicode.IsLower(last) && !strings.Contains(after, ": ")
}

// lineWidth is that of the line in which a sentence ends, up to there.
func lineWidth(rs []rune, s Span) int {
	start := s.End
	for start > 0 && rs[start-1] != '\n' {
		start--
	}
	return width(rs[start:s.End])
}

// width is that of a text in a fixed pitch: what is CJK counts twice.
func width(rs []rune) int {
	n := 0
	for _, r := range rs {
		if n++; isCJK(r) {
			n++
		}
	}
	return n
}

// inOneLine is a text without its line ends: nothing stands for one between two CJK characters, a space elsewhere.
func inOneLine(text string) string {
	lines := strings.Split(text, "\n")
	var b strings.Builder
	last := ' '
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		first := []rune(line)[0]
		if b.Len() > 0 && !(isCJK(last) && isCJK(first)) {
			b.WriteByte(' ')
		}
		b.WriteString(line)
		rs := []rune(line)
		last = rs[len(rs)-1]
	}
	return b.String()
}

package rag

import (
	"strings"
	"unicode"
)

// Span is a stretch of a text in characters: Start is the first, End one past the last.
type Span struct{ Start, End int }

// abbreviations after which a full stop does not end a sentence (lower case, without the stop).
var abbreviations = map[string]bool{
	"mr": true, "mrs": true, "ms": true, "dr": true, "prof": true, "st": true, "no": true, "nos": true, "vs": true,
	"e.g": true, "i.e": true, "etc": true, "cf": true, "fig": true, "figs": true, "approx": true, "inc": true,
	"ltd": true, "co": true, "corp": true, "dept": true, "est": true, "tel": true, "ext": true, "max": true, "min": true,
	"vol": true, "pp": true, "p": true, "sec": true, "ch": true, "jan": true, "feb": true, "mar": true, "apr": true,
	"jun": true, "jul": true, "aug": true, "sep": true, "sept": true, "oct": true, "nov": true, "dec": true,
	"a.m": true, "p.m": true, "u.s": true, "u.k": true, "al": true,
}

const (
	openers = "「『（(【〔《〈［[｛{“"
	closers = "」』）)】〕》〉］]｝}”\"'’"
)

// Sentences splits text into sentences, Japanese and English: at 。！？．, at . ! ? before a space or the
// end (not after an abbreviation, not inside a number) and at every line end. Marks that close a bracket or quotation stay
// with their sentence, and a stop inside 「」 or （） does not end it. Spans are without the white space around.
func Sentences(text string) []Span {
	rs := []rune(text)
	var out []Span
	start, depth := 0, 0
	flush := func(end int) {
		if s := trimmed(rs, Span{start, end}); s.Start < s.End {
			out = append(out, s)
		}
		start, depth = end, 0
	}
	for i := 0; i < len(rs); i++ {
		r := rs[i]
		switch {
		case r == '\n' || r == '\r' || r == '\f' || r == '\u2028' || r == '\u2029':
			flush(i + 1)
		case strings.ContainsRune(openers, r):
			depth++
		case strings.ContainsRune(closers, r) && r != '\'' && r != '"' && r != '’':
			depth = max(0, depth-1)
		case endsSentence(rs, start, i, depth):
			for i+1 < len(rs) && (strings.ContainsRune(closers, rs[i+1]) || strings.ContainsRune("。！？!?", rs[i+1])) {
				i++
			}
			flush(i + 1)
		}
	}
	flush(len(rs))
	return out
}

// endsSentence says whether the mark at i ends the sentence that began at start.
func endsSentence(rs []rune, start, i, depth int) bool {
	switch rs[i] {
	case '。', '！', '？', '．', '｡':
		return depth == 0
	case '!', '?':
		return depth == 0 && (i+1 == len(rs) || !isWordRune(rs[i+1]) || isCJK(rs[i+1]))
	case '.':
	default:
		return false
	}
	if depth > 0 {
		return false
	}
	next := i + 1
	for next < len(rs) && strings.ContainsRune(closers, rs[next]) {
		next++
	}
	if next < len(rs) && !unicode.IsSpace(rs[next]) && !isCJK(rs[next]) {
		return false // 3.5, file.txt, U.S.
	}
	if next < len(rs) && isCJK(rs[next]) {
		return i > 0 && isCJK(rs[i-1]) // 「v1.2.版」 goes on, 「です.次は」 does not
	}
	word := i
	for word > start && !unicode.IsSpace(rs[word-1]) && !strings.ContainsRune(openers, rs[word-1]) {
		word--
	}
	w := strings.ToLower(string(rs[word:i]))
	for next < len(rs) && (rs[next] == ' ' || rs[next] == '\t' || rs[next] == '\u3000') {
		next++
	}
	ends := next == len(rs) || rs[next] == '\n' || rs[next] == '\r'
	if ends {
		return true
	}
	if w == "a.m" || w == "p.m" || w == "etc" {
		return unicode.IsUpper(rs[next])
	}
	if abbreviations[w] || len(w) == 1 && unicode.IsLetter(rune(w[0])) {
		return false
	}
	if word == start || strings.TrimSpace(string(rs[start:word])) == "" {
		if isDigits(w) {
			return false // "1. First point" is one list item
		}
	}
	return !unicode.IsLower(rs[next])
}

func isDigits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != ""
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// isCJK covers the scripts that are written without spaces.
func isCJK(r rune) bool {
	return isKana(r) || unicode.Is(unicode.Han, r) || r == '々' || r == '〆'
}

func isKana(r rune) bool {
	return unicode.In(r, unicode.Hiragana, unicode.Katakana) || r == 'ー' || r >= 0xFF66 && r <= 0xFF9F
}

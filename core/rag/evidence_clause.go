package rag

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Pieces of a sentence shorter than this, in characters, are no clauses of their own.
const (
	clauseJa = 8
	clauseEn = 16
	// joinedEn is the length of what stands on either side of an "and" that parts two clauses.
	joinedEn = 20
)

// What forbids several things at once ends once: "転貸し、または増改築してはならない", "must not sublet it or change it". Cut apart, one of them would be allowed.
var (
	forbidsJa = regexp.MustCompile(`(?:[てで]は(?:なら|いけ)(?:ない|ません)|ないでください|ことは?(?:できない|できません)|(?:禁止する|禁ずる|禁止です|禁止します))[。．]?$`)
	sharedJa  = regexp.MustCompile(`[いきぎしちみりびえけげせてねめれべ]、$`)
	joinedJa  = regexp.MustCompile(`^(?:または|又は|もしくは|若しくは|および|及び)`)
	negatedEn = regexp.MustCompile(`(?i)\b(?:not|never|no|nor|neither|cannot|without|forbidden|prohibited)\b|n['’]t\b`)
)

// Clauses are the parts of a sentence, or of a few: Japanese ones end at 、，；：。 and at round brackets, English ones at a comma, a semicolon, a colon and a dash
// before a space, and around an "and", "or" or "but" with enough on either side; all end where a sentence or a line does, and each cell of a table's row is one.
// What is too short belongs to the next one, at the end to the one before.
func clauses(text string) []Span {
	var out []Span
	rs := []rune(text)
	for _, s := range cells(rs, Sentences(text)) {
		least, cuts := clauseEn, cutsEn
		if Language(string(rs[s.Start:s.End])) == "ja" {
			least, cuts = clauseJa, cutsJa
		}
		pieces := cuts(rs, s)
		first := len(out)
		for i := 0; i < len(pieces); i++ {
			p := pieces[i]
			for p.End-p.Start < least && i+1 < len(pieces) {
				i++
				p.End = pieces[i].End
			}
			if p.End-p.Start < least && len(out) > first {
				out[len(out)-1].End = p.End
				continue
			}
			out = append(out, p)
		}
	}
	return out
}

// cells are sentences, and the cells of those that are rows of a table.
func cells(rs []rune, sentences []Span) []Span {
	var out []Span
	for _, s := range sentences {
		start := s.Start
		for i := s.Start; i+2 < s.End; i++ {
			if rs[i] == ' ' && rs[i+1] == '|' && rs[i+2] == ' ' {
				out = append(out, trimmed(rs, Span{start, i}))
				start = i + 3
			}
		}
		out = append(out, trimmed(rs, Span{start, s.End}))
	}
	return slices.DeleteFunc(out, func(s Span) bool { return s.End <= s.Start })
}

// cutsJa are the pieces of a Japanese sentence.
func cutsJa(rs []rune, s Span) []Span {
	var out []Span
	start := s.Start
	cut := func(end int) {
		if p := trimmed(rs, Span{start, end}); p.End > p.Start {
			out = append(out, p)
		}
		start = end
	}
	forbids := forbidsJa.MatchString(string(rs[s.Start:s.End]))
	for i := s.Start; i < s.End; i++ {
		switch {
		case strings.ContainsRune("（(", rs[i]):
			cut(i)
		case forbids && rs[i] == '、' && (sharedJa.MatchString(string(rs[start:i+1])) || joinedJa.MatchString(string(rs[i+1:s.End]))):
		case strings.ContainsRune("、，；：。）)", rs[i]):
			cut(i + 1)
		}
	}
	cut(s.End)
	return out
}

// cutsEn are the pieces of an English sentence.
func cutsEn(rs []rune, s Span) []Span {
	var out []Span
	start := s.Start
	cut := func(end, next int) {
		if p := trimmed(rs, Span{start, end}); p.End > p.Start {
			out = append(out, p)
		}
		start = next
	}
	for i := s.Start; i+1 < s.End; i++ {
		if rs[i+1] == ' ' && strings.ContainsRune(",;:", rs[i]) {
			cut(i+1, i+2)
			continue
		}
		if rs[i] != ' ' {
			continue
		}
		rest := string(rs[i:min(s.End, i+5)])
		switch {
		case strings.HasPrefix(rest, " - "):
			cut(i, i+3)
		case strings.HasPrefix(rest, " and "), strings.HasPrefix(rest, " but "), strings.HasPrefix(rest, " or "):
			after := i + 1 + strings.IndexByte(rest[1:], ' ') + 1
			if i-start >= joinedEn && s.End-after >= joinedEn && (rest[1] == 'b' || !negatedEn.MatchString(string(rs[start:i]))) {
				cut(i, after)
			}
		}
	}
	cut(s.End, s.End)
	return out
}

// trimmed is a span without the white space at its ends.
func trimmed(rs []rune, s Span) Span { return trimmedFunc(rs, s, unicode.IsSpace) }

// trimmedFunc is a span without the characters at its ends for which drop is true.
func trimmedFunc(rs []rune, s Span, drop func(rune) bool) Span {
	for s.Start < s.End && drop(rs[s.Start]) {
		s.Start++
	}
	for s.Start < s.End && drop(rs[s.End-1]) {
		s.End--
	}
	return s
}

package rag

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A clause may be much longer than what was asked for. So words are taken off the end or the beginning of a long one as long as the cross-encoder finds that what is
// left answers about as well: a greedy search, since a clause of n words has n(n+1)/2 stretches of them and each that is read costs time.

// trimmed is a clause with the words taken off that it can do without; c itself where it is short, or nothing less answers as well.
func (a *Asker) trimmed(ctx context.Context, question string, seen logits, c candidate) (candidate, error) {
	best, from := c, c.whole()
	for range reading.trims {
		if !best.isLong() {
			return best, nil
		}
		all := []candidate{best}
		for _, s := range trims(best.stretch.text) {
			at := best.span.Start - from.span.Start
			all = append(all, from.part(Span{at + s.Start, at + s.End}))
		}
		if len(all) == 1 {
			return best, nil
		}
		if err := a.compare(ctx, question, seen, all); err != nil {
			return best, err
		}
		shorter := briefest(all, reading.perTrimmed)
		if shorter.stretch.text == best.stretch.text {
			return shorter, nil
		}
		best = shorter
	}
	return best, nil
}

func (c candidate) isLong() bool {
	most := reading.longEn
	if Language(c.stretch.text) == "ja" {
		most = reading.longJa
	}
	return utf8.RuneCountInString(c.stretch.text) > most
}

// trims are the places of a text less some words at its end, and less some at its beginning, without repeats; none of a single word. Japanese ones begin at no particle and in no
// compound (after hiragana, a mark or a space alone), and end behind no number whose unit follows. English ones end behind no word that wants another ("apply the").
func trims(text string) []Span {
	rs := []rune(text)
	ws := words(rs)
	var out []Span
	add := func(s Span) {
		s = trimmedFunc(rs, s, func(r rune) bool { return strings.ContainsRune(" 、，,;；。.\n", r) })
		if s.End-s.Start > 1 && s.End-s.Start < len(rs) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for i := 0; i+1 < len(ws); i++ {
		if !endsInNumber(rs, ws[i].End) && !wantsMore(string(rs[:ws[i].End])) {
			add(Span{0, ws[i].End})
		}
	}
	for i := 1; i < len(ws); i++ {
		if !beginsInside(rs, ws[i].Start) {
			add(Span{ws[i].Start, len(rs)})
		}
	}
	return out
}

// leading are English words that begin what follows them: an answer that ends with one breaks off. Those that may end a sentence ("what it is for", "log in") are not among them.
var leading = strings.Fields("a an the my your our their its of from with into than and or but nor because although whether unless whose must shall should will would very per every which who whom")

// wantsMore says whether a text ends with an English word that begins what follows.
func wantsMore(text string) bool {
	return slices.Contains(leading, strings.ToLower(text[strings.LastIndexAny(text, " \t\n")+1:]))
}

// beginsInside says whether what begins at i goes on a Japanese word: the particle or the ending of the one before, or the rest of a compound, a number's unit.
func beginsInside(rs []rune, i int) bool {
	switch before, is := scriptOf(rs[i-1]), scriptOf(rs[i]); before {
	case scriptSpace, scriptMark, scriptHiragana:
		return false
	default:
		return is != scriptMark
	}
}

// endsInNumber says whether what ends before i leaves a number without its unit.
func endsInNumber(rs []rune, i int) bool {
	is := scriptOf(rs[i])
	return unicode.IsDigit(rs[i-1]) && (is == scriptKanji || is == scriptKatakana)
}

// words are where an answer may begin and end: what stands between spaces, in a text with Japanese the runs of one script, and each mark.
func words(rs []rune) []Span {
	japanese := Language(string(rs)) == "ja"
	var out []Span
	last := scriptSpace
	for i, r := range rs {
		if japanese && r == '\n' {
			continue // a word may go on in the next line
		}
		is := scriptOf(r)
		if !japanese && is != scriptSpace {
			is = scriptOther
		}
		switch {
		case is == scriptSpace:
		case is == last && is != scriptMark:
			out[len(out)-1].End = i + 1
		default:
			out = append(out, Span{i, i + 1})
		}
		last = is
	}
	return out
}

type script int

const (
	scriptSpace script = iota
	scriptMark         // each by itself
	scriptKanji
	scriptHiragana
	scriptKatakana
	scriptOther // Latin letters and digits, with the marks in them
)

func scriptOf(r rune) script {
	switch {
	case unicode.IsSpace(r):
		return scriptSpace
	case unicode.Is(unicode.Hiragana, r):
		return scriptHiragana
	case unicode.Is(unicode.Katakana, r) || r == 'ー':
		return scriptKatakana
	case unicode.Is(unicode.Han, r) || r == '々' || r == '〆':
		return scriptKanji
	case strings.ContainsRune("、。，．・（）「」『』()", r):
		return scriptMark
	}
	return scriptOther
}

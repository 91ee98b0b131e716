package rag

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A clause may be much longer than what was asked for. So words are taken off the end or the beginning of a long one as long as the cross-encoder finds that what is
// left answers about as well: a greedy search, since a clause of n words has n(n+1)/2 stretches of them and each that is read costs time.

// trimmed is a clause with the words taken off that it can do without; c itself where it is short, or nothing less answers as well.
func (a *Asker) trimmed(ctx context.Context, question string, c candidate) (candidate, error) {
	best := c
	best.within = c.sentence()
	for range reading.trims {
		if !best.isLong() {
			return best, nil
		}
		all := []candidate{best}
		for _, text := range trims(best.stretch.text) {
			all = append(all, best)
			all[len(all)-1].stretch.text = text
		}
		if len(all) == 1 {
			return best, nil
		}
		if err := a.compare(ctx, question, all, 0); err != nil {
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

// trims are a text less some words at its end, and less some at its beginning, without repeats; none of a single word.
func trims(text string) []string {
	rs := []rune(text)
	ws := words(rs)
	var out []string
	seen := map[string]bool{}
	add := func(part []rune) {
		t := strings.TrimRight(strings.Trim(string(part), " 、，,;；。."), " ")
		if len([]rune(t)) > 1 && t != text && !seen[t] {
			seen[t] = true
			out = append(out, t)
		}
	}
	for i := 0; i+1 < len(ws); i++ {
		add(rs[:ws[i].End])
	}
	for i := 1; i < len(ws); i++ {
		add(rs[ws[i].Start:])
	}
	return out
}

// words are where an answer may begin and end: what stands between spaces, in a text with Japanese the runs of one script, and each mark.
func words(rs []rune) []Span {
	japanese := Language(string(rs)) == "ja"
	var out []Span
	last := scriptSpace
	for i, r := range rs {
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

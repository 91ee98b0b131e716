package outline

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"kakoi/core"
)

const (
	// A heading is at most this long, in half columns: 40 kanji, 80 letters.
	maxColumns = 80
	// Headings above a chunk that are kept: the title, and the nearest ones.
	maxDepth = 4
)

// Ranks of headings: a heading ends those of its own rank and below.
const (
	rankTitle   = 1 // what a page begins with
	rankPart    = 2 // 第2部, Part 2
	rankChapter = 3 // 第2章, Chapter 2; 2.
	rankPlain   = 8 // neither numbered nor marked
)

// Of gives the headings above each chunk, outermost first; those that lie inside a chunk are not above it. Pages and chunks are those of one
// document, in reading order. A section goes on over the end of a page, unless the next page begins with a title.
func Of(pages []core.Page, chunks []core.Chunk) [][]string {
	out := make([][]string, len(chunks))
	var open []heading
	c := 0
	for _, p := range pages {
		found := headings(p.Text)
		for len(found) > 0 || c < len(chunks) && chunks[c].Page == p.Number {
			if len(found) > 0 && (c >= len(chunks) || chunks[c].Page != p.Number || found[0].start <= chunks[c].Start) {
				open = enter(open, found[0])
				found = found[1:]
				continue
			}
			out[c] = above(open, chunks[c])
			c++
		}
	}
	return out
}

type heading struct {
	start int // character of the page
	rank  int
	text  string
}

func enter(open []heading, h heading) []heading {
	for len(open) > 0 && open[len(open)-1].rank >= h.rank {
		open = open[:len(open)-1]
	}
	return append(open, h)
}

// above are the texts of the open headings, without those the chunk itself begins with.
func above(open []heading, c core.Chunk) []string {
	var out []string
	for _, h := range open {
		if strings.HasPrefix(c.Text, h.text) || slices.Contains(out, h.text) {
			continue
		}
		out = append(out, h.text)
	}
	if len(out) > maxDepth {
		out = append(out[:1], out[len(out)-maxDepth+1:]...)
	}
	return out
}

type line struct {
	start   int // character
	text    string
	columns int
}

// headings finds the headings of a page.
func headings(text string) []heading {
	var lines []line
	at, empty, longest := 0, 0, 0
	for l := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		trimmed := strings.TrimSpace(l)
		lines = append(lines, line{start: at, text: trimmed, columns: columns(trimmed)})
		at += utf8.RuneCountInString(l) + 1
		if trimmed == "" {
			empty++
		}
		longest = max(longest, lines[len(lines)-1].columns)
	}
	var out []heading
	first := true
	dense := empty*8 < len(lines) // no empty lines to go by
	for i, l := range lines {
		if l.text == "" {
			continue
		}
		begins := first
		first = false
		if !may(l, begins) {
			continue
		}
		rank, marked := numbered(l.text)
		before, after := neighbour(lines, i-1), neighbour(lines, i+1)
		switch {
		case marked && (begins || dense && finished(before) || before == "" || after == ""):
		case begins && after != "" && !dense: // a letter's first lines
			continue
		case begins:
			rank = rankTitle
		case !dense && before == "" && after == "" && !listed(lines, i):
			rank = rankPlain
		case dense && finished(before) && l.columns*5 < longest*3 && columns(after) > l.columns*3/2 && !unicode.IsLower(firstRune(l.text)):
			rank = rankPlain
		default:
			continue
		}
		out = append(out, heading{l.start, rank, l.text})
	}
	return out
}

// neighbour is the text of a line; "" for an empty one, and for none.
func neighbour(lines []line, i int) string {
	if i < 0 || i >= len(lines) {
		return ""
	}
	return lines[i].text
}

// listed says whether the lines around, beyond the empty ones, are as short: cells of a table, the steps of a menu.
func listed(lines []line, i int) bool {
	short := func(i int) bool { return i >= 0 && i < len(lines) && lines[i].text != "" && may(lines[i], false) }
	return short(i-2) && short(i+2)
}

// may says whether a line can be a heading at all; what a page begins with may have a colon, which elsewhere is a row's "column: value".
func may(l line, begins bool) bool {
	if l.columns > maxColumns || l.columns < 2 || strings.ContainsAny(l.text, "|\t") || strings.Contains(l.text, ": ") && !begins {
		return false
	}
	last, _ := utf8.DecodeLastRuneInString(l.text)
	switch last {
	case '。', '．', '.', '、', ',', '，', ';', '；', ':', '：', '!', '！', '{', '}', '\\', '=', '"':
		return false
	}
	switch firstRune(l.text) {
	case '-', '*', '•', '・', '※', '→', '$', '#', '<', '/', '{', '}', '(', '+', '~':
		return false
	}
	return strings.ContainsFunc(l.text, unicode.IsLetter)
}

// finished says whether a line ends a sentence: the next line begins something new.
func finished(text string) bool {
	text = strings.TrimRight(text, "」』）)\"”’")
	last, _ := utf8.DecodeLastRuneInString(text)
	return text == "" || strings.ContainsRune("。．.！!？?", last)
}

func firstRune(text string) rune {
	r, _ := utf8.DecodeRuneInString(text)
	return r
}

var (
	japanese = regexp.MustCompile(`^第\s*[0-9０-９一二三四五六七八九十百]+\s*([部編章節款条])`)
	english  = regexp.MustCompile(`^(Part|Chapter|Appendix|Section|付録|別表|別紙)\s*[0-9０-９A-ZＡ-Ｚ一二三四五六七八九十IVX]`)
	decimal  = regexp.MustCompile(`^[0-9０-９A-Z]{1,3}([.．][0-9０-９]{1,3})*([.．)）]\s*|\s+|　)\S`)
	sign     = regexp.MustCompile(`^[■◆●◎○□◇▼▽★☆§【]`)
)

// numbered gives the rank of a heading that has a number or a mark.
func numbered(text string) (rank int, ok bool) {
	if m := japanese.FindStringSubmatch(text); m != nil {
		return map[string]int{"部": rankPart, "編": rankPart, "章": rankChapter, "節": rankChapter + 1, "款": rankChapter + 2, "条": rankChapter + 3}[m[1]], true
	}
	if m := english.FindStringSubmatch(text); m != nil {
		if m[1] == "Part" {
			return rankPart, true
		}
		return rankChapter, true
	}
	if m := decimal.FindString(text); m != "" {
		depth := 0
		for _, r := range strings.TrimRight(m, " 　.．)）") {
			if r == '.' || r == '．' {
				depth++
			}
		}
		if depth > 0 || strings.ContainsAny(m, ".．)）") {
			if strings.HasSuffix(strings.TrimSpace(m[:len(m)-1]), ".") && depth > 0 {
				depth-- // the last dot ends the number
			}
			return min(rankChapter+depth, rankPlain-1), true
		}
		return 0, false
	}
	if sign.MatchString(text) {
		return rankPlain - 1, true
	}
	return 0, false
}

// columns is how wide a text is: two for what is not Latin.
func columns(text string) int {
	n := 0
	for _, r := range text {
		n++
		if r >= 0x1100 {
			n++
		}
	}
	return n
}

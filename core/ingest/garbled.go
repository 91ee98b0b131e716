package ingest

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"kakoi/core"
)

// A font of a PDF may say which shape each code has and not which letter that is. PDFium then gives the code in place of the letter:
// text that looks like Chinese, or like English moved by a few letters, and means nothing. Such characters are left out of the text and counted.

var errGarbled = fmt.Errorf("no page with letters that mean something: %w", core.ErrEmpty)

// dropGarbled sets to 0 the characters that mean nothing, and says how many of them there were; bullets and ornaments (the codes of fonts
// of symbols) are not counted.
func (s *pdfSheet) dropGarbled() int {
	n, believed := 0, s.believed()
	for i, c := range s.chars {
		if blank(c.code) || c.code < ' ' && !meaningless(c.code) {
			continue
		}
		if meaningless(c.code) || s.cells[i].lost && !(believed && c.code > firstPage) {
			s.chars[i].code = 0
			if c.code < 0xf000 || c.code > 0xf0ff {
				n++
			}
		}
	}
	return n
}

// firstPage is the last code whose meaning PDFium knows in a font of which one line says that all codes are Unicode (<0000> <FFFF> <0000>), as
// tFPDF, mPDF and others write it: of the end of that range it takes the low byte alone.
const firstPage = 0xff

// writings are the scripts that people write in. Japanese takes three.
var writings = [][]*unicode.RangeTable{
	{unicode.Han, unicode.Hiragana, unicode.Katakana}, {unicode.Hangul}, {unicode.Greek}, {unicode.Cyrillic}, {unicode.Latin}, {unicode.Arabic}, {unicode.Hebrew},
	{unicode.Thai}, {unicode.Devanagari}, {unicode.Armenian}, {unicode.Georgian},
}

// frequent are characters of which every text of kanji alone has some: those of Chinese, and of Japanese forms and lists.
const frequent = "的一是不了在人有我他这這中大来來上国國年月日号號第条社名所部時"

// believed says whether the codes of fonts that do not tell their letters are Unicode after all: then neighbours are of one script, and
// that is one of writings. Codes that are none fall into many scripts, and those that look like Chinese are not the characters that are frequent.
func (s *pdfSheet) believed() bool {
	all, written, kanji, known, pairs, alike := 0, 0, 0, 0, 0, 0
	before := -1 // the writing of the letter before; -1 where there is none
	for i, c := range s.chars {
		if !s.cells[i].lost || c.code <= firstPage || blank(c.code) ||
			!meaningless(c.code) && (unicode.Is(unicode.Common, c.code) || c.code >= 0xff01 && c.code <= 0xff60) { // signs
			before = -1
			continue
		}
		all++
		w := slices.IndexFunc(writings, func(scripts []*unicode.RangeTable) bool { return unicode.In(c.code, scripts...) })
		if w < 0 {
			w = len(writings)
		} else {
			written++
		}
		if before >= 0 {
			pairs++
			if w == before {
				alike++
			}
		}
		before = w
		if w == 0 {
			kanji++
			if !unicode.Is(unicode.Han, c.code) || strings.ContainsRune(frequent, c.code) {
				known++
			}
		}
	}
	return written*10 >= all*9 && alike*10 >= pairs*9 && known*20 >= kanji
}

// meaningless are characters that no text is written in: those of private use, unassigned ones, control codes. U+FFFE and 2 are PDFium's
// hyphens at line ends.
func meaningless(c rune) bool {
	switch {
	case c == 0xfffe, c == 2, c == 0:
		return false
	case c < ' ':
		return c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\v'
	case c < 0x7f:
		return false
	case c <= 0x9f, c == unicode.ReplacementChar:
		return true
	case c >= 0xd800 && c <= 0xdfff: // halves of a pair, joined later
		return false
	}
	return !unicode.IsGraphic(c) && !unicode.Is(unicode.Cf, c) && c != 0x2028 && c != 0x2029
}

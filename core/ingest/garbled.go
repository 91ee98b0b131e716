package ingest

import (
	"fmt"
	"unicode"

	"kakoi/core"
)

// A font of a PDF may say which shape each code has and not which letter that is. PDFium then gives the code in place of the letter:
// text that looks like Chinese, or like English moved by a few letters, and means nothing. Such characters are left out of the text and counted.

var errGarbled = fmt.Errorf("no page with letters that mean something: %w", core.ErrEmpty)

// dropGarbled sets to 0 the characters that mean nothing, and says how many of them there were; bullets and ornaments (the codes of fonts
// of symbols) are not counted.
func (s *pdfSheet) dropGarbled() int {
	n := 0
	for i, c := range s.chars {
		if blank(c.code) || c.code < ' ' && !meaningless(c.code) {
			continue
		}
		if meaningless(c.code) || s.cells[i].lost {
			s.chars[i].code = 0
			if c.code < 0xf000 || c.code > 0xf0ff {
				n++
			}
		}
	}
	return n
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

package ingest

import (
	"fmt"
	"unicode"

	"github.com/klippa-app/go-pdfium/requests"

	"kakoi/core"
)

// A font of a PDF may say which shape each code has and not which letter that is. PDFium then gives the code in place of the letter:
// text that looks like Chinese, or like English moved by a few letters, and means nothing. Such characters are left out of the text and counted.

// garbledSample is how many characters of a page are asked about before all are; a question costs a microsecond.
const garbledSample = 48

var errGarbled = fmt.Errorf("no page with letters that mean something: %w", core.ErrEmpty)

// dropGarbled sets to 0 the characters that mean nothing, and says how many of them there were; bullets and ornaments (the codes of fonts
// of symbols) are not counted.
func (t pdfText) dropGarbled(chars []char) int {
	if !t.suspicious(chars) {
		return 0
	}
	n := 0
	for i, c := range chars {
		if c.at == madeUp || blank(c.code) || c.code < ' ' {
			continue
		}
		if meaningless(c.code) || t.unmapped(c.at) {
			chars[i].code = 0
			if c.code < 0xf000 || c.code > 0xf0ff {
				n++
			}
		}
	}
	return n
}

// suspicious looks at characters spread over the page.
func (t pdfText) suspicious(chars []char) bool {
	asked, step := 0, max(1, len(chars)/garbledSample)
	for i, c := range chars {
		if meaningless(c.code) {
			return true
		}
		if c.at == madeUp || blank(c.code) || c.code < ' ' || i/step < asked {
			continue
		}
		asked = i/step + 1
		if t.unmapped(c.at) {
			return true
		}
	}
	return false
}

// unmapped says that the character's font does not say what it means.
func (t pdfText) unmapped(at int) bool {
	r, err := t.p.FPDFText_HasUnicodeMapError(&requests.FPDFText_HasUnicodeMapError{TextPage: t.page, Index: at})
	return err == nil && r.HasUnicodeMapError
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

package ingest

import "github.com/klippa-app/go-pdfium/requests"

// thinSpace is the widest gap, in heights of a character, that is layout and not a space: word processors set a fifth to a
// quarter between Japanese and Latin letters, and justified lines stretch every gap a little.
const thinSpace = 0.28

// dropThinSpaces sets to 0 the spaces that PDFium makes up for thin gaps beside Japanese letters, so that a text
// written as 第1条 is not read as 第 1 条.
func (t pdfText) dropThinSpaces(chars []char) error {
	for i := 1; i+1 < len(chars); i++ {
		left, right := chars[i-1].code, chars[i+1].code
		if chars[i].code != ' ' || !unspaced(left) && !unspaced(right) {
			continue
		}
		made, err := t.p.FPDFText_IsGenerated(&requests.FPDFText_IsGenerated{TextPage: t.page, Index: i})
		if err != nil || !made.IsGenerated {
			continue
		}
		l, err := t.box(i - 1)
		if err != nil {
			return err
		}
		r, err := t.box(i + 1)
		if err != nil {
			return err
		}
		height := r.Top - r.Bottom
		if unspaced(left) {
			height = l.Top - l.Bottom
		}
		if sameLine := l.Bottom < r.Top && r.Bottom < l.Top; sameLine && r.Left-l.Right < thinSpace*height {
			chars[i].code = 0
		}
	}
	return nil
}

// unspaced says whether c is written without spaces: kana, kanji, full-width signs.
func unspaced(c rune) bool {
	return c >= 0x2e80 && c <= 0x9fff || c >= 0xf900 && c <= 0xfaff || c >= 0xff01 && c <= 0xffef || c >= 0x20000 && c <= 0x3ffff
}

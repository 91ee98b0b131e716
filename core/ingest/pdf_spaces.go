package ingest

// thinSpace is the widest gap, in heights of a character, that is layout and not a space: word processors set a fifth to a
// quarter between Japanese and Latin letters, and justified lines stretch every gap a little.
const thinSpace = 0.28

// dropThinSpaces sets to 0 the spaces that PDFium makes up for thin gaps beside Japanese letters, so that a text
// written as 第1条 is not read as 第 1 条.
func (s *pdfSheet) dropThinSpaces() {
	for i := 1; i+1 < len(s.chars); i++ {
		left, right := s.chars[i-1].code, s.chars[i+1].code
		if s.chars[i].code != ' ' || !s.cells[i].made || !unspaced(left) && !unspaced(right) {
			continue
		}
		l, r := s.cells[i-1].box, s.cells[i+1].box
		height := r.Top - r.Bottom
		if unspaced(left) {
			height = l.Top - l.Bottom
		}
		if sameLine := l.Bottom < r.Top && r.Bottom < l.Top; sameLine && r.Left-l.Right < thinSpace*height {
			s.chars[i].code = 0
		}
	}
}

// unspaced says whether c is written without spaces: kana, kanji, full-width signs.
func unspaced(c rune) bool {
	return c >= 0x2e80 && c <= 0x9fff || c >= 0xf900 && c <= 0xfaff || c >= 0xff01 && c <= 0xffef || c >= 0x20000 && c <= 0x3ffff
}

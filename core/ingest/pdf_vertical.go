package ingest

import (
	"slices"

	"github.com/klippa-app/go-pdfium/requests"
)

// verticalLine is a line of vertical writing: chars[start:end] stands in a column around x, from top to bottom.
type verticalLine struct {
	start, end     int
	x, top, bottom float64
}

// rightToLeft puts neighbouring lines of vertical writing into reading order. PDFium sorts what starts at the same
// height from left to right, which turns the columns of a vertical page around.
func (t pdfText) rightToLeft(chars []char) ([]char, error) {
	var out []char
	var band []verticalLine // neighbouring lines that stand side by side
	flush := func() {
		slices.SortStableFunc(band, func(a, b verticalLine) int {
			switch {
			case a.x > b.x:
				return -1
			case a.x < b.x:
				return 1
			}
			return 0
		})
		for _, l := range band {
			out = append(append(out, chars[l.start:l.end]...), char{'\n', madeUp})
		}
		band = nil
	}
	found := false
	for start := 0; start < len(chars); {
		end := start
		for end < len(chars) && chars[end].code != '\r' && chars[end].code != '\n' {
			end++
		}
		line, vertical, err := t.verticalLine(chars, start, end)
		if err != nil {
			return chars, err
		}
		if len(band) > 0 && (!vertical || !sideBySide(band[len(band)-1], line)) {
			flush()
		}
		if next := afterLineEnd(chars, end); vertical {
			found, band, start = true, append(band, line), next
		} else {
			out, start = append(out, chars[start:next]...), next
		}
	}
	flush()
	if !found {
		return chars, nil
	}
	return out, nil
}

func afterLineEnd(chars []char, end int) int {
	if end+1 < len(chars) && chars[end].code == '\r' && chars[end+1].code == '\n' {
		return end + 2
	}
	return min(end+1, len(chars))
}

func sideBySide(a, b verticalLine) bool {
	return min(a.top, b.top)-max(a.bottom, b.bottom) > min(a.top-a.bottom, b.top-b.bottom)/2
}

// verticalLine measures a line by its first two characters and its last.
func (t pdfText) verticalLine(chars []char, start, end int) (verticalLine, bool, error) {
	line := verticalLine{start: start, end: end}
	if end-start < 2 || !unspaced(chars[start].code) || !unspaced(chars[start+1].code) {
		return line, false, nil
	}
	var boxes [3]Box
	for i, at := range []int{start, start + 1, end - 1} {
		b, err := t.p.FPDFText_GetCharBox(&requests.FPDFText_GetCharBox{TextPage: t.page, Index: at})
		if err != nil {
			return line, false, err
		}
		boxes[i] = Box{b.Left, b.Bottom, b.Right, b.Top}
	}
	first, second, last := boxes[0], boxes[1], boxes[2]
	line.x, line.top, line.bottom = (first.Left+first.Right)/2, first.Top, last.Bottom
	below := second.Top+second.Bottom < 2*first.Bottom && second.Left < first.Right && first.Left < second.Right
	return line, below, nil
}

package ingest

import "slices"

// rightToLeft puts neighbouring lines of vertical writing into reading order. PDFium sorts what starts at the same
// height from left to right, which turns the columns of a vertical page around.
func rightToLeft(lines []pdfLine) []pdfLine {
	if !slices.ContainsFunc(lines, func(l pdfLine) bool { return l.down }) {
		return lines
	}
	var out, band []pdfLine // band: neighbouring lines that stand side by side
	flush := func() {
		slices.SortStableFunc(band, func(a, b pdfLine) int { return sign(b.box.Left + b.box.Right - a.box.Left - a.box.Right) })
		out = append(out, band...)
		band = nil
	}
	for _, l := range adopted(lines) {
		if len(band) > 0 && (!l.down || band[len(band)-1].box.level(l.box) <= 0.5) {
			flush()
		}
		if l.down {
			band = append(band, l)
		} else {
			out = append(out, l)
		}
	}
	flush()
	return out
}

// adopted takes single letters between lines of vertical writing for such lines: by themselves they run nowhere.
func adopted(lines []pdfLine) []pdfLine {
	out := slices.Clone(lines)
	for i := range out {
		l := &out[i]
		if l.down || l.turned || l.parts != nil || l.box.width() > 1.5*l.size {
			continue
		}
		for _, n := range []int{i - 1, i + 1} {
			if n >= 0 && n < len(out) && out[n].down && near(l.box.Top, out[n].box.Top, l.size) {
				l.down = true
			}
		}
	}
	return out
}

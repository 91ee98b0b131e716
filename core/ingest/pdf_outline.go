package ingest

import (
	"unicode/utf16"
)

const (
	maxOutline  = 5000
	deepOutline = 12
	longTitle   = 1000 // bytes
)

// outline is the document's table of contents, if it has one: the titles that lead to a page, by its index, in the form of titleKey. It is
// a help, so what is wrong with it ends it.
func (d *pdfDoc) outline() map[int]map[string]bool {
	out := map[int]map[string]bool{}
	seen := map[uint64]bool{}
	var walk func(parent uint64, depth int)
	walk = func(parent uint64, depth int) {
		mark, err := d.call("FPDFBookmark_GetFirstChild", d.handle, parent)
		for err == nil && uint32(mark) != 0 && !seen[mark] && len(seen) < maxOutline {
			seen[mark] = true
			if page := d.leadsTo(mark); page >= 0 {
				if title := titleKey(d.utf16(longTitle, "FPDFBookmark_GetTitle", mark)); title != "" {
					if out[page] == nil {
						out[page] = map[string]bool{}
					}
					out[page][title] = true
				}
			}
			if depth < deepOutline {
				walk(mark, depth+1)
			}
			mark, err = d.call("FPDFBookmark_GetNextSibling", d.handle, mark)
		}
	}
	walk(0, 0)
	return out
}

// leadsTo is the index of the page that a mark of the outline leads to, or -1.
func (d *pdfDoc) leadsTo(mark uint64) int {
	dest, err := d.call("FPDFBookmark_GetDest", d.handle, mark)
	if err == nil && uint32(dest) == 0 {
		var action uint64
		if action, err = d.call("FPDFBookmark_GetAction", mark); err == nil && uint32(action) != 0 {
			dest, err = d.call("FPDFAction_GetDest", d.handle, action)
		}
	}
	if err != nil || uint32(dest) == 0 {
		return -1
	}
	page, err := d.number("FPDFDest_GetDestPageIndex", d.handle, dest)
	if err != nil {
		return -1
	}
	return page
}

// utf16 is a text that a function writes into a buffer as UTF-16LE with a zero at its end; "" for a longer one.
func (d *pdfDoc) utf16(most int, function string, args ...uint64) string {
	at, err := d.room(most)
	if err != nil {
		return ""
	}
	n, err := d.number(function, append(args, uint64(at), uint64(most))...)
	if err != nil || n < 2 || n > most {
		return ""
	}
	b, err := d.bytes(at, n)
	if err != nil {
		return ""
	}
	units := make([]uint16, 0, n/2)
	for i := 0; i+1 < len(b); i += 2 {
		if u := uint16(b[i]) | uint16(b[i+1])<<8; u != 0 {
			units = append(units, u)
		}
	}
	return string(utf16.Decode(units))
}

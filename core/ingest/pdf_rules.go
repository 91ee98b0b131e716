package ingest

import (
	"encoding/binary"
	"math"
)

// rule is a straight line on the sheet as it is shown: across at y from x to end, or down at x from y to end (upwards).
type rule struct {
	down    bool
	at      float64 // y of one across, x of one down
	from    float64
	to      float64
	painted bool // the edge of an area, not a line by itself
}

const (
	maxObjects  = 20_000 // of a page that are looked at
	maxSegments = 4000   // of all paths of a page
	thinRule    = 3      // points: what is narrower is a line
	shortRule   = 4      // points: what is shorter is none
)

// readObjects reads the straight lines of the page: the borders of tables.
func (d *pdfDoc) readObjects(page uint64, s *pdfSheet) error {
	count, err := d.number("FPDFPage_CountObjects", page)
	if err != nil || count <= 0 {
		if err == nil { // forms and notes are drawn, too
			count, err = d.number("FPDFPage_GetAnnotCount", page)
			s.drawn = count > 0
		}
		return err
	}
	if s.drawn = true; len(s.cells) == 0 {
		return nil
	}
	at, err := d.room(min(count, maxObjects) * objectSize)
	if err != nil {
		return err
	}
	n, err := d.number(objectsFunction, page, uint64(at), uint64(min(count, maxObjects)))
	if err != nil {
		return err
	}
	raw, err := d.bytes(at, n*objectSize)
	if err != nil {
		return err
	}
	width, height := s.extent()
	var winding []uint64 // paths of more than a line or a rectangle
	for b := raw; len(b) > 0; b = b[objectSize:] {
		if binary.LittleEndian.Uint32(b[objectKind:]) != objectPath {
			continue
		}
		box := s.shown(Box{float32At(b, objectBox), float32At(b, objectBox+4), float32At(b, objectBox+8), float32At(b, objectBox+12)})
		if !box.finite() {
			continue
		}
		w, h := box.Right-box.Left, box.Top-box.Bottom
		switch {
		case w <= thinRule && h <= thinRule, w > 0.97*width && h > 0.97*height:
		case h <= thinRule && w >= shortRule:
			s.rules = append(s.rules, rule{at: (box.Top + box.Bottom) / 2, from: box.Left, to: box.Right})
		case w <= thinRule && h >= shortRule:
			s.rules = append(s.rules, rule{down: true, at: (box.Left + box.Right) / 2, from: box.Bottom, to: box.Top})
		default:
			winding = append(winding, uint64(binary.LittleEndian.Uint32(b[objectHandle:])))
		}
	}
	return d.readPaths(winding, s)
}

// readPaths reads the straight lines in paths.
func (d *pdfDoc) readPaths(paths []uint64, s *pdfSheet) error {
	left := maxSegments
	for _, path := range paths {
		count, err := d.number("FPDFPath_CountSegments", path)
		if err != nil {
			return err
		}
		if count < 2 || count > left {
			continue
		}
		left -= count
		if err := d.readPath(path, count, s); err != nil {
			return err
		}
	}
	return nil
}

// Segments of paths (fpdf_edit.h).
const segmentLine, segmentCurve, segmentMove = 0, 1, 2

func (d *pdfDoc) readPath(path uint64, count int, s *pdfSheet) error {
	at, err := d.room(64)
	if err != nil {
		return err
	}
	if _, err := d.call("FPDFPageObj_GetMatrix", path, uint64(at)); err != nil {
		return err
	}
	b, err := d.bytes(at, 24)
	if err != nil {
		return err
	}
	var m [6]float64
	for i := range m {
		m[i] = float32At(b, 4*i)
	}
	if _, err := d.call("FPDFPath_GetDrawMode", path, uint64(at), uint64(at+4)); err != nil {
		return err
	}
	if b, err = d.bytes(at, 8); err != nil {
		return err
	}
	painted := binary.LittleEndian.Uint32(b[4:]) == 0 // it has no stroke
	var start, last [2]float64
	for i := range count {
		segment, err := d.call("FPDFPath_GetPathSegment", path, uint64(i))
		if err != nil {
			return err
		}
		kind, err := d.number("FPDFPathSegment_GetType", segment)
		if err != nil {
			return err
		}
		if _, err := d.call("FPDFPathSegment_GetPoint", segment, uint64(at), uint64(at+4)); err != nil {
			return err
		}
		closes, err := d.number("FPDFPathSegment_GetClose", segment)
		if err != nil {
			return err
		}
		if b, err = d.bytes(at, 8); err != nil {
			return err
		}
		x, y := float32At(b, 0), float32At(b, 4)
		point := [2]float64{m[0]*x + m[2]*y + m[4], m[1]*x + m[3]*y + m[5]}
		switch kind {
		case segmentMove:
			start = point
		case segmentLine:
			s.addRule(last, point, painted)
		}
		last = point
		if closes != 0 && kind != segmentMove {
			s.addRule(last, start, painted)
			last = start
		}
	}
	return nil
}

// addRule adds a line between two points of the page, if it is one across or down.
func (s *pdfSheet) addRule(a, b [2]float64, painted bool) {
	box := s.shown(Box{min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])})
	if !box.finite() {
		return
	}
	w, h := box.Right-box.Left, box.Top-box.Bottom
	switch {
	case h <= 0.5 && w >= shortRule:
		s.rules = append(s.rules, rule{at: (box.Top + box.Bottom) / 2, from: box.Left, to: box.Right, painted: painted})
	case w <= 0.5 && h >= shortRule:
		s.rules = append(s.rules, rule{down: true, at: (box.Left + box.Right) / 2, from: box.Bottom, to: box.Top, painted: painted})
	}
}

func near(a, b, within float64) bool { return math.Abs(a-b) <= within }

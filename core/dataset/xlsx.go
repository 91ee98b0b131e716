package dataset

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"kakoi/core"
)

// The part of Office Open XML (ECMA-376) that a sheet of questions and answers has: the first sheet that has two columns, shared
// and inline texts, numbers, truth values, dates by the format of their cell. A formula counts with the value that was saved with it.

const (
	maxPartBytes  = 256 << 20
	maxSheetCells = 4_000_000
)

// readSheet gives the rows of the first sheet that has at least two columns; the first of them are the names.
func readSheet(ctx context.Context, data []byte) (names []string, lines []fields, err error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", core.ErrCorrupt, err)
	}
	w := workbook{ctx: ctx, parts: map[string]*zip.File{}}
	for _, f := range z.File {
		w.parts[strings.TrimPrefix(f.Name, "/")] = f
	}
	if _, ok := w.parts["EncryptedPackage"]; ok {
		return nil, nil, core.ErrEncrypted
	}
	sheets, err := w.sheets()
	if err != nil {
		return nil, nil, err
	}
	if err := w.strings(); err != nil {
		return nil, nil, err
	}
	if err := w.styles(); err != nil {
		return nil, nil, err
	}
	for _, name := range sheets {
		rows, err := w.rows(name)
		if err != nil {
			return nil, nil, err
		}
		names, lines = nil, nil
		for _, r := range rows {
			if strings.TrimSpace(strings.Join(r.values, "")) == "" {
				continue
			}
			if names == nil {
				if names, err = headerOf(r.values); err != nil {
					break // a title above, or another sheet
				}
				continue
			}
			lines = append(lines, fieldsOf(names, r.number, r.values, true))
		}
		if len(lines) > 0 {
			return names, lines, nil
		}
	}
	return names, lines, nil
}

type workbook struct {
	ctx    context.Context // of the one reading this lives in
	parts  map[string]*zip.File
	texts  []string
	dates  []bool // by cell format
	from04 bool   // dates count from 1904
	cells  int
}

type sheetRow struct {
	number int
	values []string
}

// part calls token with each token of a part of the file; a part that is not there has none.
func (w *workbook) part(name string, token func(d *xml.Decoder, t xml.Token) error) error {
	f, ok := w.parts[name]
	if !ok {
		return nil
	}
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("%w: %w", core.ErrCorrupt, err)
	}
	defer r.Close()
	limited := &io.LimitedReader{R: r, N: maxPartBytes}
	d := xml.NewDecoder(limited)
	for n := 0; ; n++ {
		if n%4096 == 0 && w.ctx.Err() != nil {
			return w.ctx.Err()
		}
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if limited.N <= 0 {
			return fmt.Errorf("part %s of more than %d bytes: %w", name, maxPartBytes, core.ErrTooLarge)
		}
		if err != nil {
			return fmt.Errorf("part %s: %w: %w", name, core.ErrCorrupt, err)
		}
		if err := token(d, t); err != nil {
			return err
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// sheets are the parts of the visible sheets, in the order of their tabs.
func (w *workbook) sheets() ([]string, error) {
	targets := map[string]string{}
	err := w.part("xl/_rels/workbook.xml.rels", func(_ *xml.Decoder, t xml.Token) error {
		if e, ok := t.(xml.StartElement); ok && e.Name.Local == "Relationship" {
			target := attribute(e, "Target")
			if strings.HasPrefix(target, "/") {
				target = strings.TrimPrefix(target, "/")
			} else {
				target = path.Join("xl", target)
			}
			targets[attribute(e, "Id")] = target
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []string
	err = w.part("xl/workbook.xml", func(_ *xml.Decoder, t xml.Token) error {
		e, ok := t.(xml.StartElement)
		switch {
		case !ok:
		case e.Name.Local == "workbookPr":
			w.from04 = attribute(e, "date1904") == "1" || attribute(e, "date1904") == "true"
		case e.Name.Local == "sheet" && attribute(e, "state") != "hidden" && attribute(e, "state") != "veryHidden":
			if target := targets[attribute(e, "id")]; target != "" {
				out = append(out, target)
			}
		}
		return nil
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("no sheet: %w", core.ErrCorrupt)
	}
	return out, err
}

// strings reads the shared texts. Readings above kanji (rPh) are no part of a text.
func (w *workbook) strings() error {
	return w.part("xl/sharedStrings.xml", func(d *xml.Decoder, t xml.Token) error {
		if e, ok := t.(xml.StartElement); ok && e.Name.Local == "si" {
			s, err := richText(d)
			if err != nil {
				return fmt.Errorf("shared texts: %w: %w", core.ErrCorrupt, err)
			}
			w.texts = append(w.texts, s)
		}
		return nil
	})
}

// richText joins the runs of a text, to the end of the element that has begun.
func richText(d *xml.Decoder) (string, error) {
	var b strings.Builder
	depth, reading, text := 1, 0, false
	for depth > 0 {
		t, err := d.Token()
		if err != nil {
			return "", err
		}
		switch e := t.(type) {
		case xml.StartElement:
			depth++
			switch e.Name.Local {
			case "rPh":
				reading = depth
			case "t":
				text = reading == 0
			}
		case xml.EndElement:
			if depth == reading {
				reading = 0
			}
			depth--
			text = false
		case xml.CharData:
			if text {
				b.Write(e)
			}
		}
	}
	return b.String(), nil
}

var (
	formatText = regexp.MustCompile(`"[^"]*"|\\.|\[[^\]]*\]`)
	formatDate = regexp.MustCompile(`(?i)[ymdhse]`)
)

// styles finds out which cell formats are dates.
func (w *workbook) styles() error {
	own := map[int]bool{} // number formats of the file
	inside := false
	return w.part("xl/styles.xml", func(_ *xml.Decoder, t xml.Token) error {
		switch e := t.(type) {
		case xml.StartElement:
			switch e.Name.Local {
			case "numFmt":
				id, _ := strconv.Atoi(attribute(e, "numFmtId"))
				code := attribute(e, "formatCode")
				own[id] = !strings.EqualFold(code, "General") && formatDate.MatchString(formatText.ReplaceAllString(code, ""))
			case "cellXfs":
				inside = true
			case "xf":
				if inside {
					id, _ := strconv.Atoi(attribute(e, "numFmtId"))
					date, ok := own[id]
					if !ok {
						date = 14 <= id && id <= 22 || 27 <= id && id <= 36 || 45 <= id && id <= 47 || 50 <= id && id <= 58
					}
					w.dates = append(w.dates, date)
				}
			}
		case xml.EndElement:
			if e.Name.Local == "cellXfs" {
				inside = false
			}
		}
		return nil
	})
}

// rows of a sheet.
func (w *workbook) rows(name string) ([]sheetRow, error) {
	var out []sheetRow
	number, column := 0, 0
	err := w.part(name, func(d *xml.Decoder, t xml.Token) error {
		e, ok := t.(xml.StartElement)
		if !ok {
			return nil
		}
		switch e.Name.Local {
		case "row":
			number++
			if n, err := strconv.Atoi(attribute(e, "r")); err == nil {
				number = n
			}
			column = 0
			out = append(out, sheetRow{number: number})
		case "c":
			if len(out) == 0 {
				return fmt.Errorf("a cell outside any row: %w", core.ErrCorrupt)
			}
			if w.cells++; w.cells > maxSheetCells {
				return fmt.Errorf("more than %d cells: %w", maxSheetCells, core.ErrTooLarge)
			}
			if c := columnOf(attribute(e, "r")); c >= 0 {
				column = c
			}
			value, err := w.cell(d, e)
			if err != nil {
				return err
			}
			if column < maxColumns {
				row := &out[len(out)-1]
				for len(row.values) <= column {
					row.values = append(row.values, "")
				}
				row.values[column] = value
			}
			column++
		}
		return nil
	})
	return out, err
}

// columnOf is the column, from 0, of a place like "AB12"; -1 when it is none.
func columnOf(place string) int {
	n := 0
	for i, c := range place {
		if c < 'A' || c > 'Z' {
			if i == 0 || c < '0' || c > '9' {
				return -1
			}
			return n - 1
		}
		if n = n*26 + int(c-'A') + 1; n > 1<<16 {
			return -1
		}
	}
	return -1
}

// cell reads one cell, to its end.
func (w *workbook) cell(d *xml.Decoder, e xml.StartElement) (string, error) {
	kind := attribute(e, "t")
	value := ""
	for {
		t, err := d.Token()
		if err != nil {
			return "", fmt.Errorf("cell %s: %w: %w", attribute(e, "r"), core.ErrCorrupt, err)
		}
		switch s := t.(type) {
		case xml.EndElement:
			if s.Name.Local == "c" {
				return w.shown(kind, value, attribute(e, "s")), nil
			}
		case xml.StartElement:
			switch s.Name.Local {
			case "v":
				if err := d.DecodeElement(&value, &s); err != nil {
					return "", fmt.Errorf("cell %s: %w: %w", attribute(e, "r"), core.ErrCorrupt, err)
				}
			case "is":
				if value, err = richText(d); err != nil {
					return "", fmt.Errorf("cell %s: %w: %w", attribute(e, "r"), core.ErrCorrupt, err)
				}
			default:
				if err := d.Skip(); err != nil {
					return "", fmt.Errorf("cell %s: %w: %w", attribute(e, "r"), core.ErrCorrupt, err)
				}
			}
		}
	}
}

// shown is a cell's value as a person reads it.
func (w *workbook) shown(kind, value, style string) string {
	switch kind {
	case "s":
		if i, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && i >= 0 && i < len(w.texts) {
			return w.texts[i]
		}
		return ""
	case "b":
		if value == "1" {
			return "true"
		}
		return "false"
	case "str", "inlineStr", "d":
		return value
	case "e":
		return "" // #N/A
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return value
	}
	if i, err := strconv.Atoi(style); err == nil && i >= 0 && i < len(w.dates) && w.dates[i] {
		return w.date(n)
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

// date is the day of a serial number, with the time of day unless that is midnight.
func (w *workbook) date(serial float64) string {
	if serial < 0 || serial > 3e6 {
		return strconv.FormatFloat(serial, 'f', -1, 64)
	}
	clock := serial < 1 // a time of day by itself
	zero := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	if w.from04 {
		zero = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	} else if serial < 60 {
		serial++ // the 29 February 1900 that there never was
	}
	days, day := math.Modf(serial)
	at := zero.AddDate(0, 0, int(days)).Add(time.Duration(math.Round(day*86400)) * time.Second)
	switch {
	case clock:
		return at.Format("15:04")
	case day == 0:
		return at.Format("2006-01-02")
	}
	return at.Format("2006-01-02 15:04")
}

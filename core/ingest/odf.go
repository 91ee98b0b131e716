package ingest

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"kakoi/core"
)

// odfTexts are the pages of an OpenDocument file (ISO/IEC 26300): a text document is one, a spreadsheet has one for each sheet, a presentation
// one for each slide. Deleted text, comments, readings, page headers and footers are left out; notes of a text stand at its end.
func odfTexts(q *budget, data []byte) ([]string, error) {
	p, err := openPackage(q, data)
	if err != nil {
		return nil, err
	}
	if p.odfEncrypted() {
		return nil, fmt.Errorf("encrypted content: %w", core.ErrEncrypted)
	}
	w := &odfWriter{odfShared: &odfShared{q: q, lists: map[string][]listLevel{}, strong: map[string]bool{}}}
	if p.files["styles.xml"] != nil {
		if err := p.walk("styles.xml", w.root); err != nil {
			return nil, err
		}
	}
	w.content = true
	if err := p.walk("content.xml", w.root); err != nil {
		return nil, err
	}
	if w.pages == nil {
		w.pages = append(w.pages, w.finish())
	}
	return w.pages, q.err
}

// odfEncrypted asks the manifest whether the content is encrypted.
func (p *zipPackage) odfEncrypted() bool {
	var m struct {
		Entries []struct {
			Path       string    `xml:"full-path,attr"`
			Encryption *struct{} `xml:"encryption-data"`
		} `xml:"file-entry"`
	}
	if p.decode("META-INF/manifest.xml", &m) != nil {
		return false
	}
	for _, e := range m.Entries {
		if e.Encryption != nil && (e.Path == "content.xml" || strings.HasPrefix(e.Path, "encrypted-package")) {
			return true
		}
	}
	return false
}

// odfShared is what all writers of one document know.
type odfShared struct {
	q       *budget
	x       *xmlWalk
	lists   map[string][]listLevel // by style
	strong  map[string]bool        // cell styles, bold or coloured
	content bool                   // not the part with the styles
	pages   []string
	notes   []string
}

// odfWriter gathers text; white space between words is one space, as in a browser.
type odfWriter struct {
	*odfShared
	b     strings.Builder
	list  []odfList
	mark  string // owed before the next paragraph
	depth int    // tables
}

type odfList struct {
	style   string
	counter int
}

func (w *odfWriter) within() *odfWriter { return &odfWriter{odfShared: w.odfShared, depth: w.depth} }

func (w *odfWriter) gap() {
	if w.b.Len() > 0 && !strings.HasSuffix(w.b.String(), "\n\n") {
		w.b.WriteByte('\n')
	}
}

// finish is the text so far with the notes below it.
func (w *odfWriter) finish() string {
	out := w.b.String()
	if len(w.notes) > 0 {
		out += "\n" + strings.Join(w.notes, "\n")
		w.notes = nil
	}
	return strings.Trim(out, "\n")
}

func (w *odfWriter) root(x *xmlWalk, e xml.StartElement) error {
	w.x = x
	return x.each(w.part, nil)
}

func (w *odfWriter) part(e xml.StartElement) error {
	switch e.Name.Local {
	case "automatic-styles", "styles":
		return w.x.each(w.style, nil)
	case "body":
		if w.content {
			return w.x.each(w.block, nil)
		}
	}
	return w.x.skip()
}

func (w *odfWriter) style(e xml.StartElement) error {
	switch e.Name.Local {
	case "list-style":
		name := attrLocal(e, "name")
		levels := make([]listLevel, listLevels)
		err := w.x.each(func(e xml.StartElement) error {
			at, err := strconv.Atoi(attrLocal(e, "level"))
			if err != nil || at < 1 || at > listLevels {
				return w.x.skip()
			}
			l := listLevel{start: 1}
			switch e.Name.Local {
			case "list-level-style-bullet":
				l.format = "bullet"
			case "list-level-style-number":
				l.format = attrLocal(e, "num-format")
				shown, _ := strconv.Atoi(attrLocal(e, "display-levels"))
				if start, err := strconv.Atoi(attrLocal(e, "start-value")); err == nil {
					l.start = start
				}
				for i := max(1, at-max(shown, 1)+1); i <= at && l.format != ""; i++ {
					if l.text != "" {
						l.text += "."
					}
					l.text += "%" + strconv.Itoa(i)
				}
				l.text = attrLocal(e, "num-prefix") + l.text + attrLocal(e, "num-suffix")
				if list := attrLocal(e, "num-list-format"); list != "" { // LibreOffice 7.2: the whole, "%1%.%2%"
					l.text = list
					for i := range listLevels {
						n := strconv.Itoa(i + 1)
						l.text = strings.ReplaceAll(l.text, "%"+n+"%", "%"+n)
					}
				}
				if len(l.text) > maxMarkBytes {
					l.text = ""
				}
			}
			levels[at-1] = l
			return w.x.skip()
		}, nil)
		w.lists[name] = levels
		return err
	case "style":
		if attrLocal(e, "family") != "table-cell" {
			return w.x.skip()
		}
		strong := false
		err := w.x.each(func(e xml.StartElement) error {
			if v := attrLocal(e, "background-color"); v != "" && v != "transparent" || attrLocal(e, "font-weight") == "bold" {
				strong = true
			}
			return w.x.skip()
		}, nil)
		w.strong[attrLocal(e, "name")] = strong
		return err
	}
	return w.x.skip()
}

// block reads an element that stands where paragraphs stand.
func (w *odfWriter) block(e xml.StartElement) error {
	switch e.Name.Local {
	case "tracked-changes", "forms", "annotation", "annotation-end", "sequence-decls", "variable-decls", "user-field-decls", "event-listeners", "settings",
		"table-source", "calculation-settings", "content-validations", "named-expressions", "database-ranges", "desc", "shapes", "object", "alphabetical-index-source", "table-of-content-source",
		"header-decl", "footer-decl", "date-time-decl":
		return w.x.skip()
	case "spreadsheet":
		w.pages = []string{}
		return w.x.each(func(e xml.StartElement) error {
			if e.Name.Local != "table" {
				return w.x.skip()
			}
			text, err := w.sheet(attrLocal(e, "name"))
			w.pages = append(w.pages, text)
			return err
		}, nil)
	case "presentation", "drawing":
		w.pages = []string{}
		return w.x.each(func(e xml.StartElement) error {
			if e.Name.Local != "page" {
				return w.x.skip()
			}
			slide := w.within()
			err := w.x.each(slide.slide, nil)
			w.pages = append(w.pages, slide.finish())
			return err
		}, nil)
	case "h":
		w.gap()
		text, boxes, err := w.paragraph()
		w.line(text, boxes)
		w.gap()
		return err
	case "p":
		text, boxes, err := w.paragraph()
		w.line(text, boxes)
		return err
	case "list":
		return w.listBlock(e)
	case "table":
		text, err := w.table()
		w.gap()
		if w.q.spend(2) {
			w.b.WriteString(text + "\n")
		}
		w.gap()
		return err
	}
	return w.x.each(w.block, nil)
}

// slide reads a shape of a slide: its class tells the title and what is no text of it.
func (w *odfWriter) slide(e xml.StartElement) error {
	switch attrLocal(e, "class") {
	case "header", "footer", "date-time", "page-number", "page":
		return w.x.skip()
	}
	switch e.Name.Local {
	case "notes":
		w.gap()
		return w.x.each(w.slide, nil)
	case "frame", "custom-shape", "text-box", "g", "rect", "ellipse", "line", "polygon", "path", "caption", "connector":
		switch e.Name.Local {
		case "frame", "custom-shape":
			w.gap()
		}
		err := w.x.each(w.slide, nil)
		if attrLocal(e, "class") == "title" {
			w.gap()
		}
		return err
	case "page-thumbnail":
		return w.x.skip()
	}
	return w.block(e)
}

func (w *odfWriter) line(text string, boxes []string) {
	mark := w.mark
	if strings.TrimSpace(text) != "" {
		w.mark = ""
	} else {
		mark = ""
	}
	if w.q.spend(len(mark) + len(text) + 1) {
		w.b.WriteString(mark + strings.TrimRight(text, " \t") + "\n")
	}
	for _, box := range boxes {
		w.b.WriteString(box + "\n")
	}
}

func (w *odfWriter) listBlock(e xml.StartElement) error {
	l := odfList{style: attrLocal(e, "style-name")}
	if l.style == "" && len(w.list) > 0 {
		l.style = w.list[len(w.list)-1].style
	}
	if len(w.list) >= maxXMLDepth {
		return w.x.skip()
	}
	level := listLevel{format: "bullet"}
	at := len(w.list)
	if levels := w.lists[l.style]; at < len(levels) {
		level = levels[at]
	}
	l.counter = level.start - 1
	w.list = append(w.list, l)
	defer func() { w.list, w.mark = w.list[:at], "" }()
	return w.x.each(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "list-item":
			if start, err := strconv.Atoi(attrLocal(e, "start-value")); err == nil {
				w.list[at].counter = start - 1
			}
			w.list[at].counter++
			w.mark = w.itemMark(level)
		case "list-header":
			w.mark = ""
		default:
			return w.x.skip()
		}
		return w.x.each(w.block, nil)
	}, nil)
}

// itemMark is what stands before an item of the innermost list.
func (w *odfWriter) itemMark(level listLevel) string {
	switch {
	case level.format == "bullet":
		return strings.Repeat("  ", len(w.list)-1) + "- "
	case level.text == "":
		return ""
	}
	mark := level.text
	for i := range min(len(w.list), listLevels) {
		format := level.format
		if levels := w.lists[w.list[i].style]; i < len(levels) && i < len(w.list)-1 {
			format = levels[i].format
		}
		mark = strings.ReplaceAll(mark, "%"+strconv.Itoa(i+1), odfCounter(w.list[i].counter, format))
	}
	if mark = strings.TrimSpace(mark); mark == "" {
		return ""
	}
	return mark + " "
}

// odfCounter writes n in a number format of OpenDocument, 19.500.
func odfCounter(n int, format string) string {
	switch {
	case strings.HasPrefix(format, "一"), strings.HasPrefix(format, "壱"), strings.HasPrefix(format, "壹"):
		return kanjiNumber(n)
	case strings.HasPrefix(format, "１"):
		return counter(n, "decimalFullWidth")
	case strings.HasPrefix(format, "①"):
		return counter(n, "decimalEnclosedCircle")
	case strings.HasPrefix(format, "ア"), strings.HasPrefix(format, "ｱ"):
		return counter(n, "aiueo")
	case strings.HasPrefix(format, "イ"), strings.HasPrefix(format, "ｲ"):
		return counter(n, "iroha")
	}
	return counter(n, map[string]string{"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}[format])
}

// paragraph reads a text:p or text:h to its end; boxes are the texts of frames anchored in it.
func (w *odfWriter) paragraph() (text string, boxes []string, err error) {
	var b strings.Builder
	space := true // the last character was white space that collapses
	put := func(s string) {
		if w.q.spend(len(s)) {
			b.WriteString(s)
		}
	}
	chars := func(c []byte) {
		for _, r := range string(c) {
			if r == ' ' || r == '\t' || r == '\n' || r == '\r' {
				if !space {
					put(" ")
				}
				space = true
				continue
			}
			space = false
			put(string(r))
		}
	}
	var inline func(xml.StartElement) error
	inline = func(e xml.StartElement) error {
		switch e.Name.Local {
		case "s":
			n, err := strconv.Atoi(attrLocal(e, "c"))
			if err != nil {
				n = 1
			}
			put(strings.Repeat(" ", max(0, min(n, maxSpan))))
			space = false
			return w.x.skip()
		case "tab":
			put("\t")
			space = false
			return w.x.skip()
		case "line-break":
			put("\n")
			space = true
			return w.x.skip()
		case "ruby-text", "annotation", "annotation-end", "desc", "title", "object", "image":
			return w.x.skip()
		case "note":
			return w.x.each(func(e xml.StartElement) error {
				if e.Name.Local != "note-body" {
					return w.x.skip()
				}
				inner := w.within()
				err := w.x.each(inner.block, nil)
				if note := strings.TrimSpace(inner.b.String()); note != "" {
					w.notes = append(w.notes, note)
				}
				return err
			}, nil)
		case "text-box", "table":
			inner := w.within()
			err := w.x.each(inner.block, nil)
			if box := strings.TrimSpace(inner.b.String()); box != "" {
				boxes = append(boxes, box)
			}
			return err
		case "custom-shape", "rect", "ellipse":
			inner := w.within()
			err := w.x.each(inner.block, nil)
			if box := strings.TrimSpace(inner.b.String()); box != "" {
				boxes = append(boxes, box)
			}
			return err
		}
		return w.x.each(inline, chars)
	}
	err = w.x.each(inline, chars)
	w.q.refund(b.Len())
	return b.String(), boxes, err
}

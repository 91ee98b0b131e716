package ingest

import (
	"encoding/xml"
	"fmt"
	"strings"

	"kakoi/core"
)

// pptxTexts are the slides of a presentation (ECMA-376 part 1, chapters 19 and 21), a page each, in the order of the show: the title, then the
// other shapes, tables as rows, the texts of diagrams and charts, and the notes. Hidden slides are read as well; dates, footers and
// slide numbers are not.
func pptxTexts(q *budget, data []byte) ([]string, error) {
	p, err := openPackage(q, data)
	if err != nil {
		return nil, err
	}
	main, err := p.mainPart("ppt/presentation.xml")
	if err != nil {
		return nil, err
	}
	var order []string
	err = p.walk(main, func(x *xmlWalk, e xml.StartElement) error {
		var inner func(xml.StartElement) error
		inner = func(e xml.StartElement) error {
			if e.Name.Local == "sldId" {
				order = append(order, attrOf(e, "r", "id"))
			}
			return x.each(inner, nil)
		}
		return x.each(inner, nil)
	})
	if err != nil {
		return nil, err
	}
	targets := map[string]string{}
	for _, r := range p.relations(main) {
		if strings.HasSuffix(r.Type, "/slide") {
			targets[r.ID] = r.Target
		}
	}
	var texts []string
	for number, id := range order {
		part := targets[id]
		if p.files[part] == nil {
			texts = append(texts, "")
			continue
		}
		text, err := pptxSlide(p, part)
		if err != nil {
			return nil, fmt.Errorf("slide %d: %w", number+1, err)
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("presentation without slides: %w", core.ErrEmpty)
	}
	return texts, nil
}

func pptxSlide(p *zipPackage, part string) (string, error) {
	var s pptxReader
	if err := p.walk(part, s.read); err != nil {
		return "", err
	}
	for _, kind := range []string{"diagramData", "chart"} {
		for _, inner := range p.related(part, kind) {
			figure := pptxReader{figure: true}
			if err := p.walk(inner, figure.read); err != nil {
				return "", err
			}
			s.blocks = append(s.blocks, strings.Join(figure.blocks, "\n"))
		}
	}
	for _, notes := range p.related(part, "notesSlide") {
		n := pptxReader{notes: true}
		if err := p.walk(notes, n.read); err != nil {
			return "", err
		}
		s.blocks = append(s.blocks, n.blocks...)
	}
	out := strings.Join(s.blocks, "\n\n")
	if s.title != "" {
		out = s.title + "\n\n" + out
	}
	return strings.TrimSpace(out), p.q.err
}

// pptxReader gathers the shapes of a slide, or of its notes.
type pptxReader struct {
	x      *xmlWalk
	notes  bool // only the body counts: the rest repeats the slide
	figure bool // a diagram or chart: its points are paragraphs, without shapes around
	title  string
	blocks []string
	seen   map[string]bool // series of charts name themselves in each point
}

func (s *pptxReader) read(x *xmlWalk, _ xml.StartElement) error {
	s.x, s.seen = x, map[string]bool{}
	return x.each(s.shape, nil)
}

func (s *pptxReader) shape(e xml.StartElement) error {
	switch e.Name.Local {
	case "sp":
		return s.single()
	case "tbl":
		text, err := s.table()
		if text != "" && !s.notes {
			s.blocks = append(s.blocks, text)
		}
		return err
	case "p", "v", "t":
		if !s.figure {
			break
		}
		if e.Name.Local == "p" {
			text, err := s.paragraph()
			s.once(text)
			return err
		}
		if e.Name.Local == "v" {
			text, err := s.x.text()
			if !looksNumber(text) || len(text) > 30 {
				s.once(text)
			}
			return err
		}
	case "Fallback": // repeats its Choice sibling
		return s.x.skip()
	}
	return s.x.each(s.shape, nil)
}

func (s *pptxReader) once(text string) {
	if text = strings.TrimSpace(text); text != "" && !s.seen[text] && s.x.q.spend(len(text)+2) {
		s.seen[text] = true
		s.blocks = append(s.blocks, text)
	}
}

// single reads a shape: its kind of place on the slide, and its paragraphs.
func (s *pptxReader) single() error {
	place := ""
	var lines []string
	var inner func(xml.StartElement) error
	inner = func(e xml.StartElement) error {
		switch e.Name.Local {
		case "ph":
			place = attrLocal(e, "type")
		case "txBody":
			text, err := s.body()
			lines = append(lines, text)
			return err
		case "Fallback":
			return s.x.skip()
		}
		return s.x.each(inner, nil)
	}
	if err := s.x.each(inner, nil); err != nil {
		return err
	}
	text := strings.Trim(strings.Join(lines, "\n"), "\n")
	if strings.TrimSpace(text) == "" {
		return nil
	}
	switch place {
	case "sldNum", "dt", "ftr", "hdr", "sldImg":
		return nil
	case "title", "ctrTitle":
		if s.title == "" && !s.notes {
			s.title = oneLine(text)
			return nil
		}
	}
	if !s.notes || place == "body" {
		s.blocks = append(s.blocks, text)
	}
	return nil
}

// body reads paragraphs, a line each, indented by their level.
func (s *pptxReader) body() (string, error) {
	var b strings.Builder
	err := s.x.each(func(e xml.StartElement) error {
		if e.Name.Local != "p" {
			return s.x.skip()
		}
		text, err := s.paragraph()
		if strings.TrimSpace(text) != "" && s.x.q.spend(len(text)+1) {
			b.WriteString(text + "\n")
		}
		return err
	}, nil)
	return strings.TrimRight(b.String(), "\n"), err
}

// paragraph reads an a:p.
func (s *pptxReader) paragraph() (string, error) {
	var b strings.Builder
	level := 0
	var inner func(xml.StartElement) error
	inner = func(e xml.StartElement) error {
		switch e.Name.Local {
		case "pPr":
			if l := attrLocal(e, "lvl"); len(l) == 1 && l[0] > '0' && l[0] <= '8' {
				level = int(l[0] - '0')
			}
			return s.x.skip()
		case "rPr", "endParaRPr":
			return s.x.skip()
		case "br":
			b.WriteByte('\n')
		case "t":
			return s.x.each(inner, func(c []byte) {
				if s.x.q.spend(len(c)) {
					b.Write(c)
				}
			})
		}
		return s.x.each(inner, nil)
	}
	err := s.x.each(inner, nil)
	s.x.q.refund(b.Len())
	text := strings.ReplaceAll(b.String(), "\v", "\n")
	if strings.TrimSpace(text) != "" && level > 0 && !s.figure {
		text = strings.Repeat("  ", level) + text
	}
	return text, err
}

// table reads an a:tbl. Its style says whether the first row names the columns.
func (s *pptxReader) table() (string, error) {
	t := tableWriter{q: s.x.q}
	named, first := false, true
	var above []string
	err := s.x.each(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "tblPr":
			named = truth(attrLocal(e, "firstRow"))
		case "tr":
			cells, err := s.row(above)
			if err != nil {
				return err
			}
			if first && named {
				t.head(append([]string(nil), cells...))
			} else {
				t.row(cells)
			}
			first, above = false, cells
			return s.x.q.err
		}
		return s.x.skip()
	}, nil)
	return t.text(), err
}

func (s *pptxReader) row(above []string) (cells []string, err error) {
	err = s.x.each(func(e xml.StartElement) error {
		if e.Name.Local != "tc" || len(cells) >= maxColumns {
			return s.x.skip()
		}
		text := ""
		if err := s.x.each(func(e xml.StartElement) error {
			if e.Name.Local != "txBody" {
				return s.x.skip()
			}
			body, err := s.body()
			text += body
			s.x.q.refund(len(body)) // the row spends for it
			return err
		}, nil); err != nil {
			return err
		}
		text = oneLine(text)
		if truth(attrLocal(e, "vMerge")) && text == "" && len(cells) < len(above) && len(above[len(cells)]) <= maxMerged {
			text = above[len(cells)]
		}
		cells = append(cells, text)
		return nil
	}, nil)
	return cells, err
}

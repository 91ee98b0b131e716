package ingest

import "path"

// readDOCX is the text of a Word document: paragraphs as lines, an empty line around headings and tables, tables as
// rows, then footnotes and endnotes. Deleted text, field codes, readings, headers and footers are left out.
func readDOCX(q *budget, data []byte) (string, error) {
	p, err := openPackage(q, data)
	if err != nil {
		return "", err
	}
	main, err := p.mainPart("word/document.xml")
	if err != nil {
		return "", err
	}
	var styles docxStyles
	if err := p.decode(path.Join(path.Dir(main), "styles.xml"), &styles); err != nil {
		return "", err
	}
	var numbering docxNumbering
	if err := p.decode(path.Join(path.Dir(main), "numbering.xml"), &numbering); err != nil {
		return "", err
	}
	w := newDocxWriter(q, styles.headings(), styles.lists(), numbering.lists())
	for _, part := range []string{main, path.Join(path.Dir(main), "footnotes.xml"), path.Join(path.Dir(main), "endnotes.xml")} {
		if p.files[part] == nil {
			continue
		}
		if err := p.read(part, w.document); err != nil {
			return "", err
		}
	}
	return w.String(), nil
}

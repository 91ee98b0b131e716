package ingest

import (
	"strconv"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// table writes the rows of a table of data; a table that only lays out the page is written like its content.
func (w *htmlWriter) table(n *html.Node) {
	var rows []*html.Node
	layout := false
	for d := range n.Descendants() {
		if !w.q.spend(0) { // tables in tables are looked through at every level
			return
		}
		switch d.DataAtom {
		case atom.Tr:
			rows = append(rows, d)
		case atom.Table, atom.H1, atom.H2, atom.H3, atom.Form, atom.Article, atom.Section, atom.Main:
			layout = true
		}
	}
	if layout {
		w.children(n)
		return
	}
	t := tableWriter{q: w.q}
	hanging := map[int]*hangingCell{}
	for i, tr := range rows {
		cells, allHeads := w.tableRow(tr, hanging)
		if i == 0 && len(rows) > 1 && (allHeads || tr.Parent.DataAtom == atom.Thead) {
			t.head(cells)
		} else {
			t.row(cells)
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.DataAtom == atom.Caption {
			w.node(c)
		}
	}
	if s := t.text(); s != "" {
		w.flush(0)
		w.b.WriteString(s)
		w.last = 0
	}
}

// hangingCell is a cell with rowspan: it belongs to the next rows as well.
type hangingCell struct {
	text string
	rows int
}

// tableRow reads the cells of a row, by column. A cell over several rows is repeated in each, unless it is long; one
// over several columns stands in the first.
func (w *htmlWriter) tableRow(tr *html.Node, hanging map[int]*hangingCell) (cells []string, allHeads bool) {
	allHeads = true
	hang := func() {
		for {
			h := hanging[len(cells)]
			if h == nil {
				return
			}
			if h.rows--; h.rows == 0 {
				delete(hanging, len(cells))
			}
			cells = append(cells, h.text)
		}
	}
	for c := tr.FirstChild; c != nil; c = c.NextSibling {
		if c.DataAtom != atom.Td && c.DataAtom != atom.Th {
			continue
		}
		hang()
		cw := htmlWriter{q: w.q, generated: w.generated}
		if !dropped(c) {
			cw.children(c)
		}
		allHeads = allHeads && c.DataAtom == atom.Th
		text := oneLine(cw.String())
		w.q.refund(cw.b.Len()) // the row spends for it
		if rows := cellSpan(c, "rowspan"); rows > 1 && len(text) <= maxMerged {
			hanging[len(cells)] = &hangingCell{text, rows - 1}
		}
		cells = append(cells, text)
		for i := cellSpan(c, "colspan"); i > 1 && len(cells) < maxColumns; i-- {
			cells = append(cells, "")
		}
	}
	hang()
	return cells, allHeads && len(cells) > 0
}

func cellSpan(n *html.Node, key string) int {
	v, err := strconv.Atoi(attr(n, key))
	if err != nil || v < 1 {
		return 1
	}
	return min(v, maxSpan)
}

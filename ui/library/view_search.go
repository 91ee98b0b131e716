package library

import (
	"fmt"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"

	"kakoi/ui/place"
	"kakoi/ui/widget"
)

func (s *Screen) makeSearch() section {
	query := widget.NewEntry()
	query.SetPlaceHolder(s.text("documents.search.query"))
	query.SetText(s.m.search.typed)
	query.OnChanged = func(text string) { s.m.search.typed = text }
	run := func() { s.m.search.run(query.Text) }
	query.OnSubmitted = func(string) { run() }
	head := widget.NewEdge(gap, query, button(s.text("documents.search.run"), fynetheme.SearchIcon(), strong, run))
	return s.sheet(head, func() fyne.Focusable { return query }, func() ([]fyne.CanvasObject, string) {
		m := &s.m.search
		switch {
		case m.busy:
			return []fyne.CanvasObject{s.aside(s.text("documents.search.busy"))}, "busy"
		case m.result == nil:
			return []fyne.CanvasObject{s.words(s.text("documents.search.hint"))}, "none"
		}
		columns := m.columns()
		var shown [3]fyne.CanvasObject
		for i, key := range []string{"dense", "lexical", "fused"} {
			list := widget.NewColumn(8, s.heading(s.text("documents.search."+key)))
			for _, h := range columns[i] {
				list.Objects = append(list.Objects, s.hitCard(h))
			}
			if len(columns[i]) == 0 {
				list.Objects = append(list.Objects, s.aside(s.text("documents.search.none")))
			}
			shown[i] = list
		}
		said := s.aside(s.text("documents.search.said", m.result.Collection, m.result.Embedder, m.result.Seconds))
		return []fyne.CanvasObject{said, widget.NewEqual(10, shown[:]...)}, fmt.Sprint(m.turn)
	})
}

// hitCard is one hit; it opens its page.
func (s *Screen) hitCard(h hit) fyne.CanvasObject {
	collection := s.m.list.collection
	if s.m.search.result != nil {
		collection = s.m.search.result.Collection
	}
	return widget.NewCard(s.small, fmt.Sprintf("%d. %s  %s", h.rank, h.score, h.place), h.text, func() {
		s.Go(place.Document{Collection: collection, ID: h.doc, Page: h.page, Start: h.start, End: h.end})
	})
}

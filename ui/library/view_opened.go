package library

import (
	"fmt"
	"image"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"kakoi/app"
	"kakoi/ui/widget"
)

// pageSide is an open document: its pages, and beside them what is known of it.
type pageSide struct {
	s    *Screen
	of   string // Document.ID
	root fyne.CanvasObject
	view *widget.PageView

	facts *widget.Sheet
	said  string // what the facts show
}

func newPageSide(s *Screen) *pageSide {
	o := &s.m.opened
	p := &pageSide{s: s, of: o.doc.ID, view: widget.NewPageView()}
	p.view.OnTurn, p.view.OnFiner, p.view.OnEscape = o.goBy, o.finer, s.back
	p.view.OnKey = func(k *fyne.KeyEvent) bool {
		if k.Name == fyne.KeyDelete {
			s.m.remove()
			return true
		}
		return false
	}
	p.view.SetPage(widget.Page{First: true, Last: true, Note: s.text("documents.page.loading")})
	p.facts = widget.NewSheet(0, widget.NewColumn(8))
	p.tellFacts()
	side := container.New(down{fill: 1}, s.heading(o.doc.Name), p.facts)
	split := container.NewHSplit(p.view, container.NewPadded(side))
	split.Offset = 0.68
	tools := widget.NewFlow(gap,
		button(s.text("documents.back"), fynetheme.NavigateBackIcon(), plain, s.back),
		button(s.text("documents.remove"), fynetheme.DeleteIcon(), plain, s.m.remove))
	p.root = container.New(down{fill: 1}, tools, split)
	return p
}

// tellFacts shows what is known now.
func (p *pageSide) tellFacts() {
	facts := p.s.m.opened.facts()
	if now := fmt.Sprint(facts); now != p.said {
		p.said = now
		var parts []fyne.CanvasObject
		for _, f := range facts {
			parts = append(parts, widget.NewColumn(0, p.s.aside(f.name), p.s.words(f.value)))
		}
		p.facts.SetContent(widget.NewColumn(8, parts...))
	}
}

// update shows the page that has come, and the copies and versions that were found.
func (p *pageSide) update() {
	o := &p.s.m.opened
	p.tellFacts()
	if o.view == nil {
		return
	}
	p.view.SetPage(p.page(*o.view))
}

// page is a page as the widget shows it, every passage with a frame.
func (p *pageSide) page(v app.PageView) widget.Page {
	out := widget.Page{
		Key: fmt.Sprint(v.Document.ID, " ", v.Number), Position: p.s.m.opened.position(), First: v.Number <= 1, Last: v.Number >= v.Pages, Text: v.Text,
	}
	if v.Note != "" {
		out.Note = p.s.text(v.Note)
	}
	if v.Picture != nil {
		out.Picture = v.Picture
	}
	for _, m := range v.Marks {
		out.Marks = append(out.Marks, m.Places...)
		out.TextMarks = append(out.TextMarks, widget.Stretch{Start: m.Start, End: m.End})
	}
	for _, c := range v.Chunks {
		out.TextParts = append(out.TextParts, c.Start)
		if len(c.Places) > 0 {
			var all image.Rectangle
			for _, r := range c.Places {
				all = all.Union(r)
			}
			out.Frames = append(out.Frames, all.Inset(-2))
		}
	}
	return out
}

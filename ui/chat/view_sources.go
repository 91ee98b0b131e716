package chat

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app"
	"kakoi/resources"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// sourcesView is the right panel: cards of the places, and the page of the chosen one.
type sourcesView struct {
	screen *Screen
	object *fyne.Container
	cards  *widget.Sheet
	page   *widget.PageView
	below  *fyne.Container
	open   *widget.Button
	split  *container.Split
	shown  string // what the cards show
	ruler  *widget.Ruler
}

func newSourcesView(s *Screen) *sourcesView {
	v := &sourcesView{screen: s, ruler: s.transcript.small, shown: "new"}
	v.cards = widget.NewSheet(0, widget.NewColumn(0))
	v.page = widget.NewPageView()
	v.page.OnTurn = s.m.Turn
	v.page.OnEscape = s.escape
	v.page.OnFiner = func(times float32) { s.m.SetDPI(int(float32(s.m.sources.dpi)*times + 0.5)) }
	v.open = s.quiet("chat.sources.open", fynetheme.FileIcon(), s.m.OpenDocument)
	v.below = container.NewBorder(nil, v.open, nil, nil, v.page)
	title := fynewidget.NewLabelWithStyle(s.text("chat.sources"), fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
	title.Truncation = fyne.TextTruncateEllipsis
	v.split = container.NewVSplit(v.cards, v.below)
	v.split.SetOffset(s.state.Cards)
	v.object = container.NewPadded(container.NewBorder(title, nil, nil, nil, v.split))
	return v
}

func (v *sourcesView) refresh() {
	s := v.screen
	cards := s.m.Cards()
	// Cards keep the keyboard while only the page changes.
	if now := fmt.Sprint(cards, len(s.m.open.Path) > 0); now != v.shown {
		v.shown = now
		v.cards.SetContent(v.column(cards))
	}
	at, ok := s.m.PageWanted()
	if v.below.Visible() != ok {
		v.below.Hidden = !ok
		v.split.Refresh()
		s.right.Refresh()
	}
	if !ok {
		return
	}
	view, ready, err := s.m.Page()
	switch {
	case !ready:
		return // the one before stays until the new one is there
	case err != nil:
		v.page.SetPage(widget.Page{Key: "error", First: true, Last: true, Note: resources.ErrorLine(s.p.Shell.Lang(), err)})
	default:
		key := fmt.Sprintf("%s %d %d-%d", view.Document.ID, view.Number, at.Start, at.End)
		v.page.SetPage(s.pageOf(view, key))
	}
}

// column are the cards: cited places first, then those that were only read.
func (v *sourcesView) column(cards []Card) fyne.CanvasObject {
	s := v.screen
	var parts []fyne.CanvasObject
	say := func(key string) {
		parts = append(parts, widget.NewProse(v.ruler, widget.Run{Text: s.text(key), Color: theme.ColorSecondary}))
	}
	if len(cards) == 0 {
		say("chat.sources.none")
	}
	also := false
	for i, c := range cards {
		title := c.Title
		if c.Number > 0 {
			title = marker(c.Number) + " " + title
		} else if !also {
			also = true
			say("chat.sources.also")
		}
		text := c.Text
		if !c.Chosen {
			text = oneLine(text, 60)
		}
		card := widget.NewCard(v.ruler, title, text, func() { s.m.Choose(i) })
		card.OnEscape = s.escape
		card.OnFocus = func() { v.cards.Reveal(card) }
		card.SetChosen(c.Chosen)
		parts = append(parts, card)
		if c.Note != "" {
			parts = append(parts, widget.NewProse(v.ruler, widget.Run{Text: c.Note, Color: theme.ColorSecondary}))
		}
	}
	return widget.NewInset(0, 0, 10, 6, nil, widget.NewColumn(rowGap, parts...))
}

// pageOf is a page as the widget shows it.
func (s *Screen) pageOf(view app.PageView, key string) widget.Page {
	p := widget.Page{
		Key: key, Position: fmt.Sprintf("%d / %d", view.Number, max(view.Pages, view.Number)),
		First: view.Number <= 1, Last: view.Number >= view.Pages, Text: view.Text,
	}
	if view.Note != "" {
		p.Note = s.text(view.Note)
	}
	if view.Picture != nil {
		p.Picture = view.Picture
	}
	if view.Letters != nil {
		p.Letters = view.Letters
	}
	for _, m := range view.Marks {
		p.Marks = append(p.Marks, m.Places...)
		p.TextMarks = append(p.TextMarks, widget.Stretch{Start: m.Start, End: m.End})
	}
	return p
}

package chat

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/widget"
)

// emptyView says what to do next.
func (v *transcriptView) emptyView(e Empty) fyne.CanvasObject {
	s := v.screen
	title := fynewidget.NewLabelWithStyle(e.Title, fyne.TextAlignCenter, fyne.TextStyle{Bold: true})
	title.SizeName, title.Wrapping = fynetheme.SizeNameSubHeadingText, fyne.TextWrapWord
	text := fynewidget.NewLabelWithStyle(e.Text, fyne.TextAlignCenter, fyne.TextStyle{})
	text.Wrapping, text.Hidden = fyne.TextWrapWord, e.Text == ""
	column := container.NewVBox(layout.NewSpacer(), title, text)
	add := func(label string, icon fyne.Resource, importance fynewidget.Importance, do func()) {
		b := widget.NewButton(label, icon, do)
		b.Importance, b.OnEscape = importance, s.escape
		column.Add(container.NewHBox(layout.NewSpacer(), b, layout.NewSpacer()))
	}
	if e.Documents {
		add(s.text("chat.empty.documents"), fynetheme.FolderOpenIcon(), fynewidget.HighImportance, s.m.GoDocuments)
	}
	if e.Samples && s.p.Samples != nil {
		add(s.text("chat.empty.try"), nil, fynewidget.MediumImportance, s.p.Samples)
	}
	for _, q := range e.Questions {
		card := widget.NewCard(v.ruler, q, "", func() { s.m.AskThis(q) })
		card.OnEscape = s.escape
		column.Add(container.NewPadded(card))
	}
	column.Add(layout.NewSpacer())
	return container.NewPadded(column)
}

package chat

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// correctView is the small editor that "wrong" opens.
type correctView struct {
	screen *Screen
	c      *Correction
	panel  *widget.Panel
	kinds  []*widget.Button
	body   *fyne.Container
	answer *widget.Entry
	absent *fynewidget.Label
	place  fyne.CanvasObject
	doc    *widget.Choice
	page   *widget.PageView
	chosen *fynewidget.Label
	docs   int
}

// kindOrder is that of the buttons.
func kindOrder() []record.CorrectionKind {
	return []record.CorrectionKind{record.CorrectAnswer, record.CorrectAbsent, record.CorrectPlace}
}

// showCorrection opens the editor; the answer is marked wrong at once, whatever is said besides.
func (s *Screen) showCorrection(turn, given string) {
	v := &correctView{screen: s, docs: -1}
	v.c = s.m.Correct(turn, given, v.refresh)
	if v.c == nil {
		return
	}
	v.answer = widget.NewMultiLineEntry()
	v.answer.SetPlaceHolder(s.text("chat.correct.answer.hint"))
	v.answer.OnChanged = func(text string) { v.c.Answer = text }
	v.answer.OnEscape = func() { v.panel.Close() }
	v.absent = fynewidget.NewLabel(s.text("chat.correct.absent.hint"))
	v.absent.Wrapping = fyne.TextWrapWord
	v.place = v.buildPlace()
	v.body = container.NewStack(v.answer, v.absent, v.place)
	var row []fyne.CanvasObject
	for _, k := range kindOrder() {
		b := widget.NewButton(s.text("chat.correct."+string(k)), nil, func() { v.choose(k) })
		b.OnEscape = func() { v.panel.Close() }
		v.kinds = append(v.kinds, b)
		row = append(row, b)
	}
	save := widget.NewButton(s.text("chat.correct.save"), nil, func() {
		v.panel.Say("")
		v.c.Save(v.panel.Close, v.panel.Say)
	})
	save.Importance = fynewidget.HighImportance
	later := widget.NewButton(s.text("chat.correct.later"), nil, func() { v.panel.Close() })
	head := widget.NewInset(0, 0, 0, rowGap, nil, widget.NewColumn(
		rowGap,
		widget.NewProse(s.transcript.small, widget.Run{Text: s.text("chat.correct.text"), Color: theme.ColorSecondary}),
		widget.NewFlow(rowGap, row...),
	))
	size := fyne.NewSize(760, 720)
	v.refresh()
	v.panel = s.show(widget.PanelParams{
		Title: s.text("chat.correct.title"), Size: size,
		Content: container.New(topped{}, head, v.body), Buttons: []*widget.Button{later, save}, Focus: v.answer,
	}, nil)
}

// topped gives the first object its height for the width and the second the rest.
type topped struct{}

func (topped) MinSize(o []fyne.CanvasObject) fyne.Size {
	low := o[1].MinSize()
	return fyne.NewSize(max(o[0].MinSize().Width, low.Width), widget.HeightFor(o[0], 440)+max(low.Height, 120))
}

func (topped) Layout(o []fyne.CanvasObject, size fyne.Size) {
	h := widget.HeightFor(o[0], size.Width)
	o[0].Move(fyne.NewPos(0, 0))
	o[0].Resize(fyne.NewSize(size.Width, h))
	o[1].Move(fyne.NewPos(0, h))
	o[1].Resize(fyne.NewSize(size.Width, max(0, size.Height-h)))
}

func (v *correctView) buildPlace() fyne.CanvasObject {
	s := v.screen
	v.doc = widget.NewChoice(nil, v.c.SetDocument)
	v.doc.PlaceHolder = s.text("chat.correct.document")
	v.doc.OnEscape = func() { v.panel.Close() }
	v.page = widget.NewPageView()
	v.page.OnTurn = v.c.Turn
	v.page.OnEscape = func() { v.panel.Close() }
	v.page.OnFiner = v.c.Finer
	v.page.OnSelect = v.selected
	v.chosen = fynewidget.NewLabel(s.text("chat.correct.place.hint"))
	v.chosen.Wrapping, v.chosen.Importance = fyne.TextWrapWord, fynewidget.LowImportance
	return container.NewBorder(v.doc, v.chosen, nil, nil, v.page)
}

// selected says which words are the place.
func (v *correctView) selected() {
	at := v.page.Selection()
	v.c.Select(at.Start, at.End)
	text := v.c.Chosen()
	if text == "" {
		v.chosen.SetText(v.screen.text("chat.correct.place.hint"))
		return
	}
	v.chosen.SetText(v.screen.text("chat.correct.place.chosen", oneLine(text, 36)))
}

func (v *correctView) choose(k record.CorrectionKind) {
	v.c.SetKind(k)
	canvas := v.screen.p.Shell.Window().Canvas()
	switch k {
	case record.CorrectAnswer:
		canvas.Focus(v.answer)
	case record.CorrectPlace:
		canvas.Focus(v.doc)
	}
}

// refresh shows what belongs to the chosen kind, and the page that has come.
func (v *correctView) refresh() {
	if v.body == nil || len(v.kinds) == 0 {
		return
	}
	for i, k := range kindOrder() {
		v.kinds[i].Importance = fynewidget.MediumImportance
		if k == v.c.Kind {
			v.kinds[i].Importance = fynewidget.HighImportance
		}
		v.kinds[i].Refresh()
	}
	show := func(o fyne.CanvasObject, on bool) {
		if on {
			o.Show()
		} else {
			o.Hide()
		}
	}
	show(v.answer, v.c.Kind == record.CorrectAnswer)
	show(v.absent, v.c.Kind == record.CorrectAbsent)
	show(v.place, v.c.Kind == record.CorrectPlace)
	if v.docs != len(v.c.Documents) {
		v.docs = len(v.c.Documents)
		names := make([]string, len(v.c.Documents))
		seen := map[string]int{}
		for i, d := range v.c.Documents {
			names[i] = d.Name
			if seen[d.Name]++; seen[d.Name] > 1 { // the chooser knows its lines by their texts
				names[i] = fmt.Sprintf("%s (%d)", d.Name, seen[d.Name])
			}
		}
		v.doc.Options = names
		v.doc.Choose(v.c.Document)
		v.doc.Refresh()
	}
	if v.c.Document >= 0 && v.c.view.Number > 0 {
		p := v.screen.pageOf(v.c.view, fmt.Sprintf("%s %d", v.c.view.Document.ID, v.c.view.Number))
		if v.c.view.Note == app.NoteKind { // that there are only words is plain to see
			p.Note = ""
		}
		v.page.SetPage(p)
		v.selected()
	}
	v.body.Refresh()
}

package models

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// packView shows one pack on its way in.
type packView struct {
	s      *Screen
	object fyne.CanvasObject
	boxes  []*widget.Box // inner ones first

	title, facts, working, why, hint           *widget.Prose
	bar                                        *fynewidget.ProgressBar
	stop, part, open, again, use, discard, end *widget.Button
	came                                       string
}

func newPackView(s *Screen, id int) *packView {
	v := &packView{s: s, bar: fynewidget.NewProgressBar()}
	v.title, v.facts, v.working, v.why, v.hint = s.prose(s.ink.body), s.prose(s.ink.small), s.prose(s.ink.body), s.prose(s.ink.body), s.prose(s.ink.body)
	v.stop = s.button("models.stop", func() { s.m.stopPack(id) })
	v.part = s.button("models.pack.part", func() {
		s.shell.PickFiles(func(paths []string) { s.m.morePack(id, packFiles(paths)) })
	})
	v.part.Importance = fynewidget.HighImportance
	v.open = s.button("models.pack.open", func() { s.askSecret(id) })
	v.open.Importance = fynewidget.HighImportance
	v.again = s.button("models.pack.again", func() { s.m.againPack(id, nil) })
	v.use = s.button("models.import.use", func() {
		s.m.closePack(id)
		s.Focus() // the button is gone
		s.m.use(v.came)
	})
	v.use.Importance = fynewidget.HighImportance
	v.discard = s.button("models.pack.discard", func() { s.m.discardPack(id) })
	v.end = s.button("models.close", func() {
		s.m.closePack(id)
		s.Focus()
	})
	buttons := widget.NewFlow(6, v.use, v.part, v.open, v.again, v.stop, v.discard, v.end)
	row := widget.NewInset(0, 4, 0, 0, nil, buttons)
	column := widget.NewColumn(4, v.title, v.facts, v.working, v.bar, v.why, v.hint, row)
	all := widget.NewInset(14, 10, 14, 12, widget.NewPanelBack(theme.ColorRefused), column)
	v.object, v.boxes = all, []*widget.Box{buttons, row, column, all}
	return v
}

// show takes over how far the import is.
func (v *packView) show(p *packing) {
	r := v.s.m.packRow(p)
	v.came = r.came
	v.title.SetRuns([]widget.Run{{Text: r.title, Bold: true}})
	set(v.facts, r.facts, theme.ColorSecondary)
	set(v.working, r.working, "")
	set(v.why, r.why, fynetheme.ColorNameError)
	set(v.hint, r.hint, "")
	v.bar.Hidden = p.ended || r.share < 0
	if !v.bar.Hidden {
		v.bar.SetValue(r.share)
	}
	failed := p.ended && p.err != nil
	v.stop.Hidden, v.end.Hidden = p.ended, !p.ended
	v.part.Hidden, v.open.Hidden = !r.waits, !r.sealed
	v.again.Hidden, v.discard.Hidden = !failed || r.sealed, !failed || !r.kept
	v.use.Hidden = r.came == ""
	refresh(v.boxes)
}

// askSecret asks for the passphrase of a sealed pack, and tries it.
func (s *Screen) askSecret(id int) {
	var p *widget.Panel
	secret := widget.NewSecret(widget.SecretKeys{}, s.shell.Post)
	try := func() {
		typed := secret.Take()
		p.Close()
		if len(typed) > 0 {
			s.m.againPack(id, typed)
		}
	}
	secret.OnSubmitted = func(string) { try() }
	open := widget.NewButton(s.shell.Text("models.pack.open.yes"), nil, try)
	open.Importance = fynewidget.HighImportance
	end := widget.NewButton(s.shell.Text("models.close"), nil, func() {
		secret.Clear()
		p.Close()
	})
	content := container.NewVBox(s.prose(s.ink.body, widget.Run{Text: s.shell.Text("models.pack.open.text")}), secret)
	p = widget.ShowPanel(widget.PanelParams{
		Canvas: s.shell.Window().Canvas(), Title: s.shell.Text("models.pack.open.title"), Content: content, Buttons: []*widget.Button{open, end}, Size: fyne.NewSize(520, 240),
	})
	s.shell.Window().Canvas().Focus(secret)
}

// pickPack lets a person choose packs.
func (s *Screen) pickPack() {
	s.shell.PickFiles(func(paths []string) {
		if parts := packFiles(paths); len(parts) > 0 {
			s.m.importPack(parts)
		} else if len(paths) > 0 {
			s.m.importPack(paths) // the error says what it is not
		}
		s.sheet.Top()
	})
}

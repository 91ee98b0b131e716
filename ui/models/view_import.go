package models

import (
	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// importView shows one folder on its way in as a list of checks.
type importView struct {
	s      *Screen
	object fyne.CanvasObject
	boxes  []*widget.Box // inner ones first

	title, from, why, hint *widget.Prose
	signs, lines           []*widget.Prose
	bar                    *fynewidget.ProgressBar
	stop, end, use         *widget.Button
	name                   string
}

func newImportView(s *Screen, id int) *importView {
	v := &importView{s: s, bar: fynewidget.NewProgressBar()}
	v.title, v.from, v.why, v.hint = s.prose(s.ink.body), s.prose(s.ink.small), s.prose(s.ink.body), s.prose(s.ink.body)
	parts := []fyne.CanvasObject{v.title, v.from}
	for range steps {
		sign, line := s.prose(s.ink.body), s.prose(s.ink.body)
		v.signs, v.lines = append(v.signs, sign), append(v.lines, line)
		step := widget.NewHanging(24*s.ink.scale, sign, line)
		v.boxes = append(v.boxes, step)
		parts = append(parts, step)
	}
	v.stop = s.button("models.stop", func() { s.m.stopImport(id) })
	v.end = s.button("models.close", func() {
		s.m.closeImport(id)
		s.Focus() // the button is gone
	})
	v.use = s.button("models.import.use", func() {
		s.m.closeImport(id)
		s.Focus()
		s.m.use(v.name)
	})
	v.use.Importance = fynewidget.HighImportance
	buttons := widget.NewFlow(6, v.use, v.stop, v.end)
	row := widget.NewInset(0, 4, 0, 0, nil, buttons)
	column := widget.NewColumn(4, append(parts, v.bar, v.why, v.hint, row)...)
	all := widget.NewInset(14, 10, 14, 12, widget.NewPanelBack(theme.ColorRefused), column)
	v.object, v.boxes = all, append(v.boxes, buttons, row, column, all)
	return v
}

// marks before a step, by its state.
var marks = map[int]struct {
	sign  string
	color fyne.ThemeColorName
}{
	stepWaits:  {"○", theme.ColorSecondary},
	stepRuns:   {"●", fynetheme.ColorNamePrimary},
	stepDone:   {"✓", fynetheme.ColorNameSuccess},
	stepFailed: {"×", fynetheme.ColorNameError},
}

// show takes over how far the import is.
func (v *importView) show(i *importing) {
	t := v.s.shell.Text
	key := "models.import.running"
	switch {
	case i.ended && i.err != nil:
		key = "models.import.failed"
	case i.ended:
		key = "models.import.done"
	}
	v.name = i.name
	v.title.SetRuns([]widget.Run{{Text: t(key, i.name), Bold: true}})
	set(v.from, t("models.import.from", i.path), theme.ColorSecondary)
	for k, l := range v.s.m.lines(i) {
		m := marks[l.state]
		text := fyne.ThemeColorName("")
		if l.state == stepWaits {
			text = theme.ColorSecondary
		}
		v.signs[k].SetRuns([]widget.Run{{Text: m.sign, Color: m.color, Aside: true}})
		v.lines[k].SetRuns([]widget.Run{{Text: l.text, Color: text}})
	}
	done := share(i.state)
	v.bar.Hidden = i.ended || done < 0
	if !v.bar.Hidden {
		v.bar.SetValue(done)
	}
	sentence, hint := "", ""
	if i.ended && i.err != nil {
		sentence, hint = v.s.m.why(i)
		hint += v.s.m.space() + t("models.import.left")
	}
	set(v.why, sentence, fynetheme.ColorNameError)
	set(v.hint, hint, "")
	v.use.Hidden = !i.ended || i.err != nil
	v.stop.Hidden, v.end.Hidden = i.ended, !i.ended
	refresh(v.boxes)
}

package settings

import (
	"slices"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app"
	"kakoi/ui/widget"
)

// dailyGroup shows the backups that are made by themselves; nothing where the window cannot ask.
func (s *Screen) dailyGroup() (part fyne.CanvasObject, update func()) {
	window, ok := s.shell.(asker)
	if !ok || s.m.daily == nil {
		return nil, func() {}
	}
	t := s.shell.Text
	s.m.listKept()
	fields, updateFields := s.fieldGroup([]string{"backup_daily", "backup_keep", "backup_folder"})
	choose := s.button("settings.daily.choose", func() {
		window.PickFolder(func(paths []string) {
			if len(paths) == 1 {
				s.m.set("backup_folder", paths[0])
				s.m.listKept()
			}
		})
	})
	now := s.button("settings.daily.now", s.m.backupNow)
	state := s.prose(s.ink.body)
	rows := widget.NewColumn(4)
	var shown []app.KeptBackup
	var buttons []*widget.Button
	top := append([]fyne.CanvasObject{s.title("settings.daily.title"), s.about(t("settings.daily.about"))}, fields...)
	flow := widget.NewFlow(6, now, choose)
	column := widget.NewColumn(8, append(top, flow, state, rows)...)
	fill := func() {
		rows.Objects, buttons = nil, nil
		for _, k := range shown {
			text, well := s.m.keptLine(k)
			color := fyne.ThemeColorName("")
			if !well {
				color = fynetheme.ColorNameError
			}
			prove := s.button("settings.daily.prove", func() { s.m.prove(k.File) })
			back := s.button("settings.backup.restore", func() { s.restore(window, k.File) })
			remove := s.button("settings.daily.delete", func() {
				s.confirm(window, "settings.daily.delete", t("settings.daily.delete.text", k.Made.Local().Format("2006-01-02 15:04"), k.File), true, func() { s.m.deleteKept(k.File) })
			})
			for _, b := range []*widget.Button{prove, back, remove} {
				b.Importance = fynewidget.LowImportance
				buttons = append(buttons, b)
			}
			rows.Objects = append(rows.Objects, s.prose(s.ink.body, widget.Run{Text: text, Color: color}), widget.NewFlow(6, prove, back, remove))
		}
	}
	ran := false
	return column, func() {
		updateFields()
		running := s.m.keeping.running != nil
		was := ran
		if ran = running; was && !running {
			s.m.listKept()
		}
		if s.m.kept != nil && !slices.Equal(shown, s.m.kept.Kept) {
			shown = slices.Clone(s.m.kept.Kept)
			fill()
		}
		text, well := s.m.dailySays()
		color := fyne.ThemeColorName("")
		if !well {
			color = fynetheme.ColorNameError
		}
		set(state, text, color)
		for _, b := range append([]*widget.Button{now, choose}, buttons...) {
			able(b, !running)
		}
		refresh(flow, rows, column)
	}
}

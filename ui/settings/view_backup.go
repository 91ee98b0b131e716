package settings

import (
	"time"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/widget"
)

// asker is what the group of backups needs of the window besides.
type asker interface {
	Confirm(q widget.Question)
	PickFiles(then func(paths []string))
	PickSave(name string, then func(path string))
	Restart()
}

// backupGroup shows backup, restore and repair; nothing where the window cannot ask.
func (s *Screen) backupGroup() (part fyne.CanvasObject, update func()) {
	window, ok := s.shell.(asker)
	if !ok || s.m.keeper == nil {
		return nil, func() {}
	}
	t := s.shell.Text
	ask := func(key, text string, danger bool, then func()) {
		window.Confirm(widget.Question{Title: t(key + ".title"), Text: text, Yes: t(key + ".yes"), Danger: danger, Then: then})
	}
	restart := func() { ask("settings.restart", t("settings.restart.text"), false, window.Restart) }
	said, kept := s.prose(s.ink.body), s.prose(s.ink.body)
	bar := fynewidget.NewProgressBar()
	save := s.button("settings.backup.save", func() { window.PickSave(backupName(time.Now()), s.m.saveBackup) })
	load := s.button("settings.backup.restore", func() {
		window.PickFiles(func(paths []string) {
			if len(paths) == 1 {
				s.m.look(paths[0], func(text string) {
					ask("settings.restore", text, true, func() { s.m.restore(paths[0], restart) })
				})
			}
		})
	})
	repair := s.button("settings.repair.start", func() {
		s.m.planRepair(func(text string, files bool) {
			ask("settings.repair", text, false, func() {
				if files {
					s.m.repairFiles(window.Restart)
				} else {
					s.m.repair()
				}
			})
		})
	})
	stop := s.button("settings.library.stop", s.m.stopKeeping)
	again := s.button("settings.restart.yes", window.Restart)
	undo := s.button("settings.backup.undo", func() {
		ask("settings.undo", t("settings.undo.text"), true, func() { s.m.undo(restart) })
	})
	forget := s.button("settings.backup.forget", func() { ask("settings.forget", t("settings.forget.text"), true, s.m.forget) })
	buttons := widget.NewFlow(6, save, load, repair, stop, again)
	before := widget.NewFlow(6, undo, forget)
	column := widget.NewColumn(6, s.title("settings.backup.title"), s.about(t("settings.backup.about")), buttons, bar, said, kept, before)
	return column, func() {
		k := s.m.keeping
		running, waits := k.running != nil, s.m.waits()
		for _, b := range []*widget.Button{save, repair} {
			able(b, !running)
		}
		for _, b := range []*widget.Button{load, undo, forget} {
			able(b, !running && !waits)
		}
		stop.Hidden, bar.Hidden, again.Hidden = !running, !running, running || !waits
		if running && k.running.state.Total > 0 {
			bar.SetValue(float64(k.running.state.Done) / float64(k.running.state.Total))
		}
		color := fynetheme.ColorNameForeground
		if !running && k.said != "" && !k.well {
			color = fynetheme.ColorNameError
		}
		set(said, s.m.keepingSays(), color)
		keeps := s.m.keeps()
		set(kept, keeps, "")
		undo.Hidden, forget.Hidden, before.Hidden = keeps == "", keeps == "", keeps == ""
		refresh(buttons, before, column)
	}
}

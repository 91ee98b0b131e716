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
	PickFolder(then func(paths []string))
	PickSave(name string, then func(path string))
	Restart()
}

// confirm puts a question whose texts begin with key.
func (s *Screen) confirm(window asker, key, text string, danger bool, then func()) {
	t := s.shell.Text
	window.Confirm(widget.Question{Title: t(key + ".title"), Text: text, Yes: t(key + ".yes"), Danger: danger, Then: then})
}

// restart asks for the start that a restore or an undo waits for.
func (s *Screen) restart(window asker) func() {
	return func() {
		s.confirm(window, "settings.restart", s.shell.Text("settings.restart.text"), false, window.Restart)
	}
}

// backupGroup shows backup, restore and their undoing; nothing where the window cannot ask.
func (s *Screen) backupGroup() (part fyne.CanvasObject, update func()) {
	window, ok := s.shell.(asker)
	if !ok || s.m.keeper == nil {
		return nil, func() {}
	}
	t := s.shell.Text
	kept := s.prose(s.ink.body)
	save := s.button("settings.backup.save", func() { window.PickSave(backupName(time.Now()), s.m.saveBackup) })
	load := s.button("settings.backup.restore", func() {
		window.PickFiles(func(paths []string) {
			if len(paths) == 1 {
				s.restore(window, paths[0])
			}
		})
	})
	again := s.button("settings.restart.yes", window.Restart)
	undo := s.button("settings.backup.undo", func() {
		s.confirm(window, "settings.undo", t("settings.undo.text"), true, func() { s.m.undo(s.restart(window)) })
	})
	forget := s.button("settings.backup.forget", func() { s.confirm(window, "settings.forget", t("settings.forget.text"), true, s.m.forget) })
	buttons := widget.NewFlow(6, save, load, again)
	before := widget.NewFlow(6, undo, forget)
	column := widget.NewColumn(6, s.title("settings.byhand.title"), s.about(t("settings.backup.about")), buttons, kept, before)
	return column, func() {
		running, waits := s.m.keeping.running != nil, s.m.waits()
		able(save, !running)
		for _, b := range []*widget.Button{load, undo, forget} {
			able(b, !running && !waits)
		}
		again.Hidden = running || !waits
		keeps := s.m.keeps()
		set(kept, keeps, "")
		undo.Hidden, forget.Hidden, before.Hidden = keeps == "", keeps == "", keeps == ""
		refresh(buttons, before, column)
	}
}

// restore reads a backup, asks with what is in it, and stages it.
func (s *Screen) restore(window asker, path string) { s.restoreWith(window, path, nil) }

func (s *Screen) restoreWith(window asker, path string, pass []byte) {
	s.m.look(path, pass, func(text string) {
		s.confirm(window, "settings.restore", text, true, func() { s.m.restore(path, pass, s.restart(window)) })
	}, func(problem string) {
		if keys, ok := s.shell.(guard); ok && s.m.keyed != nil {
			s.capsulePass("settings.restore.pass", keys, path, problem, func(pass []byte) { s.restoreWith(window, path, pass) })
		}
	})
}

// running shows what of backups, capsules and repairs runs, and what the last one came to.
func (s *Screen) running() (part *widget.Box, update func()) {
	said := s.prose(s.ink.body)
	bar := fynewidget.NewProgressBar()
	stop := s.button("settings.library.stop", s.m.stopKeeping)
	column := widget.NewColumn(6, bar, said, widget.NewFlow(6, stop))
	return column, func() {
		k := s.m.keeping
		running := k.running != nil
		stop.Hidden, bar.Hidden = !running, !running
		if running && k.running.state.Total > 0 {
			bar.SetValue(float64(k.running.state.Done) / float64(k.running.state.Total))
		}
		color := fynetheme.ColorNameForeground
		if !running && k.said != "" && !k.well {
			color = fynetheme.ColorNameError
		}
		text := s.m.keepingSays()
		set(said, text, color)
		column.Hidden = !running && text == ""
		refresh(column)
	}
}

// mendGroup shows the repair of the library; nothing where the window cannot ask.
func (s *Screen) mendGroup() (part fyne.CanvasObject, update func()) {
	window, ok := s.shell.(asker)
	if !ok || s.m.keeper == nil {
		return nil, func() {}
	}
	repair := s.button("settings.repair.start", func() {
		s.m.planRepair(func(text string, files bool) {
			s.confirm(window, "settings.repair", text, false, func() {
				if files {
					s.m.repairFiles(window.Restart)
				} else {
					s.m.repair()
				}
			})
		})
	})
	state, updateState := s.running()
	column := widget.NewColumn(6, s.title("settings.mend.title"), widget.NewFlow(6, repair), state)
	return column, func() {
		able(repair, s.m.keeping.running == nil)
		updateState()
		refresh(column)
	}
}

// backupsGroup shows the page of backups: by hand, by the day, and capsules.
func (s *Screen) backupsGroup() (parts []fyne.CanvasObject, update func()) {
	var updates []func()
	add := func(part fyne.CanvasObject, update func()) {
		if part != nil {
			parts, updates = append(parts, part), append(updates, update)
		}
	}
	state, updateState := s.running()
	ran := false
	add(state, func() {
		updateState()
		if runs := s.m.keeping.running != nil; runs != ran { // what was pressed may be far down
			ran = runs
			s.sheet.Fit()
			s.sheet.Top()
		}
	})
	add(s.backupGroup())
	add(s.dailyGroup())
	add(s.capsuleGroup())
	return parts, func() {
		for _, u := range updates {
			u()
		}
	}
}

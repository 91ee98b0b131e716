package settings

import (
	"slices"
	"time"

	"fyne.io/fyne/v2"

	"kakoi/ui/widget"
)

// capsuleGroup shows capsules: out, in, and what differs; nothing where the window cannot ask for a passphrase.
func (s *Screen) capsuleGroup() (part fyne.CanvasObject, update func()) {
	window, ok := s.shell.(asker)
	keys, guarded := s.shell.(guard)
	if !ok || !guarded || s.m.capsules == nil {
		return nil, func() {}
	}
	t := s.shell.Text
	s.m.listCollections()
	chosen := ""
	what := widget.NewChoice([]string{t("settings.capsule.all")}, func(i int) {
		chosen = ""
		if i > 0 && i <= len(s.m.collections) {
			chosen = s.m.collections[i-1]
		}
	})
	what.OnFocus = func() { s.sheet.Reveal(what) }
	what.Choose(0)
	out := s.button("settings.capsule.export", func() {
		window.PickSave(capsuleName(chosen, time.Now()), func(path string) { s.exportCapsule(keys, path, chosen) })
	})
	pick := func(then func(path string)) func() {
		return func() {
			window.PickFiles(func(paths []string) {
				if len(paths) == 1 {
					then(paths[0])
				}
			})
		}
	}
	in := s.button("settings.capsule.import", pick(func(path string) { s.openCapsule(window, keys, path, "") }))
	compare := s.button("settings.capsule.compare", pick(func(path string) { s.compareCapsule(keys, path, "") }))
	export := widget.NewFlow(6, s.sized(edged(what), 260, 0), out)
	buttons := widget.NewFlow(6, in, compare)
	column := widget.NewColumn(6, s.title("settings.capsule.title"), s.about(t("settings.capsule.about")), export, buttons)
	return column, func() {
		names := append([]string{t("settings.capsule.all")}, s.m.collections...)
		if !slices.Equal(names, what.Options) {
			what.Options = names
			what.Choose(max(0, slices.Index(names, chosen)))
		}
		for _, b := range []*widget.Button{out, in, compare} {
			able(b, s.m.keeping.running == nil)
		}
		refresh(export, buttons, column)
	}
}

// exportCapsule asks for the passphrase of a new capsule.
func (s *Screen) exportCapsule(keys guard, path, collection string) {
	f := s.form(keys)
	f.New = s.shell.Text("settings.capsule.pass")
	if s.m.vault != nil {
		f.Strength = s.m.vault.Strength
	}
	s.dialog("settings.capsule.export", f, false, []string{s.shell.Text("cli.capsule.warn")}, func(_, pass []byte, done func(string)) {
		done("")
		s.m.exportCapsule(path, collection, pass)
	})
}

// ShowCapsule leads to the page of capsules, by show, asks for a capsule's passphrase, says what is in it, and takes it in when a person says
// so. It is false where that cannot be done now.
func (s *Screen) ShowCapsule(path string, show func()) bool {
	window, ok := s.shell.(asker)
	keys, guarded := s.shell.(guard)
	if !ok || !guarded || s.m.capsules == nil || s.m.keeping.running != nil {
		return false
	}
	s.m.group = groupBackups
	show()
	s.show(groupBackups)
	s.openCapsule(window, keys, path, "")
	return true
}

func (s *Screen) openCapsule(window asker, keys guard, path, problem string) {
	s.capsulePass("settings.capsule.import", keys, path, problem, func(pass []byte) {
		s.m.planCapsule(path, pass, func(text string, pass []byte) {
			s.confirm(window, "settings.capsule.take", text+"\n\n"+s.shell.Text("settings.capsule.take.text"), false, func() { s.m.importCapsule(path, pass) })
		}, func(problem string) { s.openCapsule(window, keys, path, problem) })
	})
}

func (s *Screen) compareCapsule(keys guard, path, problem string) {
	s.capsulePass("settings.capsule.compare", keys, path, problem, func(pass []byte) {
		s.m.compareCapsule(path, pass, s.showText, func(problem string) { s.compareCapsule(keys, path, problem) })
	})
}

// capsulePass asks for the passphrase of a capsule; problem is what was wrong with the last one.
func (s *Screen) capsulePass(key string, keys guard, path, problem string, then func(pass []byte)) {
	f := s.form(keys)
	f.Old = s.shell.Text("lock.field")
	s.dialogAgain(key, f, false, []string{path}, problem, func(pass, _ []byte, done func(string)) {
		done("")
		then(pass)
	})
}

// showText shows lines over the window, to be read and copied.
func (s *Screen) showText(text string) {
	var panel *widget.Panel
	end := widget.NewButton(s.shell.Text("settings.close"), nil, func() { panel.Close() })
	copied := widget.NewButton(s.shell.Text("settings.copy"), nil, func() { s.shell.Clipboard(text) })
	content := widget.NewInset(4, 2, 8, 2, nil, s.prose(s.ink.body, widget.Run{Text: text})) // the sheet cuts what goes to its edge
	panel = widget.ShowPanel(widget.PanelParams{
		Canvas: s.shell.Window().Canvas(), Title: s.shell.Text("settings.capsule.compare.title"), Buttons: []*widget.Button{copied, end},
		Content: widget.NewSheet(0, content), Size: fyne.NewSize(760, min(520, content.HeightFor(720)+130*s.ink.scale)),
	})
}

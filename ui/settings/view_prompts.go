package settings

import (
	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// promptGroup shows the prompt templates with an editor and a preview for each.
func (s *Screen) promptGroup() (parts []fyne.CanvasObject, update func()) {
	s.m.loadTemplates()
	parts = []fyne.CanvasObject{s.prose(s.ink.body, widget.Run{Text: s.shell.Text("settings.prompts.text")})}
	var updates []func()
	for _, lang := range app.PromptLanguages {
		if s.m.templates[lang] == nil {
			continue // could not be read, which was said
		}
		part, u := s.prompt(lang)
		parts, updates = append(parts, part), append(updates, u)
	}
	return parts, func() {
		for _, u := range updates {
			u()
		}
	}
}

func (s *Screen) prompt(lang string) (fyne.CanvasObject, func()) {
	t := s.m.templates[lang]
	title, wrong, preview := s.prose(s.ink.body), s.prose(s.ink.body), s.prose(s.ink.body)
	editor := widget.NewMultiLineEntry()
	editor.SetText(t.draft)
	editor.OnChanged = func(text string) { s.m.edit(lang, text) }
	editor.OnFocus = func() { s.sheet.Reveal(editor) }
	save := s.button("settings.prompt.save", func() { s.m.save(lang) })
	save.Importance = fynewidget.HighImportance
	ship := s.button("settings.prompt.reset", func() {
		s.m.ship(lang)
		editor.SetText(t.draft)
	})
	question := widget.NewEntry()
	question.SetPlaceHolder(s.shell.Text("settings.prompt.question"))
	question.SetText(t.question)
	question.OnSubmitted = func(text string) { s.m.tryOut(lang, text) }
	question.OnFocus = func() { s.sheet.Reveal(question) }
	try := s.button("settings.prompt.try", func() { s.m.tryOut(lang, question.Text) })
	buttons := widget.NewFlow(6, save, ship)
	ask := widget.NewFlow(6, s.sized(question, 380, 0), try)
	seen := widget.NewInset(12, 8, 12, 10, widget.NewPanelBack(theme.ColorRefused), preview)
	column := widget.NewColumn(6, title, s.sized(editor, 200, 262), wrong, buttons, ask, seen)
	return column, func() {
		state, color := "settings.prompt.shipped", theme.ColorSecondary
		switch {
		case t.draft != t.saved:
			state, color = "settings.prompt.draft", fynetheme.ColorNameWarning
		case t.own:
			state = "settings.prompt.own"
		}
		title.SetRuns([]widget.Run{{Text: s.shell.Text("settings.prompt." + lang), Bold: true}, {Text: "    " + s.shell.Text(state), Color: color}})
		problem := s.m.problemOf(lang)
		set(wrong, problem, fynetheme.ColorNameError)
		able(save, problem == "" && t.draft != t.saved)
		able(ship, t.own || t.draft != t.saved)
		able(try, problem == "" && !t.trying)
		text := t.preview
		if t.trying {
			text = s.shell.Text("settings.prompt.trying")
		}
		set(preview, text, "")
		seen.Hidden = text == ""
		refresh(buttons, ask, seen, column)
	}
}

// able lets a button be pressed or not.
func able(b *widget.Button, yes bool) {
	switch {
	case yes && b.Disabled():
		b.Enable()
	case !yes && !b.Disabled():
		b.Disable()
	}
}

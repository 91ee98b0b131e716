package welcome

import (
	"slices"
	"strconv"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/lock"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// prose is a paragraph.
func (s *Screen) prose(text string, bold bool, color fyne.ThemeColorName) fyne.CanvasObject {
	return widget.NewProse(s.body, widget.Run{Text: text, Bold: bold, Color: color})
}

// page puts a title over blocks, and what waits to be added between them.
func (s *Screen) page(title string, blocks ...fyne.CanvasObject) fyne.CanvasObject {
	th := fyne.CurrentApp().Settings().Theme()
	head := widget.NewProse(widget.NewRuler(th.Size(fynetheme.SizeNameSubHeadingText)), widget.Run{Text: s.p.Shell.Text(title), Bold: true})
	all := []fyne.CanvasObject{head}
	if len(s.m.paths) > 0 {
		all = append(all, s.prose(s.waiting(), false, theme.ColorSecondary))
	}
	all = append(all, blocks...)
	return widget.NewInset(16, 12, 16, 12, nil, widget.NewColumn(14, all...))
}

// waiting names the files that are to be added.
func (s *Screen) waiting() string {
	names, others := s.m.named()
	if others > 0 {
		return s.p.Shell.Text("welcome.waiting.others", names, others)
	}
	return s.p.Shell.Text("welcome.waiting", names)
}

// look is the step of language, text size and colours.
func (s *Screen) look() fyne.CanvasObject {
	size := strconv.Itoa(s.m.nearest())
	percents := make([]string, len(sizes))
	for i, n := range sizes {
		percents[i] = strconv.Itoa(n)
	}
	return s.page("welcome.look.title",
		s.prose(s.p.Shell.Text("welcome.look.text"), false, ""),
		s.choice("welcome.language", languages, s.p.Shell.Lang(), s.p.SetLanguage),
		s.choice("welcome.size", percents, size, func(value string) {
			percent, err := strconv.Atoi(value)
			if err != nil {
				return // one of ours
			}
			s.m.size = percent
			s.p.SetTextSize(percent)
		}),
		s.choice("welcome.theme", themes, s.m.theme, func(value string) {
			s.m.theme = value
			s.p.SetTheme(value)
		}),
	)
}

// choice is a row of buttons of which one is chosen. The arrows move along it.
func (s *Screen) choice(key string, values []string, chosen string, set func(string)) fyne.CanvasObject {
	row := make([]fyne.CanvasObject, len(values))
	for i, value := range values {
		b := s.button(key+"."+value, key+"."+value, nil, func() { s.apply(func() { set(value) }) })
		if value == chosen {
			b.Importance, b.Icon = fynewidget.HighImportance, fynetheme.ConfirmIcon()
		}
		b.OnKey = func(k *fyne.KeyEvent) bool {
			to := i
			switch k.Name {
			case fyne.KeyLeft:
				to--
			case fyne.KeyRight:
				to++
			default:
				return false
			}
			if to >= 0 && to < len(values) {
				s.p.Shell.Window().Canvas().Focus(s.buttons[key+"."+values[to]])
			}
			return true
		}
		row[i] = b
	}
	return widget.NewColumn(4, s.prose(s.p.Shell.Text(key), true, ""), widget.NewFlow(6, row...))
}

// place is the step that says where everything lies.
func (s *Screen) place() fyne.CanvasObject {
	text := s.p.Shell.Text
	if s.m.guard && s.p.Guarded != nil && !s.p.Guarded() {
		return s.page("welcome.place.title", s.passphrase())
	}
	folder := widget.NewInset(12, 8, 12, 8, widget.NewPanelBack(theme.ColorQuestion), s.prose(s.p.DataDir, true, ""))
	return s.page("welcome.place.title",
		s.prose(text("welcome.place.text"), false, ""),
		folder,
		s.point("welcome.place.files"),
		s.point("welcome.place.closed"),
		s.passphrase(),
		s.prose(text("welcome.place.other"), false, theme.ColorSecondary),
	)
}

// passphrase offers to encrypt what will be there. It is skipped by going on.
func (s *Screen) passphrase() fyne.CanvasObject {
	switch {
	case s.p.Guarded == nil:
		return s.point("welcome.place.plain")
	case s.p.Guarded():
		return s.point("welcome.place.kept")
	case !s.m.guard:
		offer := s.button("guard", "welcome.guard", nil, func() {
			s.m.guard = true
			s.fill()
			s.p.Shell.Window().Canvas().Focus(s.form.First())
		})
		return widget.NewColumn(8, s.point("welcome.place.plain"), widget.NewInset(16*s.scale, 0, 0, 0, nil, widget.NewFlow(6, offer)))
	}
	s.form = lock.NewForm(lock.FormParams{
		Text: s.p.Shell.Text, Post: s.p.Shell.Post, Keys: s.p.Keys, New: s.p.Shell.Text("welcome.guard.field"), Least: leastPassphrase, Strength: s.p.Strength,
		Submit: s.next, Escape: s.unguard,
	})
	without := s.button("unguard", "welcome.unguard", nil, s.unguard)
	without.Importance = fynewidget.LowImportance
	return widget.NewInset(16, 12, 16, 12, widget.NewPanelBack(theme.ColorRail), widget.NewColumn(8,
		s.prose(s.p.Shell.Text("welcome.guard.title"), true, ""),
		s.prose(s.p.Shell.Text("settings.security.gone"), false, ""),
		s.form.Object(), widget.NewFlow(6, without)))
}

// unguard goes back to no passphrase.
func (s *Screen) unguard() {
	s.m.guard, s.focus = false, ""
	s.fill()
	s.Focus()
}

// leastPassphrase is how many characters a passphrase has at least.
const leastPassphrase = 8

// point is an entry of a list.
func (s *Screen) point(key string) fyne.CanvasObject {
	return widget.NewHanging(16*s.scale, s.prose("•", false, theme.ColorSecondary), s.prose(s.p.Shell.Text(key), false, ""))
}

// documents is the step of the first documents.
func (s *Screen) documents() fyne.CanvasObject {
	s.first = "samples"
	samples := s.button("samples", "welcome.samples.yes", nil, func() { s.finish(s.p.AddSamples) })
	files := s.button("files", "welcome.files", fynetheme.FileIcon(), func() { s.p.Shell.PickFiles(s.add) })
	folder := s.button("folder", "welcome.folder", fynetheme.FolderOpenIcon(), func() { s.p.Shell.PickFolder(s.add) })
	own := []fyne.CanvasObject{files, folder}
	if len(s.m.paths) > 0 {
		s.first = "begin"
		begin := s.button("begin", "welcome.begin", nil, func() { s.finish(func() { s.p.AddPaths(s.m.paths) }) })
		own = slices.Insert(own, 0, fyne.CanvasObject(begin))
	}
	s.buttons[s.first].Importance = fynewidget.HighImportance
	return s.page("welcome.documents.title",
		s.card("welcome.samples.title", "welcome.samples.text", samples),
		s.card("welcome.own.title", "welcome.own.text", own...),
		s.prose(s.p.Shell.Text("welcome.documents.text"), false, theme.ColorSecondary),
	)
}

// card is a way to begin.
func (s *Screen) card(title, text string, buttons ...fyne.CanvasObject) fyne.CanvasObject {
	return widget.NewInset(16, 12, 16, 14, widget.NewPanelBack(theme.ColorRail), widget.NewColumn(8,
		s.prose(s.p.Shell.Text(title), true, ""),
		s.prose(s.p.Shell.Text(text), false, ""),
		widget.NewFlow(6, buttons...),
	))
}

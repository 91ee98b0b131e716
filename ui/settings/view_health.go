package settings

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/core/closed"
	"kakoi/ui/widget"
)

// libraryGroup shows where the data lies, what it takes, and the check of the library.
func (s *Screen) libraryGroup() (parts []fyne.CanvasObject, update func()) {
	t := s.shell.Text
	s.m.measure()
	data, logs, sizes, found := s.prose(s.ink.body), s.prose(s.ink.body), s.prose(s.ink.body), s.prose(s.ink.body)
	path := func(of func() string) *widget.Box {
		return widget.NewFlow(6, s.button("settings.copy", func() { s.shell.Clipboard(of()) }))
	}
	place := func(data bool) string {
		switch {
		case s.m.places == nil:
			return ""
		case data:
			return s.m.places.Data
		}
		return s.m.places.Logs
	}
	bar := fynewidget.NewProgressBar()
	start := s.button("settings.library.start", s.m.checkLibrary)
	stop := s.button("settings.library.stop", s.m.stopCheck)
	buttons := widget.NewFlow(6, start, stop)
	check := widget.NewColumn(6, s.title("settings.library.check"), s.about(t("settings.library.check.about")), buttons, bar, found)
	where := widget.NewColumn(4, s.title("settings.library.where"), data, path(func() string { return place(true) }))
	log := widget.NewColumn(4, s.title("settings.library.logs"), logs, s.about(t("settings.library.logs.about")), path(func() string { return place(false) }))
	size := widget.NewColumn(4, s.title("settings.library.size"), sizes)
	parts = []fyne.CanvasObject{where, size, check, log}
	mend, updateMend := s.mendGroup()
	if mend != nil {
		parts = []fyne.CanvasObject{where, size, check, mend, log}
	}
	return parts, func() {
		updateMend()
		set(data, place(true), "")
		set(logs, place(false), "")
		set(sizes, s.m.sizes(), "")
		running := s.m.check != nil
		able(start, !running)
		stop.Hidden, bar.Hidden = !running, !running
		if running && s.m.check.state.Total > 0 {
			bar.SetValue(float64(s.m.check.state.Done) / float64(s.m.check.state.Total))
		}
		text, well := s.m.found()
		color := fynetheme.ColorNameSuccess
		if !well {
			color = fynetheme.ColorNameError
		}
		set(found, text, color)
		refresh(buttons, where, log, size, check)
	}
}

func (s *Screen) title(key string) *widget.Prose {
	return s.prose(s.ink.body, widget.Run{Text: s.shell.Text(key), Bold: true})
}

// closedGroup shows how both programs are closed and what they tried.
func (s *Screen) closedGroup() (parts []fyne.CanvasObject, update func()) {
	t := s.shell.Text
	if s.m.engine == nil {
		s.m.askEngine()
	}
	own, ownTries := s.proof("settings.closed.window", s.m.own)
	engine, trouble := s.prose(s.ink.body), s.prose(s.ink.body)
	tries := s.listing("")
	again := s.button("settings.closed.again", s.m.askEngine)
	second := widget.NewColumn(6, engine, trouble, tries, widget.NewFlow(6, again))
	parts = []fyne.CanvasObject{
		s.prose(s.ink.body, widget.Run{Text: t("settings.closed.text")}), widget.NewColumn(6, own, ownTries), second,
		widget.NewColumn(6, s.title("settings.closed.filter"), s.listing(strings.Join(s.m.own.Filter, "\n"))),
	}
	return parts, func() {
		switch {
		case s.m.asking:
			set(engine, t("settings.closed.asking"), "")
		case s.m.engine != nil:
			text, well := s.m.verdict(t("settings.closed.engine"), *s.m.engine)
			set(engine, text, verdictColor(well))
			tries.label.SetText(attempts(*s.m.engine))
		default:
			set(engine, "", "")
		}
		if tries.label.Text == "" {
			tries.Hide()
		} else {
			tries.Show()
		}
		set(trouble, s.m.engineTrouble(), fynetheme.ColorNameError)
		able(again, !s.m.asking)
		tries.Refresh()
		refresh(second)
	}
}

func verdictColor(well bool) fyne.ThemeColorName {
	if well {
		return fynetheme.ColorNameSuccess
	}
	return fynetheme.ColorNameError
}

func (s *Screen) proof(program string, p closed.Proof) (*widget.Prose, *listing) {
	text, well := s.m.verdict(s.shell.Text(program), p)
	return s.prose(s.ink.body, widget.Run{Text: text, Color: verdictColor(well)}), s.listing(attempts(p))
}

// listing is text of even columns that scrolls sideways and can be selected. The wheel, which goes up and down, moves the page it stands on.
type listing struct {
	*container.Scroll
	label *fynewidget.Label
	sheet *widget.Sheet
}

// Scrolled is fyne.Scrollable.
func (l *listing) Scrolled(e *fyne.ScrollEvent) {
	if e.Scrolled.DX != 0 {
		l.Scroll.Scrolled(e)
		return
	}
	l.sheet.Wheel(e)
}

func (s *Screen) listing(text string) *listing {
	label := fynewidget.NewLabel(text)
	label.TextStyle.Monospace, label.Selectable = true, true
	label.SizeName = fynetheme.SizeNameCaptionText
	return &listing{container.NewHScroll(label), label, s.sheet}
}

package settings

import (
	"image/color"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/widget"
)

// fieldGroup shows settings one below the other.
func (s *Screen) fieldGroup(keys []string) (parts []fyne.CanvasObject, update func()) {
	var updates []func()
	for _, key := range keys {
		part, u := s.field(key)
		parts, updates = append(parts, part), append(updates, u)
	}
	return parts, func() {
		for _, u := range updates {
			u()
		}
	}
}

// field shows one setting: name, control, the way back to the default, what it does, and what is wrong with it.
func (s *Screen) field(key string) (fyne.CanvasObject, func()) {
	name := s.prose(s.ink.body, widget.Run{Text: s.shell.Text("settings.field." + key), Bold: true})
	about := s.about(s.shell.Text("settings.field." + key + ".about"))
	wrong := s.prose(s.ink.body)
	reset := s.button("settings.reset", func() {
		s.touch = key
		s.m.reset(key)
		s.Focus()
	})
	reset.Importance = fynewidget.LowImportance
	control := s.choice
	if !listed(key) {
		control = s.entry
	}
	object, take := control(key)
	row := widget.NewFlow(8, object, reset)
	column := widget.NewColumn(4, name, row, wrong, about)
	return column, func() {
		take()
		reset.Hidden = !s.m.custom(key)
		set(wrong, s.m.problem(key), fynetheme.ColorNameError)
		refresh(row, column)
	}
}

// choice is the control of a setting with few values.
func (s *Screen) choice(key string) (fyne.CanvasObject, func()) {
	var values []string
	var c *widget.Choice
	c = widget.NewChoice(nil, func(i int) {
		if i >= 0 && i < len(values) {
			s.touch = key
			s.m.set(key, values[i])
		}
	})
	c.OnFocus = func() { s.sheet.Reveal(c) }
	s.last[key] = c
	return s.sized(edged(c), 340, 0), func() {
		var names []string
		values, names = s.m.options(key)
		if !slices.Equal(names, c.Options) {
			c.Options = names
		}
		if i := slices.Index(values, s.m.current(key)); i != c.SelectedIndex() {
			c.Choose(i)
		}
	}
}

// edged gives a choice an edge: Fyne's has none, and is hard to see on a light ground.
func edged(c *widget.Choice) fyne.CanvasObject {
	edge := canvas.NewRectangle(color.Transparent)
	edge.CornerRadius, edge.StrokeWidth = 6, 1
	edge.StrokeColor = fynetheme.Color(fynetheme.ColorNameInputBorder)
	return container.NewStack(c, edge)
}

// entry is the control of a setting that is written. It applies on Enter and when the keyboard goes elsewhere.
func (s *Screen) entry(key string) (fyne.CanvasObject, func()) {
	e := widget.NewEntry()
	e.SetText(s.m.value(key))
	apply := func() {
		if e.Text != s.m.value(key) {
			s.touch = key
			s.m.set(key, e.Text)
		}
	}
	e.OnChanged = func(text string) { s.m.try(key, text) }
	e.OnSubmitted = func(string) { apply() }
	e.OnLeave = apply
	e.OnFocus = func() { s.sheet.Reveal(e) }
	e.OnEscape = func() { e.SetText(s.m.value(key)) }
	s.last[key] = e
	shown := s.m.value(key)
	width := float32(200)
	if key == "backup_folder" { // a path
		width = 480
	}
	return s.sized(e, width, 0), func() {
		e.SetPlaceHolder(s.m.hint(key))
		if now := s.m.value(key); now != shown { // set elsewhere
			shown = now
			if e.Text != now {
				e.SetText(now)
			}
		}
	}
}

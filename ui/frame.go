package ui

import (
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/core"
	"kakoi/resources"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// frame is what stands around the screens: rail on the left, bar on top, strip at the bottom.
type frame struct {
	shell *Shell
	bar   *bar
	rail  *fyne.Container
	body  *fyne.Container
}

func newFrame(s *Shell) *frame { return &frame{shell: s, bar: newBar(s)} }

// build makes the frame in the current language, with a quiet middle until a screen is put in.
func (f *frame) build() fyne.CanvasObject {
	s := f.shell
	f.rail = container.NewVBox()
	f.body = container.NewStack(f.quiet(s.Text("ui.opening")))
	f.fillRail()
	edge := container.NewBorder(f.bar.build(), s.strip.build(), f.side(), nil, f.body)
	return container.NewStack(edge, s.notices.build()) // the toolkit clears a frame with the background colour itself
}

// open shows the screen a person was at, or the welcome.
func (f *frame) open() {
	s := f.shell
	f.fillRail()
	f.bar.refresh()
	// A person may have gone from the welcome to a screen, by the rail: then a new look does not take them back.
	if !s.state.Welcomed && (s.greets || s.greeting == nil) {
		s.welcome()
		return
	}
	s.show(s.current)
}

// put replaces the middle.
func (f *frame) put(o fyne.CanvasObject) {
	f.body.Objects = []fyne.CanvasObject{o}
	f.body.Refresh()
	f.fillRail()
}

func (f *frame) side() fyne.CanvasObject {
	back := canvas.NewRectangle(color(theme.ColorRail))
	return container.NewStack(back, container.NewBorder(nil, nil, nil, fynewidget.NewSeparator(), container.NewPadded(f.rail)))
}

// fillRail puts one button a screen into the rail, help at its end.
func (f *frame) fillRail() {
	s := f.shell
	f.rail.Objects = nil
	for _, e := range s.entries {
		b := widget.NewButton(s.Text("ui.screen."+string(e.name)), e.icon, func() { s.show(e.name) })
		b.Alignment = fynewidget.ButtonAlignLeading
		b.Importance = fynewidget.LowImportance
		if e.name == s.current && !s.greets {
			b.Importance = fynewidget.HighImportance
		}
		f.rail.Objects = append(f.rail.Objects, b)
	}
	f.rail.Refresh()
}

// quiet is a middle that only says something.
func (f *frame) quiet(text string) fyne.CanvasObject {
	label := fynewidget.NewLabel(text)
	label.Alignment = fyne.TextAlignCenter
	label.Importance = fynewidget.LowImportance
	return container.NewCenter(label)
}

// showClosing says that work is put in order.
func (f *frame) showClosing() {
	f.put(f.quiet(f.shell.Text("ui.closing")))
}

// showFailure says why the data folder does not open. There is nothing else to do but to read it.
func (f *frame) showFailure(err error) {
	s := f.shell
	sentence, hint := resources.ErrorText(s.Lang(), err)
	title := fynewidget.NewLabelWithStyle(s.Text("ui.failed.title"), fyne.TextAlignCenter, fyne.TextStyle{Bold: true})
	text := fynewidget.NewLabel(sentence)
	text.Alignment, text.Wrapping = fyne.TextAlignCenter, fyne.TextWrapWord
	help := fynewidget.NewLabel(hint)
	help.Alignment, help.Wrapping, help.Importance = fyne.TextAlignCenter, fyne.TextWrapWord, fynewidget.LowImportance
	details := widget.NewButton(s.Text("ui.error.copy"), fynetheme.ContentCopyIcon(), func() { s.Clipboard(err.Error()) })
	end := widget.NewButton(s.Text("ui.shortcut.quit"), nil, s.asked)
	end.Importance = fynewidget.HighImportance
	buttons := container.NewHBox(details, end)
	if s.p.Repair != nil && errors.Is(err, core.ErrCorrupt) {
		repair := widget.NewButton(s.Text("settings.repair.start"), nil, func() {
			s.ask(widget.Question{Title: s.Text("settings.repair.title"), Text: s.Text("cli.repair.files_how"), Yes: s.Text("settings.repair.yes"), Then: func() {
				if err := s.p.Repair(); err != nil {
					s.ShowError(err)
					return
				}
				s.Restart()
			}})
		})
		buttons.Add(repair)
	}
	f.put(container.NewVBox(layout.NewSpacer(), title, text, help, container.NewCenter(buttons), layout.NewSpacer()))
	s.window.Canvas().Focus(end)
}

// color is a colour of the current theme.
func color(name fyne.ThemeColorName) interface{ RGBA() (r, g, b, a uint32) } {
	app := fyne.CurrentApp()
	return app.Settings().Theme().Color(name, app.Settings().ThemeVariant())
}

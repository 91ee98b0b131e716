package ui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app/settings"
	"kakoi/resources"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// Note is a small window by itself, for what a person without a terminal would not get to know: why the window does not open.
type Note struct {
	App      fyne.App
	Fonts    string            // folder of the bundled fonts
	Language string            // "ja" or "en"
	Look     settings.Settings // theme and text size
	Text     string            // what is the matter
	Hint     string            // what happens next, or what to do
}

// Show shows the note until it is closed or ctx ends. It takes the place of Run: a process has one of them.
func (n Note) Show(ctx context.Context) {
	look := lookOf(n.Look, n.Language)
	speak(look.language)
	n.App.Settings().SetTheme(theme.New(look.mode, look.percent, theme.LoadFonts(n.Fonts)))
	w := n.App.NewWindow("Kakoi")
	w.SetMaster()
	closed := widget.NewButton(resources.Format(look.language, "ui.close"), nil, n.App.Quit)
	closed.OnEscape = n.App.Quit
	w.SetContent(n.content(closed))
	w.SetFixedSize(true)
	w.CenterOnScreen()
	w.Canvas().Focus(closed)
	stop := context.AfterFunc(ctx, func() { fyne.Do(n.App.Quit) })
	defer stop()
	w.ShowAndRun()
}

func (n Note) content(closed fyne.CanvasObject) fyne.CanvasObject {
	title := fynewidget.NewLabelWithStyle("Kakoi", fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
	return container.NewPadded(container.NewVBox(title, paragraph(n.Text, noticeWidth, ""), paragraph(n.Hint, noticeWidth, theme.ColorSecondary),
		container.NewHBox(layout.NewSpacer(), closed)))
}

package lock

import (
	"image/color"

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

// Moving is shown in place of the screens while the library is encrypted or decrypted, for it is closed meanwhile.
type Moving struct {
	shell  shell
	key    string // texts key.title, key.text
	cancel func()

	bar    *fynewidget.ProgressBar
	stage  *widget.Prose
	stop   *widget.Button
	column *widget.Box
	last   core.Update
	ending string
	ended  bool // it was cancelled
}

// NewMoving makes the page. key is the beginning of its texts; cancel gives the work up.
func NewMoving(s shell, key string, cancel func()) *Moving {
	return &Moving{shell: s, key: key, cancel: cancel}
}

// Build makes the view in the current language and text size.
func (m *Moving) Build() fyne.CanvasObject {
	th := fyne.CurrentApp().Settings().Theme()
	size := th.Size(fynetheme.SizeNameText)
	body, head := widget.NewRuler(size), widget.NewRuler(th.Size(fynetheme.SizeNameSubHeadingText))
	t := m.shell.Text
	m.bar = fynewidget.NewProgressBar()
	m.stage = widget.NewProse(body)
	m.stop = widget.NewButton(t("ui.cancel"), nil, func() {
		m.ended = true
		m.cancel()
		m.refresh()
	})
	m.column = widget.NewColumn(12,
		widget.NewProse(head, widget.Run{Text: t(m.key + ".title"), Bold: true}),
		widget.NewProse(body, widget.Run{Text: t(m.key + ".text")}),
		m.bar, m.stage,
		container.NewHBox(layout.NewSpacer(), m.stop),
	)
	m.refresh()
	return container.New(middle{(width + 60) * size / 14}, canvas.NewRectangle(color.Transparent), m.column)
}

// Progress shows how far the work is.
func (m *Moving) Progress(u core.Update) {
	m.last = u
	m.refresh()
}

// Focus puts the keyboard on the button.
func (m *Moving) Focus() { m.shell.Window().Canvas().Focus(m.stop) }

// Leave is called before the page is taken away.
func (m *Moving) Leave() {}

// Ending says that the window ends.
func (m *Moving) Ending(text string) {
	m.ending = text
	m.refresh()
}

func (m *Moving) refresh() {
	if m.bar == nil {
		return
	}
	if m.last.Total > 0 {
		m.bar.SetValue(min(1, float64(m.last.Done)/float64(m.last.Total)))
	}
	text := " " // keeps its line
	switch {
	case m.ending != "":
		text = m.ending
	case m.ended:
		text = m.shell.Text("lock.back")
	case m.last.Stage != "":
		if name, ok := resources.Text(m.shell.Lang(), "stage."+m.last.Stage); ok {
			text = name
		}
	}
	m.stage.SetRuns([]widget.Run{{Text: text, Color: theme.ColorSecondary}})
	if m.ended || m.ending != "" {
		m.stop.Disable()
	}
	m.column.Refresh()
}

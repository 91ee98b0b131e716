package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"
)

// Panel lies over the window until it is closed: for a question, an editor, or details that a person asked for.
type Panel struct {
	popup  *fynewidget.PopUp
	canvas fyne.Canvas
	before fyne.Focusable
	typed  func(*fyne.KeyEvent) // of the window before
	said   *Prose
	around *Box      // of said
	size   fyne.Size // without it
	closed bool
	// OnClosed is called once, however it was closed. nil is allowed.
	OnClosed func()
}

// PanelParams say what a Panel shows.
type PanelParams struct {
	Canvas  fyne.Canvas
	Title   string
	Content fyne.CanvasObject
	Buttons []*Button // in a row at the lower right, from left to right; Escape on any of them closes the Panel
	Focus   fyne.Focusable
	Size    fyne.Size // at most; the window's own size bounds it
}

// ShowPanel opens a Panel.
func ShowPanel(p PanelParams) *Panel {
	panel := &Panel{canvas: p.Canvas, before: p.Canvas.Focused()}
	title := fynewidget.NewLabelWithStyle(p.Title, fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
	title.Wrapping = fyne.TextWrapWord
	row := container.NewHBox(layout.NewSpacer())
	for _, b := range p.Buttons {
		if b.OnEscape == nil {
			b.OnEscape = panel.Close
		}
		row.Add(b)
	}
	panel.said = NewProse(NewRuler(fynetheme.TextSize()))
	panel.around = NewInset(4, 0, 4, 0, nil, panel.said)
	panel.around.Hide()
	foot := NewColumn(fynetheme.Padding(), panel.around, row)
	content := container.NewPadded(container.NewBorder(title, foot, nil, nil, p.Content))
	panel.popup = fynewidget.NewModalPopUp(container.NewPadded(content), p.Canvas)
	room := p.Canvas.Size()
	least := panel.popup.MinSize()
	panel.size = fyne.NewSize(
		max(least.Width, min(p.Size.Width, room.Width-40)),
		max(least.Height, min(p.Size.Height, room.Height-40)),
	)
	panel.popup.Resize(panel.size)
	panel.popup.Show()
	panel.typed = p.Canvas.OnTypedKey()
	p.Canvas.SetOnTypedKey(func(k *fyne.KeyEvent) { // nothing in the Panel has the focus
		if k.Name == fyne.KeyEscape {
			panel.Close()
		}
	})
	switch {
	case p.Focus != nil:
		p.Canvas.Focus(p.Focus)
	case len(p.Buttons) > 0:
		p.Canvas.Focus(p.Buttons[len(p.Buttons)-1])
	}
	return panel
}

// Close takes the Panel away and gives the focus back. Twice is once.
func (p *Panel) Close() {
	if p.closed {
		return
	}
	p.closed = true
	p.popup.Hide()
	p.canvas.SetOnTypedKey(p.typed)
	if p.before != nil {
		p.canvas.Focus(p.before)
	}
	if p.OnClosed != nil {
		p.OnClosed()
	}
}

// Say shows above the buttons what went wrong with what a person did in the Panel; "" takes it away.
func (p *Panel) Say(text string) {
	p.said.SetRuns([]Run{{Text: text, Color: fynetheme.ColorNameError}})
	show(p.around, text != "")
	size := p.size
	if text != "" {
		size.Height += p.around.HeightFor(p.popup.Content.Size().Width) + fynetheme.Padding()
		size.Height = max(p.size.Height, min(size.Height, p.canvas.Size().Height-40)) // without room the words take theirs from the content
	}
	p.popup.Refresh()
	p.popup.Resize(size)
	p.popup.Content.Refresh()
}

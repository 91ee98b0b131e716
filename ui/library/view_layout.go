package library

import (
	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// down puts objects below each other, as high as they need to be in the width there is; the one at fill takes the rest.
type down struct{ fill int }

const gap = 6

func (d down) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	used := float32(0)
	for i, o := range objects {
		if i != d.fill && o.Visible() {
			if h := widget.HeightFor(o, size.Width); h > 0 {
				used += h + gap
			}
		}
	}
	y := float32(0)
	for i, o := range objects {
		if !o.Visible() {
			continue
		}
		h := widget.HeightFor(o, size.Width)
		if i == d.fill {
			h = max(0, size.Height-used)
		}
		o.Move(fyne.NewPos(0, y))
		o.Resize(fyne.NewSize(size.Width, h))
		if h > 0 {
			y += h + gap
		}
	}
}

func (d down) MinSize(objects []fyne.CanvasObject) fyne.Size {
	size := fyne.NewSize(0, 160)
	for _, o := range objects {
		if o.Visible() {
			size.Width = max(size.Width, o.MinSize().Width)
		}
	}
	return size
}

// heading is a bold line.
func (s *Screen) heading(text string) *widget.Prose {
	return widget.NewProse(s.ruler, widget.Run{Text: text, Bold: true})
}

// words is a paragraph.
func (s *Screen) words(text string) *widget.Prose {
	return widget.NewProse(s.ruler, widget.Run{Text: text})
}

// aside is a paragraph in small, quiet letters.
func (s *Screen) aside(text string) *widget.Prose {
	return widget.NewProse(s.small, widget.Run{Text: text, Color: theme.ColorSecondary})
}

// panel puts objects on a quiet background.
func panel(objects ...fyne.CanvasObject) *widget.Box {
	return widget.NewInset(12, 8, 12, 8, widget.NewPanelBack(theme.ColorQuestion), widget.NewColumn(gap, objects...))
}

// card puts objects on the background of fields.
func card(objects ...fyne.CanvasObject) *widget.Box {
	back := widget.NewPanelBack(fynetheme.ColorNameInputBackground)
	return widget.NewInset(12, 8, 12, 8, back, widget.NewColumn(4, objects...))
}

func button(text string, icon fyne.Resource, importance fynewidget.Importance, tapped func()) *widget.Button {
	b := widget.NewButton(text, icon, tapped)
	b.Importance = importance
	return b
}

const (
	plain  = fynewidget.MediumImportance
	quiet  = fynewidget.LowImportance
	strong = fynewidget.HighImportance
)

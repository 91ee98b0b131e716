package chat

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"
)

// lineRow is a line of the list.
type lineRow struct {
	fynewidget.BaseWidget
	title *fynewidget.Label
	back  *canvas.Rectangle
}

func newLineRow() *lineRow {
	r := &lineRow{title: fynewidget.NewLabel(""), back: canvas.NewRectangle(color.Transparent)}
	r.title.Truncation = fyne.TextTruncateEllipsis
	r.back.CornerRadius = 6
	r.ExtendBaseWidget(r)
	return r
}

func (r *lineRow) CreateRenderer() fyne.WidgetRenderer {
	return fynewidget.NewSimpleRenderer(container.NewStack(r.back, r.title))
}

func (r *lineRow) show(l Line) {
	text := l.Title
	if l.Note != "" {
		text = l.Note
	}
	r.title.SizeName, r.title.Importance = fynetheme.SizeNameText, fynewidget.MediumImportance
	if l.Heading {
		r.title.SizeName, r.title.Importance = fynetheme.SizeNameCaptionText, fynewidget.LowImportance
	}
	r.title.TextStyle.Bold = l.Shown
	r.back.FillColor = color.Transparent
	if l.Shown {
		r.back.FillColor = themeColor(fynetheme.ColorNameHover)
	}
	r.back.Refresh()
	r.title.SetText(text)
}

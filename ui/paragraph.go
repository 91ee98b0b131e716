package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"kakoi/ui/widget"
)

// paragraph is a text in lines of a width. Unlike a Label it does not break Japanese lines at spaces. color "" is the foreground.
func paragraph(text string, width float32, color fyne.ThemeColorName) fyne.CanvasObject {
	p := widget.NewProse(widget.NewRuler(fynetheme.TextSize()), widget.Run{Text: text, Color: color})
	return container.NewPadded(container.NewGridWrap(fyne.NewSize(width, p.HeightFor(width)), p))
}

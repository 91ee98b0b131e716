package widget

import (
	"image/color"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
)

const (
	colorForeground = fynetheme.ColorNameForeground
	colorSelection  = fynetheme.ColorNameSelection
)

// themeColor is a colour of the theme as it is now.
func themeColor(name fyne.ThemeColorName) color.Color {
	settings := fyne.CurrentApp().Settings()
	return settings.Theme().Color(name, settings.ThemeVariant())
}

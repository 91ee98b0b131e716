package chat

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

const (
	shiftLeft  = desktop.KeyShiftLeft
	shiftRight = desktop.KeyShiftRight
)

// themeColor is a colour of the theme as it is now.
func themeColor(name fyne.ThemeColorName) color.Color {
	settings := fyne.CurrentApp().Settings()
	return settings.Theme().Color(name, settings.ThemeVariant())
}

// themeSize is a size of the theme as it is now.
func themeSize(name fyne.ThemeSizeName) float32 {
	return fyne.CurrentApp().Settings().Theme().Size(name)
}

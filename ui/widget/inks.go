package widget

import (
	"image/color"
	"log/slog"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"

	"kakoi/app/plot"
	"kakoi/ui/theme"
)

// inks gives pictures of package plot the look of the theme as it is now, and its font. The font is read once.
type inks struct {
	resource fyne.Resource
	letters  *plot.Font
}

// font is that of the theme.
func (k *inks) font() *plot.Font {
	settings := fyne.CurrentApp().Settings()
	r := settings.Theme().Font(fyne.TextStyle{})
	if k.letters != nil && k.resource == r {
		return k.letters
	}
	letters, err := plot.NewFont(r.Content())
	if err != nil { // the window shows words in it: it is sound
		slog.Warn("font of pictures", "error", err)
		if letters, err = plot.NewFont(nil); err != nil {
			panic(err) // it is part of the program
		}
	}
	k.resource, k.letters = r, letters
	return letters
}

// look is the theme's, with so many pixels to a unit.
func (k *inks) look(scale float64) plot.Look {
	back := nrgba(fynetheme.ColorNameInputBackground)
	size := scale * float64(fynetheme.Size(fynetheme.SizeNameCaptionText))
	l := plot.Light(k.font(), size)
	if int(back.R)+int(back.G)+int(back.B) < 3*128 {
		l = plot.Dark(k.font(), size)
	}
	l.Back, l.Ink, l.Faint = back, nrgba(fynetheme.ColorNameForeground), nrgba(theme.ColorSecondary)
	l.Grid, l.Second, l.Mark = nrgba(fynetheme.ColorNameSeparator), nrgba(fynetheme.ColorNamePrimary), nrgba(fynetheme.ColorNameError)
	return l
}

func nrgba(name fyne.ThemeColorName) color.NRGBA {
	return color.NRGBAModel.Convert(themeColor(name)).(color.NRGBA)
}

// Package theme is how the window looks: colours, sizes and fonts, light and dark. Screens take colours and sizes by
// Fyne's names, and the few of our own from here.
package theme

import (
	"image/color"
	"os"
	"path/filepath"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
)

// Colours of our own. Every theme of the window has them.
const (
	ColorMark      fyne.ThemeColorName = "kakoiMark"      // behind a cited passage
	ColorRefused   fyne.ThemeColorName = "kakoiRefused"   // behind "not in the documents"
	ColorRail      fyne.ThemeColorName = "kakoiRail"      // behind the rail and the strip
	ColorUnsure    fyne.ThemeColorName = "kakoiUnsure"    // under a sentence without support
	ColorQuestion  fyne.ThemeColorName = "kakoiQuestion"  // behind a question
	ColorSealed    fyne.ThemeColorName = "kakoiSealed"    // the shield
	ColorDropCurt  fyne.ThemeColorName = "kakoiDrop"      // over a screen that takes what is dragged
	ColorSecondary fyne.ThemeColorName = "kakoiSecondary" // small text: places, times, units
)

// Modes of Theme.
const (
	System = "system"
	Light  = "light"
	Dark   = "dark"
)

// Theme is a fyne.Theme. Make it with New.
type Theme struct {
	mode  string
	scale float32
	fonts Fonts
}

// Fonts are the bundled ones; nil members leave Fyne's.
type Fonts struct{ Regular, Bold, Mono fyne.Resource }

// LoadFonts reads the fonts of a folder (NotoSansJP-Regular.ttf, NotoSansJP-Bold.ttf, Mono.ttf); those that are
// missing stay nil.
func LoadFonts(dir string) Fonts {
	load := func(name string) fyne.Resource {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil
		}
		return fyne.NewStaticResource(name, raw)
	}
	return Fonts{load("NotoSansJP-Regular.ttf"), load("NotoSansJP-Bold.ttf"), load("Mono.ttf")}
}

// New makes a theme. mode is System, Light or Dark; percent is the text size, 100 being normal.
func New(mode string, percent int, fonts Fonts) *Theme {
	if percent <= 0 {
		percent = 100
	}
	return &Theme{mode, float32(percent) / 100, fonts}
}

// Color gives the light or dark colour; in mode System the desktop's choice decides.
func (t *Theme) Color(name fyne.ThemeColorName, v fyne.ThemeVariant) color.Color {
	switch t.mode {
	case Light:
		v = fynetheme.VariantLight
	case Dark:
		v = fynetheme.VariantDark
	}
	if pair, ok := colors[name]; ok {
		if v == fynetheme.VariantDark {
			return pair.dark
		}
		return pair.light
	}
	return fynetheme.DefaultTheme().Color(name, v)
}

// Font gives the bundled font of a style: Fyne's own have no Japanese, and the system's sit on another baseline.
func (t *Theme) Font(s fyne.TextStyle) fyne.Resource {
	font := t.fonts.Regular
	switch {
	case s.Symbol:
		font = nil
	case s.Monospace:
		font = t.fonts.Mono
	case s.Bold:
		font = t.fonts.Bold
	}
	if font == nil {
		return fynetheme.DefaultTheme().Font(s)
	}
	return font
}

// Icon is Fyne's.
func (t *Theme) Icon(name fyne.ThemeIconName) fyne.Resource {
	return fynetheme.DefaultTheme().Icon(name)
}

// Size scales texts and icons with the text size; spaces stay, so that 150% fits a screen.
func (t *Theme) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case fynetheme.SizeNameText:
		return 14 * t.scale
	case fynetheme.SizeNameCaptionText:
		return 12 * t.scale
	case fynetheme.SizeNameHeadingText:
		return 22 * t.scale
	case fynetheme.SizeNameSubHeadingText:
		return 17 * t.scale
	case fynetheme.SizeNameInlineIcon:
		return 20 * t.scale
	case fynetheme.SizeNameInputRadius, fynetheme.SizeNameSelectionRadius:
		return 6
	case fynetheme.SizeNameModalBlurRadius:
		return 0 // a blurred window behind a panel doubles the time of a frame without a graphics card
	}
	return fynetheme.DefaultTheme().Size(name)
}

type pair struct{ light, dark color.Color }

func rgb(v uint32) color.Color {
	return color.NRGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 0xff}
}

func rgba(v uint32, alpha uint8) color.Color {
	return color.NRGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), alpha}
}

// colors are calm on purpose: one accent, warm greys, and red only where something is lost.
var colors = map[fyne.ThemeColorName]pair{
	fynetheme.ColorNameBackground:          {rgb(0xfbfaf7), rgb(0x1c1e21)},
	fynetheme.ColorNameForeground:          {rgb(0x23262b), rgb(0xe8e6e1)},
	fynetheme.ColorNamePrimary:             {rgb(0x1f6f6b), rgb(0x5fb7ae)},
	fynetheme.ColorNameForegroundOnPrimary: {rgb(0xffffff), rgb(0x10201f)},
	fynetheme.ColorNameButton:              {rgb(0xecebe5), rgb(0x2d3035)},
	fynetheme.ColorNameDisabledButton:      {rgb(0xf1f0ec), rgb(0x26282c)},
	fynetheme.ColorNameDisabled:            {rgb(0x9a9a95), rgb(0x74777c)},
	fynetheme.ColorNamePlaceHolder:         {rgb(0x6f716f), rgb(0x9a9da1)},
	fynetheme.ColorNameInputBackground:     {rgb(0xffffff), rgb(0x25282c)},
	fynetheme.ColorNameInputBorder:         {rgb(0xc9c8c1), rgb(0x44484e)},
	fynetheme.ColorNameMenuBackground:      {rgb(0xffffff), rgb(0x27292d)},
	fynetheme.ColorNameOverlayBackground:   {rgb(0xffffff), rgb(0x24272b)},
	fynetheme.ColorNameHeaderBackground:    {rgb(0xf1f0ea), rgb(0x24272b)},
	fynetheme.ColorNameSeparator:           {rgb(0xdedcd4), rgb(0x36393e)},
	fynetheme.ColorNameShadow:              {rgba(0x23262b, 0x26), rgba(0x000000, 0x55)}, // of a split's bar too, which is no frame
	fynetheme.ColorNameHover:               {rgba(0x1f6f6b, 0x16), rgba(0x5fb7ae, 0x20)},
	fynetheme.ColorNamePressed:             {rgba(0x1f6f6b, 0x30), rgba(0x5fb7ae, 0x38)},
	fynetheme.ColorNameFocus:               {rgba(0x1f6f6b, 0x70), rgba(0x5fb7ae, 0x80)},
	fynetheme.ColorNameSelection:           {rgba(0x1f6f6b, 0x38), rgba(0x5fb7ae, 0x48)},
	fynetheme.ColorNameHyperlink:           {rgb(0x1a5f8a), rgb(0x77b6e0)},
	fynetheme.ColorNameError:               {rgb(0xb3372f), rgb(0xe5766c)},
	fynetheme.ColorNameWarning:             {rgb(0x9a6a10), rgb(0xd8a94a)},
	fynetheme.ColorNameSuccess:             {rgb(0x2f7a3f), rgb(0x6fbf7f)},
	fynetheme.ColorNameScrollBar:           {rgba(0x23262b, 0x60), rgba(0xe8e6e1, 0x60)},
	ColorMark:                              {rgba(0xf5c542, 0x70), rgba(0xf5c542, 0x58)},
	ColorRefused:                           {rgb(0xeef0ee), rgb(0x2a2e31)},
	ColorRail:                              {rgb(0xf1f0ea), rgb(0x17191c)},
	ColorUnsure:                            {rgb(0xc9822b), rgb(0xd8a94a)},
	ColorQuestion:                          {rgb(0xe9f1ef), rgb(0x263331)},
	ColorSealed:                            {rgb(0x2f7a3f), rgb(0x6fbf7f)},
	ColorDropCurt:                          {rgba(0x1f6f6b, 0x28), rgba(0x5fb7ae, 0x28)},
	ColorSecondary:                         {rgb(0x63665f), rgb(0xa5a8a9)},
}

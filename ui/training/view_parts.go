package training

import (
	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// button is one of a page.
func (s *Screen) button(key string, icon fyne.Resource, importance fynewidget.Importance, tapped func()) *widget.Button {
	b := widget.NewButton(s.text(key), icon, tapped)
	b.Importance = importance
	return b
}

func (s *Screen) prose(r *widget.Ruler, runs ...widget.Run) *widget.Prose {
	return widget.NewProse(r, runs...)
}

func (s *Screen) words(key string) *widget.Prose {
	return s.prose(s.ink.body, widget.Run{Text: s.text(key)})
}

func (s *Screen) aside(text string) *widget.Prose {
	return s.prose(s.ink.small, widget.Run{Text: text, Color: theme.ColorSecondary})
}

func (s *Screen) title(key string) *widget.Prose {
	return s.prose(s.ink.head, widget.Run{Text: s.text(key), Bold: true})
}

// card puts objects on the background of fields.
func card(objects ...fyne.CanvasObject) *widget.Box {
	return widget.NewInset(12, 8, 12, 10, widget.NewPanelBack(fynetheme.ColorNameInputBackground), widget.NewColumn(gap, objects...))
}

// lineColor of a line's kind.
func lineColor(k lineKind) fyne.ThemeColorName {
	return map[lineKind]fyne.ThemeColorName{
		lineQuiet: theme.ColorSecondary, lineWarn: fynetheme.ColorNameWarning, lineBad: fynetheme.ColorNameError, lineGood: fynetheme.ColorNameSuccess,
	}[k]
}

// runs of lines, one below the other.
func runs(lines []line) []widget.Run { return joined(lines, "\n") }

// row of facts beside each other.
func row(facts []line) []widget.Run { return joined(facts, "   ") }

func joined(lines []line, between string) []widget.Run {
	var out []widget.Run
	for i, l := range lines {
		text := l.text
		if i < len(lines)-1 {
			text += between
		}
		out = append(out, widget.Run{Text: text, Color: lineColor(l.kind)})
	}
	return out
}

// visible shows or hides a button: one that was made hidden has no icon yet, and gets it when it is shown.
func visible(b *widget.Button, yes bool) {
	if yes {
		b.Show()
	} else {
		b.Hide()
	}
}

func can(b *widget.Button, yes bool) {
	if yes == b.Disabled() {
		if yes {
			b.Enable()
		} else {
			b.Disable()
		}
	}
}

// say shows a text, or hides where there is none.
func say(p *widget.Prose, runs ...widget.Run) {
	p.Hidden = len(runs) == 0
	p.SetRuns(runs)
}

package ui

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/resources"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

const (
	toastTime  = 6 * time.Second
	maxNotices = 3 // older ones go

	noticeWidth = 390
)

// notices lie over the lower right corner: errors until they are closed, toasts for a while. They block nothing.
type notices struct {
	shell *Shell
	list  *fyne.Container
	cards []fyne.CanvasObject
	backs map[fyne.CanvasObject]func() // by card: takes its colours anew
	said  map[fyne.CanvasObject]string // by card: what says the same takes its place
	stays map[fyne.CanvasObject]bool   // by card: until it is closed, so that toasts go first
}

func newNotices(s *Shell) *notices {
	return &notices{shell: s, list: container.NewVBox(), backs: map[fyne.CanvasObject]func(){}, said: map[fyne.CanvasObject]string{}, stays: map[fyne.CanvasObject]bool{}}
}

// build makes the place of the cards anew; the theme may be another one now.
func (n *notices) build() fyne.CanvasObject {
	for _, c := range n.cards {
		n.backs[c]()
	}
	gap := container.New(flat{9.3 * fynetheme.TextSize()}) // the strip, and the chat's field with its button
	n.list = container.NewVBox(n.cards...)
	return container.NewVBox(layout.NewSpacer(), container.NewHBox(layout.NewSpacer(), n.list), gap)
}

// add shows a card; said tells cards that say the same.
func (n *notices) add(card fyne.CanvasObject, said string, stays bool) {
	for _, c := range n.cards {
		if n.said[c] == said {
			n.forget(c)
			break
		}
	}
	n.cards = append(n.cards, card)
	n.said[card], n.stays[card] = said, stays
	for len(n.cards) > maxNotices {
		first := slices.IndexFunc(n.cards[:len(n.cards)-1], func(c fyne.CanvasObject) bool { return !n.stays[c] })
		n.forget(n.cards[max(0, first)])
	}
	n.show()
}

func (n *notices) remove(card fyne.CanvasObject) {
	if slices.Contains(n.cards, card) {
		n.forget(card)
		n.show()
	}
}

// clear takes all cards away.
func (n *notices) clear() {
	for _, c := range n.cards {
		n.forget(c)
	}
	n.show()
}

func (n *notices) forget(card fyne.CanvasObject) {
	n.cards = slices.DeleteFunc(slices.Clone(n.cards), func(c fyne.CanvasObject) bool { return c == card })
	delete(n.backs, card)
	delete(n.said, card)
	delete(n.stays, card)
}

func (n *notices) show() {
	n.list.Objects = append([]fyne.CanvasObject(nil), n.cards...)
	n.list.Refresh()
	if c := n.shell.window.Content(); c != nil {
		c.Refresh()
	}
}

// card puts content on a raised background of a steady width.
func (n *notices) card(edge fyne.ThemeColorName, content fyne.CanvasObject) fyne.CanvasObject {
	back := canvas.NewRectangle(nil)
	back.CornerRadius, back.StrokeWidth = 8, 1
	paint := func() {
		back.FillColor, back.StrokeColor = color(fynetheme.ColorNameOverlayBackground), color(edge)
		back.Refresh()
	}
	paint()
	c := container.NewPadded(container.NewStack(back, container.NewPadded(container.New(widget.AtLeast{Width: noticeWidth + 10}, content))))
	n.backs[c] = paint
	return c
}

// Toast shows a short note for a few seconds. It may be called from any goroutine.
func (s *Shell) Toast(text string) {
	s.Post(func() {
		if s.locked() {
			return
		}
		c := s.notices.card(fynetheme.ColorNameSeparator, paragraph(text, noticeWidth, ""))
		s.notices.add(c, text, false)
		time.AfterFunc(toastTime, func() { s.Post(func() { s.notices.remove(c) }) })
	})
}

// ShowError says what went wrong: one sentence, one hint, and the whole chain for whoever helps. What a person cancelled
// is no error. It may be called from any goroutine.
func (s *Shell) ShowError(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	slog.Error("shown", "error", err)
	sentence, hint := resources.ErrorText(s.Lang(), err)
	s.Post(func() {
		if s.locked() {
			return
		}
		title := fynewidget.NewLabelWithStyle(s.Text("ui.error.title"), fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
		text := paragraph(sentence, noticeWidth, "")
		help := paragraph(hint, noticeWidth, theme.ColorSecondary)
		chain := fynewidget.NewLabel(err.Error())
		chain.Wrapping, chain.TextStyle.Monospace, chain.Selectable = fyne.TextWrapBreak, true, true
		chain.Hide()
		var c fyne.CanvasObject
		details := widget.NewButton(s.Text("ui.error.details"), nil, func() {
			if chain.Visible() {
				chain.Hide()
			} else {
				chain.Show()
			}
			s.notices.show()
		})
		copied := widget.NewButton(s.Text("ui.error.copy"), fynetheme.ContentCopyIcon(), func() {
			s.Clipboard(sentence + "\n" + hint + "\n" + err.Error())
		})
		var buttons []*widget.Button
		gone := func() {
			focused := s.window.Canvas().Focused()
			had := slices.ContainsFunc(buttons, func(b *widget.Button) bool { return focused == fyne.Focusable(b) })
			s.notices.remove(c)
			if had {
				s.refocus()
			}
		}
		closed := widget.NewButton(s.Text("ui.close"), nil, gone)
		buttons = append(buttons, details, copied, closed)
		for _, b := range buttons {
			b.Importance, b.OnEscape = fynewidget.LowImportance, gone
		}
		c = s.notices.card(fynetheme.ColorNameError, container.NewVBox(title, text, help, chain, container.NewHBox(layout.NewSpacer(), details, copied, closed)))
		s.notices.add(c, sentence+"\n"+hint, true)
	})
}

package chat

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app/record"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// Room around the rows.
const (
	side   = 12
	rowGap = 6
)

// liveRow is the widget of a row that changes under its key.
type liveRow struct {
	prose *widget.Prose
	bar   *fynewidget.ProgressBar
	parts [2]*liveRow // of a pair
	shown string
}

// update shows the row as it is now, and says whether its height may have changed.
func (l *liveRow) update(v *transcriptView, r Row) bool {
	changed := false
	for i, p := range l.parts {
		if p != nil && r.Pair[i] != nil {
			changed = p.update(v, *r.Pair[i]) || changed
		}
	}
	if l.prose == nil {
		return changed
	}
	text := ""
	if r.Kind == RowProgress {
		share := 0.0
		text, share = v.screen.m.Progress()
		l.bar.Hidden = share < 0
		l.bar.SetValue(max(0, share))
	} else if len(r.Pieces) > 0 {
		text = r.Pieces[0].Text
	}
	if text == l.shown {
		return changed
	}
	l.shown = text
	l.prose.SetRuns([]widget.Run{{Text: text, Color: colorOf(r.Kind)}})
	return true
}

func colorOf(k RowKind) fyne.ThemeColorName {
	if k == RowProgress {
		return theme.ColorSecondary
	}
	return ""
}

// build makes the widget of a row.
func (v *transcriptView) build(r Row) fyne.CanvasObject {
	o, l := v.part(r)
	if l != nil && r.Live {
		v.live[r.Key] = l
	}
	return o
}

func (v *transcriptView) part(r Row) (fyne.CanvasObject, *liveRow) {
	switch r.Kind {
	case RowQuestion:
		return v.question(r), nil
	case RowText:
		p := v.prose(v.ruler, v.runs(r)...)
		text := ""
		if r.Live && len(r.Pieces) > 0 {
			text = r.Pieces[0].Text
		}
		top := float32(0)
		if r.First {
			top = rowGap
		}
		return widget.NewInset(side, top, side, 0, nil, p), &liveRow{prose: p, shown: text}
	case RowAbsent:
		return v.absent(r), nil
	case RowFailure:
		return v.failure(r), nil
	case RowProgress:
		return v.progress()
	case RowFoot:
		return v.foot(r), nil
	case RowPair:
		return v.pair(r)
	}
	return widget.NewInset(side, rowGap, side, rowGap, nil, v.prose(v.small, widget.Run{Text: r.Text, Color: theme.ColorSecondary})), nil
}

// runs gives the pieces of an answer their looks.
func (v *transcriptView) runs(r Row) []widget.Run {
	out := make([]widget.Run, 0, len(r.Pieces))
	for i, p := range r.Pieces {
		run := widget.Run{Text: p.Text}
		if i > 0 && r.Pieces[i-1].Cite > 0 && p.Cite == 0 && !strings.HasPrefix(p.Text, " ") && !strings.HasPrefix(p.Text, "\n") {
			out = append(out, widget.Run{Text: " ", Aside: true})
		}
		switch {
		case p.Cite > 0:
			run.Color, run.Bold, run.Aside = fynetheme.ColorNameHyperlink, true, true
			run.Note = v.screen.text("chat.cite.note", p.Cite)
			run.Tap = func() { v.screen.m.OpenSource(r.Turn, r.Given, p.Cite) }
		case p.Unsure:
			run.Under, run.Note = theme.ColorUnsure, v.screen.text("chat.unsure.note")
		}
		out = append(out, run)
	}
	return out
}

func (v *transcriptView) question(r Row) fyne.CanvasObject {
	s := v.screen
	var runs []widget.Run
	for _, p := range r.Pieces {
		runs = append(runs, widget.Run{Text: p.Text})
	}
	parts := []fyne.CanvasObject{v.prose(v.ruler, runs...)}
	if r.Last {
		edit := s.quiet("chat.edit", nil, func() {
			s.m.Edit(r.Turn)
			s.Focus()
		})
		parts[0] = widget.NewEdge(side, parts[0], edit)
		if r.Branches > 1 {
			parts = append(parts, v.switcher(s.text("chat.branch", r.Branch, r.Branches), func(by int) { s.m.Branch(r.Turn, by) }))
		}
	}
	top := float32(0)
	if r.First {
		top = 2 * side
	}
	inner := widget.NewInset(side, rowGap/2, 2, rowGap, widget.NewPanelBack(theme.ColorQuestion), widget.NewColumn(2, parts...))
	return widget.NewInset(2, top, side, rowGap, nil, inner)
}

// switcher is "‹ 2 / 3 ›".
func (v *transcriptView) switcher(text string, step func(by int)) fyne.CanvasObject {
	label := fynewidget.NewLabel(text)
	label.SizeName = fynetheme.SizeNameCaptionText
	return container.NewHBox(
		v.screen.quiet("", fynetheme.NavigateBackIcon(), func() { step(-1) }), label,
		v.screen.quiet("", fynetheme.NavigateNextIcon(), func() { step(+1) }),
	)
}

// absent is calm: nothing went wrong, the documents do not say it.
func (v *transcriptView) absent(r Row) fyne.CanvasObject {
	parts := []fyne.CanvasObject{
		v.prose(v.ruler, widget.Run{Text: r.Text, Bold: true}),
		v.prose(v.small, widget.Run{Text: r.Hint, Color: theme.ColorSecondary}),
	}
	for _, p := range r.Places {
		open := func() { v.screen.m.OpenPlace(r.Turn, r.Given, p.At) }
		card := widget.NewCard(v.small, p.Title, p.Text, open)
		card.OnEscape = v.screen.escape
		parts = append(parts, card)
	}
	inner := widget.NewInset(side, side, side, side, widget.NewPanelBack(theme.ColorRefused), widget.NewColumn(rowGap, parts...))
	return widget.NewInset(2, rowGap, side, 0, nil, inner)
}

func (v *transcriptView) failure(r Row) fyne.CanvasObject {
	s := v.screen
	again := s.quiet("chat.again", fynetheme.ViewRefreshIcon(), func() { s.m.Again(r.Turn) })
	again.Importance = fynewidget.MediumImportance
	body := widget.NewColumn(
		rowGap,
		v.prose(v.ruler, widget.Run{Text: r.Text, Color: fynetheme.ColorNameWarning}),
		v.prose(v.small, widget.Run{Text: r.Hint, Color: theme.ColorSecondary}),
		widget.NewFlow(0, again),
	)
	return widget.NewInset(2, rowGap, side, 0, nil, widget.NewInset(side, side, side, side, widget.NewPanelBack(theme.ColorRefused), body))
}

func (v *transcriptView) progress() (fyne.CanvasObject, *liveRow) {
	text, share := v.screen.m.Progress()
	l := &liveRow{prose: v.prose(v.ruler, widget.Run{Text: text, Color: theme.ColorSecondary}), bar: fynewidget.NewProgressBar(), shown: text}
	l.bar.TextFormatter = func() string { return "" }
	l.bar.Hidden = share < 0
	l.bar.SetValue(max(0, share))
	return widget.NewInset(side, rowGap, side, rowGap, nil, widget.NewColumn(rowGap, l.prose, l.bar)), l
}

// foot is what can be done with an answer. Its buttons have no icons: parsing those was most of the time of a scroll.
func (v *transcriptView) foot(r Row) fyne.CanvasObject {
	s := v.screen
	right := s.quiet("chat.right", nil, func() { s.m.Judge(r.Turn, r.Given, record.Right) })
	wrong := s.quiet("chat.wrong", nil, func() { s.showCorrection(r.Turn, r.Given) })
	switch r.Verdict {
	case record.Right:
		right.Importance = fynewidget.SuccessImportance
	case record.Wrong:
		wrong.Importance = fynewidget.WarningImportance
	}
	buttons := []fyne.CanvasObject{s.quiet("chat.copy", nil, func() { s.m.Copy(r.Turn, r.Given, false) })}
	if !r.Half { // half a column is too narrow for it; Ctrl+Shift+C does the same
		buttons = append(buttons, s.quiet("chat.copysources", nil, func() { s.m.Copy(r.Turn, r.Given, true) }))
	}
	buttons = append(
		buttons, right, wrong,
		s.quiet("chat.again", nil, func() { s.m.Again(r.Turn) }),
		s.quiet("chat.details", nil, func() { s.showDetails(r.Turn, r.Given) }),
	)
	if r.Numbers > 1 {
		buttons = append(buttons, v.switcher(s.text("chat.answers", r.Number, r.Numbers), func(by int) { s.m.SwitchAnswer(r.Turn, by) }))
	}
	var parts []fyne.CanvasObject
	if r.Text != "" {
		parts = append(parts, v.prose(v.small, widget.Run{Text: "\u3000\u3000", Under: theme.ColorUnsure}, widget.Run{Text: " " + r.Text, Color: theme.ColorSecondary}))
	}
	if r.Caption != "" {
		parts = append(parts, v.prose(v.small, widget.Run{Text: r.Caption, Color: theme.ColorSecondary}))
	}
	parts = append(parts, widget.NewInset(-side/2, 0, 0, 0, nil, widget.NewFlow(0, buttons...)))
	return widget.NewInset(side, rowGap, side, rowGap, nil, widget.NewColumn(2, parts...))
}

func (v *transcriptView) pair(r Row) (fyne.CanvasObject, *liveRow) {
	l := &liveRow{}
	var sides [2]fyne.CanvasObject
	for i, one := range r.Pair {
		if one == nil {
			sides[i] = widget.NewColumn(0)
			continue
		}
		sides[i], l.parts[i] = v.part(*one)
	}
	return widget.NewPair(side, sides[0], sides[1]), l
}

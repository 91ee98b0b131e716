package training

import (
	"strings"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app/record"
	"kakoi/ui/place"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// adoptPage is the last page: who answers from now on, and the way back.
type adoptPage struct {
	s       *Screen
	sheet   *widget.Sheet
	column  *widget.Box
	now     *widget.Prose
	told    *widget.Prose
	facts   *widget.Prose
	decide  *widget.Button
	use     *widget.Button
	back    *widget.Button
	buttons *widget.Box
	card    *widget.Box
}

func (s *Screen) makeAdopt() *page {
	p := &adoptPage{s: s, now: s.prose(s.ink.body), told: s.prose(s.ink.body), facts: s.prose(s.ink.small)}
	p.decide = s.button("training.adopt.decide", fynetheme.ConfirmIcon(), fynewidget.HighImportance, s.m.adopt)
	p.use = s.button("training.adopt.use", fynetheme.ConfirmIcon(), fynewidget.MediumImportance, s.m.use)
	p.back = s.button("training.adopt.back", fynetheme.ContentUndoIcon(), fynewidget.MediumImportance, s.m.back)
	cards := s.button("training.adopt.models", fynetheme.ComputerIcon(), fynewidget.LowImportance, func() { s.shell.Navigate(place.Models) })
	chat := s.button("training.adopt.chat", nil, fynewidget.LowImportance, func() { s.shell.Navigate(place.Chat) })
	p.buttons = widget.NewFlow(gap, p.decide, p.use, p.back, chat, cards)
	p.card = card(p.now, p.told, p.facts)
	p.column = widget.NewColumn(12, s.title("training.adopt.title"), s.words("training.adopt.intro"), p.card, p.buttons)
	p.sheet = widget.NewSheet(900*s.ink.scale, widget.NewInset(20, 10, 20, 20, nil, p.column))
	return &page{p.sheet, p.update, p.focus}
}

func (p *adoptPage) focus() fyne.Focusable {
	for _, b := range []*widget.Button{p.decide, p.use, p.back} {
		if b.Visible() && !b.Disabled() {
			return b
		}
	}
	return nil
}

func (p *adoptPage) update(c change) {
	s, m := p.s, p.s.m
	if c&(changedStep|changedExam) == 0 {
		return
	}
	a, ok := m.trained()
	e, sat := m.currentExam()
	visible(p.decide, sat && e.Decision.Better && !e.Adopted && !a.Default)
	visible(p.use, ok && !a.Default)
	visible(p.back, ok && a.Default)
	for _, b := range []*widget.Button{p.decide, p.use, p.back} {
		can(b, m.work == nil)
	}
	switch {
	case !ok:
		say(p.now, widget.Run{Text: s.text("training.adopt.none"), Color: theme.ColorSecondary})
		say(p.told)
		say(p.facts)
	default:
		kind := fynetheme.ColorNameForeground
		if a.Default {
			kind = fynetheme.ColorNameSuccess
		}
		say(p.now, widget.Run{Text: m.answers(a.Model), Bold: true, Color: kind})
		var lines []line
		if sat {
			lines = m.decided(e)
		}
		if a.State == record.AdapterDraft && a.Why != nil && len(lines) == 0 {
			lines = append(lines, line{m.sentence(a.Why.Err()), lineWarn})
		}
		if !sat && a.Why == nil {
			lines = append(lines, line{s.text("training.adopt.noexam"), lineWarn})
		}
		say(p.told, runs(lines)...)
		facts := []string{s.text("training.adapter.facts", a.Name, a.Model, a.DatasetName, a.Rows)}
		learned, shown := a.LearnedFrom()
		if len(learned) > 0 {
			facts = append(facts, s.text("training.adapter.documents", strings.Join(learned, s.text("training.comma"))))
		}
		if len(shown) > 0 {
			facts = append(facts, s.text("training.adapter.shown", strings.Join(shown, s.text("training.comma"))))
		}
		say(p.facts, widget.Run{Text: strings.Join(facts, "\n"), Color: theme.ColorSecondary})
	}
	p.card.Refresh()
	p.buttons.Refresh()
	p.column.Refresh()
	p.sheet.Fit()
}

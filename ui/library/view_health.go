package library

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"kakoi/app"
	"kakoi/core"
	"kakoi/ui/widget"
)

// makeHealth is what needs attention: what can be read from pictures, what failed and why, what was found on pages.
func (s *Screen) makeHealth() section {
	return s.sheet(widget.NewFlow(gap), nil, func() ([]fyne.CanvasObject, string) {
		h := &s.m.health
		if len(s.m.list.all) == 0 && h.well() {
			return []fyne.CanvasObject{s.words(s.text("documents.health.empty"))}, "empty"
		}
		if h.well() {
			return []fyne.CanvasObject{s.words(s.text("documents.health.well"))}, "well"
		}
		var objects []fyne.CanvasObject
		sign := fmt.Sprint(h.stale, len(h.pending), len(s.m.adding.tasks))
		if h.report.Documents > h.report.Well {
			objects = append(objects, s.aside(s.text("documents.health.sum", h.report.Documents-h.report.Well, h.report.Documents)))
		}
		if h.report.Unread > 0 {
			title, text, able := h.offered()
			sign += title + text
			objects = append(objects, s.offerCard(title, text, able))
		}
		if len(h.pending) > 0 {
			objects = append(objects, card(s.words(s.text("documents.health.pending", len(h.pending))), s.files(h.pending),
				widget.NewFlow(gap, button(s.text("documents.health.finish"), fynetheme.MediaPlayIcon(), strong, func() { h.retry(h.pending) }))))
		}
		if len(h.locked) > 0 {
			sign += fmt.Sprint("\nlocked", len(h.locked), h.locked[0].ID)
			objects = append(objects, s.lockedCard())
		}
		for _, g := range h.groups {
			sign += fmt.Sprint("\n", g.reason, g.hint, len(g.docs), g.docs[0].ID)
			objects = append(objects, card(s.heading(g.reason), s.words(g.hint), s.files(g.docs), widget.NewFlow(gap,
				button(s.text("documents.health.retry"), fynetheme.ViewRefreshIcon(), plain, func() { h.retry(g.docs) }),
				button(s.text("documents.health.remove"), fynetheme.DeleteIcon(), quiet, func() {
					s.m.list.mark(g.docs)
					s.m.remove()
				}))))
		}
		for _, f := range h.findings {
			title := h.title(f)
			sign += "\n" + title + f.entries[0].Document.ID
			objects = append(objects, s.findingCard(title, f))
		}
		return objects, sign
	})
}

// offerCard offers to read pages that are pictures, or says what is missing for it.
func (s *Screen) offerCard(title, text string, able bool) fyne.CanvasObject {
	h := &s.m.health
	parts := []fyne.CanvasObject{s.heading(title), s.words(text)}
	if able {
		read := button(s.text("documents.ocr.all"), fynetheme.VisibilityIcon(), strong, func() { h.recognise(h.report.UnreadIn) })
		can(read, len(s.m.adding.tasks) == 0)
		parts = append(parts, widget.NewFlow(gap, read))
	}
	return card(parts...)
}

// fewFindings of a kind are shown with buttons; the table and the document itself show the rest.
const fewFindings = 8

// findingCard lists what was found of one kind, each with what can be done.
func (s *Screen) findingCard(title string, f finding) fyne.CanvasObject {
	h := &s.m.health
	_, hint := f.entries[0].Said(s.text)
	common := true
	for _, e := range f.entries {
		_, other := e.Said(s.text)
		common = common && other == hint
	}
	parts := []fyne.CanvasObject{s.heading(title)}
	if common && hint != "" {
		parts = append(parts, s.words(hint))
	}
	var outdated []core.Document
	for i, e := range f.entries {
		if e.Kind == app.HealthOutdated {
			outdated = append(outdated, e.Document)
		}
		if i >= fewFindings {
			continue
		}
		said, own := e.Said(s.text)
		if !common && own != "" {
			said += " " + own
		}
		line := []fyne.CanvasObject{widget.NewProse(s.small, widget.Run{Text: e.Document.Source + "\n", Bold: true}, widget.Run{Text: said})}
		parts = append(parts, widget.NewEdge(gap, append(line, s.findingButtons(e)...)...))
	}
	if n := len(f.entries) - fewFindings; n > 0 {
		parts = append(parts, s.aside(s.text("documents.health.more", n)))
	}
	if len(outdated) > 0 {
		parts = append(parts, widget.NewFlow(gap, button(s.text("documents.health.again"), fynetheme.ViewRefreshIcon(), plain, func() { h.retry(outdated) })))
	}
	return card(parts...)
}

// findingButtons are what can be done about one finding.
func (s *Screen) findingButtons(e app.HealthEntry) []fyne.CanvasObject {
	h := &s.m.health
	var buttons []fyne.CanvasObject
	unread := e.Kind == string(core.FindingPicture) || e.Kind == string(core.FindingGarbled)
	if n := len(app.UnreadPages(e.Document)); unread && n > 0 && h.readerErr == nil {
		read := button(s.text("documents.ocr.one", n), fynetheme.VisibilityIcon(), plain, func() { h.recognise([]core.Document{e.Document}) })
		can(read, len(s.m.adding.tasks) == 0)
		buttons = append(buttons, read)
	}
	if e.Document.State == core.DocumentReady && e.Kind != app.HealthOutdated {
		buttons = append(buttons, button(s.text("documents.health.show"), nil, quiet, func() { s.m.opened.open(e.Document, e.Finding.Page) }))
	}
	return buttons
}

// lockedCard asks for the password of protected files.
func (s *Screen) lockedCard() fyne.CanvasObject {
	h := &s.m.health
	word := widget.NewEntry()
	word.Password = true
	word.SetPlaceHolder(s.text("documents.locked.word"))
	try := func() { h.unlock(word.Text) }
	word.OnSubmitted = func(string) { try() }
	return card(s.heading(s.text("documents.locked.title", len(h.locked))), s.words(s.text("documents.locked.text")), s.files(h.locked),
		widget.NewFlow(gap, container.New(widget.AtLeast{Width: 280}, word), button(s.text("documents.locked.try"), fynetheme.ConfirmIcon(), plain, try)))
}

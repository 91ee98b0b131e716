package chat

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app"
	"kakoi/ui/widget"
)

// OpenReceipt shows a receipt's file, whether it can be relied on, and how what it names stands here.
func (s *Screen) OpenReceipt(path string) {
	s.m.OpenReceipt(path, s.showReceipt)
}

// pickReceipt has a person choose a receipt to be checked.
func (s *Screen) pickReceipt() {
	s.p.Shell.PickFiles(func(paths []string) {
		if len(paths) > 0 {
			s.OpenReceipt(paths[0])
		}
	})
}

// Drop shows a receipt that was dropped alone, and leaves other files to the documents.
func (s *Screen) Drop(paths []string) bool {
	if len(paths) != 1 || s.p.Receipts == nil || !app.IsReceipt(paths[0]) {
		return false
	}
	s.OpenReceipt(paths[0])
	return true
}

var verdictIcons = map[verdict]struct {
	icon   func() fyne.Resource
	colour fyne.ThemeColorName
}{
	verdictBroken:  {fynetheme.ErrorIcon, fynetheme.ColorNameError},
	verdictUnknown: {fynetheme.WarningIcon, fynetheme.ColorNameWarning},
	verdictGood:    {fynetheme.ConfirmIcon, fynetheme.ColorNameSuccess},
}

func (s *Screen) showReceipt(r checkedReceipt) {
	if s.panel != nil {
		s.panel.Close()
	}
	look := verdictIcons[r.verdict]
	headline := fynewidget.NewLabelWithStyle(r.headline, fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
	headline.Wrapping, headline.Selectable = fyne.TextWrapWord, true
	icon := fynewidget.NewIcon(fynetheme.NewColoredResource(look.icon(), look.colour))
	body := container.NewVBox(container.NewBorder(nil, nil, container.NewVBox(container.NewPadded(icon)), nil, headline))
	all := r.headline + "\n"
	for _, line := range r.lines {
		said := fynewidget.NewLabel(line)
		said.Wrapping, said.Selectable = fyne.TextWrapWord, true
		body.Add(said)
		all += line + "\n"
	}
	body.Add(fynewidget.NewSeparator())
	all += "\n" + addSections(body, r.sections)
	var panel *widget.Panel
	var content *fyne.Container
	outcome := fynewidget.NewLabel("")
	outcome.Wrapping, outcome.Selectable = fyne.TextWrapWord, true
	outcome.Hide()
	stop := func() {}
	end := widget.NewButton(s.text("ui.close"), nil, func() { panel.Close() })
	replay := widget.NewButton(s.text("chat.replay"), fynetheme.MediaReplayIcon(), nil)
	replay.OnTapped = func() {
		s.p.Shell.Window().Canvas().Focus(end)
		replay.Disable()
		stop = s.m.ReplayReceipt(r.file, func(text string, done bool) {
			outcome.SetText(text)
			outcome.Hidden = text == ""
			if done {
				replay.Enable()
			}
			content.Refresh()
		})
	}
	if r.verdict == verdictBroken || r.file.Receipt.Request == nil {
		replay.Disable()
	}
	copied := widget.NewButton(s.text("chat.copy"), fynetheme.ContentCopyIcon(), func() {
		s.p.Shell.Clipboard(all)
		s.p.Shell.Toast(s.text("chat.copied"))
	})
	content = container.NewBorder(nil, outcome, nil, nil, container.NewVScroll(body))
	panel = s.show(widget.PanelParams{
		Title: s.text("receipt.title"), Size: fyne.NewSize(760, 620), Content: content, Buttons: []*widget.Button{replay, copied, end},
	}, func() { stop() })
}

// addSections shows sections below each other, and gives their text.
func addSections(body *fyne.Container, sections []Section) (all string) {
	for _, sec := range sections {
		title := fynewidget.NewLabelWithStyle(sec.Title, fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
		text := fynewidget.NewLabel(sec.Text)
		text.Wrapping, text.Selectable = fyne.TextWrapWord, true
		if sec.Mono {
			text.Wrapping = fyne.TextWrapBreak
			text.TextStyle.Monospace, text.SizeName = true, fynetheme.SizeNameCaptionText
		}
		body.Add(title)
		body.Add(text)
		all += sec.Title + "\n" + sec.Text + "\n\n"
	}
	return all
}

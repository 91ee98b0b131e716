package chat

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/widget"
)

// showDetails shows how an answer came about.
func (s *Screen) showDetails(turn, given string) {
	sections := s.m.Details(turn, given)
	if len(sections) == 0 {
		return
	}
	var panel *widget.Panel
	body := container.NewVBox()
	all := addSections(body, sections)
	var content *fyne.Container
	outcome := fynewidget.NewLabel("")
	outcome.Wrapping, outcome.Selectable = fyne.TextWrapWord, true
	outcome.Hide()
	stop := func() {}
	replay := widget.NewButton(s.text("chat.replay"), fynetheme.MediaReplayIcon(), nil)
	end := widget.NewButton(s.text("ui.close"), nil, func() { panel.Close() })
	replay.OnTapped = func() {
		s.p.Shell.Window().Canvas().Focus(end) // a button that rests would leave the panel without the keyboard
		replay.Disable()
		stop = s.m.Replay(turn, given, func(text string, done bool) {
			outcome.SetText(text)
			outcome.Hidden = text == ""
			if done {
				replay.Enable()
			}
			content.Refresh()
		})
	}
	if !s.m.CanReplay(turn, given) {
		replay.Disable()
	}
	copied := widget.NewButton(s.text("chat.copy"), fynetheme.ContentCopyIcon(), func() {
		s.p.Shell.Clipboard(all)
		s.p.Shell.Toast(s.text("chat.copied"))
	})
	buttons := []*widget.Button{replay}
	if s.p.Receipts != nil {
		buttons = append(buttons, widget.NewButton(s.text("receipt.export"), fynetheme.DocumentSaveIcon(), func() {
			s.p.Shell.PickSave(s.m.ReceiptName(), func(path string) { s.m.ExportReceipt(turn, given, path) })
		}))
	}
	content = container.NewBorder(nil, outcome, nil, nil, container.NewVScroll(body))
	panel = s.show(widget.PanelParams{
		Title: s.text("chat.details.title"), Size: fyne.NewSize(760, 620), Content: content, Buttons: append(buttons, copied, end),
	}, func() { stop() })
}

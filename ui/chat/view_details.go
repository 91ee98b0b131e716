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
	all := ""
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
	content = container.NewBorder(nil, outcome, nil, nil, container.NewVScroll(body))
	panel = s.show(widget.PanelParams{
		Title: s.text("chat.details.title"), Size: fyne.NewSize(760, 620), Content: content, Buttons: []*widget.Button{replay, copied, end},
	}, func() { stop() })
}

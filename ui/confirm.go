package ui

import (
	"fyne.io/fyne/v2"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/widget"
)

// Confirm asks before something is done. Escape is no; Enter presses the button that has the focus, which is the one that
// does it unless something would be lost.
func (s *Shell) Confirm(q widget.Question) {
	if !s.locked() {
		s.ask(q)
	}
}

func (s *Shell) ask(q widget.Question) *widget.Panel {
	var panel *widget.Panel
	no := widget.NewButton(s.Text("ui.cancel"), nil, func() { panel.Close() })
	yes := widget.NewButton(q.Yes, nil, func() {
		panel.Close()
		q.Then()
	})
	focus := yes
	yes.Importance = fynewidget.HighImportance
	if q.Danger {
		yes.Importance, focus = fynewidget.DangerImportance, no
	}
	panel = widget.ShowPanel(widget.PanelParams{
		Canvas: s.window.Canvas(), Title: q.Title, Content: paragraph(q.Text, 440, ""), Buttons: []*widget.Button{no, yes}, Focus: focus, Size: fyne.NewSize(480, 0),
	})
	return panel
}

package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/widget"
)

// showProof shows how this process is closed and what was tried to get out.
func (s *Shell) showProof() {
	p := s.p.Proof
	head := paragraph(s.Text("ui.proof.text", p.When.Local().Format("2006-01-02 15:04:05"), p.Refusals(), len(p.Attempts), p.Threads), 700, "")
	var lines []string
	for _, a := range p.Attempts {
		mark := "×"
		if !a.Refused {
			mark = "!"
		}
		lines = append(lines, mark+" "+a.What+": "+a.Error)
	}
	lines = append(lines, "")
	lines = append(lines, p.Filter...)
	list := fynewidget.NewLabel(strings.Join(lines, "\n"))
	list.TextStyle.Monospace, list.Selectable = true, true
	var panel *widget.Panel
	end := widget.NewButton(s.Text("ui.close"), nil, func() { panel.Close() })
	panel = widget.ShowPanel(widget.PanelParams{
		Canvas: s.window.Canvas(), Title: s.Text("ui.proof.title"), Buttons: []*widget.Button{end}, Size: fyne.NewSize(760, 520),
		Content: container.NewBorder(head, nil, nil, nil, container.NewScroll(list)),
	})
}

package settings

import (
	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/resources"
	"kakoi/ui/place"
	"kakoi/ui/widget"
)

// shortcutGroup lists the shortcuts of the window and its screens.
func (s *Screen) shortcutGroup() []fyne.CanvasObject {
	parts := []fyne.CanvasObject{widget.NewFlow(6, s.button("settings.shortcuts.help", func() { s.shell.Navigate(place.Help) }))}
	for _, group := range s.shortcuts() {
		lines := []fyne.CanvasObject{s.title(group.Title)}
		for _, k := range group.Shortcuts {
			keys := s.prose(s.ink.body, widget.Run{Text: k.Keys(), Bold: true})
			lines = append(lines, widget.NewHanging(170*s.ink.scale, keys, s.prose(s.ink.body, widget.Run{Text: s.shell.Text(k.Text)})))
		}
		parts = append(parts, widget.NewColumn(5, lines...))
	}
	return parts
}

// licenceGroup lists what the program is made of.
func (s *Screen) licenceGroup() []fyne.CanvasObject {
	parts := []fyne.CanvasObject{s.prose(s.ink.body, widget.Run{Text: s.shell.Text("settings.licences.text")})}
	all, err := resources.Licences()
	if err != nil {
		s.shell.ShowError(err)
		return parts
	}
	kind := ""
	var column []fyne.CanvasObject
	for _, l := range all {
		if l.Kind != kind {
			kind = l.Kind
			column = append(column, widget.NewInset(0, 10, 0, 2, nil, s.title("settings.licences."+kind)))
		}
		text := l.Name
		if l.Version != "" {
			text += "  " + l.Version
		}
		b := widget.NewButton(text+"   —   "+l.Licence, nil, func() { s.licence(l) })
		b.Alignment, b.Importance = fynewidget.ButtonAlignLeading, fynewidget.LowImportance
		b.OnFocus = func() { s.sheet.Reveal(b) }
		column = append(column, b)
	}
	return append(parts, widget.NewColumn(0, column...))
}

// licence shows a licence text over the window.
func (s *Screen) licence(l resources.Licence) {
	text, err := l.Text()
	if err != nil {
		s.shell.ShowError(err)
		return
	}
	if text == "" {
		text = s.shell.Text("settings.licences.notext", l.Licence)
	}
	var panel *widget.Panel
	end := widget.NewButton(s.shell.Text("settings.close"), nil, func() { panel.Close() })
	copied := widget.NewButton(s.shell.Text("settings.copy"), fynetheme.ContentCopyIcon(), func() { s.shell.Clipboard(text) })
	panel = widget.ShowPanel(widget.PanelParams{
		Canvas: s.shell.Window().Canvas(), Title: l.Name + "  " + l.Licence, Buttons: []*widget.Button{copied, end},
		Content: widget.NewSheet(0, s.prose(s.ink.small, widget.Run{Text: text})), Size: fyne.NewSize(760, 560),
	})
}

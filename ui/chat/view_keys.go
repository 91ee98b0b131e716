package chat

import (
	"fyne.io/fyne/v2"

	"kakoi/ui/widget"
)

// Shortcuts are the keys of the screen.
func (s *Screen) Shortcuts() []widget.Shortcut {
	ctrl := fyne.KeyModifierControl
	out := []widget.Shortcut{
		{Modifier: ctrl, Key: fyne.KeyReturn, Text: "chat.key.send", Do: s.m.Ask},
		{Key: fyne.KeyEscape, Text: "chat.key.stop", Do: s.escape},
		{Modifier: ctrl, Key: fyne.KeyN, Text: "chat.key.new", Do: s.newConversation},
		{Key: fyne.KeyF2, Text: "chat.key.rename", Do: s.rename},
		{Modifier: ctrl, Key: fyne.KeyE, Text: "chat.key.edit", Do: s.editLast},
		{Modifier: ctrl, Key: fyne.KeyR, Text: "chat.key.again", Do: s.m.AgainLast},
		{Modifier: ctrl, Key: fyne.KeyUp, Text: "chat.key.up", Do: func() { s.transcript.step(-1) }},
		{Modifier: ctrl, Key: fyne.KeyDown, Text: "chat.key.down", Do: func() { s.transcript.step(+1) }},
		{Modifier: ctrl, Key: fyne.KeyF, Text: "chat.key.search", Do: func() { s.list.focusSearch() }},
		{Modifier: ctrl, Key: fyne.KeyL, Text: "chat.key.field", Do: s.Focus},
		{Modifier: ctrl, Key: fyne.KeyD, Text: "chat.key.details", Do: s.detailsLast},
		{Modifier: ctrl | fyne.KeyModifierShift, Key: fyne.KeyC, Text: "chat.key.copysources", Do: s.copySources},
		{Modifier: ctrl | fyne.KeyModifierShift, Key: fyne.KeyW, Text: "chat.key.wrong", Do: s.wrongLast},
	}
	for n := 1; n <= 9; n++ {
		out = append(out, widget.Shortcut{Modifier: ctrl, Key: fyne.KeyName(rune('0' + n)), Text: "chat.key.source", Do: func() { s.m.OpenNumber(n) }})
	}
	for i, sc := range out {
		if sc.Key != fyne.KeyEscape {
			out[i].Do = func() {
				if s.panel == nil {
					sc.Do()
				}
			}
		}
	}
	return out
}

// escape closes a panel, or stops the answer, or else leaves the editing of a question.
func (s *Screen) escape() {
	if s.panel != nil {
		s.panel.Close()
		return
	}
	if s.m.Answering() {
		s.m.Stop()
		return
	}
	s.m.CancelEdit()
}

func (s *Screen) newConversation() {
	s.m.New()
	s.Focus()
}

func (s *Screen) editLast() {
	s.m.EditLast()
	s.Focus()
}

func (s *Screen) detailsLast() {
	if leaf := s.m.leaf(); leaf != "" {
		s.showDetails(leaf, "")
	}
}

func (s *Screen) wrongLast() {
	if leaf := s.m.leaf(); leaf != "" {
		s.showCorrection(leaf, "")
	}
}

func (s *Screen) copySources() {
	if leaf := s.m.leaf(); leaf != "" {
		s.m.Copy(leaf, "", true)
	}
}

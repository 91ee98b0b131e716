package chat

import (
	"slices"

	"kakoi/core/calibrate"
)

// refusal is how the model in use is to refuse.
type refusal struct {
	mode  calibrate.Mode
	works bool // it has bounds
}

// refusals are the lines of the choice, from the fewest false answers to the fewest false refusals.
var refusals = append(slices.Clone(calibrate.Modes), calibrate.Off)

// Refusals are the choices of how the model in use refuses, and the chosen one; none where it has no bounds to choose from.
func (m *Model) Refusals() (lines []string, chosen int) {
	if m.refusing == nil || !m.refusal.works {
		return nil, -1
	}
	for _, mode := range refusals {
		lines = append(lines, m.shell.Text("chat.refusal."+string(mode)))
	}
	return lines, slices.Index(refusals, m.refusal.mode)
}

// SetRefusal chooses a line of Refusals; it holds for all questions from now on.
func (m *Model) SetRefusal(line int) {
	if line < 0 || line >= len(refusals) || m.refusal.mode == refusals[line] {
		return
	}
	if err := m.refusing.SetRefusal(refusals[line]); err != nil {
		m.shell.ShowError(err)
		m.tell(changedModes)
		return
	}
	m.refusal.mode = refusals[line]
	m.tell(changedModes)
}

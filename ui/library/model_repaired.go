package library

import "log/slog"

// readRepairs gives what the program repaired by itself, in sentences: none where no person need know of anything.
func (m *model) readRepairs() []string {
	if m.repairs == nil {
		return nil
	}
	n, there, err := m.repairs.Notice()
	if err != nil {
		slog.Warn("read what was repaired", "error", err)
	}
	if !there {
		return nil
	}
	_, undo, err := m.repairs.Undoable()
	return n.Said(m.Text, undo && err == nil)
}

// takeRepairs shows them, and points to them once.
func (m *model) takeRepairs(said []string) {
	if len(said) > 0 && len(m.repaired) == 0 {
		m.Toast(m.Text("documents.repaired.toast"))
	}
	m.repaired = said
}

// closeRepairs is a person's word that they were read.
func (m *model) closeRepairs() {
	if err := m.repairs.CloseNotice(); err != nil {
		m.ShowError(err)
		return
	}
	m.repaired = nil
	m.tell(changedNotice)
}

package chat

import "kakoi/app"

// modes is who answers: the model in use, another one, or two that are compared.
type modes struct {
	chat        []string // names of the chat models
	inUse       string
	name        string // the chosen one; "" is the one in use
	compare     bool
	left, right string
}

// take reads the models. A choice that is gone falls back to the one in use.
func (o *modes) take(all []app.Model) {
	o.chat, o.inUse = nil, ""
	for _, m := range all {
		if m.Kind != app.KindChat {
			continue
		}
		o.chat = append(o.chat, m.Name)
		if m.InUse {
			o.inUse = m.Name
		}
	}
	if !o.has(o.name) {
		o.name = ""
	}
	if len(o.chat) < 2 {
		o.compare = false
		return
	}
	if !o.has(o.left) {
		o.left = o.inUse
		if o.left == "" {
			o.left = o.chat[0]
		}
	}
	if !o.has(o.right) {
		o.right = o.chat[0]
		if o.right == o.left {
			o.right = o.chat[1]
		}
	}
}

func (o *modes) has(name string) bool {
	for _, n := range o.chat {
		if n == name {
			return true
		}
	}
	return false
}

// names are the models to ask; none is the one in use.
func (o *modes) names() []string {
	switch {
	case o.compare:
		return []string{o.left, o.right}
	case o.name != "" && o.name != o.inUse:
		return []string{o.name}
	}
	return nil
}

// same says whether a model would be compared with itself.
func (o *modes) same() bool { return o.compare && o.left == o.right }

// ModeLines are the choices of the selector: the model in use first, the others, and the comparison when there are two.
func (m *Model) ModeLines() []string {
	use := m.shell.Text("chat.mode.none")
	if m.modes.inUse != "" {
		use = m.shell.Text("chat.mode.use", m.modes.inUse)
	}
	out := []string{use}
	for _, n := range m.modes.others() {
		out = append(out, n)
	}
	if len(m.modes.chat) > 1 {
		out = append(out, m.shell.Text("chat.mode.compare"))
	}
	return out
}

func (o *modes) others() []string {
	var out []string
	for _, n := range o.chat {
		if n != o.inUse {
			out = append(out, n)
		}
	}
	return out
}

// Mode is the chosen line of ModeLines.
func (m *Model) Mode() int {
	others := m.modes.others()
	if m.modes.compare {
		return len(others) + 1
	}
	for i, n := range others {
		if n == m.modes.name {
			return i + 1
		}
	}
	return 0
}

// SetMode chooses a line of ModeLines.
func (m *Model) SetMode(line int) {
	others := m.modes.others()
	m.modes.compare = line == len(others)+1 && len(m.modes.chat) > 1
	m.modes.name = ""
	if line >= 1 && line <= len(others) {
		m.modes.name = others[line-1]
	}
	m.tell(changedModes | changedInput)
}

// Compared are the models to choose from and the two that are compared; ok while comparing is chosen.
func (m *Model) Compared() (all []string, left, right string, ok bool) {
	return m.modes.chat, m.modes.left, m.modes.right, m.modes.compare
}

// SetCompared chooses the two.
func (m *Model) SetCompared(left, right string) {
	m.modes.left, m.modes.right = left, right
	m.tell(changedInput)
}

package chat

import (
	"context"
	"fmt"
	"slices"

	"kakoi/app"
)

// adapters is app.Adapters.
type adapters interface {
	List(ctx context.Context) ([]app.AdapterInfo, error)
}

// who is one that answers: a model, with or without an adapter.
type who struct {
	model   string
	adapter string // as app.AskOptions.Adapter: "" the model's default one, app.NoAdapter the model as it is, or an ID
	label   string
}

// is says whether two are the same.
func (w who) is(o who) bool { return w.model == o.model && w.adapter == o.adapter }

// modes is who answers: the model in use, with its default adapter where it has one; somebody else; or two that are compared.
type modes struct {
	all         []who // the first is the one in use, when there is one
	used        bool  // it is there
	chosen      who   // the zero value is the one in use
	compare     bool
	left, right who
	wanted      string // Adapter.ID that is to be compared with its model alone, once it is known; "": none
}

// take reads the models and adapters. A choice that is gone falls back to the one in use.
func (o *modes) take(all []app.Model, adapters []app.AdapterInfo, bare func(model string) string) {
	o.all, o.used = nil, false
	var used, others []who
	for _, m := range all {
		switch {
		case m.Kind != app.KindChat:
		case m.InUse:
			used = append(used, with(m.Name, adapters, bare)...)
			o.used = true
		default:
			others = append(others, who{model: m.Name, label: m.Name})
		}
	}
	o.all = append(used, others...)
	o.chosen = o.still(o.chosen, who{})
	if len(o.all) < 2 {
		o.compare = false
		return
	}
	right := o.all[1]
	if o.left = o.still(o.left, o.all[0]); o.left.is(right) {
		right = o.all[0]
	}
	o.right = o.still(o.right, right)
	if o.wanted != "" {
		o.compareWanted()
	}
}

// compareWanted compares the wanted adapter with its model alone.
func (o *modes) compareWanted() {
	alone, adapter := o.all[0], o.all[0] // the usual one is the wanted one, when that is not in the list by itself
	for _, w := range o.all {
		if w.adapter == app.NoAdapter {
			alone = w
		}
		if w.adapter == o.wanted {
			adapter = w
		}
	}
	o.left, o.right, o.compare, o.wanted = alone, adapter, !alone.is(adapter), ""
}

// CompareWith has the next question answered by an adapter of the model in use, and by the model alone.
func (m *Model) CompareWith(adapter string) {
	m.modes.wanted = adapter
	m.read(readModels)
}

// with are those who answer with the model in use: as it usually does first.
func with(model string, adapters []app.AdapterInfo, bare func(string) string) []who {
	usual := who{model: model, label: model}
	var out []who
	for _, a := range adapters {
		switch {
		case a.Model != model || !a.Fits:
		case a.Default:
			usual.label = model + " + " + a.Name
		default:
			out = append(out, who{model, a.ID, model + " + " + a.Name})
		}
	}
	if usual.label != model {
		out = append([]who{{model, app.NoAdapter, bare(model)}}, out...)
	}
	out = append([]who{usual}, out...)
	for i := range out { // a chooser knows its lines by their texts
		if slices.ContainsFunc(out[:i], func(w who) bool { return w.label == out[i].label }) {
			out[i].label = fmt.Sprintf("%s (%s)", out[i].label, shortHash(out[i].adapter))
		}
	}
	return out
}

// still is w as it is called now, or else what stands in for it.
func (o *modes) still(w, instead who) who {
	if i := slices.IndexFunc(o.all, w.is); i >= 0 {
		return o.all[i]
	}
	return instead
}

// ask says whom to ask: names of models, none being the one in use, and adapters of the one model.
func (o *modes) ask() (models, adapters []string) {
	switch {
	case o.compare && o.left.model == o.right.model:
		return o.named(o.left), []string{o.left.adapter, o.right.adapter}
	case o.compare:
		return []string{o.left.model, o.right.model}, nil
	case o.chosen.model == "" || o.used && o.chosen.is(o.all[0]):
		return nil, nil
	case o.chosen.adapter != "":
		return o.named(o.chosen), []string{o.chosen.adapter}
	}
	return o.named(o.chosen), nil
}

// named is the model to be asked; none when it is the one in use.
func (o *modes) named(w who) []string {
	if o.used && w.model == o.all[0].model {
		return nil
	}
	return []string{w.model}
}

// same says whether somebody would be compared with themselves.
func (o *modes) same() bool { return o.compare && o.left.is(o.right) }

// mixed says whether an adapter would be compared with another model: each question is put to two models, or to two adapters of one.
func (o *modes) mixed() bool {
	return o.compare && o.left.model != o.right.model && (o.left.adapter != "" || o.right.adapter != "")
}

// ModeLines are the choices of the selector: the model in use first, the others, and the comparison when there are two.
func (m *Model) ModeLines() []string {
	use := m.shell.Text("chat.mode.none")
	if m.modes.used {
		use = m.shell.Text("chat.mode.use", m.modes.all[0].label)
	}
	out := []string{use}
	for _, w := range m.modes.others() {
		out = append(out, w.label)
	}
	if len(m.modes.all) > 1 {
		out = append(out, m.shell.Text("chat.mode.compare"))
	}
	return out
}

func (o *modes) others() []who {
	if o.used {
		return o.all[1:]
	}
	return o.all
}

// Mode is the chosen line of ModeLines.
func (m *Model) Mode() int {
	others := m.modes.others()
	if m.modes.compare {
		return len(others) + 1
	}
	return slices.IndexFunc(others, m.modes.chosen.is) + 1
}

// SetMode chooses a line of ModeLines.
func (m *Model) SetMode(line int) {
	others := m.modes.others()
	m.modes.compare = line == len(others)+1 && len(m.modes.all) > 1
	m.modes.chosen = who{}
	if line >= 1 && line <= len(others) {
		m.modes.chosen = others[line-1]
	}
	m.tell(changedModes | changedInput)
}

// Compared are those to choose from and the two that are compared; ok while comparing is chosen.
func (m *Model) Compared() (all []string, left, right string, ok bool) {
	for _, w := range m.modes.all {
		all = append(all, w.label)
	}
	return all, m.modes.left.label, m.modes.right.label, m.modes.compare
}

// SetCompared chooses the two, by their lines of Compared.
func (m *Model) SetCompared(left, right string) {
	for _, w := range m.modes.all {
		if w.label == left {
			m.modes.left = w
		}
		if w.label == right {
			m.modes.right = w
		}
	}
	m.tell(changedInput)
}

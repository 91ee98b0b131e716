package models

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/resources"
)

// steps of an import, in their order.
var steps = []string{"files", "tensors", "tokenizer", "verify", "licence", "copy"}

// Ends of a step.
const (
	stepWaits = iota
	stepRuns
	stepDone
	stepFailed
)

// importing is one folder on its way in, or what became of it.
type importing struct {
	id     int
	path   string
	name   string
	at     int // steps[at] is under way
	state  job.State
	facts  *app.Details // once the folder is known to be sound
	ended  bool
	err    error
	model  app.Model // once it is in
	cancel context.CancelFunc
}

// step says how far one step is.
func (i *importing) step(k int) int {
	switch {
	case k < i.at || i.ended && i.err == nil:
		return stepDone
	case k == i.at && i.ended:
		return stepFailed
	case k == i.at:
		return stepRuns
	}
	return stepWaits
}

// hear follows the stages of the work.
func (i *importing) hear(s job.State) {
	i.state = s
	if at := slices.Index(steps, s.Stage); at > i.at {
		i.at = at
	}
}

// maxDropped is more than anybody imports at once: so many files are documents.
const maxDropped = 20

// folders are the model folders meant by dropped paths; none when it is files of another kind.
func folders(paths []string) []string {
	if len(paths) > maxDropped {
		return nil
	}
	var dirs []string
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
		case err == nil && slices.Contains([]string{".safetensors", ".bin"}, filepath.Ext(path)), filepath.Base(path) == "config.json":
			path = filepath.Dir(path)
		default:
			return nil
		}
		if !slices.Contains(dirs, path) {
			dirs = append(dirs, path)
		}
	}
	return dirs
}

// importAll brings folders in, one after the other.
func (m *model) importAll(dirs []string) {
	for _, dir := range dirs {
		m.bring(dir)
	}
	m.changed()
}

func (m *model) bring(dir string) {
	m.nextID++
	i := &importing{id: m.nextID, path: dir, name: m.freeName(filepath.Base(filepath.Clean(dir)))}
	m.imports = append(m.imports, i)
	m.host.Go(func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		m.host.Post(func() { i.cancel = cancel })
		found, err := m.models.Import(ctx, dir, app.ImportOptions{
			Name: i.name,
			Listen: func(s job.State) {
				m.host.Post(func() {
					i.hear(s)
					m.changed()
				})
			},
			Found: func(d app.Details) { m.host.Post(func() { i.facts = &d }) },
		})
		m.host.Post(func() {
			i.ended, i.err, i.model = true, err, found
			if errors.Is(err, context.Canceled) {
				m.closeImport(i.id)
				m.host.Toast(m.host.Text("models.import.stopped"))
			}
			m.changed()
			m.refresh()
		})
	})
}

// freeName is a name no model has yet.
func (m *model) freeName(base string) string {
	taken := func(name string) bool {
		return m.card(name) != nil || slices.ContainsFunc(m.imports, func(i *importing) bool { return i.name == name && i.err == nil })
	}
	name := base
	for n := 2; taken(name); n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	return name
}

func (m *model) stopImport(id int) {
	for _, i := range m.imports {
		if i.id == id && i.cancel != nil {
			i.cancel()
		}
	}
}

// closeImport takes an import that has ended off the screen.
func (m *model) closeImport(id int) {
	m.imports = slices.DeleteFunc(m.imports, func(i *importing) bool { return i.id == id && i.ended })
	m.changed()
}

// why says what kept a folder out: one sentence and one hint.
func (m *model) why(i *importing) (sentence, hint string) {
	return m.explain(i.err)
}

func (m *model) explain(err error) (sentence, hint string) {
	return resources.ErrorText(m.host.Lang(), err)
}

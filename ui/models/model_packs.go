package models

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
	"kakoi/app/pack"
	"kakoi/core"
	"kakoi/ui/widget"
)

// packStore is app.Packs.
type packStore interface {
	Export(ctx context.Context, plan app.PackPlan, path string, listen func(job.State)) (app.PackSummary, error)
	Import(ctx context.Context, paths []string, opt app.PackImport) (app.PackResult, error)
	Discard(ctx context.Context, id string) (int, error)
}

// packing is a pack on its way in, or what became of it.
type packing struct {
	id     int
	paths  []string
	info   *app.PackInfo // once its head was read
	state  job.State
	ended  bool
	err    error
	result app.PackResult
	cancel context.CancelFunc
}

// packFiles are the packs among paths; none where anything else is among them.
func packFiles(paths []string) []string {
	var parts []string
	for _, path := range paths {
		part, ok := app.IsPack(path)
		if !ok {
			return nil
		}
		parts = append(parts, part)
	}
	return parts
}

// exportPack writes a model, and adapters of it, into a file or parts. Where something has the name it asks.
func (m *model) exportPack(name string, adapters []string, path string, replace bool) {
	c := m.card(name)
	if c == nil || m.packs == nil {
		return
	}
	if !strings.HasSuffix(path, pack.Ext) {
		path += pack.Ext
	}
	var s app.PackSummary
	m.begin(c, "export", func(ctx context.Context, listen func(job.State)) (err error) {
		s, err = m.packs.Export(ctx, app.PackPlan{Model: name, Adapters: adapters, Replace: replace}, path, listen)
		return err
	}, func(err error) {
		switch {
		case err == nil:
			m.host.Toast(m.host.Text("models.pack.exported", filepath.Base(s.Files[0]), len(s.Files), amount.Bytes(s.Bytes)))
		case errors.Is(err, context.Canceled):
			m.host.Toast(m.host.Text("models.pack.stopped"))
		case errors.Is(err, fs.ErrExist) && !replace:
			m.host.Confirm(widget.Question{
				Title: m.host.Text("models.pack.replace.title"), Text: m.host.Text("models.pack.replace.text", filepath.Base(path)), Yes: m.host.Text("models.pack.replace.yes"), Danger: true,
				Then: func() { m.exportPack(name, adapters, path, true) },
			})
		default:
			m.host.ShowError(err)
		}
	})
}

// packAdapter asks before what an adapter learned leaves the library, then has a place chosen for it and its model.
func (m *model) packAdapter(id string, pick func(name string, then func(path string))) {
	a := m.adapter(id)
	if a == nil || m.card(a.Model) == nil {
		return
	}
	m.host.Confirm(widget.Question{
		Title: m.host.Text("models.pack.leaves.title"), Text: m.host.Text("models.pack.leaves.text", a.Name, a.Model), Yes: m.host.Text("models.pack.leaves.yes"),
		Then: func() {
			pick(app.PackBase(a.Model+" "+a.Name)+pack.Ext, func(path string) { m.exportPack(a.Model, []string{id}, path, false) })
		},
	})
}

// importPack brings a pack in; its parts come in any order.
func (m *model) importPack(paths []string) {
	m.nextID++
	p := &packing{id: m.nextID, paths: paths}
	m.packings = append(m.packings, p)
	m.readPack(p, nil)
}

// readPack reads what there is of a pack. secret opens a sealed one.
func (m *model) readPack(p *packing, secret []byte) {
	p.ended, p.err, p.state = false, nil, job.State{}
	paths := slices.Clone(p.paths)
	m.host.Go(func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer clear(secret)
		m.host.Post(func() { p.cancel = cancel })
		opt := app.PackImport{
			Listen: func(s job.State) {
				m.host.Post(func() {
					p.state = s
					m.changed()
				})
			},
			Found: func(i app.PackInfo) { m.host.Post(func() { p.info = &i }) },
		}
		if secret != nil {
			opt.Passphrase = func() ([]byte, error) { return secret, nil }
		}
		result, err := m.packs.Import(ctx, paths, opt)
		m.host.Post(func() {
			p.ended, p.err, p.result = true, err, result
			m.changed()
			m.refresh()
		})
	})
	m.changed()
}

// morePack goes on with other files of a pack: a missing part, or a sound copy of a damaged one.
func (m *model) morePack(id int, paths []string) {
	if p := m.packing(id); p != nil && p.ended && len(paths) > 0 {
		p.paths = paths
		m.readPack(p, nil)
	}
}

// againPack tries once more; secret opens a sealed pack.
func (m *model) againPack(id int, secret []byte) {
	if p := m.packing(id); p != nil && p.ended {
		m.readPack(p, secret)
	}
}

func (m *model) stopPack(id int) {
	if p := m.packing(id); p != nil && p.cancel != nil {
		p.cancel()
	}
}

// closePack takes a pack off the screen. What was read of it is kept, and gone on with when it is imported again.
func (m *model) closePack(id int) {
	m.packings = slices.DeleteFunc(m.packings, func(p *packing) bool { return p.id == id && p.ended })
	m.changed()
}

// discardPack asks, then forgets what was read of a pack.
func (m *model) discardPack(id int) {
	p := m.packing(id)
	if p == nil || p.info == nil {
		return
	}
	m.host.Confirm(widget.Question{
		Title: m.host.Text("models.pack.discard.title"), Text: m.host.Text("models.pack.discard.text"), Yes: m.host.Text("models.pack.discard"), Danger: true,
		Then: func() {
			m.host.Go(func(ctx context.Context) {
				_, err := m.packs.Discard(ctx, p.info.ID)
				m.host.Post(func() {
					if err != nil {
						m.host.ShowError(err)
						return
					}
					m.closePack(id)
				})
			})
		},
	})
}

func (m *model) packing(id int) *packing {
	for _, p := range m.packings {
		if p.id == id {
			return p
		}
	}
	return nil
}

// packRow is a pack as it is shown.
type packRow struct {
	title, facts string
	working      string
	share        float64 // below 0: unknown
	why, hint    string
	waits        bool   // for a part
	sealed       bool   // for a passphrase
	kept         bool   // something was read, and can be forgotten
	came         string // name of the model that came in, to be used
}

func (m *model) packRow(p *packing) packRow {
	t := m.host.Text
	r := packRow{share: -1, title: t("models.pack.running", filepath.Base(p.paths[0]))}
	if p.info != nil {
		facts := []string{m.packItems(p.info.Items), amount.Bytes(p.info.Bytes), t("models.pack.parts", p.info.Parts)}
		signed := t("models.pack.unsigned")
		if p.info.Signer != "" {
			signed = t("models.pack.signed", p.info.Signer)
		}
		r.facts = strings.Join(append(facts, signed), "  ·  ")
	}
	if !p.ended {
		r.share = share(p.state)
		r.working = t("models.work.wait")
		switch p.state.Stage {
		case "", "wait":
		default:
			r.working = t("stage." + p.state.Stage)
		}
		if p.state.Left > 0 {
			r.working += t("models.pack.left", amount.Clock(p.state.Left))
		}
		return r
	}
	if p.err == nil {
		r.title = t("models.pack.done", filepath.Base(p.paths[0]))
		if p.result.Model != nil {
			r.came = p.result.Model.Name
		}
		if len(p.result.Here) > 0 {
			r.hint = t("models.pack.here", m.packItems(p.result.Here))
		}
		return r
	}
	var missing *app.MissingParts
	r.title = t("models.pack.failed", filepath.Base(p.paths[0]))
	r.kept = p.info != nil
	switch {
	case errors.As(p.err, &missing):
		r.title, r.waits = t("models.pack.waits", filepath.Base(p.paths[0])), true
		r.why = t("models.pack.missing", missing.List())
		r.hint = t("models.pack.missing.hint")
		return r
	case errors.Is(p.err, context.Canceled):
		r.title = t("models.pack.halted", filepath.Base(p.paths[0]))
		r.hint = t("models.pack.kept")
		return r
	case errors.Is(p.err, core.ErrEncrypted):
		r.sealed, r.kept = true, false
	case errors.Is(p.err, core.ErrCorrupt):
		r.waits = true
	}
	r.why, r.hint = m.explain(p.err)
	return r
}

// packItems names what is in a pack.
func (m *model) packItems(items []pack.Item) string {
	var names []string
	for _, x := range items {
		names = append(names, m.host.Text("models.pack.item."+x.Kind, x.Name))
	}
	return strings.Join(names, m.host.Text("training.comma"))
}

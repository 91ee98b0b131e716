package settings

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
	"kakoi/core/vault"
)

// capsules is app.Capsule.
type capsules interface {
	Export(ctx context.Context, path string, opt app.CapsuleExport) (app.CapsuleSummary, error)
	Plan(ctx context.Context, path string, opt app.CapsuleImport) (app.CapsulePlan, error)
	Import(ctx context.Context, path string, opt app.CapsuleImport) (app.CapsulePlan, error)
	Look(ctx context.Context, path string, pass []byte, listen func(job.State)) (app.CapsuleContent, error)
	Content(ctx context.Context, names []string) (app.CapsuleContent, error)
}

// linker builds what searches need after documents came: app.Library.
type linker interface {
	BuildGraphs(ctx context.Context, listen func(job.State)) (int, error)
	Status(ctx context.Context) (app.Status, error)
}

// capsuleEnd is how the names of capsules end.
const capsuleEnd = ".kakoi-capsule"

// IsCapsule says whether a file is a capsule by its name.
func IsCapsule(path string) bool { return strings.HasSuffix(strings.ToLower(path), capsuleEnd) }

// capsuleName is the proposal for a capsule's name; collection "" is everything.
func capsuleName(collection string, now time.Time) string {
	name := "kakoi"
	if collection != "" {
		name = strings.Map(func(r rune) rune {
			if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
				return '-'
			}
			return r
		}, collection)
	}
	return name + "-" + now.Format("2006-01-02") + capsuleEnd
}

// listCollections names those of the library, once it is known.
func (m *model) listCollections() {
	if m.linker == nil {
		return
	}
	m.host.Go(func(ctx context.Context) {
		st, err := m.linker.Status(ctx)
		if err != nil {
			return // everything can still be chosen
		}
		var names []string
		for _, c := range st.Collections {
			names = append(names, c.Name)
		}
		slices.Sort(names)
		m.host.Post(func() {
			m.collections = names
			m.changed()
		})
	})
}

// exportCapsule writes a capsule; the chooser has asked before it gives a name that exists. pass is zeroed afterwards.
func (m *model) exportCapsule(path, collection string, pass []byte) {
	m.run(func(ctx context.Context, listen func(job.State)) (string, error) {
		defer clear(pass)
		opt := app.CapsuleExport{Passphrase: pass, Replace: true, Listen: listen}
		if collection != "" {
			opt.Collections = []string{collection}
		}
		s, err := m.capsules.Export(ctx, path, opt)
		return m.host.Text("cli.capsule.exported", s.File, amount.Bytes(s.Bytes), s.Documents, s.Chunks, s.Conversations, s.Datasets, s.Exams, s.Adapters), err
	}, nil)
}

// planCapsule reads a capsule and asks with what an import would do; wrong hears of a wrong passphrase. pass is zeroed, but for ask, which has to do it.
func (m *model) planCapsule(path string, pass []byte, ask func(text string, pass []byte), wrong func(problem string)) {
	var kept []byte
	m.runOr(func(ctx context.Context, listen func(job.State)) (string, error) {
		plan, err := m.capsules.Plan(ctx, path, app.CapsuleImport{Passphrase: pass, OtherEmbedder: true, Listen: listen})
		if err != nil {
			clear(pass)
			return "", err
		}
		kept = pass
		head := m.host.Text("settings.capsule.of", plan.Content.Made.Local().Format("2006-01-02 15:04"), plan.Content.Program)
		return head + "\n" + m.capsuleText("settings.capsule.plan", plan), nil
	}, func() { ask(m.keeping.said, kept) }, m.wrongCapsule(wrong))
}

// wrongCapsule has a wrong passphrase asked for again.
func (m *model) wrongCapsule(wrong func(problem string)) func(error) {
	return func(err error) {
		if errors.Is(err, vault.ErrPassphrase) {
			wrong(m.keeping.said)
		}
	}
}

// importCapsule takes a capsule in. pass is zeroed afterwards.
func (m *model) importCapsule(path string, pass []byte) {
	m.run(func(ctx context.Context, listen func(job.State)) (string, error) {
		defer clear(pass)
		plan, err := m.capsules.Import(ctx, path, app.CapsuleImport{Passphrase: pass, OtherEmbedder: true, Listen: listen})
		if err == nil && m.linker != nil && len(plan.New)+len(plan.Both) > 0 { // what came into a vector index that was there is linked
			_, err = m.linker.BuildGraphs(ctx, listen)
		}
		return m.capsuleText("cli.capsule.imported", plan), err
	}, nil)
}

// mostNames is how many things are named before the rest is counted.
const mostNames = 8

// capsuleText is what an import does, or did.
func (m *model) capsuleText(key string, p app.CapsulePlan) string {
	t := m.host.Text
	lines := []string{t(key, len(p.New), len(p.Same), len(p.Both), p.Records, p.Adapters)}
	for i, d := range p.Both {
		if i == mostNames {
			lines = append(lines, t("cli.capsule.more", len(p.Both)-mostNames))
			break
		}
		if d.As == d.Name {
			lines = append(lines, t("cli.capsule.both_same", d.Name, d.Collection))
		} else {
			lines = append(lines, t("cli.capsule.both", d.Name, d.Collection, d.As))
		}
	}
	for i, o := range p.KeptHere {
		if i == mostNames {
			lines = append(lines, t("cli.capsule.more", len(p.KeptHere)-mostNames))
			break
		}
		lines = append(lines, t("cli.capsule.kept", t("capsule.kind."+o.Kind), o.Name))
	}
	if len(p.Embedders) > 0 {
		lines = append(lines, t("settings.capsule.other"))
	}
	if p.OtherSplit > 0 {
		lines = append(lines, t("cli.capsule.split", p.OtherSplit))
	}
	return strings.Join(lines, "\n")
}

// compareCapsule says what a capsule has that the library has not, and the other way round. pass is zeroed.
func (m *model) compareCapsule(path string, pass []byte, show func(text string), wrong func(problem string)) {
	text := ""
	m.runOr(func(ctx context.Context, listen func(job.State)) (string, error) {
		a, err := m.capsules.Look(ctx, path, pass, listen)
		clear(pass)
		if err != nil {
			return "", err
		}
		var names []string // of the library only what the capsule could hold
		if !a.Whole {
			names = []string{}
			st, err := m.linker.Status(ctx)
			if err != nil {
				return "", err
			}
			for _, one := range a.Collections {
				if slices.ContainsFunc(st.Collections, func(c app.CollectionStatus) bool { return c.Name == one.Name }) {
					names = append(names, one.Name)
				}
			}
		}
		b, err := m.capsules.Content(ctx, names)
		if err != nil {
			return "", err
		}
		d := a.Diff(b)
		text = m.diffText(d, filepath.Base(path))
		return m.host.Text("settings.capsule.compared", filepath.Base(path), d.Same, len(d.OnlyA), len(d.OnlyB), len(d.Changed)), nil
	}, func() { show(text) }, m.wrongCapsule(wrong))
}

// diffText is a difference, in lines.
func (m *model) diffText(d app.CapsuleDiff, name string) string {
	t := m.host.Text
	if d.Nothing() {
		return t("cli.capsule.equal", d.Same)
	}
	here := t("cli.capsule.library")
	lines := []string{t("cli.capsule.same", d.Same)}
	part := func(head string, items []app.CapsuleDiffItem) {
		if len(items) == 0 {
			return
		}
		lines = append(lines, "", head)
		for _, i := range items {
			lines = append(lines, "    "+i.Collection+"  "+i.Name)
		}
	}
	part(t("cli.capsule.only", name, len(d.OnlyA)), d.OnlyA)
	part(t("cli.capsule.only", here, len(d.OnlyB)), d.OnlyB)
	part(t("cli.capsule.changed", len(d.Changed)), d.Changed)
	if len(d.Others) > 0 {
		lines = append(lines, "")
	}
	for _, o := range d.Others {
		where := map[string]string{"a": name, "b": here}[o.In]
		if where == "" {
			where = t("cli.capsule.in_both")
		}
		lines = append(lines, t("cli.capsule.other_item", t("capsule.kind."+o.Kind), o.Name, where))
	}
	return strings.Join(lines, "\n")
}

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kakoi/app/job"
	"kakoi/app/pack"
	"kakoi/app/record"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/lora"
	"kakoi/core/manifest"
	"kakoi/core/weights"
)

// PackInfo says what a pack holds.
type PackInfo struct {
	ID      string      `json:"id"`
	Program string      `json:"program"`
	Made    time.Time   `json:"made"`
	Items   []pack.Item `json:"items"`
	Bytes   int64       `json:"bytes"` // of the contents
	Parts   int         `json:"parts"`
	Sealed  bool        `json:"sealed"`
	Signer  string      `json:"signer,omitempty"` // ID and comment of the key that signed it; "": none did
	Read    int64       `json:"read,omitempty"`   // of an import that was interrupted: the bytes that are here
	Missing []int       `json:"missing,omitempty"`
}

// PackImport says how a pack is read; all may be left out.
type PackImport struct {
	Name       string                 // of the model; "": as it was called
	Passphrase func() ([]byte, error) // asked once, for a sealed pack; nil: core.ErrEncrypted
	Key        *manifest.PublicKey    // whose signature it has to bear; nil: anybody's, or none
	Listen     func(job.State)        // stages "copy", "verify", "tensors" and those of an import
	Found      func(PackInfo)         // once the first part is known to be sound; from the goroutine of the work
}

// PackResult is what an import came to.
type PackResult struct {
	PackInfo
	Model    *Model           `json:"model,omitempty"` // nil: none came, or it was here
	Adapters []record.Adapter `json:"adapters"`
	Here     []pack.Item      `json:"here,omitempty"` // were here already
}

// MissingParts is why an import stops and waits: its parts lie elsewhere. What was read is kept, and an import of any part goes on from there.
type MissingParts struct {
	Names   []string // of the parts, as far as the names of those that are there tell; otherwise ""
	Numbers []int    // from 1
	Parts   int      // of the pack
	Dir     string   // where they were looked for
}

func (m *MissingParts) Error() string {
	return fmt.Sprintf("parts %v of %d are not in %s", m.Numbers, m.Parts, m.Dir)
}

// List names the missing parts: "model-2-of-3.kakoi-pack (2/3)".
func (m *MissingParts) List() string {
	var all []string
	for i, n := range m.Numbers {
		if i == 12 {
			all = append(all, fmt.Sprintf("… (%d)", len(m.Numbers)))
			break
		}
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s (%d/%d)", m.Names[i], n, m.Parts)))
	}
	return strings.Join(all, ", ")
}

// IsPack says whether a path is a part of a pack, or a folder with parts and no model in it; part is one of them.
func IsPack(path string) (part string, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return "", false
	}
	if info.Mode().IsRegular() {
		return path, pack.Is(path)
	}
	if _, err := os.Stat(filepath.Join(path, "config.json")); err == nil {
		return "", false
	}
	for _, name := range packLike(path) {
		if pack.Is(name) {
			return name, true
		}
	}
	return "", false
}

// packLike are the files of a folder whose names could be those of parts, hidden ones of an export that was killed among its last steps behind the others.
func packLike(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names, partial []string
	for _, e := range entries {
		switch name := filepath.Join(dir, e.Name()); {
		case e.IsDir() || !strings.Contains(e.Name(), pack.Ext):
		case strings.HasSuffix(e.Name(), partialName):
			partial = append(partial, name)
		default:
			names = append(names, name)
		}
	}
	return append(names, partial...)
}

const (
	stagePrefix = ".pack-"
	readyName   = "ready.json"

	// stageDays is how long an import that was interrupted is kept.
	stageDays = 14
)

// Import reads a pack as a job: paths are its parts, or one of them; others are looked for beside it. Parts may come in any order and in several imports: what was read is kept and gone on
// with. Where parts are missing the error is a *MissingParts. Nothing is put in place before every file was read again and the model and adapters were checked, and then
// all of it is. core.ErrCorrupt names the file and the part that is damaged.
func (p *Packs) Import(ctx context.Context, paths []string, opt PackImport) (PackResult, error) {
	var out PackResult
	if len(paths) == 0 {
		return out, fmt.Errorf("import pack: no file: %w", core.ErrUsage)
	}
	var keys *pack.Keys
	if opt.Passphrase != nil {
		keys = &pack.Keys{Ask: opt.Passphrase}
		defer keys.Close()
	}
	j := p.Jobs.Start(ctx, job.Name{Key: "job.pack.import", Note: filepath.Base(paths[0])}, func(ctx context.Context, progress core.Progress) (err error) {
		out, err = p.read(ctx, paths, keys, opt, progress)
		return err
	}, opt.Listen)
	if err := j.Wait(context.Background()); err != nil {
		return out, fmt.Errorf("import pack: %w", err)
	}
	p.Bus.Tell(TopicModels)
	return out, nil
}

func (p *Packs) read(ctx context.Context, paths []string, keys *pack.Keys, opt PackImport, progress core.Progress) (out PackResult, err error) {
	first, err := pack.Open(paths[0], keys)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, first.Close()) }()
	if out.PackInfo, err = p.info(first.Manifest, first.Raw, first.Signature, opt.Key); err != nil {
		return out, err
	}
	out.Sealed, out.Adapters = first.Sealed, []record.Adapter{}
	plan, err := p.place(ctx, first.Manifest, opt.Name, progress)
	if err != nil {
		return out, err
	}
	if opt.Found != nil {
		opt.Found(out.PackInfo)
	}
	if out.Here = plan.here; plan.nothing() {
		return out, nil
	}
	if err := os.MkdirAll(p.Models.Dir, 0o700); err != nil {
		return out, fmt.Errorf("make models folder: %w", err)
	}
	s, err := p.stage(first)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := p.space(p.Models.Dir, first.Manifest.Bytes()-s.Bytes()+spareBytes); err != nil {
		return out, errors.Join(err, p.unbegun(s))
	}
	if err := p.takeParts(ctx, s, first, paths, keys, progress); err != nil {
		return out, errors.Join(err, p.unbegun(s))
	}
	if err := s.Verify(ctx, progress); err != nil {
		return out, errors.Join(err, p.unbegun(s))
	}
	ready, err := p.check(ctx, s, plan, progress)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, core.ErrNoSpace) { // reading it once more would not help
			err = errors.Join(err, os.RemoveAll(s.Dir))
		}
		return out, err
	}
	if err := ctx.Err(); err != nil {
		return out, err
	}
	return out, p.finish(context.WithoutCancel(ctx), s, ready, &out, progress)
}

// info says what a manifest tells, and whose signature it bears. A signature that is none is refused.
func (p *Packs) info(m *pack.Manifest, raw []byte, signature string, key *manifest.PublicKey) (PackInfo, error) {
	i := PackInfo{ID: pack.ID(raw), Program: m.Program, Made: m.Made, Items: m.Items, Bytes: m.Bytes(), Parts: len(m.Parts)}
	by, err := packSigner(raw, signature, key)
	i.Signer = by
	return i, err
}

// stage opens the staging folder of a pack; one that cannot be read is begun anew.
func (p *Packs) stage(first *pack.Opened) (*pack.Staging, error) {
	dir := p.folder(first.ID)
	s, err := pack.Stage(dir, first)
	if err == nil && s.ID == first.ID {
		return s, nil
	}
	if err == nil {
		err = s.Close()
	}
	if errors.Is(err, core.ErrNoSpace) {
		return nil, err
	}
	slog.Warn("staged pack that cannot be read is begun anew", "id", first.ID, "error", err)
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("stage pack: %w", err)
	}
	return pack.Stage(dir, first)
}

func (p *Packs) folder(id string) string { return filepath.Join(p.Models.Dir, stagePrefix+id) }

// unbegun removes a staging folder into which nothing was read, and one that may not be kept.
func (p *Packs) unbegun(s *pack.Staging) error {
	if s.Bytes() > 0 && p.mayKeep(s.Manifest) {
		return nil
	}
	return os.RemoveAll(s.Dir)
}

// mayKeep says whether what was read may wait on the disk: adapters of an encrypted data folder may not, since what is staged is plain.
func (p *Packs) mayKeep(m *pack.Manifest) bool {
	return p.Adapters.Key == nil || !slices.ContainsFunc(m.Items, func(x pack.Item) bool { return x.Kind == pack.KindAdapter })
}

// takeParts reads the parts that are to be found. Of two files of one part the second is tried where the first is damaged.
func (p *Packs) takeParts(ctx context.Context, s *pack.Staging, first *pack.Opened, paths []string, keys *pack.Keys, progress core.Progress) error {
	found, err := siblings(first, paths)
	if err != nil {
		return err
	}
	missing := &MissingParts{Parts: len(s.Manifest.Parts), Dir: filepath.Dir(paths[0])}
	for _, n := range s.Missing() {
		var bad error
		taken := false
		for _, path := range found[n] {
			err := p.takePart(ctx, s, path, n, keys, progress)
			if err == nil {
				taken = true
				break
			}
			if ctx.Err() != nil || !errors.Is(err, core.ErrCorrupt) {
				return err
			}
			bad = errors.Join(bad, err)
		}
		switch {
		case taken:
		case bad != nil:
			return bad
		default:
			missing.Numbers = append(missing.Numbers, n+1)
			missing.Names = append(missing.Names, nameOfPart(paths, n, missing.Parts))
		}
	}
	if len(missing.Numbers) > 0 {
		return core.Explain(missing, "error.pack.missing", missing.List(), missing.Dir)
	}
	return nil
}

func (p *Packs) takePart(ctx context.Context, s *pack.Staging, path string, n int, keys *pack.Keys, progress core.Progress) (err error) {
	part, err := pack.Open(path, keys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, part.Close()) }()
	if part.ID != s.ID || part.Number != n {
		return core.Explain(fmt.Errorf("%s is part %d of pack %s, want %d of %s: %w", path, part.Number+1, part.ID, n+1, s.ID, core.ErrCorrupt), "error.pack.other", filepath.Base(path))
	}
	return s.Take(ctx, part, progress)
}

// siblings finds the files of a pack, by part: those that were named, and others in their folders.
func siblings(first *pack.Opened, paths []string) (map[int][]string, error) {
	found := map[int][]string{}
	add := func(path string, named bool) error {
		label, err := pack.ReadLabel(path)
		switch {
		case err != nil && named:
			return err
		case err != nil:
			return nil // not of this pack, or too damaged to tell
		case label.Group != first.Group && named:
			return core.Explain(fmt.Errorf("%s belongs to pack %s, %s to %s: %w", path, label.Group, first.Path, first.Group, core.ErrUsage), "error.pack.other", filepath.Base(path))
		case label.Group == first.Group && !slices.Contains(found[label.Number], path):
			found[label.Number] = append(found[label.Number], path)
		}
		return nil
	}
	for _, path := range paths {
		if err := add(path, true); err != nil {
			return nil, err
		}
	}
	var seen []string
	for _, path := range paths {
		dir := filepath.Dir(path)
		if slices.Contains(seen, dir) {
			continue
		}
		seen = append(seen, dir)
		for _, other := range packLike(dir) {
			if err := add(other, false); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// nameOfPart is how a part (from 0) is called if it is called like the others; "" where their names do not tell.
func nameOfPart(paths []string, n, parts int) string {
	for _, path := range paths {
		if name := partName.FindStringSubmatch(filepath.Base(path)); name != nil && name[3] == fmt.Sprint(parts) {
			return filepath.Base(pack.Names(name[1]+pack.Ext, parts)[n])
		}
	}
	return ""
}

// placing is where the items of a pack go.
type placing struct {
	model    int            // place of the model in Items; -1: none comes
	name     string         // of the model
	adapters map[int]string // place in Items: name of the base here
	here     []pack.Item
}

func (p placing) nothing() bool { return p.model < 0 && len(p.adapters) == 0 }

// place decides where the items go, before anything is read: core.ErrBusy where another model has the name, core.ErrNoModel for an adapter whose base is neither here
// nor in the pack.
func (p *Packs) place(ctx context.Context, m *pack.Manifest, name string, progress core.Progress) (placing, error) {
	plan := placing{model: -1, adapters: map[int]string{}}
	base, local := "", "" // ID and name of the pack's model
	for i, x := range m.Items {
		if x.Kind != pack.KindModel {
			continue
		}
		base, local = x.ID, cmp.Or(name, x.Name)
		if !settings.ValidModelName(local) {
			return plan, core.Explain(fmt.Errorf("model name %q: %w", local, core.ErrUsage), "error.model.name", local)
		}
		old, err := p.Models.Find(ctx, local)
		if err != nil && !errors.Is(err, core.ErrNoModel) {
			return plan, err
		}
		if err != nil {
			plan.model, plan.name = i, local
			continue
		}
		if id, err := p.Models.contentID(ctx, old, progress); err != nil || id != x.ID {
			return plan, core.Explain(fmt.Errorf("import model %q: %w", local, errors.Join(core.ErrBusy, err)), "error.model.exists", local)
		}
		plan.here = append(plan.here, x)
	}
	for i, x := range m.Items {
		if x.Kind != pack.KindAdapter {
			continue
		}
		if _, err := p.Adapters.book().Adapter(ctx, x.ID); err == nil && exists(p.Adapters.folder(x.ID)) {
			plan.here = append(plan.here, x)
			continue
		}
		if base != "" && (x.BaseID == base || x.BaseID == "") {
			plan.adapters[i] = local
			continue
		}
		found, err := p.base(ctx, x, progress)
		if err != nil {
			return plan, err
		}
		plan.adapters[i] = found
	}
	return plan, nil
}

// base is the name of the model here that an adapter was trained on.
func (p *Packs) base(ctx context.Context, x pack.Item, progress core.Progress) (string, error) {
	models, err := p.Models.List(ctx)
	if err != nil {
		return "", err
	}
	for _, m := range models {
		if m.Kind != KindChat {
			continue
		}
		if x.BaseID == "" {
			if m.Name == x.Base {
				return m.Name, nil
			}
			continue
		}
		if id, err := p.Models.contentID(ctx, m, progress); err == nil && id == x.BaseID {
			return m.Name, nil
		}
	}
	return "", core.Explain(fmt.Errorf("adapter %s of %q (%s): %w", x.ID, x.Base, x.BaseID, core.ErrNoModel), "error.pack.base", x.Name, x.Base, cmp.Or(x.BaseID, "-"))
}

// readyPack says that everything was read and checked, and where it goes. From when it is on the disk the import will be finished, if need be at the next start.
type readyPack struct {
	Model    *Model         `json:"model,omitempty"`
	Item     int            `json:"item"` // of the model
	Adapters []readyAdapter `json:"adapters"`
}

type readyAdapter struct {
	Item    int            `json:"item"`
	Adapter record.Adapter `json:"adapter"`
}

// check looks at what was read as an import of folders does.
func (p *Packs) check(ctx context.Context, s *pack.Staging, plan placing, progress core.Progress) (readyPack, error) {
	var ready readyPack
	for i, x := range s.Manifest.Items {
		if i == plan.model {
			m, err := p.checkModel(ctx, s, i, plan.name, progress)
			if err != nil {
				return ready, fmt.Errorf("model %q: %w", x.Name, err)
			}
			ready.Model, ready.Item = &m, i
		}
		if base, ok := plan.adapters[i]; ok {
			a, err := p.checkAdapter(s, i, base, plan)
			if err != nil {
				return ready, fmt.Errorf("adapter %s: %w", x.ID, err)
			}
			ready.Adapters = append(ready.Adapters, readyAdapter{i, a})
		}
	}
	if err := syncTree(s.Dir); err != nil {
		return ready, packSpace(fmt.Errorf("sync what was read: %w", err))
	}
	if err := writeSynced(filepath.Join(s.Dir, readyName), ready); err != nil {
		return ready, packSpace(err)
	}
	return ready, nil
}

func (p *Packs) checkModel(ctx context.Context, s *pack.Staging, item int, name string, progress core.Progress) (Model, error) {
	dir := s.Item(item)
	kind, err := kindOf(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Model{}, core.Explain(err, "error.model.noconfig", name)
	}
	if err != nil {
		return Model{}, err
	}
	model := Model{Name: name, Kind: kind, Dir: filepath.Join(p.Models.Dir, name), Imported: time.Now().UTC()}
	for _, f := range s.Manifest.Files {
		if f.Item != item {
			continue
		}
		if !belongs(filepath.FromSlash(f.Path)) || strings.HasPrefix(f.Path, weights.Cache4Bit+"/") {
			return Model{}, core.Explain(fmt.Errorf("file %q in a pack of a model: %w", f.Path, core.ErrCorrupt), "error.pack.file", f.Path)
		}
		model.Files = append(model.Files, File{Name: filepath.FromSlash(f.Path), Bytes: f.Bytes, SHA256: f.SHA256})
		model.Bytes += f.Bytes
	}
	if !slices.ContainsFunc(model.Files, func(f File) bool { return f.Name == "tokenizer.json" }) {
		// Made here by an import that was interrupted.
		if err := os.Remove(filepath.Join(dir, "tokenizer.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Model{}, err
		}
	}
	report, err := weights.Check(ctx, dir, purpose(kind), progress)
	if err != nil {
		return Model{}, fmt.Errorf("check folder: %w", err)
	}
	return p.Models.settle(ctx, dir, model, report.Parameters, progress)
}

func (p *Packs) checkAdapter(s *pack.Staging, item int, base string, plan placing) (record.Adapter, error) {
	dir, x := s.Item(item), s.Manifest.Items[item]
	read, err := lora.Read(dir)
	if err != nil {
		return record.Adapter{}, err
	}
	line, err := readLineage(dir)
	if err != nil {
		return record.Adapter{}, err
	}
	if read.ID != x.ID || line["base_id"] != x.BaseID {
		return record.Adapter{}, core.Explain(fmt.Errorf("adapter %s of base %q is said to be %s of %q: %w", read.ID, line["base_id"], x.ID, x.BaseID, core.ErrCorrupt), "error.pack.file", lineageFile)
	}
	folder := s.Item(max(plan.model, 0))
	if plan.model < 0 || base != plan.name {
		if folder, err = p.Models.folder(base); err != nil {
			return record.Adapter{}, err
		}
	}
	shape, err := shapeOf(folder)
	if err != nil {
		return record.Adapter{}, err
	}
	if err := read.Fits(shape); err != nil {
		return record.Adapter{}, err
	}
	a := line.adapter()
	a.ID, a.Name, a.Imported, a.State = read.ID, x.Name, true, record.AdapterDraft
	a.Why = record.Failed(core.Explain(errors.New("imported"), "adapter.why.imported"))
	a.Model, a.ModelID, a.Known = base, x.BaseID, x.BaseID != ""
	if !validAdapterName(a.Name) {
		return record.Adapter{}, core.Explain(fmt.Errorf("adapter name %q: %w", a.Name, core.ErrCorrupt), "error.adapter.name", a.Name)
	}
	return a, nil
}

// finish puts everything in its place; it may have been begun before.
func (p *Packs) finish(ctx context.Context, s *pack.Staging, ready readyPack, out *PackResult, progress core.Progress) error {
	if m := ready.Model; m != nil {
		if exists(s.Item(ready.Item)) {
			if err := p.Models.put(ctx, s.Item(ready.Item), *m); err != nil {
				return err
			}
		}
		out.Model = m
	}
	for _, a := range ready.Adapters {
		x := a.Adapter
		if x.ModelID == "" { // only its shapes are known to fit
			base, err := p.Models.Find(ctx, x.Model)
			if err == nil {
				x.ModelID, err = p.Models.contentID(ctx, base, progress)
			}
			if err != nil {
				return err
			}
		}
		x, err := p.Adapters.take(ctx, s.Item(a.Item), x, progress)
		if err != nil {
			return err
		}
		out.Adapters = append(out.Adapters, x)
	}
	return p.remove(s.Dir)
}

// remove takes a staging folder away in one step; what that leaves is swept.
func (p *Packs) remove(dir string) error {
	gone := filepath.Join(p.Models.Dir, ".removed-"+strings.TrimPrefix(filepath.Base(dir), "."))
	if err := os.Rename(dir, gone); err != nil {
		return fmt.Errorf("remove what was staged: %w", err)
	}
	return os.RemoveAll(gone)
}

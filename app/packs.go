package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/app/job"
	"kakoi/app/pack"
	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/core/weights"
)

// Packs takes models and adapters from one machine to another in files that fit on sticks (package pack).
type Packs struct {
	Models   *Models
	Adapters *Adapters
	Jobs     *job.Runner
	Version  string                          // of the program
	Bus      *Bus                            // hears of imports; nil is allowed
	Free     func(dir string) (int64, error) // free bytes; nil: asks the file system
	Params   vault.Params                    // of passphrases; zero: as they are measured
}

// PackPlan says what goes into a pack.
type PackPlan struct {
	Model      string   // "": adapters only
	Adapters   []string // names or IDs
	PartBytes  int64    // of a file at most; 0: one file, or what a FAT file system takes
	Replace    bool     // what is there under that name may go
	Passphrase []byte   // empty: not encrypted
	Sign       func(manifest []byte) (signature string, err error)
}

// PackSummary is what an export came to.
type PackSummary struct {
	ID      string      `json:"id"`
	Items   []pack.Item `json:"items"`
	Files   []string    `json:"files"` // paths of the parts
	Bytes   int64       `json:"bytes"` // of them
	Sealed  bool        `json:"sealed"`
	Signed  bool        `json:"signed"`
	Seconds float64     `json:"seconds"`
}

// fatMost is what a file on a FAT file system can hold.
const fatMost = 1<<32 - 1

// fatPart is the size of parts on such a file system, unless another was asked for.
const fatPart = 4_000_000_000

// LeastPart is the size that parts have at least.
const LeastPart = 1 << 20

// Export writes a pack as a job, with stages "hash" and "copy". Its files appear when all of them are whole. Those that are there under their names stay unless the plan says
// otherwise: core.ErrBusy. core.ErrNoSpace before anything is written; core.ErrUsage for parts that are too small, or larger than the file system takes.
func (p *Packs) Export(ctx context.Context, plan PackPlan, path string, listen func(job.State)) (PackSummary, error) {
	var out PackSummary
	if plan.Model == "" && len(plan.Adapters) == 0 {
		return out, core.Explain(fmt.Errorf("export pack: nothing: %w", core.ErrUsage), "error.pack.nothing")
	}
	if plan.PartBytes != 0 && plan.PartBytes < LeastPart {
		return out, core.Explain(fmt.Errorf("parts of %d bytes: %w", plan.PartBytes, core.ErrUsage), "error.pack.part_small")
	}
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return out, core.Explain(fmt.Errorf("export pack to %q: %w", path, errors.Join(err, fs.ErrNotExist)), "error.pack.folder", dir)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return out, core.Explain(fmt.Errorf("export pack to %q: %w", path, core.ErrUsage), "error.pack.isfolder", path)
	}
	if err := writable(path); err != nil { // before minutes of reading
		return out, err
	}
	if plan.PartBytes > fatMost && onFAT(dir) {
		return out, core.Explain(fmt.Errorf("parts of %d bytes on FAT: %w", plan.PartBytes, core.ErrUsage), "error.pack.fat")
	}
	if !plan.Replace {
		if old := packsAt(path); len(old) > 0 {
			return out, core.Explain(fmt.Errorf("export pack to %q: %w", old[0], errors.Join(core.ErrBusy, fs.ErrExist)), "error.pack.exists", old[0])
		}
	}
	j := p.Jobs.Start(ctx, job.Name{Key: "job.pack.export", Note: filepath.Base(path)}, func(ctx context.Context, progress core.Progress) (err error) {
		out, err = p.export(ctx, plan, path, progress)
		return err
	}, listen)
	err := j.Wait(context.Background())
	return out, err
}

func (p *Packs) export(ctx context.Context, plan PackPlan, path string, progress core.Progress) (out PackSummary, err error) {
	begun := time.Now()
	if plan.Model != "" {
		defer p.Models.hold(plan.Model)() // it is not removed meanwhile
	}
	items, sources, err := p.gather(ctx, plan, progress)
	if err != nil {
		return out, err
	}
	var total int64
	for _, s := range sources {
		total += s.Bytes
	}
	if plan.PartBytes == 0 && total > fatPart && onFAT(filepath.Dir(path)) {
		plan.PartBytes = fatPart
	}
	if err := p.space(filepath.Dir(path), total+total/1000+1<<20); err != nil { // before minutes of reading
		return out, err
	}
	sealed := len(plan.Passphrase) > 0
	m, err := pack.Build(ctx, pack.Plan{Program: p.Version, Made: time.Now(), Items: items, Sources: sources, PartBytes: plan.PartBytes, Sealed: sealed}, progress)
	if err != nil {
		return out, fmt.Errorf("export pack: %w", err)
	}
	if err := p.unchanged(ctx, plan.Model, m); err != nil {
		return out, err
	}
	raw, err := m.Encode()
	if err != nil {
		return out, err
	}
	form := pack.Form{Manifest: m}
	if sealed {
		if form.Seal, err = pack.NewSeal(plan.Passphrase, p.Params); err != nil {
			return out, err
		}
		defer form.Seal.Close()
	}
	if plan.Sign != nil {
		if form.Signature, err = plan.Sign(raw); err != nil {
			return out, fmt.Errorf("sign pack: %w", err)
		}
	}
	need, err := form.FileBytes()
	if err != nil {
		return out, err
	}
	need += 1<<20 + int64(len(m.Parts))*64<<10 // a stick hands out space in pieces
	if err := p.space(filepath.Dir(path), need); err != nil {
		return out, err
	}
	move, err := newMove(p.Models.Dir, path, len(m.Parts))
	if err != nil {
		return out, err
	}
	defer func() {
		err = errors.Join(err, move.abandon()) // nothing is left to do once it has ended
		if errors.Is(err, core.ErrNoSpace) {   // something else has filled the disk meanwhile: how much is missing is told now that all is cleared away
			if short := p.space(filepath.Dir(path), need); short != nil {
				err = errors.Join(short, err)
			}
		}
	}()
	if there := move.taken(); there != "" && !plan.Replace { // where names differ by case alone and the file system has them as one
		return out, core.Explain(fmt.Errorf("export pack to %q: %w", there, errors.Join(core.ErrBusy, fs.ErrExist)), "error.pack.exists", there)
	}
	form.Create = move.create
	if err := form.Write(ctx, sources, progress); err != nil {
		return out, fmt.Errorf("export pack: %w", packSpace(err))
	}
	if err := ctx.Err(); err != nil {
		return out, err
	}
	if err := move.end(plan.Replace); err != nil {
		return out, fmt.Errorf("export pack: %w", packSpace(err))
	}
	out = PackSummary{ID: pack.ID(raw), Items: items, Files: move.To, Sealed: sealed, Signed: form.Signature != "", Seconds: time.Since(begun).Seconds()}
	for _, name := range move.To {
		if info, err := os.Stat(name); err == nil {
			out.Bytes += info.Size()
		}
	}
	return out, nil
}

// gather finds what goes into a pack.
func (p *Packs) gather(ctx context.Context, plan PackPlan, progress core.Progress) (items []pack.Item, sources []pack.Source, err error) {
	if plan.Model != "" {
		model, err := p.Models.Find(ctx, plan.Model)
		if err != nil {
			return nil, nil, err
		}
		if model.Kind == KindEvidence {
			return nil, nil, unexported(model.Name)
		}
		if _, err := weights.Look(model.Dir, purpose(model.Kind)); err != nil { // what cannot be read here is of no use elsewhere
			return nil, nil, fmt.Errorf("export model %q: %w", model.Name, err)
		}
		id, err := p.Models.contentID(ctx, model, progress)
		if err != nil {
			return nil, nil, err
		}
		items = append(items, pack.Item{Kind: pack.KindModel, Name: model.Name, Model: string(model.Kind), ID: id})
		names, err := modelFiles(model.Dir)
		if err != nil {
			return nil, nil, err
		}
		for _, f := range names {
			file := filepath.Join(model.Dir, f.name)
			sources = append(sources, pack.Source{Path: filepath.ToSlash(f.name), Bytes: f.bytes, Open: func() (io.ReadCloser, error) { return os.Open(file) }})
		}
	}
	for _, which := range plan.Adapters {
		x, err := p.Adapters.Find(ctx, which)
		if err != nil {
			return nil, nil, err
		}
		if slices.ContainsFunc(items, func(i pack.Item) bool { return i.Kind == pack.KindAdapter && i.ID == x.ID }) {
			continue // named twice
		}
		item := pack.Item{Kind: pack.KindAdapter, Name: x.Name, ID: x.ID, Base: x.Model}
		if x.Known {
			item.BaseID = x.ModelID
		}
		if plan.Model != "" && (x.Known && x.ModelID != items[0].ID || !x.Known && x.Model != items[0].Name) {
			return nil, nil, core.Explain(fmt.Errorf("adapter %s of %q (%s) with model %q (%s): %w", x.ID, x.Model, x.ModelID, items[0].Name, items[0].ID, core.ErrUsage), "error.pack.stranger", x.Name, items[0].Name, x.Model)
		}
		items = append(items, item)
		files, err := adapterFiles(x.Dir)
		if err != nil {
			return nil, nil, fmt.Errorf("export adapter %s: %w", x.ID, err)
		}
		for _, f := range files {
			s, err := p.Adapters.source(filepath.Join(x.Dir, f.Name()))
			if err != nil {
				return nil, nil, fmt.Errorf("export adapter %s: %w", x.ID, err)
			}
			s.Item, s.Path = len(items)-1, f.Name()
			sources = append(sources, s)
		}
		text, err := lineageText(lineageOf(x.Adapter))
		if err != nil {
			return nil, nil, err
		}
		sources = append(sources, pack.Source{
			Item: len(items) - 1, Path: lineageFile, Bytes: int64(len(text)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil },
		})
	}
	return items, sources, nil
}

// source is one file of an adapter as a pack takes it in: not under the key of the data folder.
func (a *Adapters) source(file string) (pack.Source, error) {
	r, err := a.Key.Open(file)
	if err != nil {
		return pack.Source{}, err
	}
	return pack.Source{Bytes: r.Size(), Open: func() (io.ReadCloser, error) { return a.Key.Open(file) }}, r.Close()
}

// lineageText is a lineage as its file has it.
func lineageText(l lineage) ([]byte, error) {
	raw, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode lineage: %w", err)
	}
	return append(raw, '\n'), nil
}

// modelFile is a file of a model folder.
type modelFile struct {
	name  string
	bytes int64
}

// modelFiles are the files that make a model, without its 4-bit form, which is made again where the model comes in.
func modelFiles(dir string) ([]modelFile, error) {
	var files []modelFile
	safetensors := false
	err := eachFile(dir, func(name string, info fs.FileInfo) error {
		if belongs(name) {
			safetensors = safetensors || filepath.Ext(name) == ".safetensors"
			files = append(files, modelFile{name, info.Size()})
		}
		return nil
	})
	if safetensors {
		files = slices.DeleteFunc(files, func(f modelFile) bool { return strings.HasPrefix(filepath.Base(f.name), "pytorch_model") }) // the same weights once more
	}
	return files, err
}

// unchanged holds what is packed of an imported model against what was copied when it came: damage is not handed on.
func (p *Packs) unchanged(ctx context.Context, name string, m *pack.Manifest) error {
	if name == "" {
		return nil
	}
	model, err := p.Models.Find(ctx, name)
	if err != nil {
		return err
	}
	sums := model.sums()
	for _, f := range m.Files {
		if was, ok := sums[f.Path]; ok && f.Item == 0 && was != f.SHA256 {
			return core.Explain(fmt.Errorf("model %q: file %q has changed: %w", name, f.Path, core.ErrCorrupt), "error.model.changed", name, f.Path)
		}
	}
	return nil
}

// space refuses what a disk has no room for, before it begins.
func (p *Packs) space(dir string, need int64) error { return packRoom(p.Free, dir, need) }

// packRoom says how much room is missing on a folder's disk, as freeIn asks for it; core.ErrNoSpace.
func packRoom(ask func(dir string) (int64, error), dir string, need int64) error {
	have, err := freeIn(ask, dir)
	if err == nil && have < need {
		err = core.Explain(fmt.Errorf("%d bytes free in %s, %d needed: %w", have, dir, need, core.ErrNoSpace), "error.pack.space", float64(need)/1e6, dir, float64(have)/1e6)
	}
	return err
}

// packSpace gives an error of a full disk its sentence.
func packSpace(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG) {
		return core.Explain(fmt.Errorf("%w: %w", core.ErrNoSpace, err), "error.pack.full")
	}
	return err
}

// writable says whether files called like path can be written where it is: sticks do not take every name, and some can only be read.
func writable(path string) error {
	hidden := hiddenName(path)
	if exists(hidden) {
		return nil // of an export that was killed, or runs
	}
	f, err := os.OpenFile(hidden, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return refusedName(err, path)
	}
	return errors.Join(f.Close(), os.Remove(hidden))
}

// noName says whether a file system does not take a name.
func noName(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENAMETOOLONG) || errors.Is(err, unix.EILSEQ)
}

// refusedName gives the error of a name or place that a file system does not take its sentence.
func refusedName(err error, path string) error {
	switch {
	case noName(err):
		return core.Explain(fmt.Errorf("%w: %w", core.ErrUsage, err), "error.pack.filename", filepath.Base(path))
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		return core.Explain(fmt.Errorf("write beside %q: %w", path, err), "error.pack.readonly", filepath.Dir(path))
	}
	return packSpace(err)
}

// onFAT says whether a folder is on a FAT file system, as most sticks have it.
func onFAT(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && st.Type == unix.MSDOS_SUPER_MAGIC
}

// partName is how the name of a part ends behind the pack's.
var partName = regexp.MustCompile(`^(.*)-(\d+)-of-(\d+)` + regexp.QuoteMeta(pack.Ext) + `$`)

// packsAt are the files that a pack called path has, or had: itself, and parts.
func packsAt(file string) []string {
	var found []string
	if _, err := os.Lstat(file); err == nil {
		found = append(found, file)
	}
	stem := strings.TrimSuffix(filepath.Base(file), pack.Ext)
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil {
		return found
	}
	for _, e := range entries {
		if parts := partName.FindStringSubmatch(e.Name()); parts != nil && parts[1] == stem {
			found = append(found, filepath.Join(filepath.Dir(file), e.Name()))
		}
	}
	return found
}

// PackBase is how the files of a pack that holds name are called, without their ending: characters that FAT does not take are replaced.
func PackBase(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, name)
	return strings.Trim(name, ". ")
}

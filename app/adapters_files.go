package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/lora"
	"kakoi/core/vault"
)

// lineageFile is where an adapter comes from, in its folder.
const lineageFile = "lineage.json"

// maxBeside is the size of a file beside an adapter's weights, of its tokenizer say, above which it is left out.
const maxBeside = 256 << 20

// AdapterImport says how an adapter is brought in; all may be left out.
type AdapterImport struct {
	Name   string          // "": the folder's
	Model  string          // its base; "": the chat model in use
	Listen func(job.State) // stages "load", "copy"
}

// Import copies an adapter in PEFT's layout. It has to be one that Kakoi computes, to fit the base model's shapes, and, where its
// lineage says so, to have been trained on exactly that base.
func (a *Adapters) Import(ctx context.Context, dir string, opt AdapterImport) (record.Adapter, error) {
	dir = filepath.Clean(dir)
	if err := onlyFiles(dir); errors.Is(err, core.ErrUnsupported) {
		return record.Adapter{}, fmt.Errorf("import adapter: %w", err)
	}
	read, err := lora.Read(dir)
	if err != nil {
		return record.Adapter{}, fmt.Errorf("import adapter: %w", err)
	}
	line, err := readLineage(dir)
	if err != nil {
		return record.Adapter{}, fmt.Errorf("import adapter: %w", err)
	}
	x := line.adapter()
	x.ID, x.Imported, x.State = read.ID, true, record.AdapterDraft
	x.Why = record.Failed(core.Explain(errors.New("imported"), "adapter.why.imported"))
	x.Model = a.modelName(opt.Model)
	if x.Name = strings.TrimSpace(opt.Name); x.Name == "" {
		x.Name = filepath.Base(dir)
	}
	if !validAdapterName(x.Name) {
		return record.Adapter{}, core.Explain(fmt.Errorf("adapter name %q: %w", x.Name, core.ErrUsage), "error.adapter.name", x.Name)
	}
	j := a.Jobs.Start(ctx, job.Name{Key: "job.adapter", Note: x.Name}, func(ctx context.Context, p core.Progress) error {
		defer a.Models.hold(x.Model)()
		gen, err := a.Models.GeneratorNamed(ctx, x.Model, p)
		if err != nil {
			return err
		}
		base := gen.Info()
		if x.Known = line["base_id"] != ""; x.Known && line["base_id"] != base.ID {
			other := x
			other.Model, other.ModelID = line["base"], line["base_id"]
			return otherBase(other, x.Model, base.ID)
		}
		shape, err := a.Models.shape(x.Model)
		if err != nil {
			return err
		}
		if err := read.Fits(shape); err != nil {
			return err
		}
		x.ModelID = base.ID
		x, err = a.take(ctx, dir, x, p)
		return err
	}, opt.Listen)
	if err := j.Wait(context.Background()); err != nil {
		return record.Adapter{}, fmt.Errorf("import adapter: %w", err)
	}
	return x, nil
}

// take copies an adapter's folder that comes from elsewhere, and so is plain, and remembers it. One with the same weights that is here already stays as it is.
func (a *Adapters) take(ctx context.Context, dir string, x record.Adapter, p core.Progress) (record.Adapter, error) {
	return a.takeFrom(ctx, nil, dir, x, p)
}

// takeFrom is take of a folder whose files are under key.
func (a *Adapters) takeFrom(ctx context.Context, key *vault.Key, dir string, x record.Adapter, p core.Progress) (_ record.Adapter, err error) {
	read, err := lora.ReadSealed(dir, key)
	if err != nil {
		return x, err
	}
	x.ID, x.Rank, x.Parameters, x.Targets = read.ID, read.MaxRank(), read.Parameters(), targetsOf(read)
	x.Created = time.Now().UTC()
	if x.Documents == nil {
		x.Documents = []record.AdapterDocument{}
	}
	a.changing.Lock()
	defer a.changing.Unlock()
	if old, err := a.book().Adapter(ctx, x.ID); err == nil {
		if _, err := os.Stat(a.folder(x.ID)); err == nil {
			return old, nil
		}
	}
	if err := os.MkdirAll(a.Dir, 0o700); err != nil {
		return x, fmt.Errorf("make adapters folder: %w", err)
	}
	files, err := adapterFiles(dir)
	if err != nil {
		return x, err
	}
	for _, f := range files {
		x.Bytes += f.Size()
	}
	if err := room(a.Dir, x.Bytes+spareBytes); errors.Is(err, core.ErrNoSpace) {
		return x, core.Explain(err, "error.adapter.space", float64(x.Bytes+spareBytes)/1e6)
	} else if err != nil {
		return x, err
	}
	tmp, err := os.MkdirTemp(a.Dir, ".import-*")
	if err != nil {
		return x, fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	var done int64
	for _, f := range files {
		err := copyBetween(ctx, a.Key, filepath.Join(tmp, f.Name()), key, filepath.Join(dir, f.Name()), func(n int64) {
			done += n
			p.Report(core.Update{Stage: "copy", Done: done, Total: x.Bytes, Note: f.Name()})
		})
		if err != nil {
			return x, fmt.Errorf("copy %q: %w", f.Name(), err)
		}
	}
	if err := writeLineage(a.Key, tmp, lineageOf(x)); err != nil {
		return x, err
	}
	copied, err := lora.ReadSealed(tmp, a.Key)
	if err != nil {
		return x, fmt.Errorf("read the copy: %w", err)
	}
	if copied.ID != x.ID {
		return x, fmt.Errorf("the copy of adapter %s has the ID %s: %w", x.ID, copied.ID, core.ErrCorrupt)
	}
	if err := os.RemoveAll(a.folder(x.ID)); err != nil { // of one that nothing is known of
		return x, fmt.Errorf("put adapter in place: %w", err)
	}
	if err := os.Rename(tmp, a.folder(x.ID)); err != nil {
		return x, fmt.Errorf("put adapter in place: %w", err)
	}
	if err := a.book().PutAdapter(ctx, x); err != nil {
		return x, err
	}
	a.Bus.Tell(TopicAdapters)
	return x, nil
}

// adapterFiles are the files of a PEFT folder that belong to the adapter: its two files, and the tokenizer's beside them.
func adapterFiles(dir string) ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list adapter folder: %w", err)
	}
	var files []fs.FileInfo
	safetensors := slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == lora.WeightsFile })
	for _, e := range entries {
		name := e.Name()
		weights := name == lora.WeightsFile || name == lora.OldWeightsFile && !safetensors
		beside := name[0] != '.' && name != lineageFile && slices.Contains([]string{".json", ".model", ".txt", ".md"}, filepath.Ext(name))
		if !weights && !beside {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, name)) // the hub's cache is made of links
		if err != nil {
			return nil, fmt.Errorf("look at %q: %w", name, err)
		}
		if info.Mode().IsRegular() && (weights || info.Size() <= maxBeside) {
			files = append(files, named{info, name})
		}
	}
	return files, nil
}

// named is a file's info under the name of the link that led to it.
type named struct {
	fs.FileInfo
	name string
}

func (n named) Name() string { return n.name }

func targetsOf(a *lora.Adapter) []string {
	var names []string
	for _, name := range lora.Names {
		if slices.ContainsFunc(a.Targets, func(t lora.Target) bool { return t.Name == name }) {
			names = append(names, name[strings.LastIndexByte(name, '.')+1:])
		}
	}
	return names
}

// Export writes an adapter as a folder that PEFT reads, with its lineage, not encrypted. dir must not exist.
func (a *Adapters) Export(ctx context.Context, which, dir string) (_ record.Adapter, err error) {
	x, err := a.Find(ctx, which)
	if err != nil {
		return record.Adapter{}, err
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return x.Adapter, core.Explain(fmt.Errorf("export adapter to %q: %w", dir, errors.Join(core.ErrBusy, err)), "error.adapter.exists", dir)
	}
	files, err := adapterFiles(x.Dir)
	if err != nil {
		return x.Adapter, fmt.Errorf("export adapter %s: %w", x.ID, err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".export-*")
	if err != nil {
		return x.Adapter, core.Explain(fmt.Errorf("export adapter %s: %w", x.ID, err), "error.adapter.export", dir)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	for _, f := range files {
		if err := copyBetween(ctx, nil, filepath.Join(tmp, f.Name()), a.Key, filepath.Join(x.Dir, f.Name()), func(int64) {}); err != nil {
			return x.Adapter, fmt.Errorf("export adapter %s: %w", x.ID, err)
		}
	}
	if err := writeLineage(nil, tmp, lineageOf(x.Adapter)); err != nil {
		return x.Adapter, err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return x.Adapter, fmt.Errorf("export adapter %s: %w", x.ID, err)
	}
	return x.Adapter, nil
}

// lineage is the contents of lineageFile: texts, and JSON where a text is not enough.
type lineage map[string]string

func lineageOf(x record.Adapter) lineage {
	l := lineage{"adapter": x.ID, "base": x.Model}
	set := func(key, value string) {
		if value != "" {
			l[key] = value
		}
	}
	if x.Known {
		set("base_id", x.ModelID)
	}
	set("run", x.Run)
	set("dataset", x.Dataset)
	set("dataset_name", x.DatasetName)
	set("dataset_sum", x.DatasetSum)
	set("collection", x.Collection)
	if x.Rows > 0 {
		set("rows", strconv.Itoa(x.Rows))
	}
	for key, value := range map[string]any{"documents": x.Documents, "settings": x.Settings, "versions": x.Versions} {
		if raw, err := json.Marshal(value); err == nil && string(raw) != "null" { // they hold nothing that JSON has not
			set(key, string(raw))
		}
	}
	return l
}

// adapter is what a lineage says of an adapter; what cannot be read is left out.
func (l lineage) adapter() record.Adapter {
	x := record.Adapter{
		Run: l["run"], Dataset: l["dataset"], DatasetName: l["dataset_name"], DatasetSum: l["dataset_sum"], Collection: l["collection"],
	}
	x.Rows, _ = strconv.Atoi(l["rows"])
	_ = json.Unmarshal([]byte(l["documents"]), &x.Documents)
	_ = json.Unmarshal([]byte(l["settings"]), &x.Settings)
	_ = json.Unmarshal([]byte(l["versions"]), &x.Versions)
	return x
}

// readLineage reads the lineage of a folder; one without has an empty one.
func readLineage(dir string) (lineage, error) {
	raw, err := os.ReadFile(filepath.Join(dir, lineageFile))
	if errors.Is(err, fs.ErrNotExist) {
		return lineage{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read lineage: %w", err)
	}
	var l lineage
	if err := json.Unmarshal(raw, &l); err != nil {
		return nil, core.Explain(fmt.Errorf("parse %s: %w: %w", lineageFile, core.ErrCorrupt, err), "error.adapter.lineage", filepath.Base(dir))
	}
	return l, nil
}

func writeLineage(key *vault.Key, dir string, l lineage) error {
	raw, err := json.MarshalIndent(l, "", "  ")
	if err == nil {
		err = key.WriteFile(filepath.Join(dir, lineageFile), append(raw, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write lineage: %w", err)
	}
	return nil
}

// copyBetween copies one file from under a key to under another; either may be nil. core.ErrNoSpace.
func copyBetween(ctx context.Context, toKey *vault.Key, to string, fromKey *vault.Key, from string, copied func(n int64)) (err error) {
	in, err := fromKey.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := toKey.Create(to)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{&pacer{ctx, out, copied}}, struct{ io.Reader }{in}, make([]byte, 1<<20))
	if err == nil {
		err = out.Commit()
	}
	if err = errors.Join(err, out.Close()); errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		err = errors.Join(core.ErrNoSpace, err)
	}
	return err
}

// pacer writes and counts, and ends with its ctx; it lives for one copy.
type pacer struct {
	ctx    context.Context
	w      io.Writer
	copied func(int64)
}

func (p *pacer) Write(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.w.Write(b)
	p.copied(int64(n))
	return n, err
}

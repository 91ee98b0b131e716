package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/token"
	"kakoi/core/weights"
)

// spareBytes stay free on the disk after an import.
const spareBytes = 256 << 20

// ImportOptions say how a model is imported and who hears of it; all may be left out.
type ImportOptions struct {
	Name   string          // "": the folder's
	Listen func(job.State) // stages "files", "tensors", "tokenizer", "verify", "copy", and "quantize" for large models
	Found  func(Details)   // once the folder is known to be sound, before it is copied; from the goroutine of the work
}

// Import checks a model folder, copies what belongs to the model and remembers the hashes of the files. Nothing is left
// behind when it fails or is cancelled.
func (m *Models) Import(ctx context.Context, dir string, opt ImportOptions) (Model, error) {
	name := opt.Name
	dir = filepath.Clean(dir)
	if name == "" {
		name = filepath.Base(dir)
	}
	if !settings.ValidModelName(name) {
		return Model{}, core.Explain(fmt.Errorf("model name %q: %w", name, core.ErrUsage), "error.model.name", name)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return Model{}, core.Explain(fmt.Errorf("import model: %w", err), "error.model.folder", dir)
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return Model{}, core.Explain(fmt.Errorf("import model: %q is %v: %w", dir, info.Mode().Type(), core.ErrUnsupported), "error.pack.nofile", dir)
	}
	if !info.IsDir() {
		return Model{}, core.Explain(fmt.Errorf("import model: %q is no folder: %w", dir, core.ErrUnsupported), "error.model.file", dir)
	}
	if err := onlyFiles(dir); err != nil {
		return Model{}, fmt.Errorf("import model %q: %w", name, err)
	}
	if _, err := m.Find(ctx, name); err == nil {
		return Model{}, core.Explain(fmt.Errorf("import model %q: %w", name, core.ErrBusy), "error.model.exists", name)
	}
	kind, err := kindOf(dir)
	if kind == KindEvidence {
		err = fmt.Errorf("an adapter, which comes with the program only: %w", fs.ErrNotExist)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Model{}, core.Explain(fmt.Errorf("import model: %w", err), "error.model.noconfig", dir)
	}
	if err != nil {
		return Model{}, fmt.Errorf("import model %q: %w", name, err)
	}
	var model Model
	j := m.Jobs.Start(ctx, job.Name{Key: "job.import", Note: name}, func(ctx context.Context, p core.Progress) (err error) {
		model, err = m.take(ctx, dir, name, kind, opt.Found, p)
		return err
	}, opt.Listen)
	if err := j.Wait(context.Background()); err != nil {
		return Model{}, fmt.Errorf("import model %q: %w", name, err)
	}
	m.Bus.Tell(TopicModels)
	return model, nil
}

func (m *Models) take(ctx context.Context, dir, name string, kind ModelKind, found func(Details), p core.Progress) (model Model, err error) {
	type entry struct {
		name string
		info fs.FileInfo
	}
	var entries []entry
	var total int64
	safetensors := false
	err = eachFile(dir, func(name string, info fs.FileInfo) error {
		if !belongs(name) {
			return nil
		}
		safetensors = safetensors || filepath.Ext(name) == ".safetensors"
		entries = append(entries, entry{name, info})
		return nil
	})
	if err != nil {
		return Model{}, err
	}
	kept := entries[:0]
	for _, e := range entries {
		if safetensors && strings.HasPrefix(filepath.Base(e.name), "pytorch_model") {
			continue // the same weights once more
		}
		kept = append(kept, e)
		total += e.info.Size()
	}
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return Model{}, fmt.Errorf("make models folder: %w", err)
	}
	if err := room(m.Dir, total+spareBytes); err != nil {
		return Model{}, err
	}
	// All values are looked at: that takes a while, so room was asked about before.
	report, err := weights.Check(ctx, dir, purpose(kind), p)
	if err != nil {
		return Model{}, fmt.Errorf("check folder: %w", err)
	}
	if found != nil {
		licences, err := licencesOf(dir)
		if err != nil {
			return Model{}, err
		}
		found(detailsOf(report, len(kept), licences))
	}
	tmp, err := os.MkdirTemp(m.Dir, ".import-*")
	if err != nil {
		return Model{}, fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	model = Model{Name: name, Kind: kind, Dir: filepath.Join(m.Dir, name), Bytes: total, Imported: time.Now().UTC()}
	var done int64
	for _, e := range kept {
		sum, err := copyFile(ctx, filepath.Join(tmp, e.name), filepath.Join(dir, e.name), func(n int64) {
			done += n
			p.Report(core.Update{Stage: "copy", Done: done, Total: total, Note: e.name})
		})
		if err != nil {
			return Model{}, fmt.Errorf("copy %q: %w", e.name, err)
		}
		model.Files = append(model.Files, File{Name: e.name, Bytes: e.info.Size(), SHA256: sum})
	}
	if model, err = m.settle(ctx, tmp, model, report.Parameters, p); err != nil {
		return Model{}, err
	}
	return model, m.put(ctx, tmp, model)
}

// settle completes a model whose files lie in dir and are listed in model: the tokenizer in the form that the engine reads, the ID, and for large ones the
// 4-bit form.
func (m *Models) settle(ctx context.Context, dir string, model Model, parameters int64, p core.Progress) (Model, error) {
	converted, err := convert(dir)
	if err != nil {
		return Model{}, err
	}
	if converted.Name != "" {
		model.Files = append(model.Files, converted)
		model.Bytes += converted.Bytes
	}
	all := sha256.New()
	for _, f := range model.Files {
		fmt.Fprintf(all, "%s\x00%d\x00%s\n", f.Name, f.Bytes, f.SHA256)
	}
	model.ID = hex.EncodeToString(all.Sum(nil)[:8])
	if model.Kind == KindChat && parameters >= large {
		if model.FourBit, err = in4Bit(ctx, dir, model.sums(), p); err != nil {
			if ctx.Err() != nil || errors.Is(err, core.ErrCorrupt) {
				return Model{}, fmt.Errorf("quantize: %w", err)
			}
			if !errors.Is(err, core.ErrUnsupported) { // one that is 4-bit already needs none
				model.Unkept = record.Failed(err) // it is quantised at every load then
			}
		}
	}
	return model, nil
}

// put gives a whole model folder its place and remembers it.
func (m *Models) put(ctx context.Context, dir string, model Model) error {
	value, err := json.Marshal(model)
	if err != nil {
		return fmt.Errorf("encode model %q: %w", model.Name, err)
	}
	if err := m.Store.PutRecord(ctx, modelKind, model.Name, value); err != nil {
		return fmt.Errorf("remember model %q: %w", model.Name, err)
	}
	if err := os.Rename(dir, model.Dir); err != nil {
		return fmt.Errorf("put model %q in place: %w", model.Name, err)
	}
	_ = note(model) // without it the first load takes longer, no more
	return nil
}

// note hands on the hashes of what was copied, so that the first load need not read all files for them.
func note(model Model) error {
	folder, err := weights.Open(model.Dir)
	if err != nil {
		return fmt.Errorf("open model %q: %w", model.Name, err)
	}
	return errors.Join(folder.Note(model.sums()), folder.Close())
}

// sums are the hashes of the files, by name.
func (m Model) sums() map[string]string {
	sums := map[string]string{}
	for _, f := range m.Files {
		sums[filepath.ToSlash(f.Name)] = f.SHA256
	}
	return sums
}

// belongs says whether a file of a model folder is needed to run the model or to know where it comes from.
func belongs(name string) bool {
	base := filepath.Base(name)
	switch filepath.Ext(base) {
	case ".safetensors", ".json", ".model", ".txt", ".md":
		return true
	case ".bin":
		return strings.HasPrefix(base, "pytorch_model")
	}
	return isLicence(base)
}

// onlyFiles refuses a folder in which a file that belongs to a model is none: a pipe would be waited for without end, and a device has no end.
func onlyFiles(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return core.Explain(fmt.Errorf("list model folder: %w", err), "error.model.folder", dir)
	}
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && belongs(e.Name()) && !info.Mode().IsRegular() && !info.IsDir() {
			return core.Explain(fmt.Errorf("%q in a model folder is %v: %w", e.Name(), info.Mode().Type(), core.ErrUnsupported), "error.model.nofile", e.Name())
		}
	}
	return nil
}

// room is core.ErrNoSpace, explained, unless so many bytes are free.
func room(dir string, bytes int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("look at disk: %w", err)
	}
	if free := int64(st.Bavail) * st.Bsize; free < bytes {
		return core.Explain(fmt.Errorf("%d bytes free, %d needed: %w", free, bytes, core.ErrNoSpace), "error.model.space",
			float64(bytes)/1e9, float64(free)/1e9)
	}
	return nil
}

// copyFile copies and syncs one file, and returns the SHA-256 of what it wrote.
func copyFile(ctx context.Context, to, from string, copied func(n int64)) (sum string, err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return "", err
	}
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.CopyBuffer(&meter{ctx, out, h, copied}, struct{ io.Reader }{in}, make([]byte, 1<<20))
	err = errors.Join(err, out.Sync(), out.Close())
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		err = errors.Join(core.ErrNoSpace, err)
	}
	return hex.EncodeToString(h.Sum(nil)), err
}

// meter writes, hashes, counts, and ends with its ctx; it lives for one copy.
type meter struct {
	ctx    context.Context
	w      io.Writer
	h      hash.Hash
	copied func(int64)
}

func (m *meter) Write(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.w.Write(p)
	m.h.Write(p[:n])
	m.copied(int64(n))
	return n, err
}

// convert writes a tokenizer.json for a folder that has a sentencepiece model only; without need its File has no name.
func convert(dir string) (File, error) {
	const made = "tokenizer.json"
	if _, err := os.Stat(filepath.Join(dir, made)); !errors.Is(err, fs.ErrNotExist) {
		return File{}, err
	}
	pieces, err := os.ReadFile(filepath.Join(dir, "spiece.model"))
	if errors.Is(err, fs.ErrNotExist) {
		return File{}, nil // a vocab.txt, say: the engine reads it as it is
	}
	if err != nil {
		return File{}, fmt.Errorf("read sentencepiece model: %w", err)
	}
	var config token.SpieceConfig
	raw, err := os.ReadFile(filepath.Join(dir, "tokenizer_config.json"))
	if err == nil {
		config, err = token.ParseSpieceConfig(raw)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return File{}, fmt.Errorf("read tokenizer settings: %w", err)
	}
	text, err := token.ConvertSentencePiece(pieces, config)
	if err != nil {
		return File{}, fmt.Errorf("convert sentencepiece model: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, made), text, 0o600); err != nil {
		return File{}, fmt.Errorf("write %s: %w", made, err)
	}
	sum := sha256.Sum256(text)
	return File{Name: made, Bytes: int64(len(text)), SHA256: hex.EncodeToString(sum[:])}, nil
}

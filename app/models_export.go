package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/weights"
)

// FolderPlan says how a model is written as a folder of the Hugging Face hub.
type FolderPlan struct {
	Half    bool // float16; otherwise float32
	Replace bool // a folder that an earlier export wrote may go
}

// FolderSummary is what such an export came to.
type FolderSummary struct {
	Model   string   `json:"model"`
	Dir     string   `json:"dir"`
	DType   string   `json:"dtype"` // "float32", "float16"
	Files   []string `json:"files"`
	Bytes   int64    `json:"bytes"`
	Seconds float64  `json:"seconds"`
}

// ExportFolder writes a model as a folder of the Hugging Face hub, as a job with stage "convert": its weights without any quantisation, config.json that says so, the tokenizer, and what
// belongs to the model beside them. transformers loads it. The folder appears when it is whole. dir may be new, or an empty folder; core.ErrBusy otherwise.
func (m *Models) ExportFolder(ctx context.Context, name, dir string, plan FolderPlan, listen func(job.State)) (FolderSummary, error) {
	dir = filepath.Clean(dir)
	if isMount(dir) { // an empty stick: the folder is made on it
		dir = filepath.Join(dir, PackBase(name))
	}
	out := FolderSummary{Model: name, Dir: dir, DType: "float32"}
	if plan.Half {
		out.DType = "float16"
	}
	model, err := m.Find(ctx, name)
	if err != nil {
		return out, err
	}
	if model.Kind == KindEvidence {
		return out, unexported(name)
	}
	parent := filepath.Dir(dir)
	if info, err := os.Stat(parent); err != nil || !info.IsDir() {
		return out, core.Explain(fmt.Errorf("export model to %q: %w", dir, errors.Join(err, fs.ErrNotExist)), "error.pack.folder", parent)
	}
	if err := exportable(dir, plan.Replace); err != nil {
		return out, err
	}
	j := m.Jobs.Start(ctx, job.Name{Key: "job.pack.export", Note: name}, func(ctx context.Context, p core.Progress) error {
		defer m.hold(name)()
		begun := time.Now()
		err := m.writeFolder(ctx, model, &out, plan, p)
		out.Seconds = time.Since(begun).Seconds()
		return err
	}, listen)
	if err := j.Wait(context.Background()); err != nil {
		return out, fmt.Errorf("export model %q: %w", name, packSpace(err))
	}
	return out, nil
}

// exportable says whether a folder may be written at dir.
func exportable(dir string, replace bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	refused := core.Explain(fmt.Errorf("export model to %q: %w", dir, errors.Join(core.ErrBusy, fs.ErrExist)), "error.pack.exists", dir)
	if err != nil || !replace {
		return refused
	}
	// Only what an export writes may go: a folder of somebody's own stays.
	if !exists(filepath.Join(dir, "config.json")) || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !belongs(e.Name()) && !e.IsDir() || strings.HasPrefix(e.Name(), ".") }) {
		return core.Explain(fmt.Errorf("export model to %q: not a model's: %w", dir, errors.Join(core.ErrBusy, fs.ErrExist)), "error.pack.foreign_folder", dir)
	}
	return nil
}

func (m *Models) writeFolder(ctx context.Context, model Model, out *FolderSummary, plan FolderPlan, p core.Progress) (err error) {
	folder, err := weights.Open(model.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	o := weights.PlainOptions{DType: weights.F32}
	if plan.Half {
		o.DType = weights.F16
	}
	need, err := folder.PlainBytes(o.DType)
	if err != nil {
		return err
	}
	parent := filepath.Dir(out.Dir)
	if need > fatPart && onFAT(parent) {
		o.ShardBytes = fatPart
	}
	need += 64 << 20 // for what is beside the weights
	if err := packRoom(nil, parent, need); err != nil {
		return err
	}
	move, err := newFolderMove(m.Dir, out.Dir)
	if err != nil {
		return fmt.Errorf("make folder: %w", refusedName(err, out.Dir))
	}
	defer func() {
		err = errors.Join(err, move.end())
		if full := packSpace(err); full != err { // filled meanwhile: how much is missing is told now that all is cleared away
			if short := packRoom(nil, parent, need); errors.Is(short, core.ErrNoSpace) {
				err = errors.Join(short, full)
			}
		}
	}()
	tmp := move.From
	if err := folder.WritePlain(ctx, tmp, o, p); err != nil {
		return err
	}
	files, err := modelFiles(model.Dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		switch ext := filepath.Ext(f.name); {
		case ext == ".safetensors", ext == ".bin", strings.HasSuffix(f.name, ".index.json"), f.name == "config.json", f.name == weights.Refusals:
			continue
		}
		if _, err := copyFile(ctx, filepath.Join(tmp, f.name), filepath.Join(model.Dir, f.name), func(int64) {}); err != nil {
			return fmt.Errorf("copy %q: %w", f.name, err)
		}
	}
	if err := nameTokenizer(tmp); err != nil {
		return err
	}
	err = eachFile(tmp, func(name string, info fs.FileInfo) error {
		out.Files, out.Bytes = append(out.Files, filepath.ToSlash(name)), out.Bytes+info.Size()
		return nil
	})
	if err == nil {
		err = syncTree(tmp)
	}
	if err = errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	if err := exportable(out.Dir, plan.Replace); err != nil { // something may have come meanwhile
		return err
	}
	return exchange(tmp, out.Dir)
}

// isMount says whether a folder is where another file system begins.
func isMount(dir string) bool {
	var own, above unix.Stat_t
	return unix.Stat(dir, &own) == nil && unix.Stat(filepath.Join(dir, ".."), &above) == nil && own.Dev != above.Dev
}

// exchange gives a folder the name of another, which goes to where it was or aside, for folderMove.end to remove; one that is empty, or not there, is simply replaced.
func exchange(tmp, dir string) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		err := unix.Renameat2(unix.AT_FDCWD, tmp, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE)
		if err == nil {
			return nil
		}
		// FAT cannot. What was there goes aside first.
		aside := tmp + asideName
		if err := os.Rename(dir, aside); err != nil {
			return err
		}
		if err := os.Rename(tmp, dir); err != nil {
			return errors.Join(err, os.Rename(aside, dir))
		}
		return nil
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(tmp, dir)
}

// nameTokenizer writes a tokenizer_config.json for a folder that has none: without it transformers takes the tokenizer that GPT-NeoX models had first, which builds
// itself from other parts and gives other tokens.
func nameTokenizer(dir string) error {
	if exists(filepath.Join(dir, "tokenizer_config.json")) || !exists(filepath.Join(dir, "tokenizer.json")) {
		return nil
	}
	var config struct {
		Kind   string `json:"model_type"`
		BOS    *int   `json:"bos_token_id"`
		EOS    *int   `json:"eos_token_id"`
		Pad    *int   `json:"pad_token_id"`
		Length int    `json:"max_position_embeddings"`
	}
	var tokenizer struct {
		Added []struct {
			ID      int    `json:"id"`
			Content string `json:"content"`
		} `json:"added_tokens"`
		Model struct {
			Unk   *int            `json:"unk_id"`
			Vocab json.RawMessage `json:"vocab"`
		} `json:"model"`
	}
	for name, into := range map[string]any{"config.json": &config, "tokenizer.json": &tokenizer} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = json.Unmarshal(raw, into)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	if config.Kind != "gpt_neox" {
		return nil // BERT's own reads tokenizer.json as it is
	}
	var pieces [][]any // of Unigram
	if json.Unmarshal(tokenizer.Model.Vocab, &pieces) != nil {
		pieces = nil // another kind: its special tokens are among the added ones
	}
	token := func(id *int) string {
		if id == nil {
			return ""
		}
		for _, a := range tokenizer.Added {
			if a.ID == *id {
				return a.Content
			}
		}
		if *id >= 0 && *id < len(pieces) && len(pieces[*id]) > 0 {
			text, _ := pieces[*id][0].(string)
			return text
		}
		return ""
	}
	named := map[string]any{"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false, "model_max_length": config.Length}
	for key, id := range map[string]*int{"bos_token": config.BOS, "eos_token": config.EOS, "pad_token": config.Pad, "unk_token": tokenizer.Model.Unk} {
		if text := token(id); text != "" {
			named[key] = text
		}
	}
	raw, err := json.MarshalIndent(named, "", "  ")
	if err != nil {
		return fmt.Errorf("encode tokenizer settings: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("write tokenizer settings: %w", err)
	}
	return nil
}

package weights

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/core/vault"
)

const maxJSONBytes = 64 << 20 // config.json and the indexes

// Folder is an open model folder. Close ends the life of every Tensor it gave.
type Folder struct {
	dir     string
	key     *vault.Key // of the files; nil: they are plain
	config  []byte
	files   []*mapping
	entries map[string]entry
	names   []string
}

// Open maps the weights of a model folder: model.safetensors, or its shards by model.safetensors.index.json, or
// pytorch_model.bin, or its shards by pytorch_model.bin.index.json, whichever is found first. It reads the headers
// and config.json, not the data.
//
// Errors are core.ErrNotFound (no folder, no config, a missing shard), core.ErrCorrupt, core.ErrTooLarge (header)
// or core.ErrUnsupported, each with a sentence.
func Open(dir string) (*Folder, error) {
	f := &Folder{dir: dir, entries: map[string]entry{}}
	var err error
	if f.config, err = readSmall(dir, "config.json"); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: %w", err, core.ErrNotFound)
		}
		return nil, core.Explain(err, "error.model.config", dir)
	}
	if !json.Valid(f.config) {
		return nil, core.Explain(fmt.Errorf("config.json of %q is not JSON: %w", dir, core.ErrCorrupt), "error.model.config", dir)
	}
	if err := f.openWeights(); err != nil {
		f.Close()
		return nil, err
	}
	f.names = slices.Sorted(maps.Keys(f.entries))
	return f, nil
}

// openWeights finds the weight files; safetensors are preferred where a folder holds both.
func (f *Folder) openWeights() error {
	for _, c := range []struct {
		name  string
		index bool
		parse func(*mapping) (map[string]entry, error)
	}{
		{"model.safetensors", false, parseSafetensors},
		{"model.safetensors.index.json", true, parseSafetensors},
		{"pytorch_model.bin", false, parseTorch},
		{"pytorch_model.bin.index.json", true, parseTorch},
	} {
		if _, err := os.Stat(filepath.Join(f.dir, c.name)); err != nil {
			continue
		}
		if c.index {
			return f.addShards(c.name, c.parse)
		}
		return f.addFile(c.name, nil, c.parse)
	}
	return core.Explain(fmt.Errorf("no weights in %q: %w", f.dir, core.ErrNotFound), "error.model.noweights", f.dir)
}

// addFile maps one weight file. With want set, only those tensors are taken, and all of them must be there.
func (f *Folder) addFile(name string, want []string, parse func(*mapping) (map[string]entry, error)) error {
	m, err := openMapping(f.dir, name, f.key)
	if errors.Is(err, fs.ErrNotExist) {
		return core.Explain(fmt.Errorf("open shard %q: %w: %w", name, err, core.ErrNotFound), "error.model.shard", name)
	}
	if err != nil {
		return core.Explain(fmt.Errorf("open %q: %w", name, err), "error.model.open", name)
	}
	f.files = append(f.files, m)
	entries, err := parse(m)
	if err != nil {
		return err
	}
	if want == nil {
		f.entries = entries
		return nil
	}
	for _, t := range want {
		e, ok := entries[t]
		if !ok {
			return core.Explain(fmt.Errorf("index: tensor %q is not in %q: %w", t, name, core.ErrCorrupt), "error.model.index.tensor", t, name)
		}
		f.entries[t] = e
	}
	return nil
}

// addShards reads an index ({"weight_map": {tensor: file}}) and maps its files.
func (f *Folder) addShards(index string, parse func(*mapping) (map[string]entry, error)) error {
	raw, err := readSmall(f.dir, index)
	if err != nil {
		return core.Explain(err, "error.model.corrupt", index)
	}
	var x struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(raw, &x); err != nil {
		return corrupt(index, err)
	}
	if len(x.WeightMap) == 0 {
		return corrupt(index, errors.New("no weight_map"))
	}
	byFile := map[string][]string{}
	for tensor, file := range x.WeightMap {
		// A shard lies beside its index; anything else could reach out of the folder.
		if file == "" || file != filepath.Base(file) || strings.ContainsAny(file, `/\`) || file == ".." || file == "." {
			return corrupt(index, fmt.Errorf("tensor %q: file name %q", tensor, file))
		}
		byFile[file] = append(byFile[file], tensor)
	}
	order := make([]string, 0, len(byFile))
	for file := range byFile {
		order = append(order, file)
	}
	slices.Sort(order)
	for _, file := range order {
		slices.Sort(byFile[file])
		if err := f.addFile(file, byFile[file], parse); err != nil {
			return err
		}
	}
	return nil
}

// Dir is the folder's path as given to Open.
func (f *Folder) Dir() string { return f.dir }

// Names lists the tensors, sorted.
func (f *Folder) Names() []string { return slices.Clone(f.names) }

// Has reports whether there is a tensor of that name.
func (f *Folder) Has(name string) bool {
	_, ok := f.entries[name]
	return ok
}

// Tensor returns the tensor of that name; core.ErrNotFound if there is none. Its data is not read.
func (f *Folder) Tensor(name string) (Tensor, error) {
	e, ok := f.entries[name]
	if !ok {
		return Tensor{}, core.Explain(fmt.Errorf("tensor %q of %q: %w", name, f.dir, core.ErrNotFound), "error.model.tensor.missing", name)
	}
	if e.file.data == nil && e.end > e.begin {
		return Tensor{}, fmt.Errorf("tensor %q: folder %q is closed", name, f.dir)
	}
	t := Tensor{Name: name, DType: e.dtype, Shape: slices.Clone(e.shape), Data: e.file.data[e.begin:e.end:e.end]}
	if e.stride != nil {
		t.Data = gather(t.Data, e)
	}
	return t, nil
}

// Config unmarshals config.json into v.
func (f *Folder) Config(v any) error {
	if err := json.Unmarshal(f.config, v); err != nil {
		return core.Explain(fmt.Errorf("config.json of %q: %v: %w", f.dir, err, core.ErrCorrupt), "error.model.config", f.dir)
	}
	return nil
}

// Bytes is the size of all tensors as stored.
func (f *Folder) Bytes() int64 {
	var n int64
	for _, e := range f.entries {
		n += e.end - e.begin
	}
	return n
}

// Close unmaps the files. It may be called more than once.
func (f *Folder) Close() error {
	var errs []error
	for _, m := range f.files {
		errs = append(errs, m.close())
	}
	return errors.Join(errs...)
}

// readSmall reads a file of the folder that must not be large.
func readSmall(dir, name string) ([]byte, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxJSONBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", name, err)
	}
	if len(b) > maxJSONBytes {
		return nil, fmt.Errorf("read %q: over %d bytes: %w", name, maxJSONBytes, core.ErrTooLarge)
	}
	return b, nil
}

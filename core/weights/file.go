package weights

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// OpenFile maps one weight file that stands on its own, without a config.json: safetensors, or torch.save's format where its name
// ends in ".bin" or ".pt". The Folder it gives has the file's tensors; its Config is empty and it has no ID.
//
// Errors are those of Open.
func OpenFile(path string) (*Folder, error) {
	parse := parseSafetensors
	if x := strings.ToLower(filepath.Ext(path)); x == ".bin" || x == ".pt" {
		parse = parseTorch
	}
	f := &Folder{dir: filepath.Dir(path), config: []byte("{}"), entries: map[string]entry{}}
	if err := f.addFile(filepath.Base(path), nil, parse); err != nil {
		f.Close()
		return nil, err
	}
	f.names = slices.Sorted(maps.Keys(f.entries))
	return f, nil
}

package weights

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/core/vault"
)

// OpenFile maps one weight file that stands on its own, without a config.json: safetensors, or torch.save's format where its name
// ends in ".bin" or ".pt". The Folder it gives has the file's tensors; its Config is empty and it has no ID.
//
// Errors are those of Open.
func OpenFile(path string) (*Folder, error) { return OpenSealed(path, nil) }

// OpenSealed is OpenFile of a file that is encrypted under key, which is read into memory: an adapter's, a base model's never is. With a nil key it is OpenFile. Errors are
// also those of vault.Key.Open.
func OpenSealed(path string, key *vault.Key) (*Folder, error) {
	parse := parseSafetensors
	if x := strings.ToLower(filepath.Ext(path)); x == ".bin" || x == ".pt" {
		parse = parseTorch
	}
	f := &Folder{dir: filepath.Dir(path), key: key, config: []byte("{}"), entries: map[string]entry{}}
	if err := f.addFile(filepath.Base(path), nil, parse); err != nil {
		f.Close()
		return nil, err
	}
	f.names = slices.Sorted(maps.Keys(f.entries))
	return f, nil
}

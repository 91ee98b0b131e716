package proof

import (
	"context"
	"debug/elf"
	"iter"
	"maps"
	"os"

	"kakoi/core/manifest"
)

// neededBy are the names of libraries that a program file asks for (ELF, DT_NEEDED); none where it cannot be read.
func neededBy(path string) map[string]bool {
	out := map[string]bool{}
	f, err := elf.Open(path)
	if err != nil {
		return out
	}
	defer f.Close()
	names, err := f.ImportedLibraries()
	if err != nil {
		return out
	}
	for _, n := range names {
		out[n] = true
	}
	return out
}

func keys(m map[string]bool) iter.Seq[string] { return maps.Keys(m) }

// read hashes the file at path.
func (l *Library) read(ctx context.Context, path string) {
	f, err := os.Open(path)
	if err != nil {
		l.Error = err.Error()
		return
	}
	defer f.Close()
	n, sum, err := manifest.Hash(ctx, f, nil)
	if err != nil {
		l.Error = err.Error()
		return
	}
	l.Bytes, l.SHA256 = n, sum.String()
}

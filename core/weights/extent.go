package weights

import "path/filepath"

// Extent is where a tensor's bytes lie, for who reads the file itself.
type Extent struct {
	Path   string
	Offset int64
	Bytes  int64
}

// Extent tells where the tensor called name lies; false if there is none, or if its elements are not in row-major order
// there.
func (f *Folder) Extent(name string) (Extent, bool) {
	e, ok := f.entries[name]
	if !ok || e.stride != nil {
		return Extent{}, false
	}
	return Extent{Path: filepath.Join(f.dir, e.file.name), Offset: e.begin, Bytes: e.end - e.begin}, true
}

package app

import (
	"path/filepath"
	"slices"
	"strings"
)

// drives are those at or below a linked folder. A drive that was connected and is not now takes its files with it: its documents are
// neither gone nor to be removed, though the place where it was connected is empty, or not there at all.
type drives struct {
	now    []string
	before []string        // and not now
	holds  map[string]bool // documents
}

func (f *Folders) drives(folder Folder) drives {
	mounts := f.Mounts
	if mounts == nil {
		mounts = mountsBelow
	}
	d := drives{now: mounts(folder.Path), holds: map[string]bool{}}
	for _, m := range folder.Mounts {
		if !slices.Contains(d.now, m) {
			d.before = append(d.before, m)
		}
	}
	return d
}

// away says whether a file is on a drive that is not connected, and takes down that its drive holds a document.
func (d drives) away(path string) bool {
	if m := deepest(d.now, path); m != "" {
		d.holds[m] = true
	}
	m := deepest(d.before, path)
	if m != "" {
		d.holds[m] = true
	}
	return m != ""
}

// used are the drives worth remembering: those that hold documents, connected or not.
func (d drives) used() []string {
	var out []string
	for _, m := range slices.Concat(d.now, d.before) {
		if d.holds[m] {
			out = append(out, m)
		}
	}
	slices.Sort(out)
	return out
}

// deepest is the drive that a path is on; "" is none of them.
func deepest(mounts []string, path string) string {
	found := ""
	for _, m := range mounts {
		if len(m) > len(found) && strings.HasPrefix(path, strings.TrimSuffix(m, string(filepath.Separator))+string(filepath.Separator)) {
			found = m
		}
	}
	return found
}

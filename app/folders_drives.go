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
	holds  map[string]bool // documents, or files that stay out
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

// here takes down that the drive of a file that is there is worth remembering.
func (d drives) here(path string) {
	if m := deepest(d.now, path); m != "" {
		d.holds[m] = true
	}
}

// away says whether a document without a file is on a drive that is not connected, and takes down that its drive holds a document.
func (d drives) away(path string) bool {
	d.here(path)
	m := deepest(d.before, path)
	if m != "" {
		d.holds[m] = true
	}
	return m != ""
}

// used are the drives worth remembering: those that hold documents, connected or not, or files that stay out. Which drive those are
// on that cannot be seen is not known: while there are any, no drive is forgotten.
func (d drives) used(out bool) []string {
	var all []string
	for _, m := range slices.Concat(d.now, d.before) {
		if d.holds[m] || out && slices.Contains(d.before, m) {
			all = append(all, m)
		}
	}
	slices.Sort(all)
	return all
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

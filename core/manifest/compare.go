package manifest

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Problem is what is wrong with a file.
type Problem string

// The problems. The values are those of JSON.
const (
	Missing    Problem = "missing"    // listed and not there
	Additional Problem = "additional" // there and not listed
	Changed    Problem = "changed"    // other bytes of the same number
	Size       Problem = "size"       // another number of bytes
	Mode       Problem = "mode"       // other permissions
	Type       Problem = "type"       // a link instead of a file, a file instead of a link, a device
	Target     Problem = "target"     // a link to somewhere else
	Form       Problem = "form"       // of a package: other than it is written, though the content may be the same
	Damaged    Problem = "damaged"    // of a package: changed on the way, or cut off
	Signature  Problem = "signature"  // of a manifest: missing, not that of the key, or not over these bytes
	Unreadable Problem = "unreadable"
)

// Finding is one thing that is not as the manifest says.
type Finding struct {
	Path    string  `json:"path"`
	Problem Problem `json:"problem"`
	Want    string  `json:"want,omitempty"`
	Got     string  `json:"got,omitempty"`
}

func (f Finding) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s: %s %s %s", f.Path, f.Problem, f.Want, f.Got))
}

// Compare names every file of found that is not as listed, every listed one that is not in found, and every one of found that
// is not listed; sorted by path, nil where everything is as listed. A path that found holds twice is additional.
func (m *Manifest) Compare(found []Entry) []Finding {
	listed := make(map[string]*Entry, len(m.Entries))
	for i := range m.Entries {
		listed[m.Entries[i].Path] = &m.Entries[i]
	}
	var all []Finding
	for _, got := range found {
		want, ok := listed[got.Path]
		if !ok {
			all = append(all, Finding{Path: got.Path, Problem: Additional})
			continue
		}
		delete(listed, got.Path)
		all = append(all, want.differences(got)...)
	}
	for p := range listed {
		all = append(all, Finding{Path: p, Problem: Missing})
	}
	SortFindings(all)
	return all
}

// SortFindings sorts by path, then by problem.
func SortFindings(all []Finding) {
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Problem, b.Problem), cmp.Compare(a.Got, b.Got))
	})
}

func (e *Entry) differences(got Entry) (all []Finding) {
	add := func(p Problem, want, got string) { all = append(all, Finding{e.Path, p, want, got}) }
	if (e.Link != "") != (got.Link != "") || got.Mode.Type() != 0 {
		add(Type, kindOf(*e), kindOf(got))
		return all
	}
	if e.Link != got.Link {
		add(Target, e.Link, got.Link)
	}
	if e.Link != "" {
		return all
	}
	switch {
	case e.Size != got.Size:
		add(Size, fmt.Sprint(e.Size), fmt.Sprint(got.Size))
	case e.SHA256 != got.SHA256:
		add(Changed, e.SHA256.String(), got.SHA256.String())
	}
	if e.Mode != got.Mode {
		add(Mode, octal(e.Mode), octal(got.Mode))
	}
	return all
}

// octal writes a mode as chmod takes it.
func octal(m fs.FileMode) string {
	n := uint32(m.Perm())
	for bit, unix := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&bit != 0 {
			n |= unix
		}
	}
	return fmt.Sprintf("%04o", n)
}

func kindOf(e Entry) string {
	switch {
	case e.Link != "":
		return "link"
	case e.Mode.Type() != 0:
		return "special"
	}
	return "file"
}

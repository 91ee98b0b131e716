package widget

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// folderEntry is a file or folder in a folder.
type folderEntry struct {
	name     string
	folder   bool
	size     int64
	modified time.Time
	order    string // what it is sorted and found by
}

func (e folderEntry) hidden() bool {
	return strings.HasPrefix(e.name, ".") || strings.HasSuffix(e.name, "~")
}

// readFolder lists a folder: folders first, then files, in the order a person counts in. What is neither, and links that
// lead nowhere, are passed over.
func readFolder(dir string) ([]folderEntry, error) {
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read folder: %w", err)
	}
	entries := make([]folderEntry, 0, len(found))
	for _, f := range found {
		info, err := f.Info()
		if err == nil && info.Mode()&os.ModeSymlink != 0 {
			info, err = os.Stat(filepath.Join(dir, f.Name()))
		}
		if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
			continue
		}
		entries = append(entries, folderEntry{f.Name(), info.IsDir(), info.Size(), info.ModTime(), fold(f.Name())})
	}
	slices.SortFunc(entries, func(a, b folderEntry) int {
		switch {
		case a.folder != b.folder && a.folder:
			return -1
		case a.folder != b.folder:
			return 1
		}
		return cmp.Or(natural(a.order, b.order), strings.Compare(a.name, b.name))
	})
	return entries, nil
}

// fold makes names equal that a person types alike: case, width, and letters with their marks written apart, as memory sticks
// written elsewhere have them.
func fold(name string) string { return strings.ToLower(norm.NFKC.String(name)) }

// natural compares folded names so that 2 comes before 10.
func natural(a, b string) int {
	for a != "" && b != "" {
		if digit(a[0]) && digit(b[0]) {
			var na, nb string
			na, a = number(a)
			nb, b = number(b)
			if c := cmp.Or(cmp.Compare(len(na), len(nb)), strings.Compare(na, nb)); c != 0 {
				return c
			}
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// number cuts the digits at the start of s off, without leading zeros.
func number(s string) (digits, rest string) {
	end := 0
	for end < len(s) && digit(s[end]) {
		end++
	}
	return strings.TrimLeft(s[:end], "0"), s[end:]
}

// sharedStart is the longest start that all names have, as the first one writes it.
func sharedStart(names []string) string {
	if len(names) == 0 {
		return ""
	}
	start := []rune(names[0])
	for _, name := range names[1:] {
		other := []rune(name)
		n := 0
		for n < len(start) && n < len(other) && strings.EqualFold(string(start[n]), string(other[n])) {
			n++
		}
		start = start[:n]
	}
	return string(start)
}

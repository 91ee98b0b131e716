package bundle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/core/manifest"
)

// kinds in the order in which they are reported.
var kinds = []string{"bundle", "cuda"}

// Prefix finds the prefix of an installation from one of the folders by which people know it: the prefix itself, its lib/kakoi, or the root of
// a system. It fails with ErrNoBundle.
func Prefix(dir string) (string, error) {
	for _, to := range []string{".", "usr", "usr/local", "../.."} {
		prefix := filepath.Join(dir, filepath.FromSlash(to))
		for _, kind := range kinds {
			if to == "../.." && filepath.Base(dir) != path.Base(home) {
				continue
			}
			if _, err := os.Lstat(filepath.Join(prefix, filepath.FromSlash(Folder(kind)), ManifestName)); err == nil {
				return prefix, nil
			}
		}
	}
	return "", fmt.Errorf("%q: %w", dir, ErrNoBundle)
}

func checkTree(ctx context.Context, dir string, opt Options) ([]*Report, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("check tree: %w", err)
	}
	prefix, err := Prefix(abs)
	if err != nil {
		return nil, err
	}
	var (
		reports []*Report
		parts   []*manifest.Manifest
		total   int64
		known   = map[string]bool{}
		skip    []string // folders of parts that cannot be told
	)
	for _, kind := range kinds {
		text, err := readSmall(prefix, Folder(kind)+"/"+ManifestName, manifest.MaxText)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		r := &Report{Path: prefix, Form: Tree, Kind: kind, Signature: Signature{State: Unsigned}, Findings: []manifest.Finding{}}
		reports = append(reports, r)
		var m *manifest.Manifest
		if err == nil {
			m, err = manifest.Parse(text)
		}
		if err == nil && m.Kind != kind {
			err = fmt.Errorf("manifest of a %q: %w", m.Kind, core.ErrCorrupt)
		}
		parts = append(parts, m)
		if err != nil {
			r.find(Folder(kind)+"/"+ManifestName, manifest.Unreadable, "", err.Error())
			parts[len(parts)-1] = nil
			skip = append(skip, OwnFolders(kind)...)
			continue
		}
		r.describe(m, text)
		total += m.Bytes()
		for _, e := range m.Entries {
			known[e.Path] = true
		}
		known[Folder(kind)+"/"+ManifestName], known[Folder(kind)+"/"+SignatureName] = true, true
		signature, err := readSmall(prefix, Folder(kind)+"/"+SignatureName, 1<<16)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.find(Folder(kind)+"/"+SignatureName, manifest.Unreadable, "", err.Error())
			continue
		}
		enclosed, err := readSmall(prefix, Folder(kind)+"/"+KeyName, 1<<16)
		if err != nil {
			enclosed = nil // where it is listed it is missing, and said to be
		}
		r.judgeSignature(m, text, signature, enclosed, opt)
	}
	done := int64(0)
	for i, m := range parts {
		if m == nil {
			continue
		}
		if err := reports[i].files(ctx, prefix, m, func(n int64, name string) {
			done += n
			opt.Progress.Report(core.Update{Stage: "verify", Done: done, Total: total, Note: name})
		}); err != nil {
			return nil, err
		}
		if err := reports[i].additional(prefix, m, known, skip); err != nil {
			return nil, err
		}
	}
	for _, r := range reports {
		manifest.SortFindings(r.Findings)
	}
	return reports, nil
}

// files compares every listed file.
func (r *Report) files(ctx context.Context, prefix string, m *manifest.Manifest, read func(n int64, name string)) error {
	var found []manifest.Entry
	var unreadable []manifest.Finding
	for _, want := range m.Entries {
		e, err := manifest.ReadEntry(ctx, prefix, want.Path, func(n int64) { read(n, want.Path) })
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			unreadable = append(unreadable, manifest.Finding{Path: want.Path, Problem: manifest.Unreadable, Got: err.Error()})
			e = want // it is there, and nothing else can be said
		}
		found = append(found, e)
	}
	r.Findings = append(append(r.Findings, m.Compare(found)...), unreadable...)
	return nil
}

// additional names what lies in the part's own folders and is in no manifest.
func (r *Report) additional(prefix string, m *manifest.Manifest, known map[string]bool, skip []string) error {
	for _, own := range m.Own {
		root := filepath.Join(prefix, filepath.FromSlash(own))
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			name, relErr := filepath.Rel(prefix, p)
			if relErr != nil {
				return relErr
			}
			name = filepath.ToSlash(name)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				r.find(name, manifest.Unreadable, "", err.Error())
				return nil
			case slices.ContainsFunc(skip, func(s string) bool { return name == s || strings.HasPrefix(name, s+"/") }):
				return nil
			case !d.IsDir() && !known[name]:
				r.find(name, manifest.Additional, "", "")
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("check tree: %w", err)
		}
	}
	return nil
}

// OwnFolders are the folders that hold nothing but a part's files.
func OwnFolders(kind string) []string {
	if kind == "cuda" {
		return []string{Folder(kind), home + "/cuda", home + "/lib-cuda", "share/doc/kakoi-cuda"}
	}
	return []string{home, "share/doc/kakoi"}
}

// readSmall reads a file that ought to be small.
func readSmall(dir, name string, most int64) ([]byte, error) {
	full := filepath.Join(dir, filepath.FromSlash(name))
	info, err := os.Lstat(full)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%q is no file of at most %d bytes: %w", name, most, core.ErrCorrupt)
	}
	return os.ReadFile(full)
}

package bundle

import (
	"archive/tar"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"kakoi/core"
	"kakoi/core/manifest"
)

// Names of what lies in a part's own folder.
const (
	ManifestName  = "MANIFEST"
	SignatureName = "MANIFEST.minisig"
	KeyName       = "kakoi.pub"
	InstallerName = "install.sh"
	ControlFolder = "debian"
)

// home is the folder below the prefix that is Kakoi's alone.
const home = "lib/kakoi"

// Folders of the parts: the name of a manifest's kind and where it lies.
var folders = map[string]string{"bundle": home + "/bundle", "cuda": home + "/bundle-cuda"}

// Folder is where the manifest of a kind ("bundle", "cuda") lies below the prefix.
func Folder(kind string) string { return folders[kind] }

// Source is a tree on disk, ready to be written: its manifest lies in it.
type Source struct {
	Dir      string // the prefix
	Manifest *manifest.Manifest
	Time     time.Time // of every entry
}

// Describe writes the manifest of the tree below dir into it and, with a key, its signature and the public key. m has kind, name, version and fields; the time is
// added as the field "epoch". Every file
// gets the time and one of two modes: 0755 where the owner may execute it, 0644 otherwise.
func Describe(ctx context.Context, dir string, m manifest.Manifest, when time.Time, key *manifest.SecretKey, public []byte) (*Source, error) {
	own := filepath.Join(dir, filepath.FromSlash(Folder(m.Kind)))
	if err := os.MkdirAll(own, 0o755); err != nil {
		return nil, fmt.Errorf("describe bundle: %w", err)
	}
	for _, name := range []string{ManifestName, SignatureName, KeyName} {
		if err := os.RemoveAll(filepath.Join(own, name)); err != nil {
			return nil, fmt.Errorf("describe bundle: %w", err)
		}
	}
	if key != nil {
		if err := os.WriteFile(filepath.Join(own, KeyName), public, 0o644); err != nil {
			return nil, fmt.Errorf("describe bundle: %w", err)
		}
	}
	if err := settle(dir, when); err != nil {
		return nil, err
	}
	m.Fields = append(slices.DeleteFunc(slices.Clone(m.Fields), func(f manifest.Field) bool { return f.Key == "epoch" }),
		manifest.Field{Key: "epoch", Value: strconv.FormatInt(when.Unix(), 10)})
	m.Own = OwnFolders(m.Kind)
	var err error
	if m.Entries, err = manifest.Scan(ctx, dir, nil); err != nil {
		return nil, fmt.Errorf("describe bundle: %w", err)
	}
	text, err := m.Text()
	if err != nil {
		return nil, fmt.Errorf("describe bundle: %w", err)
	}
	if err := os.WriteFile(filepath.Join(own, ManifestName), text, 0o644); err != nil {
		return nil, fmt.Errorf("describe bundle: %w", err)
	}
	if key != nil {
		if err := os.WriteFile(filepath.Join(own, SignatureName), manifest.Sign(*key, text, m.Name+" "+m.Version), 0o644); err != nil {
			return nil, fmt.Errorf("describe bundle: %w", err)
		}
	}
	return &Source{Dir: dir, Manifest: &m, Time: when}, settle(dir, when)
}

// settle gives every file its mode and time.
func settle(dir string, when time.Time) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch mode := fs.FileMode(0o644); {
		case d.Type()&fs.ModeSymlink != 0:
			return nil
		case d.Type().IsRegular() || d.IsDir():
			if d.IsDir() || info.Mode()&0o100 != 0 {
				mode = 0o755
			}
			if err := os.Chmod(p, mode); err != nil {
				return err
			}
			return os.Chtimes(p, when, when)
		}
		return fmt.Errorf("%q is neither file, link nor folder: %w", p, core.ErrUnsupported)
	})
}

// member is an entry of an archive.
type member struct {
	entry manifest.Entry
	dir   bool
}

// members lists a tree as it is written: folders before what is in them, sorted, below a prefix ("usr" or "NAME-VERSION").
func members(m *manifest.Manifest, own []string, prefix string) []member {
	var all []member
	seen := map[string]bool{}
	add := func(e manifest.Entry) {
		e.Path = path.Join(prefix, e.Path)
		for dir := path.Dir(e.Path); dir != "." && !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			all = append(all, member{manifest.Entry{Path: dir, Mode: 0o755}, true})
		}
		all = append(all, member{e, false})
	}
	for _, e := range m.Entries {
		add(e)
	}
	for _, name := range own { // the manifest itself, and its signature
		add(manifest.Entry{Path: name, Mode: 0o644})
	}
	slices.SortFunc(all, func(a, b member) int { return cmp.Compare(a.entry.Path, b.entry.Path) })
	return all
}

// allMembers adds links that are not in the manifest.
func allMembers(m *manifest.Manifest, own []string, prefix string, links []manifest.Entry) []member {
	all := members(m, own, prefix)
	for _, l := range links {
		all = append(all, member{l, false})
	}
	slices.SortFunc(all, func(a, b member) int { return cmp.Compare(a.entry.Path, b.entry.Path) })
	return all
}

// header is the one way in which a member is written.
func (m member) header(when time.Time, dot bool) *tar.Header {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: m.entry.Path, Mode: int64(m.entry.Mode.Perm()), Size: m.entry.Size,
		ModTime: when, Uname: "root", Gname: "root", Format: tar.FormatGNU}
	switch {
	case m.dir:
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
	case m.entry.Link != "":
		h.Typeflag, h.Linkname, h.Mode, h.Size = tar.TypeSymlink, m.entry.Link, 0o777, 0
	}
	if dot {
		h.Name = "./" + h.Name
	}
	return h
}

// writeTar writes members; open gives the content of a file.
func writeTar(ctx context.Context, w io.Writer, all []member, when time.Time, dot bool, open func(p string) (io.ReadCloser, error)) error {
	t := tar.NewWriter(w)
	for _, m := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		h := m.header(when, dot)
		if err := t.WriteHeader(h); err != nil {
			return fmt.Errorf("write %q: %w", h.Name, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		f, err := open(m.entry.Path)
		if err != nil {
			return fmt.Errorf("write %q: %w", h.Name, err)
		}
		_, err = io.Copy(t, f)
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return fmt.Errorf("write %q: %w", h.Name, err)
		}
	}
	return t.Close()
}

// archive writes the tree below the prefix as a tar archive.
func (s *Source) archive(ctx context.Context, w io.Writer, prefix string, dot bool, links []manifest.Entry) error {
	dir := Folder(s.Manifest.Kind)
	own := []string{dir + "/" + ManifestName}
	if _, err := os.Stat(filepath.Join(s.Dir, filepath.FromSlash(dir), SignatureName)); err == nil {
		own = append(own, dir+"/"+SignatureName)
	}
	all := allMembers(s.Manifest, own, prefix, links)
	for i, m := range all {
		if m.dir || m.entry.Link != "" {
			continue
		}
		info, err := os.Lstat(s.file(prefix, m.entry.Path))
		if err != nil {
			return fmt.Errorf("write bundle: %w", err)
		}
		all[i].entry.Size = info.Size()
	}
	return writeTar(ctx, w, all, s.Time, dot, func(p string) (io.ReadCloser, error) { return os.Open(s.file(prefix, p)) })
}

func (s *Source) file(prefix, p string) string {
	return filepath.Join(s.Dir, filepath.FromSlash(strings.TrimPrefix(p, prefix+"/")))
}

// Bytes is the size of all files in it.
func (s *Source) Bytes() int64 { return s.Manifest.Bytes() }

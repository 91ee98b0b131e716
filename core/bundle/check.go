package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"kakoi/core"
	"kakoi/core/manifest"
)

// Forms of what is checked.
const (
	Package = "deb"
	Tarball = "tar"
	Tree    = "tree"
)

// States of a signature.
const (
	Unsigned = "none"
	Valid    = "valid"
	Invalid  = "invalid"
)

// Trust says where the key that a valid signature was checked with comes from.
const (
	Given     = "given"     // whoever asked for the check gave it
	Installed = "installed" // it lies in the installation of the program that checks
	Enclosed  = "enclosed"  // it lies in what is checked, and says nothing about who made it
)

// Options of a check.
type Options struct {
	Key      *manifest.PublicKey // the maker's, from elsewhere: then everything must be signed with it
	Known    *manifest.PublicKey // that of the installation of the program that checks
	Progress core.Progress       // bytes; may be nil
}

// Signature is what is known about who made something.
type Signature struct {
	State   string `json:"state"`
	Key     string `json:"key,omitempty"` // the ID that the signature names
	Trust   string `json:"trust,omitempty"`
	Comment string `json:"comment,omitempty"` // that was signed with it
}

// Report is the result of checking one part.
type Report struct {
	Path      string             `json:"path"`
	Form      string             `json:"form"`
	Kind      string             `json:"kind,omitempty"`
	Name      string             `json:"name,omitempty"`
	Version   string             `json:"version,omitempty"`
	Files     int                `json:"files"`
	Bytes     int64              `json:"bytes"`
	Manifest  string             `json:"manifest_sha256,omitempty"`
	Signature Signature          `json:"signature"`
	Findings  []manifest.Finding `json:"findings"`
}

// OK says whether nothing was found. What an unsigned part, or one signed with a key that nobody gave, is worth is for whoever asked to say.
func (r *Report) OK() bool { return len(r.Findings) == 0 }

func (r *Report) find(p string, what manifest.Problem, want, got string) {
	r.Findings = append(r.Findings, manifest.Finding{Path: p, Problem: what, Want: want, Got: got})
}

// ErrNoBundle is something that holds no manifest of Kakoi's.
var ErrNoBundle = errors.New("no bundle")

// Check checks a package, a tarball, or the tree of an installation (its prefix, its lib/kakoi, or the root of a system). A tree has a report for each part
// that is installed in it. It fails only where there is nothing to check (ErrNoBundle), where it cannot be read, and when ctx ends.
func Check(ctx context.Context, name string, opt Options) ([]*Report, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("check bundle: %w", err)
	}
	if info.IsDir() {
		return checkTree(ctx, name, opt)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("check %q: neither file nor folder: %w", name, ErrNoBundle)
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // should it have become a pipe since, that is not waited for
	if err != nil {
		return nil, fmt.Errorf("check bundle: %w", err)
	}
	defer f.Close()
	var magic [8]byte
	n, err := io.ReadFull(f, magic[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("check bundle: %w", err)
	}
	// One changed byte does not make another form of a file: two of three signs are enough.
	isTar, isPackage := n > 1 && magic[0] == 0x1f && magic[1] == 0x8b, string(magic[:n]) == arMagic
	if !isTar && !isPackage {
		base := strings.ToLower(filepath.Base(name))
		isTar, isPackage = strings.HasSuffix(base, ".tar.gz"), strings.HasSuffix(base, ".deb")
	}
	r := &Report{Path: name, Signature: Signature{State: Unsigned}, Findings: []manifest.Finding{}}
	switch {
	case isPackage:
		r.Form = Package
	case isTar:
		r.Form = Tarball
	default:
		return nil, fmt.Errorf("check %q: neither package nor tarball: %w", name, ErrNoBundle)
	}
	if err := r.checkFile(ctx, f, info.Size(), opt); err != nil {
		return nil, err
	}
	manifest.SortFindings(r.Findings)
	return []*Report{r}, nil
}

// checkFile checks a package or tarball.
func (r *Report) checkFile(ctx context.Context, f *os.File, size int64, opt Options) error {
	base := filepath.Base(r.Path)
	done := int64(0)
	progress := func(n int64) {
		done += n
		opt.Progress.Report(core.Update{Stage: "verify", Done: done, Total: 2 * size, Note: base})
	}
	length := int64(sealLength)
	if r.Form == Tarball {
		length = tarSealLength
	} else {
		length += arHeader
	}
	// The seal first: damage on the way, wherever it is.
	body := size - length
	if body < 0 {
		r.find(base, manifest.Damaged, "", "")
		return nil
	}
	hidden := int64(0)
	if r.Form == Package {
		hidden = arHeader // the header of the seal's member stands before it and is not part of it
	}
	_, sum, err := manifest.Hash(ctx, io.NewSectionReader(f, 0, body), progress)
	if err != nil {
		return fmt.Errorf("check %q: %w", r.Path, err)
	}
	tail := make([]byte, length)
	if _, err := f.ReadAt(tail, body); err != nil {
		return fmt.Errorf("check %q: %w", r.Path, err)
	}
	want := sealOf(sum[:])
	if r.Form == Tarball {
		want = tarSeal(want)
	}
	if !bytes.Equal(tail[hidden:], want) {
		r.find(base, manifest.Damaged, "", "")
	}
	in := &inside{ctx: ctx, report: r, base: base}
	content := &counted{r: io.NewSectionReader(f, 0, body), read: progress}
	if r.Form == Tarball {
		in.tarball(content)
	} else {
		in.deb(content, string(tail[:hidden]))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	in.judge(opt)
	return r.detached(ctx, f, size, opt)
}

// detached checks the signature over the whole file that may lie beside it.
func (r *Report) detached(ctx context.Context, f *os.File, size int64, opt Options) error {
	var raw []byte
	real, err := filepath.EvalSymlinks(r.Path + ".minisig")
	if err == nil {
		raw, err = readSmall(filepath.Dir(real), filepath.Base(real), 1<<16)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	base := filepath.Base(r.Path) + ".minisig"
	if err != nil {
		r.find(base, manifest.Unreadable, "", err.Error())
		return nil
	}
	key := opt.Key
	if key == nil {
		key = opt.Known
	}
	if key == nil {
		return nil // a key from the file itself proves nothing that its seal does not
	}
	if _, err := manifest.VerifyFrom(*key, &stoppable{ctx, io.NewSectionReader(f, 0, size)}, raw); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		id, _ := manifest.Signer(raw)
		if opt.Key == nil && id != manifest.KeyID(*key) {
			return nil // another key than the installed one, and none was given
		}
		r.find(base, manifest.Signature, manifest.KeyID(*key), id)
	}
	return nil
}

// judgeSignature says what the signature of a manifest is worth.
func (r *Report) judgeSignature(m *manifest.Manifest, text, signature, enclosed []byte, opt Options) {
	where := path.Join(Folder(m.Kind), SignatureName)
	if signature == nil {
		keyPath := path.Join(Folder(m.Kind), KeyName)
		listed := slices.ContainsFunc(m.Entries, func(e manifest.Entry) bool { return e.Path == keyPath })
		switch {
		case opt.Key != nil:
			r.find(where, manifest.Signature, manifest.KeyID(*opt.Key), "")
		case listed: // it was signed once
			r.find(where, manifest.Missing, "", "")
		}
		return
	}
	id, _ := manifest.Signer(signature)
	r.Signature = Signature{State: Invalid, Key: id}
	key, trust := opt.Key, Given
	if key == nil && opt.Known != nil && id == manifest.KeyID(*opt.Known) {
		key, trust = opt.Known, Installed
	}
	if key == nil {
		own, err := manifest.ParsePublicKey(enclosed)
		if err != nil {
			r.find(where, manifest.Signature, "", id)
			return
		}
		key, trust = &own, Enclosed
	}
	comment, err := manifest.Verify(*key, text, signature)
	if err != nil || !manifest.Canonical(signature) {
		r.find(where, manifest.Signature, manifest.KeyID(*key), id)
		return
	}
	r.Signature = Signature{State: Valid, Key: id, Trust: trust, Comment: comment}
}

// describe fills what the manifest says about itself.
func (r *Report) describe(m *manifest.Manifest, text []byte) {
	_, sum, err := manifest.Hash(context.Background(), bytes.NewReader(text), nil)
	if err != nil { // of memory
		panic(err)
	}
	r.Kind, r.Name, r.Version, r.Files, r.Bytes, r.Manifest = m.Kind, m.Name, m.Version, len(m.Entries), m.Bytes(), sum.String()
}

// counted tells how much was read.
type counted struct {
	r    io.Reader
	read func(n int64)
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.read(int64(n))
	return n, err
}

// stoppable ends with its context.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s *stoppable) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(b)
}

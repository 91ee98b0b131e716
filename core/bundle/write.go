package bundle

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	kgzip "github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"kakoi/core/manifest"
)

// tarPrefix is the folder that a tarball unpacks to.
func tarPrefix(m *manifest.Manifest) string { return m.Name + "-" + m.Version }

// tarLinks are what a tarball holds besides the tree: its installer, where people look for it.
func tarLinks(m *manifest.Manifest) []manifest.Entry {
	return []manifest.Entry{{Path: tarPrefix(m) + "/" + InstallerName, Link: Folder(m.Kind) + "/" + InstallerName}}
}

// sealed hashes what is written through it.
type sealed struct {
	w io.Writer
	h hash.Hash
	n int64
}

func (s *sealed) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	s.h.Write(b[:n])
	s.n += int64(n)
	return n, err
}

func (s *sealed) seal() []byte { return sealOf(s.h.Sum(nil)) }

func sealOf(sum []byte) []byte { return []byte("sha256 " + hex.EncodeToString(sum) + "\n") }

// sealLength is the length of a seal.
const sealLength = 7 + 2*sha256.Size + 1

// create writes a file whole or not at all.
func create(path string, write func(w *sealed) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := write(&sealed{w: f, h: sha256.New()}); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	return os.Rename(f.Name(), path)
}

// WriteTarball writes the tree as a .tar.gz: every system has what unpacks it.
func (s *Source) WriteTarball(ctx context.Context, path string) error {
	return create(path, func(w *sealed) error {
		z, err := kgzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return fmt.Errorf("write tarball: %w", err)
		}
		z.ModTime = time.Unix(0, 0) // none
		if err := s.archive(ctx, z, tarPrefix(s.Manifest), false, tarLinks(s.Manifest)); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return fmt.Errorf("write tarball: %w", err)
		}
		_, err = w.Write(tarSeal(w.seal()))
		return err
	})
}

// tarSeal is a gzip member of no bytes with the seal in its extra field (RFC 1952, subfield "Kk").
func tarSeal(seal []byte) []byte {
	var b bytes.Buffer
	b.Write([]byte{0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, byte(len(seal) + 4), 0, 'K', 'k', byte(len(seal)), 0})
	b.Write(seal)
	b.Write([]byte{3, 0, 0, 0, 0, 0, 0, 0, 0, 0}) // an empty block, and CRC and size of nothing
	return b.Bytes()
}

const tarSealLength = 16 + sealLength + 10

// controlMode is the mode of a control file.
func controlMode(name string) int64 {
	switch name {
	case "preinst", "postinst", "prerm", "postrm":
		return 0o755
	}
	return 0o644
}

// WritePackage writes the tree as a Debian package. Its control files are those in the part's folder "debian".
func (s *Source) WritePackage(ctx context.Context, path string) error {
	dir := filepath.Join(s.Dir, filepath.FromSlash(Folder(s.Manifest.Kind)), ControlFolder)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("write package: %w", err)
	}
	files := map[string][]byte{}
	var names []string
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("write package: %w", err)
		}
		names = append(names, e.Name())
	}
	control, err := controlTar(ctx, names, files, s.Time)
	if err != nil {
		return err
	}
	// data.tar's length stands before it in the archive: it is written beside it first.
	data, err := os.CreateTemp(filepath.Dir(path), ".data-*")
	if err != nil {
		return fmt.Errorf("write package: %w", err)
	}
	defer os.Remove(data.Name())
	defer data.Close()
	z, err := zstd.NewWriter(data, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(8<<20))
	if err != nil {
		return fmt.Errorf("write package: %w", err)
	}
	if err := s.archive(ctx, z, "usr", true, nil); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write package: %w", err)
	}
	size, err := data.Seek(0, io.SeekCurrent)
	if err == nil {
		_, err = data.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("write package: %w", err)
	}
	return create(path, func(w *sealed) error {
		a := arWriter{w: w, when: s.Time}
		a.begin()
		a.member("debian-binary", int64(len(debianBinary)), bytes.NewReader([]byte(debianBinary)))
		a.member("control.tar", int64(len(control)), bytes.NewReader(control))
		a.member("data.tar.zst", size, data)
		if a.err == nil {
			a.err = ctx.Err()
		}
		if a.err == nil {
			seal := w.seal() // of everything before this member
			a.member(sealMember, int64(len(seal)), bytes.NewReader(seal))
		}
		if a.err != nil {
			return fmt.Errorf("write package: %w", a.err)
		}
		return nil
	})
}

const (
	debianBinary = "2.0\n"
	sealMember   = "_kakoi"
)

// controlTar is not compressed: it is small, and says more to whoever looks at the file.
func controlTar(ctx context.Context, names []string, files map[string][]byte, when time.Time) ([]byte, error) {
	var b bytes.Buffer
	var all []member
	for _, name := range names {
		all = append(all, member{manifest.Entry{Path: name, Size: int64(len(files[name])), Mode: os.FileMode(controlMode(name))}, false})
	}
	err := writeTar(ctx, &b, all, when, true, func(p string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files[p])), nil })
	return b.Bytes(), err
}

// arWriter writes the old archive format of ar(5).
type arWriter struct {
	w    io.Writer
	when time.Time
	err  error
}

const (
	arMagic  = "!<arch>\n"
	arHeader = 60
)

func (a *arWriter) begin() { _, a.err = io.WriteString(a.w, arMagic) }

// arLine is the header of a member.
func arLine(name string, when time.Time, size int64) string {
	return fmt.Sprintf("%-16s%-12d%-6d%-6d%-8s%-10d`\n", name, when.Unix(), 0, 0, "100644", size)
}

func (a *arWriter) member(name string, size int64, content io.Reader) {
	if a.err != nil {
		return
	}
	if _, a.err = io.WriteString(a.w, arLine(name, a.when, size)); a.err != nil {
		return
	}
	var n int64
	if n, a.err = io.Copy(a.w, content); a.err == nil && n != size {
		a.err = fmt.Errorf("%s has %d bytes, not %d", name, n, size)
	}
	if a.err == nil && size%2 == 1 {
		_, a.err = a.w.Write([]byte{'\n'})
	}
}

package pack

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"kakoi/core"
)

// Files of a staging folder.
const (
	manifestName  = "manifest.json"
	signatureName = "signature"
	journalName   = "pieces"
	itemsName     = "items"
)

// Staging is the folder in which an import grows. Its files have what was read so far; the journal names the pieces that are on the disk.
type Staging struct {
	Dir       string
	Manifest  *Manifest
	Raw       []byte
	Signature string
	ID        string

	have    [][]bool // by part and piece
	journal *os.File
}

// Stage makes the staging folder dir for the pack that a part belongs to, or opens it where it is there.
func Stage(dir string, p *Opened) (*Staging, error) {
	if _, err := os.Stat(filepath.Join(dir, manifestName)); errors.Is(err, fs.ErrNotExist) {
		// The manifest comes last, and whole: a folder without one counts as empty.
		if err := os.MkdirAll(filepath.Join(dir, itemsName), 0o700); err != nil {
			return nil, fmt.Errorf("stage pack: %w", err)
		}
		err := errors.Join(writeSynced(filepath.Join(dir, signatureName), []byte(p.Signature)), writeSynced(filepath.Join(dir, journalName), nil))
		if err == nil {
			err = writeWhole(filepath.Join(dir, manifestName), p.Raw)
		}
		if err != nil {
			return nil, fmt.Errorf("stage pack: %w", err)
		}
	}
	return OpenStaging(dir)
}

// OpenStaging opens a staging folder that an earlier import left.
func OpenStaging(dir string) (*Staging, error) {
	raw, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, fmt.Errorf("open staged pack: %w", err)
	}
	m, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("open staged pack: %w", err)
	}
	s := &Staging{Dir: dir, Manifest: m, Raw: raw, ID: ID(raw)}
	signature, err := os.ReadFile(filepath.Join(dir, signatureName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open staged pack: %w", err)
	}
	s.Signature = string(signature)
	for _, p := range m.Parts {
		s.have = append(s.have, make([]bool, len(p.Pieces)))
	}
	if s.journal, err = os.OpenFile(filepath.Join(dir, journalName), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		return nil, fmt.Errorf("open staged pack: %w", err)
	}
	lines := bufio.NewScanner(s.journal)
	for lines.Scan() {
		var part, piece int
		// The full stop tells a line that was cut from one that was not.
		if _, err := fmt.Sscanf(lines.Text(), "%d %d.", &part, &piece); err != nil || !strings.HasSuffix(lines.Text(), ".") || part < 0 || part >= len(s.have) || piece < 0 || piece >= len(s.have[part]) {
			continue
		}
		s.have[part][piece] = true
	}
	return s, errors.Join(lines.Err())
}

// Close closes the journal.
func (s *Staging) Close() error { return s.journal.Close() }

// Missing are the parts (from 0) that are not whole yet.
func (s *Staging) Missing() []int {
	var parts []int
	for i, have := range s.have {
		if slices.Contains(have, false) {
			parts = append(parts, i)
		}
	}
	return parts
}

// Bytes are those of the payload that are there.
func (s *Staging) Bytes() int64 {
	var n int64
	for i, p := range s.Manifest.Parts {
		for k, have := range s.have[i] {
			if have {
				n += min(s.Manifest.Piece, p.Bytes-int64(k)*s.Manifest.Piece)
			}
		}
	}
	return n
}

// Item is the folder of an item.
func (s *Staging) Item(i int) string { return filepath.Join(s.Dir, itemsName, fmt.Sprint(i)) }

func (s *Staging) path(file int) string {
	f := s.Manifest.Files[file]
	return filepath.Join(s.Item(f.Item), filepath.FromSlash(f.Path))
}

// Take reads what is missing of a part: stage "copy". What is wrong with the part is core.ErrCorrupt; what was read before that stays.
func (s *Staging) Take(ctx context.Context, p *Opened, progress core.Progress) error {
	if p.ID != s.ID {
		return fmt.Errorf("part of pack %s, staged is %s: %w", p.ID, s.ID, core.ErrUsage)
	}
	done, total := s.Bytes(), s.Manifest.Bytes()
	progress.Report(core.Update{Stage: "copy", Done: done, Total: total, Note: filepath.Base(p.Path)})
	return p.pieces(ctx, func(k int) bool { return !s.have[p.Number][k] }, func(k int, b []byte) error {
		at := s.Manifest.start(p.Number) + int64(k)*s.Manifest.Piece
		if err := s.put(at, b); err != nil {
			return noSpace(err)
		}
		if _, err := fmt.Fprintf(s.journal, "%d %d.\n", p.Number, k); err != nil {
			return noSpace(fmt.Errorf("note piece: %w", err))
		}
		s.have[p.Number][k] = true
		done += int64(len(b))
		progress.Report(core.Update{Stage: "copy", Done: done, Total: total, Note: filepath.Base(p.Path)})
		return nil
	})
}

// put writes bytes of the payload into the files that they belong to, and syncs them: only then may the journal name them.
func (s *Staging) put(at int64, b []byte) error {
	for _, e := range s.Manifest.extents(at, int64(len(b))) {
		path := s.path(e.file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("stage %q: %w", path, err)
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return fmt.Errorf("stage %q: %w", path, err)
		}
		_, err = f.WriteAt(b[:e.length], e.at)
		if err == nil {
			err = unix.Fdatasync(int(f.Fd()))
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("stage %q: %w", path, err)
		}
		b = b[e.length:]
	}
	return nil
}

// Verify reads every file again from the disk and holds it against the manifest: stage "verify". Nothing may be missing. A file that is not what it
// should be is core.ErrCorrupt; the journal is forgotten then, so that the parts are read anew.
func (s *Staging) Verify(ctx context.Context, progress core.Progress) error {
	if len(s.Missing()) > 0 {
		return fmt.Errorf("parts are missing: %w", core.ErrUsage)
	}
	done, total := int64(0), s.Manifest.Bytes()
	buf := make([]byte, 1<<20)
	for i, f := range s.Manifest.Files {
		path := s.path(i)
		if f.Bytes == 0 {
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), writeSynced(path, nil)); err != nil {
				return fmt.Errorf("stage %q: %w", f.Path, err)
			}
		}
		sum := sha256.New()
		n, err := eachBlock(ctx, Source{Path: f.Path, Open: func() (io.ReadCloser, error) { return os.Open(path) }}, buf, func(b []byte) error {
			done += int64(len(b))
			sum.Write(b)
			progress.Report(core.Update{Stage: "verify", Done: min(done, total), Total: total, Note: f.Path})
			return nil
		})
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil || n != f.Bytes || hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
			for _, have := range s.have {
				clear(have)
			}
			err = errors.Join(fmt.Errorf("file %q of a pack, %d bytes: %w", f.Path, n, core.ErrCorrupt), err, s.journal.Truncate(0))
			return core.Explain(err, "error.pack.file", f.Path)
		}
	}
	return nil
}

// writeWhole writes a file that is there as a whole or not at all.
func writeWhole(path string, data []byte) error {
	if err := writeSynced(path+".new", data); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// noSpace names a full disk as such.
func noSpace(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return core.Explain(fmt.Errorf("%w: %w", core.ErrNoSpace, err), "error.pack.full")
	}
	return err
}

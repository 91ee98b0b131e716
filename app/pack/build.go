package pack

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"kakoi/core"
)

// Source is a file on its way into a pack.
type Source struct {
	Item  int
	Path  string // below the item's folder, with slashes
	Bytes int64
	Open  func() (io.ReadCloser, error)
}

// Plan is what Build needs.
type Plan struct {
	Program   string
	Made      time.Time
	Items     []Item
	Sources   []Source // of the first item first, and so on
	PartBytes int64    // of a file at most; 0: one file
	Sealed    bool     // parts will be encrypted, which takes a little more
}

// Build reads all sources and makes the manifest of the pack: stage "hash". core.ErrUsage, explained, where the parts would be too small.
func Build(ctx context.Context, p Plan, progress core.Progress) (*Manifest, error) {
	nonce := make([]byte, 8)
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("build pack: %w", err)
	}
	m := &Manifest{Version: Version, Program: p.Program, Made: p.Made.UTC().Round(time.Second), Nonce: hex.EncodeToString(nonce), Items: p.Items, Piece: PieceBytes}
	for _, s := range p.Sources {
		m.Files = append(m.Files, File{Item: s.Item, Path: s.Path, Bytes: s.Bytes, SHA256: strings.Repeat("0", 2*sha256.Size)})
	}
	if m.Bytes() == 0 {
		return nil, fmt.Errorf("build pack: nothing in it: %w", core.ErrEmpty)
	}
	if err := m.cut(p.PartBytes, p.Sealed); err != nil {
		return nil, err
	}
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("build pack: %w: %w", core.ErrUnsupported, err)
	}
	return m, m.sums(ctx, p.Sources, progress)
}

// cut divides the payload into parts. How much of a file is left for it depends on the manifest, which grows with the number of parts.
func (m *Manifest) cut(partBytes int64, sealed bool) error {
	total := m.Bytes()
	blank := strings.Repeat("0", 2*sha256.Size)
	divide := func(room int64) {
		m.Parts = nil
		for left := total; left > 0; {
			n := left
			if room > 0 {
				n = min(left, room)
			}
			p := Part{Bytes: n}
			for range (n + m.Piece - 1) / m.Piece {
				p.Pieces = append(p.Pieces, blank)
			}
			m.Parts, left = append(m.Parts, p), left-n
		}
	}
	divide(0)
	if partBytes <= 0 {
		return nil
	}
	inside := partBytes
	if sealed {
		inside = unsealed(partBytes)
	}
	room := inside
	for range 20 {
		raw, err := m.Encode()
		if err != nil {
			return err
		}
		fits := inside - headBytes(int64(len(raw)), maxSigned)
		if fits < max(1024, inside/2) || total/fits >= maxParts {
			return core.Explain(fmt.Errorf("parts of %d bytes for %d: %w", partBytes, total, core.ErrUsage), "error.pack.part_small")
		}
		if len(m.Parts) > 1 && room <= fits || len(m.Parts) == 1 && total <= fits {
			return nil
		}
		room = fits
		divide(room)
	}
	return core.Explain(fmt.Errorf("parts of %d bytes for %d: %w", partBytes, total, core.ErrUsage), "error.pack.part_small")
}

// sums reads the sources once, for the checksums of the files and of the pieces.
func (m *Manifest) sums(ctx context.Context, sources []Source, progress core.Progress) error {
	total, done := m.Bytes(), int64(0)
	part, piece, filled, inPart := 0, 0, int64(0), int64(0)
	sum := sha256.New()
	feed := func(b []byte) {
		for len(b) > 0 {
			size := min(m.Piece, m.Parts[part].Bytes-int64(piece)*m.Piece)
			n := min(int64(len(b)), size-filled)
			sum.Write(b[:n])
			b, filled, inPart = b[n:], filled+n, inPart+n
			if filled < size {
				continue
			}
			m.Parts[part].Pieces[piece] = hex.EncodeToString(sum.Sum(nil))
			sum.Reset()
			piece, filled = piece+1, 0
			if inPart == m.Parts[part].Bytes {
				part, piece, inPart = part+1, 0, 0
			}
		}
	}
	buf := make([]byte, 1<<20)
	for i, s := range sources {
		whole := sha256.New()
		n, err := eachBlock(ctx, s, buf, func(b []byte) error {
			if done += int64(len(b)); done > total {
				return grown(s)
			}
			whole.Write(b)
			feed(b)
			progress.Report(core.Update{Stage: "hash", Done: done, Total: total, Note: s.Path})
			return nil
		})
		if err != nil {
			return err
		}
		if n != s.Bytes {
			return grown(s)
		}
		m.Files[i].SHA256 = hex.EncodeToString(whole.Sum(nil))
	}
	return nil
}

func grown(s Source) error {
	return core.Explain(fmt.Errorf("%q changed while it was packed: %w", s.Path, core.ErrBusy), "error.pack.changed", s.Path)
}

// eachBlock reads a source.
func eachBlock(ctx context.Context, s Source, buf []byte, do func([]byte) error) (n int64, err error) {
	r, err := s.Open()
	if err != nil {
		return 0, fmt.Errorf("open %q: %w", s.Path, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		k, err := r.Read(buf)
		n += int64(k)
		if k > 0 {
			if derr := do(buf[:k]); derr != nil {
				return n, derr
			}
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("read %q: %w", s.Path, err)
		}
	}
}

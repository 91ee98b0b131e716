package ingest

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"kakoi/core"
)

// Limits of a DOCX package. Deflate reaches 1:1000 on zeros; Word's XML stays below 1:100 even for large tables
// of equal cells.
const (
	maxEntries   = 10_000
	maxPartBytes = 256 << 20
	freeBytes    = 8 << 20 // parts up to this size may have any ratio
	maxRatio     = 200
)

var oleMagic = []byte{0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1}

// readDOCX is the text of a Word document: paragraphs as lines, an empty line around headings and tables, tables as
// rows, then footnotes and endnotes. Deleted text, field codes, readings, headers and footers are left out.
func readDOCX(q *budget, data []byte) (string, error) {
	ctx := q.ctx
	if bytes.HasPrefix(data, oleMagic) {
		// A protected package is wrapped in an OLE file with a stream of this name (MS-OFFCRYPTO 2.3.4.4).
		if bytes.Contains(data, utf16Name("EncryptedPackage")) {
			return "", fmt.Errorf("encrypted package: %w", core.ErrEncrypted)
		}
		return "", errOldWord
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", fmt.Errorf("open package: %w: %w", err, core.ErrCorrupt)
	}
	if len(z.File) > maxEntries {
		return "", fmt.Errorf("package of %d entries: %w", len(z.File), errBomb)
	}
	p := docxPackage{files: map[string]*zip.File{}}
	for _, f := range z.File {
		p.files[strings.TrimPrefix(f.Name, "/")] = f
	}
	main := p.mainPart(ctx)
	if p.files[main] == nil {
		return "", fmt.Errorf("package without %s: %w", main, core.ErrCorrupt)
	}
	var styles docxStyles
	if err := p.decode(ctx, path.Join(path.Dir(main), "styles.xml"), &styles); err != nil {
		return "", err
	}
	var numbering docxNumbering
	if err := p.decode(ctx, path.Join(path.Dir(main), "numbering.xml"), &numbering); err != nil {
		return "", err
	}
	w := newDocxWriter(q, styles.headings(), styles.lists(), numbering.lists())
	for _, part := range []string{main, path.Join(path.Dir(main), "footnotes.xml"), path.Join(path.Dir(main), "endnotes.xml")} {
		if p.files[part] == nil {
			continue
		}
		if err := p.read(ctx, part, w.document); err != nil {
			return "", err
		}
	}
	return w.String(), nil
}

func utf16Name(s string) []byte {
	out := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		out = append(out, s[i], 0)
	}
	return out
}

type docxPackage struct{ files map[string]*zip.File }

// mainPart follows the package's relationship of type officeDocument.
func (p docxPackage) mainPart(ctx context.Context) string {
	var rels struct {
		Relationship []struct {
			Type   string `xml:"Type,attr"`
			Target string `xml:"Target,attr"`
		}
	}
	if err := p.decode(ctx, "_rels/.rels", &rels); err == nil {
		for _, r := range rels.Relationship {
			if strings.HasSuffix(r.Type, "/officeDocument") {
				return strings.TrimPrefix(path.Clean(r.Target), "/")
			}
		}
	}
	return "word/document.xml"
}

// decode unmarshals a part, if there is one.
func (p docxPackage) decode(ctx context.Context, name string, v any) error {
	if p.files[name] == nil {
		return nil
	}
	return p.read(ctx, name, func(d *xml.Decoder) error { return d.Decode(v) })
}

// read opens a part within the limits and hands its XML to fn.
func (p docxPackage) read(ctx context.Context, name string, fn func(*xml.Decoder) error) error {
	f := p.files[name]
	size, packed := f.UncompressedSize64, max(f.CompressedSize64, 1)
	switch {
	case f.Flags&1 != 0:
		return fmt.Errorf("part %s: %w", name, core.ErrEncrypted)
	case size > maxPartBytes, size > freeBytes && size/packed > maxRatio:
		return fmt.Errorf("part %s of %d bytes from %d: %w", name, size, packed, errBomb)
	}
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("open part %s: %w: %w", name, err, core.ErrCorrupt)
	}
	defer r.Close()
	// The directory may lie about the size, so what comes out is counted as well.
	limited := &limitedReader{ctx: ctx, r: r, left: int64(max(freeBytes, min(maxPartBytes, packed*maxRatio)))}
	err = fn(xml.NewDecoder(limited))
	switch {
	case err == nil || ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errBomb):
		return fmt.Errorf("part %s: %w", name, err)
	case errors.Is(limited.err, errBomb):
		return fmt.Errorf("part %s: %w", name, errBomb)
	}
	return fmt.Errorf("read part %s: %w: %w", name, err, core.ErrCorrupt)
}

type limitedReader struct {
	ctx  context.Context // of the one call this reader lives in
	r    io.Reader
	left int64
	err  error
}

func (l *limitedReader) Read(b []byte) (int, error) {
	if l.err == nil {
		l.err = l.ctx.Err()
	}
	if l.err != nil {
		return 0, l.err
	}
	n, err := l.r.Read(b)
	if l.left -= int64(n); l.left < 0 {
		l.err = errBomb
		return 0, l.err
	}
	return n, err
}

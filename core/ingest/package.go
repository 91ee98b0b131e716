package ingest

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"golang.org/x/text/encoding/htmlindex"

	"kakoi/core"
)

// Limits of the zip packages that office documents and books are. Deflate reaches 1:1000 on zeros; the XML of office programs stays below
// 1:100 even for large tables of equal cells.
const (
	maxEntries   = 10_000
	maxPartBytes = 256 << 20
	freeBytes    = 8 << 20 // parts up to this size may have any ratio
	maxRatio     = 200
	maxXMLDepth  = 500
)

// zipPackage is a zip file whose entries are the parts of one document.
type zipPackage struct {
	q     *budget
	files map[string]*zip.File
	names []string // in the order of the directory
}

// openPackage reads the directory of a package.
func openPackage(q *budget, data []byte) (*zipPackage, error) {
	z, err := openZip(data)
	if err != nil {
		return nil, err
	}
	p := &zipPackage{q: q, files: map[string]*zip.File{}}
	for _, f := range z.File {
		name := strings.TrimPrefix(f.Name, "/")
		p.files[name] = f
		p.names = append(p.names, name)
	}
	return p, nil
}

func openZip(data []byte) (*zip.Reader, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("open package: %w: %w", err, core.ErrCorrupt)
	}
	if len(z.File) > maxEntries {
		return nil, fmt.Errorf("package of %d entries: %w", len(z.File), errBomb)
	}
	return z, nil
}

// relation is one line of a .rels part (ECMA-376 part 2, 6.5): from a part to another.
type relation struct {
	ID     string `xml:"Id,attr"`
	Type   string `xml:"Type,attr"`
	Target string `xml:"Target,attr"`
	Mode   string `xml:"TargetMode,attr"`
}

// relations are those of a part, "" being the package, with targets as names of parts. A damaged .rels part is none.
func (p *zipPackage) relations(part string) []relation {
	var rels struct {
		Relationship []relation
	}
	dir, file := path.Split(part)
	if err := p.decode(path.Join(dir, "_rels", file+".rels"), &rels); err != nil {
		return nil
	}
	for i, r := range rels.Relationship {
		if strings.HasPrefix(r.Target, "/") {
			rels.Relationship[i].Target = strings.TrimPrefix(path.Clean(r.Target), "/")
		} else {
			rels.Relationship[i].Target = path.Join(dir, r.Target)
		}
	}
	return rels.Relationship
}

// related are the parts that a part refers to by a type, which is the last element of the relationship's URI, and that are there.
func (p *zipPackage) related(part, kind string) []string {
	var out []string
	for _, r := range p.relations(part) {
		if strings.HasSuffix(r.Type, "/"+kind) && p.files[r.Target] != nil {
			out = append(out, r.Target)
		}
	}
	return out
}

// mainPart is the package's relationship of type officeDocument, or else the usual place.
func (p *zipPackage) mainPart(usual string) (string, error) {
	for _, r := range p.relations("") {
		if strings.HasSuffix(r.Type, "/officeDocument") {
			usual = r.Target
			break
		}
	}
	if p.files[usual] == nil {
		return "", fmt.Errorf("package without %s: %w", usual, core.ErrCorrupt)
	}
	return usual, nil
}

// decode unmarshals a part, if there is one.
func (p *zipPackage) decode(name string, v any) error {
	if p.files[name] == nil {
		return nil
	}
	return p.read(name, func(d *xml.Decoder) error { return d.Decode(v) })
}

// read opens a part within the limits and hands its XML to fn.
func (p *zipPackage) read(name string, fn func(*xml.Decoder) error) error {
	return p.open(name, func(r io.Reader) error { return fn(newXML(r)) })
}

// newXML reads XML in any encoding. Entities that the document declares are not expanded but refused.
func newXML(r io.Reader) *xml.Decoder {
	d := xml.NewDecoder(r)
	d.CharsetReader = func(charset string, r io.Reader) (io.Reader, error) {
		enc, err := htmlindex.Get(charset)
		if err != nil {
			return nil, fmt.Errorf("charset %q: %w", charset, core.ErrUnsupported)
		}
		return enc.NewDecoder().Reader(r), nil
	}
	return d
}

// bytes is a part as a whole.
func (p *zipPackage) bytes(name string) (out []byte, err error) {
	err = p.open(name, func(r io.Reader) error {
		out, err = io.ReadAll(r)
		return err
	})
	return out, err
}

// open hands a part to fn, within the limits.
func (p *zipPackage) open(name string, fn func(io.Reader) error) error {
	f := p.files[name]
	if f == nil {
		return fmt.Errorf("package without %s: %w", name, core.ErrCorrupt)
	}
	return openEntry(p.q, f, maxPartBytes, fn)
}

// openEntry hands an entry of a zip file to fn, within the limits. What fn says is damage of the entry, unless it is something else.
func openEntry(q *budget, f *zip.File, most uint64, fn func(io.Reader) error) error {
	size, packed := f.UncompressedSize64, max(f.CompressedSize64, 1)
	switch {
	case f.Flags&1 != 0:
		return fmt.Errorf("part %s: %w", f.Name, core.ErrEncrypted)
	case size > most, size > freeBytes && size/packed > maxRatio:
		return fmt.Errorf("part %s of %d bytes from %d: %w", f.Name, size, packed, errBomb)
	}
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("open part %s: %w: %w", f.Name, err, core.ErrCorrupt)
	}
	defer r.Close()
	// The directory may lie about the size, so what comes out is counted as well.
	limited := &limitedReader{q: q, r: r, left: int64(max(freeBytes, min(most, packed*maxRatio)))}
	err = fn(limited)
	switch {
	case err == nil || q.ctx.Err() != nil:
		return q.ctx.Err()
	case errors.Is(err, errBomb):
		return fmt.Errorf("part %s: %w", f.Name, err)
	case errors.Is(limited.err, errBomb):
		return fmt.Errorf("part %s: %w", f.Name, errBomb)
	case errors.Is(err, core.ErrEncrypted), errors.Is(err, core.ErrCorrupt):
		return fmt.Errorf("read part %s: %w", f.Name, err)
	}
	return fmt.Errorf("read part %s: %w: %w", f.Name, err, core.ErrCorrupt)
}

// limitedReader ends with the reading it belongs to, and with its own limit or that of all that is unpacked.
type limitedReader struct {
	q    *budget
	r    io.Reader
	left int64
	err  error
}

func (l *limitedReader) Read(b []byte) (int, error) {
	if l.err == nil {
		l.err = l.q.ctx.Err()
	}
	if l.err != nil {
		return 0, l.err
	}
	n, err := l.r.Read(b)
	l.left -= int64(n)
	if l.q.unpacked += int64(n); l.left < 0 || l.q.unpacked > maxUnpacked {
		l.err = errBomb
		return 0, l.err
	}
	return n, err
}

// xmlWalk walks the elements of a part, by local names: the prefixes that documents use for the few namespaces they hold differ.
type xmlWalk struct {
	q     *budget
	d     *xml.Decoder
	depth int
}

// walk hands the outermost elements of a part to fn.
func (p *zipPackage) walk(part string, fn func(*xmlWalk, xml.StartElement) error) error {
	return p.read(part, func(d *xml.Decoder) error {
		x := &xmlWalk{q: p.q, d: d}
		seen := false
		for {
			token, err := d.RawToken()
			if err == io.EOF && seen {
				return nil
			}
			if err != nil {
				return err
			}
			if start, ok := token.(xml.StartElement); ok {
				seen = true
				if err := fn(x, start); err != nil {
					return err
				}
			}
		}
	})
}

// each hands the child elements of the element just opened to fn, which reads or skips each to its end, and its own text to chars.
func (x *xmlWalk) each(fn func(xml.StartElement) error, chars func([]byte)) error {
	if x.depth++; x.depth > maxXMLDepth {
		return fmt.Errorf("elements nested deeper than %d: %w", maxXMLDepth, core.ErrCorrupt)
	}
	defer func() { x.depth-- }()
	for {
		if !x.q.spend(0) {
			return x.q.err
		}
		token, err := x.d.RawToken()
		if err != nil {
			return cut(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if err := fn(t); err != nil {
				return err
			}
		case xml.CharData:
			if chars != nil {
				chars(t)
			}
		case xml.EndElement:
			return nil
		}
	}
}

// skip reads to the end of the element just opened.
func (x *xmlWalk) skip() error {
	for open := 1; open > 0; {
		if !x.q.spend(0) {
			return x.q.err
		}
		token, err := x.d.RawToken()
		if err != nil {
			return cut(err)
		}
		switch token.(type) {
		case xml.StartElement:
			open++
		case xml.EndElement:
			open--
		}
	}
	return nil
}

// text is the character data of the element just opened, of all levels.
func (x *xmlWalk) text() (string, error) {
	var b strings.Builder
	var inner func(xml.StartElement) error
	chars := func(c []byte) {
		if x.q.spend(len(c)) {
			b.Write(c)
		}
	}
	inner = func(xml.StartElement) error { return x.each(inner, chars) }
	err := x.each(inner, chars)
	x.q.refund(b.Len())
	return b.String(), err
}

// cut makes the end of a file inside an element an error of its own.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

package manifest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"kakoi/core"
)

// MaxText is the size in bytes above which a manifest is not read.
const MaxText = 64 << 20

// Sum is the SHA-256 of a file's bytes.
type Sum [sha256.Size]byte

// String is the sum in lower-case hexadecimal digits.
func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// Entry is one file, or one symbolic link where Link is not empty.
type Entry struct {
	Path   string      // relative, with slashes
	Link   string      // what a symbolic link points to; Mode, Size and SHA256 are zero then
	Mode   fs.FileMode // permission bits; of what Scan found also setuid and the like, and the type of what is no file
	Size   int64       // bytes
	SHA256 Sum
}

// Field is something else that a manifest says, as the commit that was built.
type Field struct{ Key, Value string }

// Manifest lists the files of something.
type Manifest struct {
	Kind, Name, Version string
	Fields              []Field  // sorted by key
	Own                 []string // folders that hold nothing but what is listed, sorted
	Entries             []Entry  // sorted by path
}

// Field is the value of a field, "" where there is none.
func (m *Manifest) Field(key string) string {
	for _, f := range m.Fields {
		if f.Key == key {
			return f.Value
		}
	}
	return ""
}

// Bytes is the size of all files together.
func (m *Manifest) Bytes() int64 {
	var n int64
	for _, e := range m.Entries {
		n += e.Size
	}
	return n
}

const head = "kakoi-manifest\t1"

// Text writes the manifest; entries, fields and folders are sorted first. It fails with core.ErrUnsupported where a path or
// value cannot be written, and where a path comes twice.
func (m *Manifest) Text() ([]byte, error) {
	slices.SortFunc(m.Entries, func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(m.Fields, func(a, b Field) int { return cmp.Compare(a.Key, b.Key) })
	slices.Sort(m.Own)
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("write manifest: %w: %w", core.ErrUnsupported, err)
	}
	return m.text(), nil
}

func (m *Manifest) text() []byte {
	var b bytes.Buffer
	line := func(parts ...string) {
		b.WriteString(strings.Join(parts, "\t"))
		b.WriteByte('\n')
	}
	line(head)
	line("kind", m.Kind)
	line("name", m.Name)
	line("version", m.Version)
	for _, f := range m.Fields {
		line("field", f.Key, f.Value)
	}
	for _, dir := range m.Own {
		line("own", dir)
	}
	for _, e := range m.Entries {
		if e.Link != "" {
			line("link", e.Link, e.Path)
			continue
		}
		line("file", fmt.Sprintf("%04o", e.Mode.Perm()), strconv.FormatInt(e.Size, 10), e.SHA256.String(), e.Path)
	}
	sum := Sum(sha256.Sum256(b.Bytes()))
	line("end", sum.String())
	return b.Bytes()
}

// check says what is wrong with a manifest whose lists are said to be sorted.
func (m *Manifest) check() error {
	for _, v := range []string{m.Kind, m.Name, m.Version} {
		if !plain(v) {
			return fmt.Errorf("kind, name or version %q", v)
		}
	}
	for i, f := range m.Fields {
		if !plain(f.Key) || !plain(f.Value) || i > 0 && m.Fields[i-1].Key >= f.Key {
			return fmt.Errorf("field %q %q", f.Key, f.Value)
		}
	}
	for i, dir := range m.Own {
		if !local(dir) || i > 0 && m.Own[i-1] >= dir {
			return fmt.Errorf("folder %q", dir)
		}
	}
	for i, e := range m.Entries {
		switch {
		case !local(e.Path):
			return fmt.Errorf("path %q", e.Path)
		case i > 0 && m.Entries[i-1].Path >= e.Path:
			return fmt.Errorf("path %q comes twice or out of order", e.Path)
		case e.Link != "" && !plain(e.Link):
			return fmt.Errorf("link %q of %q", e.Link, e.Path)
		case e.Size < 0 || e.Mode&^fs.ModePerm != 0:
			return fmt.Errorf("size %d or mode %v of %q", e.Size, e.Mode, e.Path)
		}
	}
	return nil
}

// plain says whether a value fits into a field of a line.
func plain(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// local says whether a path is one that a manifest may name: below its root, and written in one way.
func local(p string) bool {
	return plain(p) && p != "." && fs.ValidPath(p) && path.Clean(p) == p && !strings.Contains(p, `\`)
}

// Parse reads a manifest. Everything that Text would not have written so, byte by byte, is core.ErrCorrupt, with the line
// and what is wrong with it.
func Parse(text []byte) (*Manifest, error) {
	bad := func(line int, format string, args ...any) (*Manifest, error) {
		return nil, fmt.Errorf("manifest, line %d: %s: %w", line, fmt.Sprintf(format, args...), core.ErrCorrupt)
	}
	if len(text) > MaxText {
		return nil, fmt.Errorf("manifest of %d bytes: %w", len(text), core.ErrTooLarge)
	}
	if len(text) == 0 || text[len(text)-1] != '\n' {
		return bad(1, "no manifest, or cut off")
	}
	lines := strings.Split(string(text[:len(text)-1]), "\n")
	last := len(lines)
	if lines[0] != head {
		return bad(1, "not a manifest that this version reads")
	}
	end, ok := strings.CutPrefix(lines[last-1], "end\t")
	if !ok {
		return bad(last, "the end is missing")
	}
	body := text[:len(text)-1-len(lines[last-1])]
	if sum := Sum(sha256.Sum256(body)); end != sum.String() {
		return bad(last, "the checksum does not fit the lines before it")
	}
	m := &Manifest{}
	for i, line := range lines[1 : last-1] {
		f := strings.Split(line, "\t")
		switch {
		case i < 3 && len(f) == 2 && f[0] == [...]string{"kind", "name", "version"}[i]:
			*[...]*string{&m.Kind, &m.Name, &m.Version}[i] = f[1]
		case i < 3:
			return bad(i+2, "%q", line)
		case len(f) == 3 && f[0] == "field":
			m.Fields = append(m.Fields, Field{f[1], f[2]})
		case len(f) == 2 && f[0] == "own":
			m.Own = append(m.Own, f[1])
		case len(f) == 3 && f[0] == "link":
			m.Entries = append(m.Entries, Entry{Link: f[1], Path: f[2]})
		case len(f) == 5 && f[0] == "file":
			e, err := fileLine(f)
			if err != nil {
				return bad(i+2, "%v", err)
			}
			m.Entries = append(m.Entries, e)
		default:
			return bad(i+2, "%q", line)
		}
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("manifest: %w: %w", err, core.ErrCorrupt)
	}
	if !bytes.Equal(m.text(), text) {
		return nil, fmt.Errorf("manifest: not written as it is written: %w", core.ErrCorrupt)
	}
	return m, nil
}

func fileLine(f []string) (Entry, error) {
	mode, err := strconv.ParseUint(f[1], 8, 9)
	if err != nil {
		return Entry{}, fmt.Errorf("mode %q", f[1])
	}
	size, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil {
		return Entry{}, fmt.Errorf("size %q", f[2])
	}
	e := Entry{Path: f[4], Mode: fs.FileMode(mode), Size: size}
	if n, err := hex.Decode(e.SHA256[:], []byte(f[3])); err != nil || n != len(e.SHA256) || len(f[3]) != 2*n {
		return Entry{}, fmt.Errorf("SHA-256 %q", f[3])
	}
	return e, nil
}

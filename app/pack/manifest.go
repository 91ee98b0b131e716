package pack

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"kakoi/core"
)

// Version of the form that is written; a later one is refused.
const Version = 1

// Ext is how names of packs end.
const Ext = ".kakoi-pack"

// Limits of what is believed of a manifest.
const (
	maxManifest  = 64 << 20
	maxSignature = 64 << 10
	maxParts     = 999
	maxFiles     = 10_000
	maxBytes     = 1 << 46
)

// PieceBytes is what one checksum of a part is of.
const PieceBytes = 16 << 20

// Kinds of items.
const (
	KindModel   = "model"
	KindAdapter = "adapter"
)

// Manifest says what is in a pack.
type Manifest struct {
	Version int       `json:"version"`
	Program string    `json:"program"`
	Made    time.Time `json:"made"`
	Nonce   string    `json:"nonce"` // 8 random bytes, hex: sealed parts tell by it that they belong together
	Items   []Item    `json:"items"`
	Files   []File    `json:"files"` // of the first item first, and so on
	Piece   int64     `json:"piece"` // bytes of a piece; the last one of a part may have fewer
	Parts   []Part    `json:"parts"`
}

// Item is a model or an adapter.
type Item struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Model  string `json:"model,omitempty"`   // of a model: what it is for ("chat", "embedder", "reranker")
	ID     string `json:"id"`                // of its contents, as the engine and lineages name it
	Base   string `json:"base,omitempty"`    // of an adapter: the name of its model where it was exported
	BaseID string `json:"base_id,omitempty"` // of an adapter: the ID of that model; "" where it is not known
}

// File is one file of an item.
type File struct {
	Item   int    `json:"item"` // place in Items
	Path   string `json:"path"` // below the item's folder, with slashes
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Part is one file of the pack.
type Part struct {
	Bytes  int64    `json:"bytes"`  // of the payload
	Pieces []string `json:"pieces"` // SHA-256 of each
}

// Bytes is the size of the payload of all parts.
func (m *Manifest) Bytes() int64 {
	var n int64
	for _, f := range m.Files {
		n += f.Bytes
	}
	return n
}

// Encode is the manifest as a part holds it.
func (m *Manifest) Encode() ([]byte, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return raw, nil
}

// ID is that of a manifest as it was encoded: 16 hex digits.
func ID(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

// decode reads a manifest and holds it against itself: core.ErrCorrupt where it contradicts itself or names files that nothing may be written to.
func decode(raw []byte) (*Manifest, error) {
	m := &Manifest{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("manifest: %w: %w", core.ErrCorrupt, err)
	}
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("manifest: %w: %w", core.ErrCorrupt, err)
	}
	return m, nil
}

func (m *Manifest) validate() error {
	switch {
	case len(m.Items) == 0 || len(m.Items) > maxFiles || len(m.Files) == 0 || len(m.Files) > maxFiles || len(m.Parts) == 0 || len(m.Parts) > maxParts:
		return fmt.Errorf("%d items, %d files, %d parts", len(m.Items), len(m.Files), len(m.Parts))
	case m.Piece < 1<<10 || m.Piece > 1<<30:
		return fmt.Errorf("pieces of %d bytes", m.Piece)
	case !isHex(m.Nonce, 8):
		return errors.New("no nonce")
	}
	if err := m.checkItems(); err != nil {
		return err
	}
	total, err := m.checkFiles()
	if err != nil {
		return err
	}
	for i, p := range m.Parts {
		if p.Bytes <= 0 || p.Bytes > total || int64(len(p.Pieces)) != (p.Bytes+m.Piece-1)/m.Piece {
			return fmt.Errorf("part %d of %d bytes with %d pieces", i+1, p.Bytes, len(p.Pieces))
		}
		if slices.ContainsFunc(p.Pieces, func(s string) bool { return !isHex(s, sha256.Size) }) {
			return fmt.Errorf("part %d: a checksum is none", i+1)
		}
		total -= p.Bytes
	}
	if total != 0 {
		return fmt.Errorf("files and parts differ by %d bytes", total)
	}
	return nil
}

func (m *Manifest) checkItems() error {
	models := 0
	for i, x := range m.Items {
		if x.Name == "" || len(x.Name) > 300 || strings.ContainsFunc(x.Name, unicode.IsControl) || !isHex(x.ID, 8) || x.BaseID != "" && !isHex(x.BaseID, 8) {
			return fmt.Errorf("item %d: name %q, ID %q", i, x.Name, x.ID)
		}
		switch x.Kind {
		case KindModel:
			models++
		case KindAdapter:
		default:
			return fmt.Errorf("item %d is a %q", i, x.Kind)
		}
	}
	if models > 1 {
		return fmt.Errorf("%d models", models)
	}
	return nil
}

func (m *Manifest) checkFiles() (total int64, err error) {
	seen := map[string]bool{}
	at := 0
	for _, f := range m.Files {
		local := filepath.FromSlash(f.Path)
		key := fmt.Sprint(f.Item, " ", strings.ToLower(f.Path))
		switch {
		case f.Item < at || f.Item >= len(m.Items):
			return 0, fmt.Errorf("file %q of item %d", f.Path, f.Item)
		case !filepath.IsLocal(local) || path.Clean(f.Path) != f.Path || f.Path == "." || strings.ContainsAny(f.Path, "\\\x00") || strings.ContainsFunc(f.Path, unicode.IsControl) || hidden(f.Path) || strings.Count(f.Path, "/") > 1 || len(f.Path) > 400:
			return 0, fmt.Errorf("file name %q", f.Path)
		case seen[key]:
			return 0, fmt.Errorf("file %q twice", f.Path)
		case f.Bytes < 0 || f.Bytes > maxBytes || total > maxBytes:
			return 0, fmt.Errorf("file %q of %d bytes", f.Path, f.Bytes)
		case !isHex(f.SHA256, sha256.Size):
			return 0, fmt.Errorf("file %q: the checksum is none", f.Path)
		}
		seen[key] = true
		at = f.Item
		total += f.Bytes
	}
	// A file may not be the folder of another.
	for _, f := range m.Files {
		if dir := path.Dir(f.Path); dir != "." && seen[fmt.Sprint(f.Item, " ", strings.ToLower(dir))] {
			return 0, fmt.Errorf("file %q is a folder, too", dir)
		}
	}
	return total, nil
}

func hidden(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(s string) bool { return strings.HasPrefix(s, ".") })
}

func isHex(s string, n int) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == n
}

// extent is a run of bytes of a file.
type extent struct {
	file   int
	at     int64 // in the file
	length int64
}

// extents are the bytes of the payload from a place on, file by file.
func (m *Manifest) extents(from, length int64) []extent {
	var out []extent
	at := int64(0)
	for i, f := range m.Files {
		lo, hi := max(from, at), min(from+length, at+f.Bytes)
		if lo < hi {
			out = append(out, extent{i, lo - at, hi - lo})
		}
		at += f.Bytes
	}
	return out
}

// start is where the payload of a part (from 0) begins.
func (m *Manifest) start(part int) int64 {
	var n int64
	for _, p := range m.Parts[:part] {
		n += p.Bytes
	}
	return n
}

// Names are those of the files that a pack to be called path is written to: path itself, or one for each of its parts.
func Names(path string, parts int) []string {
	if parts == 1 {
		return []string{path}
	}
	stem := strings.TrimSuffix(path, Ext)
	names := make([]string, parts)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%0*d-of-%d%s", stem, len(fmt.Sprint(parts)), i+1, parts, Ext)
	}
	return names
}

package ingest

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"

	"kakoi/core"
)

// cfbFile is a compound file (MS-CFB): a small file system in which old Office keeps its streams. All of it lies in data, so no stream is longer
// than that; chains of sectors that come back to themselves are damage.
type cfbFile struct {
	data    []byte
	sector  int      // bytes
	fat     []uint32 // of sectors
	minifat []uint32
	mini    []byte // the stream that holds the small ones
	cutoff  uint64 // shorter streams are small
	entries []cfbEntry
}

type cfbEntry struct {
	name               string
	kind               byte // 1 storage, 2 stream, 5 root
	left, right, child uint32
	start              uint32
	size               uint64
}

const (
	cfbMaxSector  = 0xfffffffa
	cfbNone       = 0xffffffff
	maxCFBEntries = 100_000
)

func errCFB(what string) error { return fmt.Errorf("compound file: %s: %w", what, core.ErrCorrupt) }

func openCFB(data []byte) (*cfbFile, error) {
	if len(data) < 512 || string(data[:8]) != string(oleMagic) {
		return nil, errCFB("no header")
	}
	le := binary.LittleEndian
	shift, miniShift := le.Uint16(data[30:]), le.Uint16(data[32:])
	if shift != 9 && shift != 12 || miniShift != 6 {
		return nil, errCFB("sizes of sectors")
	}
	c := &cfbFile{data: data, sector: 1 << shift, cutoff: uint64(le.Uint32(data[56:]))}
	if c.cutoff > 1<<20 {
		return nil, errCFB("cutoff")
	}
	most := len(data)/c.sector + 1
	var sectors []uint32 // of the FAT
	for i := range 109 {
		if s := le.Uint32(data[76+4*i:]); s <= cfbMaxSector {
			sectors = append(sectors, s)
		}
	}
	next := le.Uint32(data[68:])
	for steps := 0; next <= cfbMaxSector; steps++ {
		raw := c.at(next)
		if steps > most || raw == nil {
			return nil, errCFB("list of the FAT's sectors")
		}
		for i := 0; i < c.sector-4; i += 4 {
			if s := le.Uint32(raw[i:]); s <= cfbMaxSector {
				sectors = append(sectors, s)
			}
		}
		next = le.Uint32(raw[c.sector-4:])
	}
	if len(sectors) > most {
		return nil, errCFB("FAT longer than the file")
	}
	for _, s := range sectors {
		c.fat = appendWords(c.fat, c.at(s)) // what a cut file lacks is missed where it is needed
	}
	directory, err := c.chain(le.Uint32(data[48:]), 1<<62)
	if err != nil {
		return nil, err
	}
	for i := 0; i+128 <= len(directory) && len(c.entries) < maxCFBEntries; i += 128 {
		c.entries = append(c.entries, parseCFBEntry(directory[i:i+128], shift == 9))
	}
	if len(c.entries) == 0 || c.entries[0].kind != 5 {
		return nil, errCFB("no root")
	}
	if first := le.Uint32(data[60:]); first <= cfbMaxSector {
		raw, err := c.chain(first, 1<<62)
		if err != nil {
			return nil, err
		}
		c.minifat = appendWords(nil, raw)
	}
	if root := c.entries[0]; root.start <= cfbMaxSector {
		if c.mini, err = c.chain(root.start, root.size); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func appendWords(to []uint32, raw []byte) []uint32 {
	for i := 0; i+4 <= len(raw); i += 4 {
		to = append(to, binary.LittleEndian.Uint32(raw[i:]))
	}
	return to
}

func parseCFBEntry(raw []byte, small bool) cfbEntry {
	le := binary.LittleEndian
	e := cfbEntry{
		kind: raw[66], left: le.Uint32(raw[68:]), right: le.Uint32(raw[72:]), child: le.Uint32(raw[76:]),
		start: le.Uint32(raw[116:]), size: le.Uint64(raw[120:]),
	}
	if small { // the upper half may hold anything
		e.size &= 0xffffffff
	}
	if n := int(le.Uint16(raw[64:])); n >= 2 && n <= 64 {
		units := make([]uint16, 0, 32)
		for i := 0; i+2 < n; i += 2 {
			units = append(units, le.Uint16(raw[i:]))
		}
		e.name = string(utf16.Decode(units))
	}
	return e
}

// at is a sector, cut where the file ends, or nil.
func (c *cfbFile) at(sector uint32) []byte {
	from := (int64(sector) + 1) * int64(c.sector)
	if from >= int64(len(c.data)) {
		return nil
	}
	raw := c.data[from:min(from+int64(c.sector), int64(len(c.data)))]
	if len(raw) < c.sector { // the last sector of files by careless programs
		raw = append(append(make([]byte, 0, c.sector), raw...), make([]byte, c.sector-len(raw))...)
	}
	return raw
}

// chain is what the sectors from first on hold, up to size bytes.
func (c *cfbFile) chain(first uint32, size uint64) ([]byte, error) {
	var out []byte
	for s, steps := first, 0; s <= cfbMaxSector && uint64(len(out)) < size; steps++ {
		raw := c.at(s)
		if raw == nil || steps > len(c.fat) || int(s) >= len(c.fat) {
			return nil, errCFB("chain of sectors")
		}
		out = append(out, raw...)
		s = c.fat[s]
	}
	if uint64(len(out)) > size {
		out = out[:size]
	}
	return out, nil
}

// stream is what an entry holds.
func (c *cfbFile) stream(e cfbEntry) ([]byte, error) {
	if e.kind != 2 || e.size == 0 {
		return nil, nil
	}
	if e.size > uint64(len(c.data)) {
		return nil, errCFB("stream longer than the file")
	}
	if e.size >= c.cutoff {
		return c.chain(e.start, e.size)
	}
	var out []byte
	for s, steps := e.start, 0; s <= cfbMaxSector && uint64(len(out)) < e.size; steps++ {
		from := int64(s) * 64
		if steps > len(c.minifat) || int(s) >= len(c.minifat) || from >= int64(len(c.mini)) {
			return nil, errCFB("chain of small sectors")
		}
		out = append(out, c.mini[from:min(from+64, int64(len(c.mini)))]...)
		s = c.minifat[s]
	}
	if uint64(len(out)) > e.size {
		out = out[:e.size]
	}
	return out, nil
}

// children are the entries of a storage.
func (c *cfbFile) children(storage cfbEntry) []cfbEntry {
	var out []cfbEntry
	seen := map[uint32]bool{}
	stack := []uint32{storage.child}
	for len(stack) > 0 {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if id == cfbNone || int64(id) >= int64(len(c.entries)) || seen[id] {
			continue
		}
		seen[id] = true
		e := c.entries[id]
		stack = append(stack, e.right, e.left)
		if e.kind == 1 || e.kind == 2 {
			out = append(out, e)
		}
	}
	return out
}

// find is a child by name, in either case.
func (c *cfbFile) find(storage cfbEntry, name string) (cfbEntry, bool) {
	for _, e := range c.children(storage) {
		if strings.EqualFold(e.name, name) {
			return e, true
		}
	}
	return cfbEntry{}, false
}

func (c *cfbFile) root() cfbEntry { return c.entries[0] }

// named is the stream of the root by that name, or nil.
func (c *cfbFile) named(name string) ([]byte, error) {
	e, ok := c.find(c.root(), name)
	if !ok {
		return nil, nil
	}
	return c.stream(e)
}

// oleTexts tells what a compound file holds and reads it.
func (r *reading) oleTexts(data []byte) ([]string, error) {
	c, err := openCFB(data)
	if err != nil {
		return nil, err
	}
	has := func(name string) bool {
		_, ok := c.find(c.root(), name)
		return ok
	}
	switch {
	case has("EncryptedPackage"), has("EncryptionInfo"): // MS-OFFCRYPTO 2.3.4
		return nil, fmt.Errorf("encrypted package: %w", core.ErrEncrypted)
	case has("WordDocument"):
		return one(docText(r.q, c))
	case has("Workbook"):
		return xlsTexts(r.q, c)
	case has("__properties_version1.0"):
		return r.msgTexts(c)
	case has("PowerPoint Document"), has("Book"):
		return nil, errOldOffice
	}
	return nil, fmt.Errorf("compound file of another kind: %w", core.ErrUnsupported)
}

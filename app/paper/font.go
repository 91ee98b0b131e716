package paper

import (
	"encoding/binary"
	"fmt"
	"slices"

	"kakoi/core"
)

// missing is drawn for characters that the font does not have.
const missing = '□'

// Font is a TrueType font and the characters that were written in it. It is for one File.
type Font struct {
	tables  map[string][]byte
	units   int // per em
	metrics int // entries of hmtx with a width
	long    bool
	glyphs  int
	runs    []run // of the character map, by first character

	codes map[rune]uint16 // character -> its code in the file
	runes []rune          // by code; code 0 is of no character
	gids  []uint16        // by code
}

// run maps the characters first to last: to gid and those that follow, or to the same one.
type run struct {
	first, last rune
	gid         func(r rune) uint16
}

func broken(what string) error { return fmt.Errorf("font: %s: %w", what, core.ErrCorrupt) }

// ParseFont reads a TrueType font with outlines in glyf.
func ParseFont(raw []byte) (*Font, error) {
	f := &Font{tables: map[string][]byte{}, codes: map[rune]uint16{}, runes: []rune{0}, gids: []uint16{0}}
	if len(raw) < 12 {
		return nil, broken("no header")
	}
	n := int(binary.BigEndian.Uint16(raw[4:]))
	if len(raw) < 12+16*n {
		return nil, broken("no table directory")
	}
	for i := range n {
		entry := raw[12+16*i:]
		at, size := uint64(binary.BigEndian.Uint32(entry[8:])), uint64(binary.BigEndian.Uint32(entry[12:]))
		if at+size > uint64(len(raw)) {
			return nil, broken("table beyond its end")
		}
		f.tables[string(entry[:4])] = raw[at : at+size]
	}
	for name, least := range map[string]int{"head": 54, "maxp": 6, "hhea": 36, "hmtx": 4, "loca": 2, "glyf": 1, "cmap": 4} {
		if len(f.tables[name]) < least {
			return nil, broken("no table " + name)
		}
	}
	f.units = int(binary.BigEndian.Uint16(f.tables["head"][18:]))
	f.long = binary.BigEndian.Uint16(f.tables["head"][50:]) == 1
	f.glyphs = int(binary.BigEndian.Uint16(f.tables["maxp"][4:]))
	f.metrics = int(binary.BigEndian.Uint16(f.tables["hhea"][34:]))
	if f.units == 0 || f.metrics == 0 || len(f.tables["hmtx"]) < 4*f.metrics {
		return nil, broken("no widths")
	}
	return f, f.readMap(f.tables["cmap"])
}

// readMap takes the character map with most characters.
func (f *Font) readMap(cmap []byte) error {
	best, format := []byte(nil), uint16(0)
	for i := range int(binary.BigEndian.Uint16(cmap[2:])) {
		if len(cmap) < 12+8*i {
			return broken("character maps")
		}
		platform, at := binary.BigEndian.Uint16(cmap[4+8*i:]), uint64(binary.BigEndian.Uint32(cmap[8+8*i:]))
		if platform != 0 && platform != 3 || at+16 > uint64(len(cmap)) {
			continue
		}
		if k := binary.BigEndian.Uint16(cmap[at:]); (k == 4 || k == 12) && k > format {
			best, format = cmap[at:], k
		}
	}
	switch format {
	case 12:
		return f.readMap12(best)
	case 4:
		return f.readMap4(best)
	}
	return broken("no character map")
}

func (f *Font) readMap12(m []byte) error {
	n := int(binary.BigEndian.Uint32(m[12:]))
	if n < 0 || n > (len(m)-16)/12 {
		return broken("character map")
	}
	for i := range n {
		group := m[16+12*i:]
		first, last, gid := rune(binary.BigEndian.Uint32(group)), rune(binary.BigEndian.Uint32(group[4:])), rune(binary.BigEndian.Uint32(group[8:]))
		f.runs = append(f.runs, run{first, last, func(r rune) uint16 { return uint16(gid + r - first) }})
	}
	return nil
}

func (f *Font) readMap4(m []byte) error {
	n := int(binary.BigEndian.Uint16(m[6:])) / 2
	if len(m) < 16+8*n {
		return broken("character map")
	}
	at := func(table, i int) uint16 { return binary.BigEndian.Uint16(m[14+2*n*table+2*min(table, 1)+2*i:]) }
	for i := range n {
		last, first, delta, offset := rune(at(0, i)), rune(at(1, i)), at(2, i), int(at(3, i))
		if first > last {
			continue
		}
		gid := func(r rune) uint16 { return uint16(r) + delta }
		if offset != 0 {
			base := 14 + 6*n + 2 + 2*i + offset
			gid = func(r rune) uint16 {
				p := base + 2*int(r-first)
				if p+2 > len(m) {
					return 0
				}
				if g := binary.BigEndian.Uint16(m[p:]); g != 0 {
					return g + delta
				}
				return 0
			}
		}
		f.runs = append(f.runs, run{first, last, gid})
	}
	return nil
}

// glyph is 0 for a character that the font does not have.
func (f *Font) glyph(r rune) uint16 {
	i, ok := slices.BinarySearchFunc(f.runs, r, func(k run, r rune) int {
		switch {
		case k.last < r:
			return -1
		case k.first > r:
			return 1
		}
		return 0
	})
	if !ok {
		return 0
	}
	g := f.runs[i].gid(r)
	if int(g) >= f.glyphs {
		return 0
	}
	return g
}

// code gives a character its code in the file.
func (f *Font) code(r rune) uint16 {
	if c, ok := f.codes[r]; ok {
		return c
	}
	if len(f.runes) == 1<<16-1 {
		return 0
	}
	g := f.glyph(r)
	if g == 0 {
		g = f.glyph(missing)
	}
	c := uint16(len(f.runes))
	f.codes[r], f.runes, f.gids = c, append(f.runes, r), append(f.gids, g)
	return c
}

// advance of a glyph in thousandths of the font's size.
func (f *Font) advance(gid uint16) int {
	i := min(int(gid), f.metrics-1)
	return (int(binary.BigEndian.Uint16(f.tables["hmtx"][4*i:]))*1000 + f.units/2) / f.units
}

// Width of a text in points.
func (f *Font) Width(text string, size float64) float64 {
	sum := 0
	for _, r := range text {
		sum += f.advance(f.gids[f.code(r)])
	}
	return float64(sum) * size / 1000
}

// scaled is a measure of hhea in thousandths.
func (f *Font) scaled(table string, at int) int {
	return int(int16(binary.BigEndian.Uint16(f.tables[table][at:]))) * 1000 / f.units
}

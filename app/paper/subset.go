package paper

import (
	"encoding/binary"
	"slices"
)

// outline is the glyf entry of a glyph; empty for a blank one.
func (f *Font) outline(gid uint16) ([]byte, error) {
	loca, glyf := f.tables["loca"], f.tables["glyf"]
	var from, to uint64
	switch i := int(gid); {
	case f.long && len(loca) >= 4*i+8:
		from, to = uint64(binary.BigEndian.Uint32(loca[4*i:])), uint64(binary.BigEndian.Uint32(loca[4*i+4:]))
	case !f.long && len(loca) >= 2*i+4:
		from, to = 2*uint64(binary.BigEndian.Uint16(loca[2*i:])), 2*uint64(binary.BigEndian.Uint16(loca[2*i+2:]))
	default:
		return nil, broken("no place of a glyph")
	}
	if from > to || to > uint64(len(glyf)) {
		return nil, broken("glyph beyond its table")
	}
	return glyf[from:to], nil
}

// Flags of a part of a composite glyph.
const (
	wordArgs  = 1 << 0
	scale     = 1 << 3
	more      = 1 << 5
	scaleXY   = 1 << 6
	scale2x2  = 1 << 7
	maxGlyphs = 1<<16 - 1
)

// parts visits the places in a composite glyph where the glyphs stand that it is made of.
func parts(outline []byte, visit func(gid []byte)) error {
	if len(outline) < 10 || int16(binary.BigEndian.Uint16(outline)) >= 0 {
		return nil
	}
	for at := 10; ; {
		if at+4 > len(outline) {
			return broken("composite glyph")
		}
		flags := binary.BigEndian.Uint16(outline[at:])
		visit(outline[at+2 : at+4])
		at += 6
		if flags&wordArgs != 0 {
			at += 2
		}
		switch {
		case flags&scale != 0:
			at += 2
		case flags&scaleXY != 0:
			at += 4
		case flags&scale2x2 != 0:
			at += 8
		}
		if flags&more == 0 {
			return nil
		}
	}
}

// subset is a font file in which the glyph of each code has the code's number. What they are made of follows behind.
func (f *Font) subset() ([]byte, error) {
	gids := slices.Clone(f.gids)
	places := map[uint16]uint16{} // of parts
	var glyf, loca, hmtx []byte
	for i := 0; i < len(gids); i++ {
		outline, err := f.outline(gids[i])
		if err != nil {
			return nil, err
		}
		outline = slices.Clone(outline)
		err = parts(outline, func(part []byte) {
			old := binary.BigEndian.Uint16(part)
			place, ok := places[old]
			if !ok && len(gids) < maxGlyphs {
				place = uint16(len(gids))
				places[old], gids = place, append(gids, old)
			}
			binary.BigEndian.PutUint16(part, place)
		})
		if err != nil {
			return nil, err
		}
		loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
		glyf = append(glyf, outline...)
		for len(glyf)%4 != 0 {
			glyf = append(glyf, 0)
		}
		m := f.tables["hmtx"]
		width := m[4*min(int(gids[i]), f.metrics-1):][:2]
		bearing := m[4*min(int(gids[i]), f.metrics-1)+2:][:2]
		if over := int(gids[i]) - f.metrics; over >= 0 && len(m) >= 4*f.metrics+2*over+2 {
			bearing = m[4*f.metrics+2*over:][:2]
		}
		hmtx = append(append(hmtx, width...), bearing...)
	}
	loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
	head, hhea, maxp := slices.Clone(f.tables["head"]), slices.Clone(f.tables["hhea"]), slices.Clone(f.tables["maxp"])
	binary.BigEndian.PutUint32(head[8:], 0) // the sum over the file, see below
	binary.BigEndian.PutUint16(head[50:], 1)
	binary.BigEndian.PutUint16(hhea[34:], uint16(len(gids)))
	binary.BigEndian.PutUint16(maxp[4:], uint16(len(gids)))
	tables := map[string][]byte{"glyf": glyf, "head": head, "hhea": hhea, "hmtx": hmtx, "loca": loca, "maxp": maxp}
	for _, name := range []string{"cvt ", "fpgm", "prep"} {
		if t := f.tables[name]; len(t) > 0 {
			tables[name] = t
		}
	}
	return assemble(tables), nil
}

// assemble writes a font file of tables, as the OpenType format has it.
func assemble(tables map[string][]byte) []byte {
	names := make([]string, 0, len(tables))
	for name := range tables {
		names = append(names, name)
	}
	slices.Sort(names)
	power := 1
	selector := 0
	for power*2 <= len(names) {
		power, selector = power*2, selector+1
	}
	out := binary.BigEndian.AppendUint32(nil, 0x00010000)
	for _, v := range []int{len(names), power * 16, selector, (len(names) - power) * 16} {
		out = binary.BigEndian.AppendUint16(out, uint16(v))
	}
	var body []byte
	at := 12 + 16*len(names)
	for _, name := range names {
		t := tables[name]
		out = append(out, name...)
		for _, v := range []int{int(sum32(t)), at + len(body), len(t)} {
			out = binary.BigEndian.AppendUint32(out, uint32(v))
		}
		body = append(body, t...)
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
	}
	return append(out, body...)
}

// sum32 is the checksum of a table: its 32-bit words added up.
func sum32(t []byte) uint32 {
	var sum uint32
	for len(t) >= 4 {
		sum += binary.BigEndian.Uint32(t)
		t = t[4:]
	}
	var rest [4]byte
	copy(rest[:], t)
	return sum + binary.BigEndian.Uint32(rest[:])
}

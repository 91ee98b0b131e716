package store

import "encoding/binary"

// unsnap decodes one Snappy block (google/snappy format_description.txt) at the start of src and says how many bytes of src it took.
// Its length is written nowhere but in a table's index, which may be damaged: the decoders of the libraries want the exact end.
// ok is false for what is no block, or has more than most bytes decoded. dst is used again where it is large enough.
func unsnap(dst, src []byte, most int) (out []byte, used int, ok bool) {
	length, n := binary.Uvarint(src)
	if n <= 0 || length == 0 || length > uint64(most) {
		return dst, 0, false
	}
	want := int(length)
	out = dst[:0]
	for at := n; ; {
		if len(out) == want {
			return out, at, true
		}
		if at >= len(src) {
			return out, 0, false
		}
		tag := src[at]
		at++
		if tag&3 == 0 { // a literal
			size := int(tag >> 2)
			if size >= 60 {
				more := size - 59
				if at+more > len(src) {
					return out, 0, false
				}
				size = 0
				for i := range more {
					size |= int(src[at+i]) << (8 * i)
				}
				at += more
			}
			size++
			if size > want-len(out) || at+size > len(src) {
				return out, 0, false
			}
			out = append(out, src[at:at+size]...)
			at += size
			continue
		}
		var size, back int
		switch tag & 3 {
		case 1:
			if at+1 > len(src) {
				return out, 0, false
			}
			size, back = 4+int(tag>>2)&7, int(tag&0xe0)<<3|int(src[at])
			at++
		case 2:
			if at+2 > len(src) {
				return out, 0, false
			}
			size, back = 1+int(tag>>2), int(binary.LittleEndian.Uint16(src[at:]))
			at += 2
		case 3:
			if at+4 > len(src) {
				return out, 0, false
			}
			size, back = 1+int(tag>>2), int(binary.LittleEndian.Uint32(src[at:]))
			at += 4
		}
		if back <= 0 || back > len(out) || size > want-len(out) {
			return out, 0, false
		}
		for range size { // may overlap what it writes
			out = append(out, out[len(out)-back])
		}
	}
}

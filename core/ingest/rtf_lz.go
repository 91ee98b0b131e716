package ingest

import (
	"encoding/binary"
	"fmt"

	"kakoi/core"
)

const lzPrefix = "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier" +
	"{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"

// unpackRTF undoes the compression of RTF bodies in mails of Outlook (MS-OXRTFCP). What comes out is at most 17 times as long.
func unpackRTF(raw []byte) ([]byte, error) {
	if len(raw) < 16 {
		return nil, fmt.Errorf("compressed rtf: %w", core.ErrCorrupt)
	}
	size, kind := int(binary.LittleEndian.Uint32(raw[4:])), binary.LittleEndian.Uint32(raw[8:])
	raw = raw[16:]
	switch kind {
	case 0x414c454d: // "MELA": as it is
		return raw[:min(len(raw), size)], nil
	case 0x75465a4c: // "LZFu"
	default:
		return nil, fmt.Errorf("compressed rtf of kind %x: %w", kind, core.ErrCorrupt)
	}
	var window [4096]byte
	at := copy(window[:], lzPrefix)
	var out []byte
	put := func(c byte) {
		out = append(out, c)
		window[at] = c
		at = (at + 1) % len(window)
	}
	for i := 0; i < len(raw); {
		flags := raw[i]
		i++
		for bit := range 8 {
			if flags>>bit&1 == 0 {
				if i >= len(raw) {
					return out, nil
				}
				put(raw[i])
				i++
				continue
			}
			if i+1 >= len(raw) {
				return out, nil
			}
			word := int(raw[i])<<8 | int(raw[i+1])
			i += 2
			from, n := word>>4, word&15+2
			if from == at { // the end
				return out, nil
			}
			for k := range n {
				put(window[(from+k)%len(window)])
			}
		}
	}
	return out, nil
}
